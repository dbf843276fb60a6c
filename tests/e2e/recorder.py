"""`kubelapse up` as a process of its own, as a user runs it: started, asked, frozen, killed, and back again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

# JSON of any shape: only the check that asked knows it.
Json = Any


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Recorder:
    """One data directory; `start` may be called again after any end."""

    kubeconfig: Path
    data: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    @property
    def log(self) -> Path:
        """Everything that the process printed."""
        return self.data.parent / f"{self.data.name}.log"

    def start(self, *, ready: bool = True) -> "Recorder":
        """Start, and wait until every first list is in the store (or the process has ended)."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kubelapse", "up", "--no-browser", "--port", str(self.port), *self.arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBELAPSE_DATA": str(self.data)},
            )
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds: float = 120) -> None:
        """Until /readyz says yes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"kubelapse up ended with {self.process.returncode}:\n{self.tail()}")
            try:
                if self.http.request("GET", f"{self.url}/readyz", timeout=5).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {seconds} s:\n{self.tail()}")

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, **query: str) -> Json:
        """GET under /api/v1; the parsed answer."""
        answer = self.http.request("GET", f"{self.url}/api/v1{path}", fields=query, timeout=60)
        if answer.status != 200:
            raise AssertionError(f"{path} {query}: {answer.status} {answer.data[:300]!r}")
        return json.loads(answer.data)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A reading command of the CLI against this recorder."""
        return subprocess.run(
            [sys.executable, "-m", "kubelapse", *arguments, "--server", self.url],
            capture_output=True,
            text=True,
            timeout=60,
        )

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT, …"""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code. Does nothing when it has ended."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=40)

    def wait_for(self, kind: str, rv: int, seconds: float = 30) -> None:
        """Until the store has everything of this kind up to this resourceVersion."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for scope in self.ask("/coverage", kind=kind)["watched"]:
                if int(scope["rv"]) >= rv:
                    return
            time.sleep(0.2)
        raise AssertionError(f"{kind} is not recorded up to {rv} after {seconds} s:\n{self.tail()}")

    def warnings(self) -> list[str]:
        """What it warned of, for messages."""
        return [line[:300] for line in self.log.read_text(errors="replace").splitlines() if "[warning" in line]

    def tail(self) -> str:
        """The end of the log, for messages."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else "(no log)"
