"""What is remembered of deliveries: how far each receiver is, and its dead letters. A small door to two tables."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import pyarrow as pa

from query.errors import QueryError
from schema.store import Store

MOST_LETTERS: Final = 10_000
"""Dead letters of one receiver; with more it is broken as a whole, and nothing more is put aside."""
_TYPES: Final[Mapping[str, pa.DataType]] = {
    "position": pa.uint64(),
    "tries": pa.uint32(),
    "gone": pa.bool_(),
    "deleted": pa.bool_(),
    **dict.fromkeys(("ledger", "at", "updated"), pa.timestamp("us", "UTC")),
}


class UnknownReceiver(QueryError):
    """Nothing is sent to a receiver of this name from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a receiver is: of changes, and of the ledger of gaps. `gone`: it has said that it wants no more."""

    position: int
    ledger: datetime
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter."""

    position: int
    id: str
    type: Literal["change", "gap"]
    reason: str
    tries: int
    at: datetime


def place(store: Store, name: str) -> Place | None:
    """None: it has never been sent anything."""
    sql = "SELECT position, ledger, gone FROM deliveries FINAL WHERE name = {name:String}"
    for position, ledger, gone in store.rows(sql, {"name": name}):
        return Place(position=position, ledger=ledger, gone=gone)
    return None


def keep(store: Store, name: str, place: Place, *, now: datetime) -> None:
    """Remember it."""
    row = {"name": name, "position": place.position, "ledger": place.ledger, "gone": place.gone, "updated": now}
    _insert(store, "deliveries", [row])


def letters(store: Store, name: str) -> list[Letter]:
    """Dead letters in the order of the log."""
    sql = f"""
        SELECT position, id, type, reason, tries, at FROM undelivered FINAL
        WHERE name = {{name:String}} AND NOT deleted ORDER BY position, id LIMIT {MOST_LETTERS}"""
    names = ("position", "id", "type", "reason", "tries", "at")
    return [Letter(**dict(zip(names, row, strict=True))) for row in store.rows(sql, {"name": name})]


def count_letters(store: Store, name: str) -> int:
    """How many there are."""
    sql = "SELECT count() FROM undelivered FINAL WHERE name = {name:String} AND NOT deleted"
    [(count,)] = store.rows(sql, {"name": name})
    return int(count)


def put_aside(store: Store, name: str, found: Sequence[Letter], *, now: datetime, deleted: bool = False) -> None:
    """Dead letters, or (`deleted`) letters that are dead no more."""
    rows = [
        {"name": name, "position": each.position, "id": each.id, "type": each.type, "reason": each.reason[:1000],
         "tries": each.tries, "at": each.at, "updated": now, "deleted": deleted}
        for each in found
    ]  # fmt: skip
    if rows:
        _insert(store, "undelivered", rows)


def _insert(store: Store, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    columns = {name: pa.array([row[name] for row in rows], _TYPES.get(name, pa.string())) for name in rows[0]}
    store.insert(table, pa.table(columns), token=f"{table} {uuid.uuid4().hex}")
