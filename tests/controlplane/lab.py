"""A running control plane: started, failed piece by piece, and stopped by tests (see README.md beside this file).

As a program (`make lab`) it runs one in the foreground, for humans.
"""

import argparse
import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

import yaml

from tests.controlplane import build
from tests.controlplane.api import Api

Process = Literal["etcd", "apiserver", "controller-manager", "scheduler", "kwok"]
PATIENCE: Final = 120.0  # seconds for any step; a start takes 4, an etcd with clients 7 to stop


class LabFailed(Exception):
    """The control plane did not do what it was asked to; the message names its logs."""


class Lab:
    """One control plane on loopback, in one directory; its data stays there for the next start.

    `apiserver_flags` go to kube-apiserver as they are. `token_file`: CSV lines `token,name,uid,"group1,group2"`.
    It ends with the thread that starts it, so that a killed pytest leaves nothing behind.
    """

    def __init__(
        self,
        directory: Path,
        *,
        nodes: int = 0,
        controllers: bool = False,
        apiserver_flags: Sequence[str] = (),
        token_file: Path | None = None,
        port: int = 0,
    ) -> None:
        """Nothing runs yet; `port` 0 = any free one, another one at each start."""
        self.directory, self._flags = directory, tuple(apiserver_flags)
        self._options = ["--dir", str(directory), "--nodes", str(nodes), "--port", str(port)]
        self._options += ["--with", "controllers"] if controllers else []
        self._options += ["--token-file", str(token_file)] if token_file else []
        self._up: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._said = threading.Condition()

    def __enter__(self) -> "Lab":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Run everything; returns once the API server answers."""
        programs = build.build(lambda text: print(text, file=sys.stderr, flush=True))
        if programs is None:
            raise LabFailed(f"the control plane needs {build.missing()}")
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lines = []
        with (self.directory / "up.log").open("a") as log:
            self._up = subprocess.Popen(
                [*_bound_to_us(), str(programs / "controlplane"), "up", *self._options, "--", *self._flags],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for us: we stop it in order
            )
        threading.Thread(target=self._listen, args=(self._up,), name=f"lab {self.directory.name}", daemon=True).start()
        try:
            self._expect("ready", since=0)
        except LabFailed:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything, in order; nothing happens when nothing runs."""
        up, self._up = self._up, None
        if up is None:
            return
        up.terminate()
        try:
            up.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            up.kill()  # its children end with it
            up.wait()

    def wait(self) -> None:
        """Block until everything has ended by itself or by a signal from elsewhere."""
        self._running().wait()

    def kill(self, name: Process) -> None:
        """kill -9 of one process; returns once it has ended."""
        self._end(name, signal.SIGKILL)

    def terminate(self, name: Process) -> None:
        """SIGTERM to one process; returns once it has ended (etcd takes 7 s while clients watch)."""
        self._end(name, signal.SIGTERM)

    def freeze(self, name: Process) -> None:
        """Stop one process in its tracks, connections open, until `thaw`."""
        os.kill(self.pids()[name], signal.SIGSTOP)

    def thaw(self, name: Process) -> None:
        """Let a frozen process go on."""
        os.kill(self.pids()[name], signal.SIGCONT)

    def revive(self) -> None:
        """Start again whatever is down, at the same ports; returns once the API server answers."""
        since = len(self._lines)
        self._running().send_signal(signal.SIGUSR1)
        self._expect("ready", since=since)

    def pids(self) -> dict[str, int]:
        """Process ids by name, `up` among them."""
        pids: dict[str, int] = json.loads((self.directory / "pids.json").read_text())
        return pids

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of an administrator."""
        return self.directory / "kubeconfig"

    @property
    def url(self) -> str:
        """`https://127.0.0.1:PORT`."""
        return str(self._config("clusters")["cluster"]["server"])

    @property
    def token(self) -> str:
        """Bearer token of the administrator."""
        return str(self._config("users")["user"]["token"])

    @property
    def ca(self) -> str:
        """PEM text of the certificate authority."""
        return base64.b64decode(self._config("clusters")["cluster"]["certificate-authority-data"]).decode()

    def client(self, token: str = "", *, manager: str = "") -> Api:
        """A client, of the administrator or of the user with this token."""
        return Api(self.url, token or self.token, self.ca, manager=manager)

    def log(self, name: Process) -> str:
        """What this process has logged since the lab's directory exists."""
        return (self.directory / "logs" / f"{name}.log").read_text(errors="replace")

    def _config(self, section: str) -> dict[str, dict[str, str]]:
        parsed: dict[str, list[dict[str, dict[str, str]]]] = yaml.safe_load(self.kubeconfig.read_text())
        return parsed[section][0]

    def _running(self) -> subprocess.Popen[str]:
        if self._up is None:
            raise LabFailed("the control plane is not running")
        return self._up

    def _end(self, name: Process, number: signal.Signals) -> None:
        since = len(self._lines)
        os.kill(self.pids()[name], number)
        self._expect(f"ended {name} ", since=since)

    def _listen(self, up: subprocess.Popen[str]) -> None:
        assert up.stdout is not None
        with up.stdout as lines:
            for line in lines:
                self._say(line.strip())
        self._say(f"failed: `up` has ended with status {up.wait()}")

    def _say(self, line: str) -> None:
        with self._said:
            self._lines.append(line)
            self._said.notify_all()

    def _expect(self, start: str, *, since: int) -> None:
        """Wait for a line that starts so, among those said after the first `since`."""

        def found() -> str | None:
            return next((line for line in self._lines[since:] if line.startswith((start, "failed"))), None)

        with self._said:
            line = self._said.wait_for(found, PATIENCE)
        if line is None or not line.startswith(start):
            reason = line or f"no '{start.strip()}' within {PATIENCE:.0f} s"
            raise LabFailed(f"control plane: {reason}; logs: {self.directory}/up.log, {self.directory}/logs/")


def _bound_to_us() -> Sequence[str]:
    """A prefix that lets the kernel end the program when the thread that started it ends, where util-linux is."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM") if setpriv else ()


def main() -> None:
    """Run a control plane until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make lab", description="A real Kubernetes control plane on loopback.")
    parser.add_argument("--dir", type=Path, help="keep its data here (default: a temporary directory)")
    parser.add_argument("--nodes", type=int, default=3, help="fake nodes, played by kwok (default: 3)")
    parser.add_argument("--port", type=int, default=0, help="port of the API server (default: any free one)")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        place = options.dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kubelapse-lab-")))
        lab = stack.enter_context(Lab(place, nodes=options.nodes, controllers=True, port=options.port))
        print(f"export KUBECONFIG={lab.kubeconfig}", flush=True)
        print("A control plane with controllers and fake nodes; Ctrl-C ends it.", file=sys.stderr)
        with contextlib.suppress(KeyboardInterrupt):
            lab.wait()
        print("stopping", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except (LabFailed, build.BuildFailed) as failure:
        sys.exit(str(failure))
