"""Control records as rows: coverage, kinds, dead letters. Few per flush, so plain rows rather than columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec
import pyarrow as pa

from schema.events import ClockStep, Gap, Kinds, Late, Start, Stop, Watermark
from schema.objects import Scope, split_kind_id
from schema.rows import UTC_MICROS

CoverageRecord = Watermark | Gap | Late | ClockStep | Start | Stop

_COVERAGE: Final = pa.schema(
    [
        ("cluster", pa.string()),
        ("resource", pa.string()),
        ("group", pa.string()),
        ("namespace", pa.string()),
        ("class", pa.string()),
        ("from_t", UTC_MICROS),
        ("id", pa.string()),
        ("cluster_uid", pa.string()),
        ("to_t", UTC_MICROS),
        ("confirmed", UTC_MICROS),
        ("from_rv", pa.string()),
        ("to_rv", pa.string()),
        ("reason", pa.string()),
        ("events", pa.uint64()),
        ("step", pa.float64()),
        ("slot", pa.uint32()),
        ("updated", UTC_MICROS),
    ]
)

_KINDS: Final = pa.schema(
    [
        ("cluster", pa.string()),
        ("resource", pa.string()),
        ("group", pa.string()),
        ("since", UTC_MICROS),
        ("cluster_uid", pa.string()),
        ("version", pa.string()),
        ("kind", pa.string()),
        ("namespaced", pa.bool_()),
        ("singular", pa.string()),
        ("short_names", pa.list_(pa.string())),
        ("categories", pa.list_(pa.string())),
        ("watching", pa.string()),
        ("reason", pa.string()),
        ("schema", pa.string()),
    ]
)

_DEAD_LETTERS: Final = pa.schema(
    [
        ("log_id", pa.string()),
        ("partition", pa.uint32()),
        ("offset", pa.uint64()),
        ("at", UTC_MICROS),
        ("reason", pa.string()),
        ("size", pa.uint64()),
        ("digest", pa.string()),
        ("raw", pa.binary()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be stored. Without `keep` only its length and hash are: it may hold a secret."""

    log_id: str
    partition: int
    offset: int
    at: datetime
    reason: str
    raw: bytes
    keep: bool = False


def coverage_rows(records: Iterable[CoverageRecord], *, at: datetime) -> pa.Table:
    """Rows of table `coverage`, written at `at` (of two rows for one span the later written counts).

    Of several watermarks only the last one per scope becomes a row.
    """
    rows: dict[tuple[object, ...], dict[str, object]] = {}
    for record in records:
        for row in _spans(record):
            key = tuple(row[name] for name in _COVERAGE.names[:7])
            rows[key] = {**row, "updated": at}
    return pa.Table.from_pylist(list(rows.values()), schema=_COVERAGE)


def kind_rows(records: Iterable[Kinds]) -> pa.Table:
    """Rows of table `kinds`: one per kind and moment of discovery."""
    rows = [
        {
            "cluster": record.cluster,
            "cluster_uid": record.cluster_uid,
            "since": record.at,
            **{name: getattr(kind, name) for name in _KINDS.names if hasattr(kind, name)},
            "schema": msgspec.json.encode(kind.schema).decode() if kind.schema else "",
        }
        for record in records
        for kind in record.kinds
    ]
    return pa.Table.from_pylist(rows, schema=_KINDS)


def dead_letter_rows(letters: Sequence[DeadLetter]) -> pa.Table:
    """Rows of table `dead_letters`."""
    rows = [
        {
            "log_id": letter.log_id,
            "partition": letter.partition,
            "offset": letter.offset,
            "at": letter.at,
            "reason": letter.reason,
            "size": len(letter.raw),
            "digest": blake2b(letter.raw, digest_size=16).hexdigest(),
            "raw": letter.raw if letter.keep else b"",
        }
        for letter in letters
    ]
    return pa.Table.from_pylist(rows, schema=_DEAD_LETTERS)


def _spans(record: CoverageRecord) -> list[dict[str, object]]:
    """The rows that one record writes; what its class has not is '' or 0."""
    match record:
        case Watermark():
            return [_watched(record, Scope.parse(scope), mark) for scope, mark in record.scopes.items()]
        case Gap():
            return [_span(record, "gap", _place(record), id=record.id, from_rv=record.from_rv, to_rv=record.to_rv)]
        case Late():
            return [_span(record, "late", _place(record), id=record.id, events=record.events)]
        case ClockStep():
            # A jump ahead makes a stretch of time that never was; a jump back makes one twice.
            other = record.at - timedelta(seconds=record.step)
            from_t, to_t = min(record.at, other), max(record.at, other)
            return [_mark(record, "clock", from_t=from_t, to_t=to_t, step=record.step)]
        case Start():
            return [_mark(record, "start", id=record.instance, reason=record.software)]
        case Stop():
            return [_mark(record, "stop", id=record.instance, reason=record.reason)]


def _watched(record: Watermark, scope: Scope, mark: tuple[str, datetime, datetime, datetime]) -> dict[str, object]:
    rv, to_t, confirmed, since = mark
    resource, group = split_kind_id(scope.kind)
    return {
        **_BLANK,
        "cluster": record.cluster,
        "cluster_uid": record.cluster_uid,
        "resource": resource,
        "group": group,
        "namespace": scope.namespace,
        "class": "watched",
        "from_t": since,
        "to_t": to_t,
        "confirmed": confirmed,
        "to_rv": rv,
        "slot": record.slot,
    }


def _span(record: Gap | Late, kind: str, place: Mapping[str, object], **more: object) -> dict[str, object]:
    span = {"class": kind, "from_t": record.from_t, "to_t": record.to_t, "reason": record.reason}
    return {**_BLANK, **place, **span, **more}


def _place(record: Gap | Late) -> dict[str, object]:
    return {name: getattr(record, name) for name in ("cluster", "cluster_uid", "resource", "group", "namespace")}


def _mark(record: ClockStep | Start | Stop, kind: str, **more: object) -> dict[str, object]:
    """A row about the whole cluster at one moment."""
    moment = {"class": kind, "from_t": record.at, "to_t": record.at}
    return {**_BLANK, "cluster": record.cluster, "cluster_uid": record.cluster_uid, **moment, **more}


_BLANK: Final[dict[str, object]] = {
    **dict.fromkeys(("resource", "group", "namespace", "id", "from_rv", "to_rv", "reason"), ""),
    "events": 0,
    "step": 0.0,
    "slot": 0,
}
