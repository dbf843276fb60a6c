"""The built web interface as bytes: `query/_ui`, made from `query/ui` by `make ui`, part of every wheel.

Everything is read once and kept, plain and compressed: it is smaller than one picture. Files under `assets/` bear a
hash of their content in their names and may be kept for ever; the document that names them is asked for anew each
time. A
checkout in which nothing was built has no interface, and the server says how to make it.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable

INDEX = "index.html"
FOREVER = "public, max-age=31536000, immutable"
FRESH = "no-cache"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of the interface: its own files and its own server, nothing inline, nothing from outside."""

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
}


@dataclass(frozen=True)
class Asset:
    """One file. `etag` is strong and belongs to the plain bytes."""

    name: str
    data: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """By its ending."""
        return _TYPES.get(self.name.rpartition(".")[2], "application/octet-stream")

    @property
    def cache(self) -> str:
        """How long a browser may keep it."""
        return FOREVER if self.name.startswith("assets/") else FRESH

    @cached_property
    def etag(self) -> str:
        """Of the content."""
        return f'"{blake2b(self.data, digest_size=16).hexdigest()}"'

    @cached_property
    def packed(self) -> bytes:
        """With gzip, at its best: it is done once."""
        return gzip.compress(self.data, 9, mtime=0)


class Assets:
    """Files by their path below `query/_ui`."""

    def __init__(self, found: dict[str, bytes]) -> None:
        """`found`: path and content of every file; empty = nothing was built."""
        self._assets = {name: Asset(name, data) for name, data in found.items()}

    @property
    def built(self) -> bool:
        """Whether there is an interface to serve."""
        return INDEX in self._assets

    def get(self, name: str) -> Asset | None:
        """A file that was there at the start; names never reach the file system."""
        return self._assets.get(name)

    @property
    def size(self) -> int:
        """Bytes of all files, uncompressed."""
        return sum(len(each.data) for each in self._assets.values())


def load() -> Assets:
    """What this installation holds."""
    root = files("query") / "_ui"
    return Assets(dict(_walk(root, "")) if root.is_dir() else {})


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _walk(each, f"{prefix}{each.name}/")
        else:
            yield f"{prefix}{each.name}", each.read_bytes()
