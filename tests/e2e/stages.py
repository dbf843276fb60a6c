"""One stage of the distributed way as a process of its own: `kubelapse collect`, `ingest`, `serve`, `copy`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

# JSON of any shape: only the check that asked knows it.
Json = Any


def free_of_settings() -> dict[str, str]:
    """This process's environment without settings of Kubelapse, but for where tests keep what they build."""
    return {k: v for k, v in os.environ.items() if not k.startswith("KUBELAPSE_") or k == "KUBELAPSE_CACHE"}


@dataclass(slots=True)
class Stage:
    """`start` may be called again after any end. `environ`: settings; `log`: everything that it printed, ever."""

    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))
    _url: str = ""
    _before: int = 0
    """Bytes in the log when it was started last: an earlier one may have served elsewhere."""

    def start(self) -> "Stage":
        """Start it; nothing is waited for."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._url, self._before = "", self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kubelapse", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**free_of_settings(), **self.environ},
            )
        return self

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and not ended."""
        return self.process is not None and self.process.poll() is None

    def ended(self) -> int | None:
        """With which code it ended; None while it runs, or when it was never started."""
        return self.process.poll() if self.process is not None else None

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT, …"""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM; the exit code. Does nothing when it has ended."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=seconds)

    def wait(self, seconds: float = 60) -> int:
        """Until it ends by itself; the exit code."""
        assert self.process is not None
        return self.process.wait(timeout=seconds)

    @property
    def url(self) -> str:
        """Where it says that it serves answers or its status; "" before that."""
        if not self._url:
            said = self.log.read_bytes()[self._before :] if self.log.exists() else b""
            for line in said.decode(errors="replace").splitlines():
                if line.startswith(("serving ", "status ")):
                    self._url = line.split()[1].removesuffix("/readyz")
        return self._url

    def ready(self) -> bool:
        """Whether /readyz says yes now."""
        assert self.running, f"{self.arguments[0]} has ended:\n{self.tail()}"
        try:
            return bool(self.url) and self.http.request("GET", f"{self.url}/readyz", timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def wait_ready(self, seconds: float = 60) -> "Stage":
        """Until /readyz says yes."""
        deadline = time.monotonic() + seconds
        while not self.ready():
            assert time.monotonic() < deadline, f"{self.arguments[0]} is not ready after {seconds} s:\n{self.tail()}"
            time.sleep(0.1)
        return self

    def ask(self, path: str, **query: str) -> Json:
        """GET under /api/v1; the parsed answer."""
        return json.loads(self.raw(f"/api/v1{path}", **query))

    def raw(self, path: str, **query: str) -> bytes:
        """GET; the bytes of the answer."""
        answer = self.http.request("GET", f"{self.url}{path}", fields=query, timeout=60)
        assert answer.status == 200, f"{path} {query}: {answer.status} {answer.data[:300]!r}"
        return answer.data

    @property
    def text(self) -> str:
        """What it printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self) -> str:
        """The end of that, for messages."""
        return self.text[-3000:] or "(no log)"
