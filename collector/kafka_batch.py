"""From capture's batches to messages: which record goes where, under which key, and what may not be sent at all.

Changes are keyed by object. A watermark goes to every partition of the log, because it says what stands before it, and
every partition has an order of its own. A record that is too large (or cannot be written) would spoil the transaction
of its neighbours: a gap takes its place.
"""

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from collector.kafka_account import Account
from collector.sink import Batch
from schema.canonical import Unserialisable
from schema.codec import encode
from schema.events import Event, Gap, KubeEvent, Late, Record, Watermark
from schema.objects import kind_id
from schema.topics import MESSAGE_BYTES, message_key

log = logging.getLogger(__name__)

CHANGES: Final = 0
STATE: Final = 1

LARGEST: Final = MESSAGE_BYTES - 64 * 1024
"""Bytes of one record; the rest is for its key and the batch around it."""
TOO_LARGE: Final = "record-too-large"
UNWRITABLE: Final = "record-unwritable"


class Packed(msgspec.Struct, array_like=True):
    """One accepted batch. `messages`: (topic, key, value); key None = to every partition. `kinds`: key → value."""

    number: int
    size: int
    messages: list[tuple[int, bytes | None, bytes | None]]
    kinds: dict[bytes, bytes]


class Written(msgspec.Struct):
    """A record's bytes; `refused`: the record itself cannot be sent, this is the gap in its place."""

    record: Record
    raw: bytes
    refused: bool = False


to_frame: Final = msgspec.msgpack.Encoder().encode
from_frame: Final = msgspec.msgpack.Decoder(Packed).decode


def write(record: Record) -> Written:
    """The record as bytes; a gap in place of what cannot be sent. Raises ValueError where no gap can tell of it."""
    try:
        raw = encode(record)
    except Unserialisable:
        raw, why = b"", UNWRITABLE
    else:
        if len(raw) <= LARGEST:
            return Written(record, raw)
        why = TOO_LARGE
    if not isinstance(record, Event | KubeEvent):
        raise ValueError(f"a {type(record).__name__} of {len(raw):,} bytes cannot be written")
    gap = _gap(record, why)
    log.warning(
        "a change of %s %s/%s could not be written (%s, %d bytes): a gap takes its place",
        kind_id(gap.resource, gap.group),
        record.namespace,
        record.name,
        why,
        len(raw),
    )
    return Written(gap, encode(gap), refused=True)


def weigh(written: Sequence[Written], batch: Batch) -> int:
    """About the bytes that a batch takes: a change is written twice, as event and as state."""
    return sum(2 * len(one.raw) + 400 for one in written) + 500 * len(batch.positions) + 1_000


def pack(number: int, size: int, written: Sequence[Written], batch: Batch, account: Account) -> Packed:
    """The messages of a batch; the account moves with it."""
    packed = Packed(number, size, [], {})
    kinds: set[str] = set()
    for one in written:
        packed.messages.append((CHANGES, _key(one.record), one.raw))
        if isinstance(one.record, Event):
            packed.messages += [(STATE, key, value) for key, value in account.take(one.record)]
            kinds.add(one.record.kind_id)
    packed.messages += [(STATE, key, value) for key, value in account.move(batch.positions)]
    kinds.update(scope.kind for scope in batch.positions)
    for kind in kinds:
        key, value = account.kind_entry(kind)
        packed.kinds[key] = value or b""
    return packed


def _key(record: Record) -> bytes | None:
    """The object's key; records that are about a scope or a cluster keep together by that."""
    match record:
        case Event():
            return message_key(record.cluster_uid, record.kind_id, record.namespace, record.name)
        case KubeEvent():
            return message_key(record.cluster_uid, "events", record.namespace, record.name)
        case Gap() | Late():
            return message_key(record.cluster_uid, kind_id(record.resource, record.group), record.namespace, "")
        case Watermark():
            return None
        case _:
            return message_key(record.cluster_uid, "", "", "")


def _gap(record: Event | KubeEvent, why: str) -> Gap:
    resource, group = (record.resource, record.group) if isinstance(record, Event) else ("events", "")
    return Gap(
        id=f"{record.cluster}:{record.cluster_uid}:{kind_id(resource, group)}:{record.uid}:{record.rv}:{why}",
        cluster=record.cluster,
        cluster_uid=record.cluster_uid,
        resource=resource,
        group=group,
        namespace=record.namespace,
        from_rv=record.prev_rv if isinstance(record, Event) else "",
        to_rv=record.rv,
        from_t=record.ts,
        to_t=record.ts,
        reason=why,
    )
