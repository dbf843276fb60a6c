"""What can be told of an object that cannot be read: where it is in its line, who it is, what is wrong. Never its text.

Its text cannot be redacted, so nothing of it may be kept, and a parser's error quotes what it read.
"""

from contextlib import suppress

import msgspec
from msgspec import Raw

from collector.deepjson import members
from collector.observation import Header, Unreadable, read_header


class _Line(msgspec.Struct, frozen=True):
    object: Raw


_line = msgspec.json.Decoder(_Line)
_header = msgspec.json.Decoder(Header)


def object_of(line: bytes) -> bytes:
    """The object of a watch line, also where it is too deep for a parser; the line where none can be told."""
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        return bytes(_line.decode(line).object)
    with suppress(ValueError):
        return members(line).get("object", line)
    return line


def header_of(item: bytes) -> Header | None:
    """Who it is, as long as its metadata are plain; None when that cannot be told."""
    with suppress(Unreadable):
        return read_header(item)
    with suppress(msgspec.MsgspecError, ValueError, RecursionError, KeyError):
        return _header.decode(members(item)["metadata"])
    return None


def why(error: Exception) -> str:
    """What kept it from being read, without a word of it."""
    if isinstance(error, Unreadable):
        return str(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    parsed = isinstance(error, msgspec.MsgspecError | ValueError)
    return "it is no JSON that can be read" if parsed else f"{type(error).__name__}, please report"
