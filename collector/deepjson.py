"""JSON documents taken apart without recursion: for what is nested more deeply than a parser can follow.

A parser ends at about 900 levels. One object that nobody can parse stands in a list beside hundreds that everybody
can, and its own metadata is as plain as theirs. So where a parser gives up, documents are cut here by their brackets
and commas alone; what is between them stays as it was written. Slower than the parser, and never asked for otherwise.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

_MARK: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)
_SPACE: Final = b" \t\r\n"
_text: Final = msgspec.json.Decoder(str)


def members(raw: bytes) -> Mapping[str, bytes]:
    """The members of an object, as they are written. Raises ValueError for what is no object."""
    found = {}
    for part in _parts(raw, b"{"):
        name = _MARK.match(part)
        if name is None:
            raise ValueError("a member has no name")
        colon, value = part[name.end() :].lstrip(_SPACE)[:1], part[name.end() :].lstrip(_SPACE)[1:]
        if colon != b":" or not value:
            raise ValueError("a member has no value")
        found[_text.decode(name.group())] = value.strip(_SPACE)
    return found


def elements(raw: bytes) -> list[bytes]:
    """The elements of an array, as they are written. Raises ValueError for what is no array."""
    return _parts(raw, b"[")


def _parts(raw: bytes, opening: bytes) -> list[bytes]:
    """What stands between the outermost commas."""
    raw = raw.strip(_SPACE)
    closing = {b"{": b"}", b"[": b"]"}[opening]
    if not raw.startswith(opening) or not raw.endswith(closing):
        raise ValueError(f"it does not stand between {opening.decode()} and {closing.decode()}")
    parts, depth, start = [], 0, 1
    for mark in _MARK.finditer(raw):
        sign = raw[mark.start()]
        if sign in b"[{":
            depth += 1
        elif sign in b"]}":
            depth -= 1
        if (sign == ord(",") and depth == 1) or depth == 0:
            parts.append(raw[start : mark.start()].strip(_SPACE))
            start = mark.end()
        if depth == 0:
            break
    if depth or start != len(raw):
        raise ValueError("its brackets do not match")
    return [] if parts == [b""] else parts
