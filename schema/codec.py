"""Records as bytes: JSON objects, told apart by `type`, in the format that `v` names.

Unknown fields are ignored, so newer writers may add some. An unknown `v` or `type` has an error of its own, for it
means "another version of Kubelapse wrote this"; everything else that is no record is `Malformed`. Error messages name
places and types but never a value: a record may hold anything, and errors are logged.

Times are RFC 3339 with up to six digits of a second; those we write are UTC and end in `Z`.

Raw fields (`patch`, `managed`, `object`) pass through as they are:
- they are compared as bytes (`[]` and `[ ]` differ) and cannot be hashed;
- a decoded one is a view into the message and keeps all of it in memory: `Raw.copy()` cuts it loose;
- an empty `Raw(b"")` would write a broken record: absent is None, an empty patch is `[]`.
"""

import re
from typing import Final, TypeVar

import msgspec

from schema.canonical import Unserialisable
from schema.events import VERSION, Event, Record


class CodecError(ValueError):
    """These bytes are no record that this version reads. The message never quotes a value."""


class Malformed(CodecError):
    """Not JSON, or not of the form that its `type` has."""


class UnknownVersion(CodecError):
    """Written in a format version that this software does not know."""


class UnknownType(CodecError):
    """Of a type that this software does not know."""


class _Header(msgspec.Struct):
    type: str
    v: int = VERSION


_T = TypeVar("_T")
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Record)
_HEADER: Final = msgspec.json.Decoder(_Header)
_TYPES: Final = frozenset(str(kind.__struct_config__.tag) for kind in Record.__args__)
_NULL: Final = msgspec.Raw(b"null")

# msgspec's complaints that name nothing but types and our own fields.
_SAFE: Final = re.compile(
    r"(?:Expected `[\w| ]+`(?:, got `\w+`| with a timezone component)|Object missing required field `\w+`"
    r"|Expected `array` of length \d+(?:, got \d+)?|Input data was truncated"
    r"|JSON is malformed: [a-z ]+ \(byte \d+\))(?: - at `[$\w.\[\]]+`)?"
)
_PLACE: Final = re.compile(r" - at (`\$[\w.\[\]]*`)$")
_PLAIN_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


def encode(record: Record) -> bytes:
    """One JSON object without line breaks of ours; raises `Unserialisable` for half a surrogate pair in a text."""
    try:
        return _ENCODER.encode(record)
    except UnicodeEncodeError:
        raise Unserialisable("the record cannot be written: a string holds half of a surrogate pair") from None


def decode(raw: bytes) -> Record:
    """The record in these bytes; raises `Malformed`, `UnknownVersion` or `UnknownType`.

    A record without `v` counts as version 1.
    """
    try:
        record = _read(_DECODER, raw)
    except msgspec.ValidationError as error:
        raise _refusal(raw, error) from None
    if record.v != VERSION:
        raise _version(record.v)
    return _without_null(record) if isinstance(record, Event) else record


def _read(decoder: msgspec.json.Decoder[_T], raw: bytes) -> _T:
    """What the decoder makes of it; JSON of another form is msgspec's ValidationError, everything else `Malformed`."""
    try:
        if not raw.isascii():
            raw.decode()  # msgspec looks at the inside of raw fields as bytes only
        return decoder.decode(raw)
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise Malformed(_reason(error)) from None


def _without_null(event: Event) -> Event:
    """`null` in an optional raw field means that it is absent."""
    if event.object == _NULL:
        event.object = None
    if event.managed == _NULL:
        event.managed = None
    return event


def _refusal(raw: bytes, error: msgspec.ValidationError) -> CodecError:
    """The right error for what is no record: version first, for it decides what the rest means."""
    try:
        header = _read(_HEADER, raw)
    except msgspec.ValidationError as unheaded:
        return Malformed(_reason(unheaded))
    if header.v != VERSION:
        return _version(header.v)
    if header.type not in _TYPES:
        name = f"`{header.type}`" if _PLAIN_WORD.fullmatch(header.type) else "no plain word"
        return UnknownType(f"the record's type is {name}, which this version does not know: read it with a newer one")
    return Malformed(_reason(error))


def _version(version: int) -> UnknownVersion:
    found = f"{version}" if abs(version) < 1_000_000 else "(a huge number)"
    return UnknownVersion(f"the record has format version {found}, this software reads {VERSION}: use a newer one")


def _reason(error: Exception) -> str:
    """msgspec's own words where they hold no value, else only the place."""
    text = str(error)
    if _SAFE.fullmatch(text):
        return text
    place = _PLACE.search(text)
    return f"a value of the wrong form at {place[1]}" if place else "a value of the wrong form"
