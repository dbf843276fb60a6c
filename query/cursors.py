"""Opaque tokens: where a listing or a feed goes on. Their structure is not part of the API and may change.

A token carries the kind of thing it continues, so that a feed token handed to /changes is refused, never misread.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson

from query.errors import BadCursor

Scalar = str | int | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """A moment as a scalar."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(value: Scalar) -> datetime:
    """Back again. Raises ValueError."""
    return _EPOCH + timedelta(microseconds=int(value or 0))


def write(kind: str, values: Sequence[Scalar]) -> str:
    """A URL-safe token of these values."""
    body = orjson.dumps([kind, *values])
    return base64.urlsafe_b64encode(zlib.crc32(body).to_bytes(4, "big") + body).rstrip(b"=").decode()


def read(kind: str, token: str, *, length: int) -> list[Scalar]:
    """The values of a token of this kind. Raises BadCursor for anything that `write` did not make."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if zlib.crc32(raw[4:]).to_bytes(4, "big") != raw[:4]:
            raise ValueError("checksum")
        found = orjson.loads(raw[4:])
    except (ValueError, binascii.Error) as error:
        raise _refused(token) from error
    if not isinstance(found, list) or found[:1] != [kind] or len(found) != length + 1:
        raise _refused(token)
    return found[1:]


def _refused(token: str) -> BadCursor:
    return BadCursor(f"{token[:40]!r} is not a cursor that was given out here.", "Start again without it.")
