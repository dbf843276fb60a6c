"""Rows about a log that keeps offsets: where ingest stands in each partition, and what each partition has said."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final, Literal

import pyarrow as pa

from schema import codec
from schema.events import Watermark
from schema.rows import UTC_MICROS

OffsetState = Literal["intent", "done", "lost"]

_OFFSETS: Final = pa.schema(
    [
        ("topic", pa.string()),
        ("log_id", pa.string()),
        ("partition", pa.uint32()),
        ("state", pa.string()),
        ("first", pa.uint64()),
        ("last", pa.uint64()),
        ("at", UTC_MICROS),
    ]
)

_WATERMARKS: Final = pa.schema(
    [
        ("topic", pa.string()),
        ("log_id", pa.string()),
        ("cluster", pa.string()),
        ("cluster_uid", pa.string()),
        ("slot", pa.uint32()),
        ("life", pa.string()),
        ("partition", pa.uint32()),
        ("position", pa.uint64()),
        ("at", UTC_MICROS),
        ("record", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets from `first` to `last`, both inside."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A watermark and where in the log it stands."""

    partition: int
    position: int
    record: Watermark


def offset_rows(spans: Mapping[int, Span], *, topic: str, log_id: str, state: OffsetState, at: datetime) -> pa.Table:
    """Rows of table `offsets`: partition → the range that is about to be stored, or is."""
    rows = [
        {
            "topic": topic,
            "log_id": log_id,
            "partition": partition,
            "state": state,
            "first": span.first,
            "last": span.last,
            "at": at,
        }
        for partition, span in spans.items()
    ]
    return pa.Table.from_pylist(rows, schema=_OFFSETS)


def life(record: Watermark) -> str:
    """Names the set of intervals that a watermark speaks of: another one when a scope is new or begins anew."""
    begun = "\n".join(f"{scope} {mark[3].isoformat()}" for scope, mark in sorted(record.scopes.items()))
    return blake2b(begun.encode(), digest_size=8).hexdigest()


def watermark_rows(heard: Iterable[Heard], *, topic: str, log_id: str, at: datetime) -> pa.Table:
    """Rows of table `log_watermarks`."""
    rows = [
        {
            "topic": topic,
            "log_id": log_id,
            "cluster": one.record.cluster,
            "cluster_uid": one.record.cluster_uid,
            "slot": one.record.slot,
            "life": life(one.record),
            "partition": one.partition,
            "position": one.position,
            "at": at,
            "record": codec.encode(one.record).decode(),
        }
        for one in heard
    ]
    return pa.Table.from_pylist(rows, schema=_WATERMARKS)
