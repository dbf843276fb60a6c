"""Bytes of a watch → complete lines, and the two kinds of lines that are not about an object.

A watch is one compact JSON document per line. Chunks are cut anywhere, also inside a UTF-8 character, and a line may
be longer than any fixed limit (an object of 1.5 MB as stored can exceed 4 MiB as JSON), so lines are put together
from parts without a limit and without copying a long line more than once. A clean end may leave half a line (proxies
do that): it is thrown away, the resume point has not passed it.

The server writes `type` first, so a prefix tells a line's type for nothing; other writers cost a short parse.
"""

from typing import Final

import msgspec
from msgspec import Raw

from collector.cluster import ClusterError
from collector.errors import Status, read_status, refusal

_OBJECT_PREFIXES: Final = (b'{"type":"ADDED"', b'{"type":"MODIFIED"', b'{"type":"DELETED"')
_BOOKMARK: Final = b'{"type":"BOOKMARK"'
_ERROR: Final = b'{"type":"ERROR"'
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


class LineSplitter:
    """Puts lines together from chunks of any cut."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without line ends; blank lines are left out."""
        head, newline, rest = chunk.partition(b"\n")
        if not newline:
            self._parts.append(chunk)
            return []
        first = b"".join((*self._parts, head)) if self._parts else head
        *middle, tail = rest.split(b"\n")
        self._parts = [tail] if tail else []
        return [line for line in (raw.strip(b"\r ") for raw in (first, *middle)) if line]

    @property
    def pending(self) -> int:
        """Bytes of the line that is not complete yet."""
        return sum(map(len, self._parts))


class _Typed(msgspec.Struct):
    type: str = ""


class WatchLine(msgspec.Struct):
    """A line taken apart only as far as its object, which stays raw."""

    type: str
    object: Raw


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Object(msgspec.Struct):
    metadata: _Meta


UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: also for what is nested more deeply than the interpreter's stack, about 900 levels."""

_typed: Final = msgspec.json.Decoder(_Typed)
_line: Final = msgspec.json.Decoder(WatchLine)
_object: Final = msgspec.json.Decoder(_Object)


def line_type(line: bytes) -> str:
    """`ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, `ERROR`, or whatever else it says; "" where it is no JSON."""
    if line.startswith(_OBJECT_PREFIXES):
        return line[9 : line.index(b'"', 9)].decode()
    if line.startswith(_BOOKMARK):
        return "BOOKMARK"
    if line.startswith(_ERROR):
        return "ERROR"
    try:
        return _typed.decode(line).type
    except UNREADABLE:
        return ""


def is_plain(line: bytes) -> bool:
    """About an object, to be handed on without another look (the test that every line pays)."""
    return line.startswith(_OBJECT_PREFIXES)


def read_line(line: bytes) -> WatchLine | None:
    """Type and raw object; None where it is no watch line."""
    try:
        return _line.decode(line)
    except UNREADABLE:
        return None


def identity(raw: Raw | bytes) -> tuple[str, str, str] | None:
    """(namespace, name, uid) of a raw object; None where it has no metadata."""
    try:
        metadata = _object.decode(raw).metadata
    except UNREADABLE:
        return None
    return metadata.namespace, metadata.name, metadata.uid


def bookmark(line: bytes) -> tuple[str, bool]:
    """(resourceVersion, whether it ends the initial events of a streaming list: KEP-3157) of a BOOKMARK line."""
    parsed = read_line(line)
    try:
        metadata = _object.decode(parsed.object).metadata if parsed else _Meta()
    except UNREADABLE:
        return "", False
    return metadata.resource_version, (metadata.annotations or {}).get(INITIAL_EVENTS_END) == "true"


def error_of(line: bytes, *, what: str) -> ClusterError:
    """What an ERROR line means: its object is a Status, with the same codes as HTTP."""
    parsed = read_line(line)
    status = read_status(bytes(parsed.object), code=0) if parsed else Status()
    return refusal(status, what=what)


def silent_bookmark(rv: str) -> bytes:
    """The bookmark line that a server would have sent at this version."""
    return b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"%s"}}}' % rv.encode()
