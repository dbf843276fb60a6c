"""Rows of a store as the records that they were, for the proofs of `kubelapse.proofs`."""

from collections.abc import Iterable
from typing import cast

from msgspec import Raw

from schema.events import Event, Gap, Op, Origin, event_id
from schema.store import Store
from tests.e2e.compare import Stored

GAPS = """
    SELECT id, toString(resource), toString(`group`), toString(namespace), from_rv, to_rv, from_t, to_t, reason
    FROM coverage FINAL WHERE class = 'gap' ORDER BY from_t
"""


def events_of(rows: Iterable[Stored]) -> list[Event]:
    """Every row, in the order of chains."""
    return [_event(row) for row in rows]


def gaps_of(store: Store) -> list[Gap]:
    """Every gap on the ledger."""
    names = ("id", "resource", "group", "namespace", "from_rv", "to_rv", "from_t", "to_t", "reason")
    found = [dict(zip(names, row, strict=True)) for row in store.rows(GAPS)]
    return [Gap(cluster="", cluster_uid="", **one) for one in found]


def _event(row: Stored) -> Event:
    op = cast("Op", row.op)
    return Event(
        id=event_id(cluster="", cluster_uid="", kind=row.kind, uid=row.uid, epoch=row.epoch, rv=row.rv, op=op),
        cluster="",
        cluster_uid="",
        group=row.group,
        version="",
        kind="",
        resource=row.resource,
        namespace=row.namespace,
        name=row.name,
        uid=row.uid,
        op=op,
        origin=cast("Origin", row.origin),
        epoch=row.epoch,
        seq=row.seq,
        rv=row.rv,
        prev_rv=row.prev_rv,
        observed_at=row.observed_at,
        ts=row.ts,
        ts_error=row.ts_error,
        patch=Raw(row.patch.encode()),
        hash="",
        object=Raw(row.object.encode()) if row.object else None,
    )
