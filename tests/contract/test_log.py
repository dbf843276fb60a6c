"""What every log promises to capture on one side and to ingest on the other. Another adapter is one more `Log`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from collector.sink import Batch, Position, Sink, SinkError
from ingest.source import Delivery, EndOfLog, Source
from kubelapse.checkpoint import Checkpoint
from kubelapse.memorylog import MemoryLog
from kubelapse.restore import Restorer
from schema.events import Event, Record
from schema.objects import Scope
from tests.fakes.records import CLUSTER, CLUSTER_UID, NOON, at, event, watermark
from tests.fakes.store import FakeStore

PODS, NODES = Scope("pods"), Scope("nodes")


class Log(Protocol):
    """The two ends of one log. `again()`: what a new process finds after this one was killed."""

    sink: Sink
    source: Source

    def again(self) -> "Log": ...


@dataclass
class Memory:
    """The in-process log; a store with history stands behind it."""

    directory: Path

    def __post_init__(self) -> None:
        checkpoint = Checkpoint(self.directory, CLUSTER)
        log = MemoryLog(checkpoint=checkpoint, restorer=Restorer(with_history(), checkpoint), save_every=0.0)
        self.sink: Sink = log
        self.source: Source = log

    def again(self) -> "Memory":
        return Memory(self.directory)


def with_history() -> FakeStore:
    store = FakeStore()
    store.history(CLUSTER_UID, NOON)
    return store


@pytest.fixture(params=[Memory], ids=["memory"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    make: Callable[[Path], Log] = request.param
    return make(tmp_path)


def position(number: int) -> Position:
    return Position(rv=str(number), epoch=1, at=at(number), version="v1", since=NOON)


def batch(*numbers: int, scope: Scope = PODS) -> Batch:
    """Events with these resourceVersions, and the resume point after the last."""
    return Batch(records=[event(n) for n in numbers], positions={scope: position(numbers[-1])})


async def read(source: Source, count: int) -> list[Delivery]:
    got: list[Delivery] = []
    while len(got) < count:
        got += await source.receive(most=count - len(got), timeout=5)
    return got


def versions(deliveries: list[Delivery]) -> list[str]:
    return [one.record.rv for one in deliveries if isinstance(one.record, Event)]


async def resume_points(log: Log) -> dict[Scope, str]:
    restored = await log.again().sink.restore(CLUSTER)
    return {scope: position.rv for scope, position in restored.positions.items()}


async def test_records_come_out_in_the_order_in_which_they_went_in(log: Log) -> None:
    await log.sink.append(batch(1, 2))
    await log.sink.append(batch(3))
    got = await read(log.source, 3)
    assert versions(got) == ["1", "2", "3"]
    assert [one.offset for one in got] == sorted({one.offset for one in got})


async def test_never_more_is_delivered_than_was_asked_for(log: Log) -> None:
    await log.sink.append(batch(1, 2, 3))
    assert len(await log.source.receive(most=2, timeout=5)) == 2


async def test_an_empty_log_answers_with_nothing_after_the_timeout(log: Log) -> None:
    assert not await log.source.receive(most=10, timeout=0.001)


async def test_a_waiting_reader_gets_what_is_appended(log: Log) -> None:
    reading = asyncio.create_task(read(log.source, 1))
    await log.sink.append(batch(1))
    assert versions(await reading) == ["1"]


async def test_a_resume_point_is_kept_only_once_its_records_are_stored(log: Log) -> None:
    await log.sink.append(batch(1, 2))
    first, second = await read(log.source, 2)
    await log.source.acknowledge({0: first.offset})
    assert await resume_points(log) == {}
    await log.source.acknowledge({0: second.offset})
    await log.sink.flush()
    assert await resume_points(log) == {PODS: "2"}


async def test_a_bookmark_waits_for_the_records_before_it(log: Log) -> None:
    await log.sink.append(batch(1, scope=NODES))
    await log.sink.append(Batch(records=[], positions={PODS: position(9)}))
    [one] = await read(log.source, 1)
    assert await resume_points(log) == {}
    await log.source.acknowledge({0: one.offset})
    await log.sink.flush()
    assert await resume_points(log) == {NODES: "1", PODS: "9"}


async def test_a_bookmark_on_an_idle_log_is_kept(log: Log) -> None:
    await log.sink.append(batch(1))
    [one] = await read(log.source, 1)
    await log.source.acknowledge({0: one.offset})
    await log.sink.append(Batch(records=[], positions={PODS: position(9)}))
    await log.sink.flush()
    assert await resume_points(log) == {PODS: "9"}


async def test_flush_returns_when_everything_is_durable_and_not_before(log: Log) -> None:
    await log.sink.append(batch(1))
    flushing = asyncio.create_task(log.sink.flush())
    [one] = await read(log.source, 1)
    assert not flushing.done()
    await log.source.acknowledge({0: one.offset})
    await flushing
    assert await resume_points(log) == {PODS: "1"}


async def test_after_close_the_rest_is_delivered_and_then_the_log_ends(log: Log) -> None:
    await log.sink.append(batch(1))
    closing = asyncio.create_task(log.sink.close())
    [one] = await read(log.source, 1)
    with pytest.raises(EndOfLog):
        await log.source.receive(most=1, timeout=5)
    await log.source.acknowledge({0: one.offset})
    await closing
    assert await resume_points(log) == {PODS: "1"}


async def test_a_closed_log_takes_nothing(log: Log) -> None:
    await log.sink.close()
    with pytest.raises(SinkError, match="closed"):
        await log.sink.append(batch(1))


async def test_watermarks_keep_their_place_behind_the_events_that_they_claim(log: Log) -> None:
    records: list[Record] = [event(1), watermark(1), event(2)]
    await log.sink.append(Batch(records=records))
    assert [one.record for one in await read(log.source, 3)] == records
