"""What every log promises to capture on one side and to ingest on the other. Another adapter is one more `Log`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.sink import Batch, Position, SinkError
from ingest.source import Delivery, EndOfLog, Source
from schema.events import Event, Record
from schema.objects import Scope
from tests.contract.logs import Kafka, Log, Memory
from tests.fakes.records import CLUSTER, NOON, at, event, watermark

PODS, NODES = Scope("pods"), Scope("nodes")


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    made: Log = (
        await Kafka.make(request.getfixturevalue("broker"), tmp_path) if request.param == "kafka" else Memory(tmp_path)
    )
    yield made
    await made.end()


@pytest.fixture
def memory(tmp_path: Path) -> Log:
    """A log that is lost with its process: there a record is durable only once it is stored."""
    return Memory(tmp_path)


def position(number: int) -> Position:
    return Position(rv=str(number), epoch=1, at=at(number), version="v1", since=NOON)


def batch(*numbers: int, scope: Scope = PODS) -> Batch:
    """Events with these resourceVersions, and the resume point after the last."""
    return Batch(records=[event(n) for n in numbers], positions={scope: position(numbers[-1])})


async def read(source: Source, count: int) -> list[Delivery]:
    got: list[Delivery] = []
    async with asyncio.timeout(30):
        while len(got) < count:
            got += await source.receive(most=count - len(got), timeout=5)
    return got


async def store_all(source: Source, count: int) -> None:
    """As ingest does, without a store."""
    deliveries = await source.prepare(await read(source, count))
    await source.acknowledge({one.partition: one.offset for one in deliveries})


def versions(deliveries: list[Delivery]) -> list[str]:
    return [one.record.rv for one in deliveries if isinstance(one.record, Event)]


async def resume_points(log: Log) -> dict[Scope, str]:
    restored = await (await log.again()).restore(CLUSTER)
    return {scope: position.rv for scope, position in restored.positions.items()}


async def test_records_come_out_in_the_order_in_which_they_went_in(log: Log) -> None:
    await log.sink.append(batch(1, 2))
    await log.sink.append(batch(3))
    got = await read(log.source, 3)
    assert versions(got) == ["1", "2", "3"]
    assert [one.offset for one in got] == sorted({one.offset for one in got})


async def test_never_more_is_delivered_than_was_asked_for(log: Log) -> None:
    await log.sink.append(batch(1, 2, 3))
    got: list[Delivery] = []
    while len(got) < 3:
        got += (last := await log.source.receive(most=2, timeout=5))
        assert len(last) <= 2


async def test_an_empty_log_answers_with_nothing_after_the_timeout(log: Log) -> None:
    assert not await log.source.receive(most=10, timeout=0.001)


async def test_a_waiting_reader_gets_what_is_appended(log: Log) -> None:
    reading = asyncio.create_task(read(log.source, 1))
    await log.sink.append(batch(1))
    assert versions(await reading) == ["1"]


async def test_in_memory_a_resume_point_is_kept_only_once_its_records_are_stored(memory: Log) -> None:
    await memory.sink.append(batch(1, 2))
    first, second = await read(memory.source, 2)
    await memory.source.acknowledge({0: first.offset})
    assert await resume_points(memory) == {}
    await memory.source.acknowledge({0: second.offset})
    await memory.sink.flush()
    assert await resume_points(memory) == {PODS: "2"}


async def test_in_memory_a_bookmark_waits_for_the_records_before_it(memory: Log) -> None:
    await memory.sink.append(batch(1, scope=NODES))
    await memory.sink.append(Batch(records=[], positions={PODS: position(9)}))
    [one] = await read(memory.source, 1)
    assert await resume_points(memory) == {}
    await memory.source.acknowledge({0: one.offset})
    await memory.sink.flush()
    assert await resume_points(memory) == {NODES: "1", PODS: "9"}


async def test_a_flushed_resume_point_is_found_by_the_next_process(log: Log) -> None:
    await log.sink.append(batch(1, 2))
    storing = asyncio.create_task(store_all(log.source, 2))
    await log.sink.flush()
    await storing
    assert await resume_points(log) == {PODS: "2"}


async def test_a_bookmark_on_an_idle_log_is_kept(log: Log) -> None:
    await log.sink.append(batch(1))
    await store_all(log.source, 1)
    await log.sink.append(Batch(records=[], positions={PODS: position(9)}))
    await log.sink.flush()
    assert await resume_points(log) == {PODS: "9"}


async def test_what_was_put_in_before_close_is_delivered(log: Log) -> None:
    await log.sink.append(batch(1))
    closing = asyncio.create_task(log.sink.close())
    await store_all(log.source, 1)
    await closing
    assert await resume_points(log) == {PODS: "1"}


async def test_in_memory_flush_returns_when_everything_is_durable_and_not_before(memory: Log) -> None:
    await memory.sink.append(batch(1))
    flushing = asyncio.create_task(memory.sink.flush())
    [one] = await read(memory.source, 1)
    assert not flushing.done()
    await memory.source.acknowledge({0: one.offset})
    await flushing
    assert await resume_points(memory) == {PODS: "1"}


async def test_in_memory_after_close_the_rest_is_delivered_and_then_the_log_ends(memory: Log) -> None:
    await memory.sink.append(batch(1))
    closing = asyncio.create_task(memory.sink.close())
    [one] = await read(memory.source, 1)
    with pytest.raises(EndOfLog):
        await memory.source.receive(most=1, timeout=5)
    await memory.source.acknowledge({0: one.offset})
    await closing
    assert await resume_points(memory) == {PODS: "1"}


async def test_a_closed_log_takes_nothing(log: Log) -> None:
    await log.sink.close()
    with pytest.raises(SinkError, match="closed"):
        await log.sink.append(batch(1))


async def test_watermarks_keep_their_place_behind_the_events_that_they_claim(log: Log) -> None:
    records: list[Record] = [event(1), watermark(1), event(2)]
    await log.sink.append(Batch(records=records))
    assert [one.record for one in await read(log.source, 3)] == records
