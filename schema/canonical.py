"""The canonical form of an object: one byte string per state, so that equal states have equal hashes.

Canonical = JSON with sorted keys, no spaces, UTF-8, written by orjson from the object less its envelope
(`metadata.resourceVersion`, `metadata.managedFields`). Types are kept: `1`, `1.0` and `true` have different bytes, and
so have `0.0` and `-0.0`, `null` and an absent member. Numbers are what orjson reads: integers within [-2^63, 2^64),
every other number a double.

What cannot be written the same way again is refused by name instead of being altered: more than 240 levels (orjson
reads 1,024 but writes 254, and patches and answers put some around a value), lone surrogates, integers beyond 64 bits,
NaN and infinities (orjson writes `null`).
"""

import hashlib
import math
import re
from typing import Final, TypeAlias

import msgspec
import orjson

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]

MAX_DEPTH: Final = 240
"""Levels of an object that are kept."""

_ROOM: Final = 254 - MAX_DEPTH  # levels that may be put around an object before orjson refuses to write it

# How MessagePack begins a double whose exponent is all ones (NaN, infinities); other values may look like it by chance.
_MAYBE_NOT_FINITE: Final = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")


class Absent:
    """The type of `ABSENT`: no value at all, which is not null."""


ABSENT: Final = Absent()


class Unserialisable(ValueError):
    """This value has no canonical form; the reason is in the message, never a value."""


def canonical(obj: Json) -> bytes:
    """Bytes of the canonical form; raises `Unserialisable`. The envelope is the caller's to take off first."""
    try:
        data = orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)
        if data.count(b"{") + data.count(b"[") > MAX_DEPTH:  # else it cannot be as deep as that
            orjson.dumps(_wrapped(obj))
    except orjson.JSONEncodeError as error:
        raise Unserialisable(f"the object cannot be written as JSON: {_reason(error)}") from None
    # orjson writes `null` for NaN and infinities without a word; only then is it worth looking at every number.
    if b"null" in data and not _finite(obj):
        raise Unserialisable("the object cannot be written as JSON: a number is not finite")
    return data


def _wrapped(obj: Json) -> Json:
    for _ in range(_ROOM):
        obj = [obj]
    return obj


def digest(canonical_bytes: bytes) -> str:
    """BLAKE2b-128 of the canonical bytes as 32 hex digits: the event's `hash`."""
    return hashlib.blake2b(canonical_bytes, digest_size=16).hexdigest()


def strip_envelope(obj: JsonObject) -> tuple[str, list[Json] | None]:
    """Take `metadata.resourceVersion` and `metadata.managedFields` out of `obj`, IN PLACE, and return both.

    A missing version is ""; managedFields that are missing or not a list are None.
    """
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return "", None
    version = metadata.pop("resourceVersion", "")
    managed = metadata.pop("managedFields", None)
    return version if isinstance(version, str) else "", managed if isinstance(managed, list) else None


def same(a: Json, b: Json) -> bool:
    """Strict equality: true when both have the same canonical bytes."""
    return a is b or (a == b and same_types(a, b))


def same_types(a: Json, b: Json) -> bool:
    """Strict equality of what is equal to Python already: 1 against 1.0 against True, and -0.0 against 0.0, differ.

    Writing two containers is four times faster than walking them.
    """
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is dict or kind is list:
        try:
            return orjson.dumps(a, option=orjson.OPT_SORT_KEYS) == orjson.dumps(b, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:  # no canonical form; the walk needs none
            return _same_parts(a, b)
    return kind is not float or repr(a) == repr(b)


def _same_parts(a: Json, b: Json) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return all(same_types(value, b[name]) for name, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return all(map(same_types, a, b))
    return False


def _reason(error: Exception) -> str:
    """orjson's own words where they are known to quote nothing."""
    text = str(error)
    if "Recursion" in text:
        return f"it is nested more than {MAX_DEPTH} levels deep"
    if "surrogates" in text:
        return "a string holds half of a surrogate pair"
    if "64-bit" in text:
        return "an integer needs more than 64 bits"
    return "a value is of no JSON type"


def _finite(root: Json) -> bool:
    """Whether every number in the tree is finite: MessagePack shows all doubles quickly, the walk is the proof."""
    if not _MAYBE_NOT_FINITE.search(msgspec.msgpack.encode(root)):
        return True
    todo: list[Json] = [root]
    for value in todo:  # grows while it is walked
        if isinstance(value, str):  # most are
            continue
        if isinstance(value, dict):
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, float) and not math.isfinite(value):
            return False
    return True
