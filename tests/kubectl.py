"""The machine's own kubectl, as a user runs it: against a kubeconfig or a server, with a cache of its own."""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Objects as printed: only the test that asked knows their shape.
Json = dict[str, Any]


def missing() -> str:
    """What is missing to run it."""
    return "" if shutil.which("kubectl") else "kubectl on the PATH"


@dataclass(slots=True)
class Kubectl:
    """Who sees one server. `server` is the face's URL; without it the kubeconfig names one."""

    server: str = ""
    kubeconfig: str = ""
    home: str = field(default_factory=lambda: tempfile.mkdtemp(prefix="kubectl-"))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command that goes on; its stdout is piped."""
        return subprocess.Popen(self._line(arguments), stdout=subprocess.PIPE, text=True, env=self._environ())

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command to its end."""
        return subprocess.run(
            self._line(arguments), capture_output=True, text=True, env=self._environ(), timeout=60, check=False
        )

    def out(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def items(self, *arguments: str) -> list[Json]:
        """The objects of a list."""
        found: list[Json] = json.loads(self.out("get", *arguments, "-o", "json"))["items"]
        return found

    def _line(self, arguments: tuple[str, ...]) -> list[str]:
        return ["kubectl", *(("--server", self.server) if self.server else ()), *arguments]

    def _environ(self) -> dict[str, str]:
        empty = str(Path(self.home) / "none")
        own = {"KUBECONFIG": self.kubeconfig or empty, "KUBECACHEDIR": f"{self.home}/cache", "HOME": self.home}
        return {**os.environ, **own}
