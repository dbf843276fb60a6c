"""A reader that dies, sleeps or loses its partitions at any point leaves neither a hole nor a second row."""

import asyncio
from collections.abc import Callable

import pyarrow as pa
import pytest

from schema.events import Record
from schema.store import Params, Row, Store
from tests.fakes.records import event, watermark
from tests.kafka.log import KafkaLog, reader, seen, stored


class Stuck:
    """A store through which the insert into one table does not come back: `before` or after it was done."""

    def __init__(self, store: Store, table: str, *, before: bool, state: str = "") -> None:
        self._store, self._table, self._before, self._state = store, table, before, state
        self.database = store.database
        self.reached = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.release: Callable[[], bool] = lambda: False

    def insert(self, table: str, rows: pa.Table, *, token: str) -> None:
        mine = table == self._table and (not self._state or rows.column("state")[0].as_py() == self._state)
        if not mine or self.reached.is_set():
            self._store.insert(table, rows, token=token)
            return
        if not self._before:
            self._store.insert(table, rows, token=token)
        self.loop.call_soon_threadsafe(self.reached.set)
        raise KilledHere

    def rows(self, sql: str, params: Params | None = None) -> "list[Row]":
        return list(self._store.rows(sql, params))

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class KilledHere(BaseException):
    """The process ends at this point."""


def history(count: int) -> list[Record]:
    records: list[Record] = [event(number, uid=f"u-{number % 7}", seq=number + 1) for number in range(count)]
    return [*records, watermark(count)]


def raw_rows(store: Store) -> int:
    """Without FINAL: what replacing keys would hide counts."""
    return int(store.rows("SELECT count() FROM events")[0][0])


@pytest.mark.parametrize(
    ("table", "state", "before"),
    [
        ("offsets", "intent", True),
        ("offsets", "intent", False),
        ("events", "", True),
        ("events", "", False),
        ("coverage", "", False),
        ("offsets", "done", True),
        ("offsets", "done", False),
    ],
)
async def test_killed_at_any_step_the_range_is_repeated_as_it_was(
    log: KafkaLog, store: Store, table: str, state: str, before: bool
) -> None:
    await log.make()
    await log.write(history(60))
    stuck = Stuck(store, table, before=before, state=state)
    dying = await reader(log, stuck)  # type: ignore[arg-type] # hands on what it does not know
    await asyncio.wait({dying.task}, timeout=20)
    assert stuck.reached.is_set()
    await dying.kill()
    await log.write([event(number, seq=1) for number in range(60, 90)])
    again = await reader(log, store)
    await stored(log, store, again)
    await again.stop()
    assert raw_rows(store) == 90


async def test_partitions_change_hands_in_the_middle(log: KafkaLog, store: Store) -> None:
    await log.make()
    await log.write(history(300))
    first = await reader(log, store)
    await seen(lambda: raw_rows(store) > 50, first)
    second = await reader(log, store)
    await log.write([event(number, seq=1) for number in range(300, 400)])
    await seen(lambda: second.source.partitions, first, second)
    await stored(log, store, first, second)
    await first.stop()
    await log.write([event(number, seq=1) for number in range(400, 450)])
    await stored(log, store, second)
    await second.stop()
    assert raw_rows(store) == 450
    assert store.rows("SELECT count(DISTINCT rv) FROM events") == [(450,)]


async def test_a_reader_taken_for_dead_does_no_harm(log: KafkaLog, store: Store) -> None:
    """It has read, and sleeps; its partitions go to another one, which stores more; then it wakes up."""
    await log.make()
    await log.write(history(60))
    zombie = await reader(log, store, group="zombie")
    zombie.task.cancel()
    await asyncio.gather(zombie.task, return_exceptions=True)
    await seen(lambda: zombie.source.partitions)
    asleep: list[object] = []
    while len(asleep) < 40:
        asleep += await zombie.source.receive(most=100, timeout=1)
    heir = await reader(log, store)
    await stored(log, store, heir)
    assert list(await zombie.source.prepare(asleep)) == []  # type: ignore[arg-type]
    await heir.stop()
    await zombie.source.close()
    assert raw_rows(store) == 60
