"""Dead letters tried again, with another version, say: what can be stored now is no dead letter any more.

The message is read from the log itself while that still has it, else from the row (which is empty where it might hold a
secret). With the letter goes the gap that it had left in coverage.
"""

import asyncio
import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ingest.coverage import dead_letter_gap
from ingest.decoding import decoded
from ingest.holes import LIFE
from ingest.kafka_client import Messages
from ingest.source import Undecodable
from schema.events import Event, Kinds, KubeEvent, Record, Watermark
from schema.rows import event_rows, kube_event_rows
from schema.rows_control import coverage_rows, kind_rows
from schema.store import QueryFailed, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How it went. `left`: reason → how many dead letters stay for it."""

    stored: int
    left: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Letter:
    partition: int
    offset: int
    raw: bytes


async def replay(store: Store, messages: Messages, log_id: str) -> Replayed:
    """Try each dead letter of this log once. Raises StoreError, BrokerError."""
    stored, left = 0, Counter[str]()
    for letter in await asyncio.to_thread(_letters, store, log_id):
        try:
            record = await _record(messages, letter)
            await asyncio.to_thread(_store, store, record, f"replay:{log_id}:{letter.partition}:{letter.offset}")
        except _Stays as reason:
            left[str(reason)] += 1
        else:
            stored += 1
            name = f"{log_id}:{letter.partition}:{letter.offset}"
            await asyncio.to_thread(_settle, store, log_id, letter, [name, *_ids(record)])
    return Replayed(stored=stored, left=left)


class _Stays(Exception):
    """Why it cannot be stored now either."""


def _letters(store: Store, log_id: str) -> list[_Letter]:
    rows = store.rows(
        """SELECT partition, offset, base64Encode(raw) FROM dead_letters FINAL WHERE log_id = {log:String}
        ORDER BY partition, offset""",
        {"log": log_id},
    )
    return [_Letter(partition=row[0], offset=row[1], raw=base64.b64decode(row[2])) for row in rows]


async def _record(messages: Messages, letter: _Letter) -> Record:
    found = await messages.at(letter.partition, letter.offset % LIFE)
    if found is None and not letter.raw:
        raise _Stays("the log has it no more, and its content was not kept")
    record = decoded(*found) if found is not None else decoded(None, letter.raw, 0)
    if isinstance(record, Undecodable):
        raise _Stays(record.reason)
    return record


def _store(store: Store, record: Record, token: str) -> None:
    table, rows = _rows(record)
    try:
        if rows is not None:
            store.insert(table, rows, token=token)
    except QueryFailed as error:
        raise _Stays(f"the store refused it (code {error.code})") from None


def _rows(record: Record) -> tuple[str, pa.Table | None]:
    match record:
        case Event():
            return "events", event_rows([record])
        case KubeEvent():
            return "k8s_events", kube_event_rows([record])
        case Kinds():
            return "kinds", kind_rows([record])
        case Watermark():
            return "coverage", None  # what it claimed was claimed by those behind it
        case _:
            return "coverage", coverage_rows([record], at=record.to_t if hasattr(record, "to_t") else record.at)


def _ids(record: Record) -> Sequence[str]:
    return [record.id] if isinstance(record, Event) else []


def _settle(store: Store, log_id: str, letter: _Letter, names: Sequence[str]) -> None:
    """The letter and its gap are no more."""
    store.command(
        "DELETE FROM dead_letters WHERE log_id = {log:String} AND partition = {partition:UInt32} "
        "AND offset = {offset:UInt64}",
        {"log": log_id, "partition": letter.partition, "offset": letter.offset},
    )
    store.command(
        "DELETE FROM coverage WHERE class = 'gap' AND id IN {ids:Array(String)}",
        {"ids": [dead_letter_gap(name) for name in names]},
    )
