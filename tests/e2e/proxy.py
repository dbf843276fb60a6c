"""A way to the API server that can be cut, or stand still with its connections open: plain TCP on loopback."""

import contextlib
import socket
import threading
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
        threading.Thread(target=self._accept, daemon=True).start()

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
        """Accept no more, and cut what is open."""
        self._listening.close()
        self.release()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        if self._shut:
            _reset(near)
            return
        try:
            far = socket.create_connection(self._target)
        except OSError:
            _reset(near)
            return
        self._open |= {near, far}
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                self._flows.wait()
                other.sendall(data)
        for each in (one, other):
            self._open.discard(each)
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _reset(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
