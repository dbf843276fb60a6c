"""A `kubelapse demo` of the tests' own: a process, as a user starts it, on a port of its own."""

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import urllib3

from tests.waiting import until

# JSON of any shape: only the test that asked knows it.
Json = Any
SERVING = re.compile(r"serving the incident on (http://\S+)")


class Demo:
    """The recorded incident, served until `stop`."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = ""
        self.said: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self.reader: threading.Thread | None = None
        self.http = urllib3.PoolManager(retries=False)

    def start(self) -> "Demo":
        """Load, answer the questions, serve."""
        command = [sys.executable, "-m", "kubelapse", "demo", "--no-browser", "--port", "0", "--data", str(self.data)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        until(lambda: self.url or self.process is None or self.process.poll() is not None, within=90)
        assert self.url, "".join(self.said[-20:])
        return self

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.said.append(line)
                if found := SERVING.search(line):
                    self.url = found[1]

    def ask(self, path: str) -> Json:
        """An answer of the interface for programs."""
        return self.http.request("GET", f"{self.url}/api/v1/{path}").json()

    def recorded(self) -> tuple[str, str]:
        """From when to when there is a record."""
        (cluster,) = self.ask("clusters")["items"]
        return cluster["watched_since"], cluster["watermark"]

    def stop(self) -> None:
        """As with Ctrl-C."""
        if self.process is not None and self.reader is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)
            self.reader.join(timeout=10)
