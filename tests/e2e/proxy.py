"""A way to the API server that can be cut, or stand still with its connections open: plain TCP on loopback."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import yaml


class Proxy:
    """Forwards every connection to `target` (a URL) from a port of its own, until `close`."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 443)
        self._flows = threading.Event()
        self._flows.set()
        self._shut = False
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"{parts.scheme}://127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def kubeconfig(self, original: Path, copy: Path) -> Path:
        """The same kubeconfig, but through here."""
        parsed = yaml.safe_load(original.read_text())
        for one in parsed["clusters"]:
            one["cluster"]["server"] = self.url
        copy.write_text(yaml.safe_dump(parsed))
        return copy

    def cut(self) -> None:
        """Reset every connection; new ones are let through."""
        for one in list(self._open):
            _reset(one)

    def shut(self) -> None:
        """Reset every connection, and each new one too, until `reopen`."""
        self._shut = True
        self.cut()

    def reopen(self) -> None:
        """Let new connections through again."""
        self._shut = False

    def hold(self) -> None:
        """Nothing goes through any more, and nobody is told."""
        self._flows.clear()

    def release(self) -> None:
        """What was held goes through."""
        self._flows.set()

    def close(self) -> None:
        """Accept no more, and cut what is open; nothing is left of it."""
        _reset(self._listening)
        self.release()
        self.shut()
        for thread in list(self._threads):
            thread.join()

    def _begin(self, work: Callable[..., None], *arguments: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        with self._listening, contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self._begin(self._serve, near)

    def _serve(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError):
            if self._shut:
                return
            with socket.create_connection(self._target) as far:
                both = {near, far}
                self._open |= both
                back = self._begin(self._pump, far, near)
                self._pump(near, far)
                back.join()
                self._open -= both

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                self._flows.wait()
                other.sendall(data)
        _reset(one)
        _reset(other)


def _reset(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
