"""What a collector needs to go on, as records of a compacted topic, and the account that proves them whole. Pure.

One partition holds everything of a cluster: a restart reads it to its end. The keys, all beginning with the cluster's
name (which holds no `|`):

- `cluster|head|I/N`: who holds the slot, since when, and the number of the last batch that was committed;
- `cluster|kind|K`: the resume points of this kind's scopes, and the account of its lives (count, sum of marks);
- `cluster|life|K|uid`: newest version of a living object with its whole state; or, with `ended`, the version of its
  end, which a watch may tell of again until its resume point has passed it;
- `cluster|step|K|uid|n`: a large object's events carry no state; their patches lie beside the last whole state in a
  ring of `RING` places, and are folded when memory is restored.

A life's mark is a hash of its uid, epoch, seq and end; a kind's account is the sum of them. All of a transaction's
records are read or none, so an account that does not fit means that the topic has lost records: the kind's memory is
then declared lost, never trusted.
"""

import hashlib
import zlib
from typing import Final

import msgspec
from msgspec import Raw

from schema.events import Moment, OptionalRaw

RING: Final = 64
"""More than a large object's events from one whole state to the next (`CollectorSettings.keyframe_every`)."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a slot. `batch`: the last one committed by this instance; `released`: it ended in order."""

    v: int = 1
    cluster: str
    cluster_uid: str
    slot: str
    instance: str
    at: Moment
    batch: int
    kinds: int
    released: bool = False


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A `collector.sink.Position`."""

    rv: str
    epoch: int
    at: Moment
    version: str
    since: Moment


class KindState(msgspec.Struct, frozen=True, kw_only=True):
    """Resume points by namespace ("" = the whole cluster), and the account of the kind's lives."""

    v: int = 1
    cluster_uid: str
    positions: dict[str, Point]
    lives: int
    sum: int


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """Newest version of one life, or its end. `object` None and not ended: too large to be kept."""

    v: int = 1
    namespace: str
    name: str
    epoch: int
    seq: int
    rv: str
    at: Moment
    hash: str = ""
    ended: bool = False
    object: OptionalRaw = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a large object since its last whole state."""

    v: int = 1
    epoch: int
    seq: int
    rv: str
    at: Moment
    hash: str
    patch: Raw


Entry = tuple[bytes, bytes | None]
"""Key and value of one record; None takes the key away."""

encode_value: Final = msgspec.json.Encoder().encode
_head: Final = msgspec.json.Decoder(Head)


def partition_of(cluster: str, partitions: int) -> int:
    """Where everything of this cluster lies."""
    return zlib.crc32(cluster.encode()) % partitions


def prefix(cluster: str) -> bytes:
    """What all keys of this cluster begin with."""
    return f"{cluster}|".encode()


def writer_id(topic: str, cluster: str, slot: str) -> str:
    """The transactional id under which a slot's holder writes: opening a producer with it fences the last one."""
    return f"kubelapse-{topic}-{cluster}-{slot}"


def head_key(cluster: str, slot: str) -> bytes:
    """The key of a slot's head."""
    return f"{cluster}|head|{slot}".encode()


def kind_key(cluster: str, kind: str) -> bytes:
    """The key of a kind's own record."""
    return f"{cluster}|kind|{kind}".encode()


def kind_of(key: bytes) -> str:
    """The inverse of `kind_key`."""
    return key.rpartition(b"|")[2].decode()


def encode_head(head: Head) -> bytes:
    """As the topic holds it."""
    return encode_value(head)


def decode_head(raw: bytes | None) -> Head | None:
    """None for what is no head that this version reads."""
    try:
        return _head.decode(raw) if raw else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def mark(uid: str, epoch: int, seq: int, *, ended: bool) -> int:
    """A life's mark: what it adds to the account of its kind."""
    text = f"{uid}:{epoch}:{seq}:{ended:d}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) or 1
