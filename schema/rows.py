"""Events as rows of the store and back. The one place that knows how the columns of `events` come from an event.

Columnar from the start: one list per column, explicit Arrow types, nothing per event that can be per batch. State,
patch and managedFields are bytes that are copied and never parsed. What an event does not have is '' in the store
(`managers`, `object`, `managed`, `gap`) or NULL (times). Control records: `schema.rows_control`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, cast

import pyarrow as pa
from msgspec import Raw

from schema.events import NOBODY, Actor, ActorSource, Confidence, Event, KubeEvent, event_id
from schema.objects import kind_id
from schema.store import Row

UTC_MICROS: Final = pa.timestamp("us", "UTC")

_EMPTY_PATCH: Final = b"[]"
_LARGEST: Final = 2**64 - 1

# Name, Arrow type and value of every column of `events`, in the order of the table.
_EVENT: Final[tuple[tuple[str, pa.DataType, Callable[[Event], object]], ...]] = (
    ("cluster", pa.string(), lambda e: e.cluster),
    ("namespace", pa.string(), lambda e: e.namespace),
    ("resource", pa.string(), lambda e: e.resource),
    ("group", pa.string(), lambda e: e.group),
    ("name", pa.string(), lambda e: e.name),
    ("uid", pa.string(), lambda e: e.uid),
    ("epoch", pa.uint64(), lambda e: e.epoch),
    ("rv_order", pa.uint64(), lambda e: rv_order(e.rv, e.seq)),
    ("op", pa.string(), lambda e: e.op),
    ("cluster_uid", pa.string(), lambda e: e.cluster_uid),
    ("version", pa.string(), lambda e: e.version),
    ("kind", pa.string(), lambda e: e.kind),
    ("rv", pa.string(), lambda e: e.rv),
    ("prev_rv", pa.string(), lambda e: e.prev_rv),
    ("seq", pa.uint64(), lambda e: e.seq),
    ("origin", pa.string(), lambda e: e.origin),
    ("cause", pa.string(), lambda e: e.cause),
    ("ts", UTC_MICROS, lambda e: e.ts),
    ("ts_error", pa.float64(), lambda e: e.ts_error),
    ("observed_at", UTC_MICROS, lambda e: e.observed_at),
    ("claimed_at", UTC_MICROS, lambda e: e.claimed_at),
    ("since", UTC_MICROS, lambda e: e.since),
    ("patch", pa.binary(), lambda e: bytes(e.patch)),
    ("paths", pa.list_(pa.string()), lambda e: e.paths),
    ("managers", pa.list_(pa.string()), lambda e: [m or "" for m in e.managers]),
    ("managed", pa.binary(), lambda e: bytes(e.managed) if e.managed else b""),
    ("actor_name", pa.string(), lambda e: e.actor.name),
    ("actor_operation", pa.string(), lambda e: e.actor.operation),
    ("actor_subresource", pa.string(), lambda e: e.actor.subresource),
    ("actor_time", UTC_MICROS, lambda e: e.actor.time),
    ("actor_source", pa.string(), lambda e: e.actor.source),
    ("actor_confidence", pa.string(), lambda e: e.actor.confidence),
    ("noise", pa.string(), lambda e: e.noise),
    ("hash", pa.binary(16), lambda e: bytes.fromhex(e.hash)),
    ("object", pa.binary(), lambda e: bytes(e.object) if e.object else b""),
    ("gap", pa.string(), lambda e: e.gap or ""),
)

# `SELECT {EVENT_COLUMNS} FROM events ...` gives rows that event_from_row understands.
EVENT_COLUMNS: Final = ", ".join(f"`{name}`" for name, _, _ in _EVENT)

_KUBE_EVENT: Final[tuple[tuple[str, pa.DataType, Callable[[KubeEvent], object]], ...]] = (
    ("cluster", pa.string(), lambda e: e.cluster),
    ("namespace", pa.string(), lambda e: e.namespace),
    ("involved_kind", pa.string(), lambda e: e.involved.kind),
    ("involved_name", pa.string(), lambda e: e.involved.name),
    ("involved_uid", pa.string(), lambda e: e.involved.uid),
    ("uid", pa.string(), lambda e: e.uid),
    ("rv_order", pa.uint64(), lambda e: rv_order(e.rv, e.count)),
    ("cluster_uid", pa.string(), lambda e: e.cluster_uid),
    ("name", pa.string(), lambda e: e.name),
    ("rv", pa.string(), lambda e: e.rv),
    ("involved_group", pa.string(), lambda e: e.involved.group),
    ("involved_version", pa.string(), lambda e: e.involved.version),
    ("involved_namespace", pa.string(), lambda e: e.involved.namespace),
    ("involved_field_path", pa.string(), lambda e: e.involved.field_path),
    ("event_type", pa.string(), lambda e: e.event_type),
    ("reason", pa.string(), lambda e: e.reason),
    ("message", pa.string(), lambda e: e.message),
    ("count", pa.uint64(), lambda e: e.count),
    ("first_seen", UTC_MICROS, lambda e: e.first_seen),
    ("last_seen", UTC_MICROS, lambda e: e.last_seen),
    ("component", pa.string(), lambda e: e.component),
    ("host", pa.string(), lambda e: e.host),
    ("observed_at", UTC_MICROS, lambda e: e.observed_at),
    ("ts", UTC_MICROS, lambda e: e.ts),
    ("ts_error", pa.float64(), lambda e: e.ts_error),
)


def rv_order(rv: str, otherwise: int) -> int:
    """The resourceVersion as the number that orders versions (KEP-5504); `otherwise` (seq) where it is none."""
    if rv.isascii() and rv.isdigit() and (number := int(rv)) <= _LARGEST:
        return number
    return otherwise


def event_rows(events: Sequence[Event]) -> pa.Table:
    """Rows of table `events`, in the given order."""
    return pa.table(
        [pa.array([value(event) for event in events], kind) for _, kind, value in _EVENT],
        names=[name for name, _, _ in _EVENT],
    )


def kube_event_rows(events: Sequence[KubeEvent]) -> pa.Table:
    """Rows of table `k8s_events`, in the given order."""
    return pa.table(
        [pa.array([value(event) for event in events], kind) for _, kind, value in _KUBE_EVENT],
        names=[name for name, _, _ in _KUBE_EVENT],
    )


def event_from_row(row: Row) -> Event:
    """The event of a row that was selected with EVENT_COLUMNS."""
    (
        cluster, namespace, resource, group, name, uid, epoch, _, op, cluster_uid, version, kind, rv, prev_rv, seq,
        origin, cause, ts, ts_error, observed_at, claimed_at, since, patch, paths, managers, managed,
        actor_name, actor_operation, actor_subresource, actor_time, actor_source, actor_confidence,
        noise, digest, state, gap,
    ) = row  # fmt: skip
    return Event(
        id=event_id(
            cluster=cluster, cluster_uid=cluster_uid, kind=kind_id(resource, group), uid=uid, epoch=epoch, rv=rv, op=op
        ),
        cluster=cluster, cluster_uid=cluster_uid, group=group, version=version, kind=kind, resource=resource,
        namespace=namespace, name=name, uid=uid, op=op, origin=origin, epoch=epoch, cause=cause, seq=seq, rv=rv,
        prev_rv=prev_rv, observed_at=observed_at, ts=ts, ts_error=ts_error, claimed_at=claimed_at, since=since,
        patch=_raw(patch) or Raw(_EMPTY_PATCH), paths=list(paths), managers=[manager or None for manager in managers],
        managed=_raw(managed),
        actor=_actor(actor_name, actor_operation, actor_subresource, actor_time, actor_source, actor_confidence),
        noise=noise, hash=digest.hex(), object=_raw(state), gap=gap or None,
    )  # fmt: skip


def events_from_arrow(answer: pa.Table | pa.RecordBatch) -> Iterator[Event]:
    """The events of a large answer (`Store.arrow`, a batch of `Store.stream`) that was selected with EVENT_COLUMNS."""
    return map(event_from_row, _rows(answer))


def _rows(answer: pa.Table | pa.RecordBatch) -> Iterable[Row]:
    return zip(*(column.to_pylist() for column in answer.columns), strict=True)


def _raw(value: str | bytes) -> Raw | None:
    """JSON as it was stored: `rows` gives text, Arrow may give bytes; '' is left out."""
    if not value:
        return None
    return Raw(value.encode() if isinstance(value, str) else value)


def _actor(name: str, operation: str, subresource: str, time: datetime | None, source: str, confidence: str) -> Actor:
    if source == "none" and not name:
        return NOBODY
    # The columns hold what an Event held: the closed lists of words were checked when it was decoded.
    return Actor(
        name=name,
        operation=operation,
        subresource=subresource,
        time=time,
        source=cast(ActorSource, source),
        confidence=cast(Confidence, confidence),
    )
