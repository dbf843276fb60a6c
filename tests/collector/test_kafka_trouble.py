"""The log in Kafka when something dies in the middle: nothing is lost, nothing comes twice, and order holds."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from collector.kafka import Interrupted, Message, Transactions
from collector.kafka_sink import KafkaSink
from collector.sink import Batch, Position, SinkFull
from schema.canonical import canonical, digest
from schema.objects import Scope
from tests.fakes.logged import QUICK, KafkaLog, memory
from tests.fakes.records import CLUSTER, NOON, at, event
from tests.kafka.broker import RealBroker

PODS = Scope("pods")


@pytest.fixture
async def log(broker: RealBroker, tmp_path: Path) -> AsyncIterator[KafkaLog]:
    made = await KafkaLog(broker, tmp_path).make()
    yield made
    await made.end()


@pytest.fixture
async def fragile(make_broker: Callable[..., RealBroker], tmp_path: Path) -> AsyncIterator[KafkaLog]:
    """On a broker that may be broken."""
    made = await KafkaLog(make_broker(), tmp_path).make()
    yield made
    await made.end()


def step(number: int) -> Batch:
    """One version of one object, and the resume point after it."""
    position = Position(rv=str(number), epoch=1, at=at(number), version="v1", since=NOON)
    return Batch(records=[event(number, uid="u", op="update", seq=number)], positions={PODS: position})


async def steps(sink: KafkaSink, numbers: Iterable[int], *, pause: float = 0.0) -> None:
    for number in numbers:
        await sink.append(step(number))
        await asyncio.sleep(pause)


async def accepted(sink: KafkaSink, number: int) -> bool:
    try:
        await sink.append(step(number))
    except SinkFull:
        return False
    return True


class Forgetful(Transactions):
    """Commits, and forgets every third time to say so."""

    runs = 0

    async def run(self, messages: Iterable[Message]) -> int:
        offset = await super().run(messages)
        self.runs += 1
        if self.runs % 3 == 0:
            await self.abandon()
            raise Interrupted("the answer was lost")
        return offset


async def test_a_commit_whose_answer_was_lost_is_not_written_twice(log: KafkaLog) -> None:
    sink = log.sink()
    sink._holder.transactions = Forgetful(log.address, "forgetful")
    await sink.restore(CLUSTER)
    for number in range(1, 20):
        await sink.append(step(number))
        await sink.flush()
    assert await log.versions() == list(range(1, 20))


def transactions_of(sink: KafkaSink) -> Transactions:
    found = sink._holder.transactions
    assert isinstance(found, Transactions)
    return found


async def test_a_fence_without_a_new_holder_is_outlived(log: KafkaLog) -> None:
    """As when a process was frozen for longer than the broker keeps a transaction open."""
    sink = await log.opened()
    await steps(sink, range(1, 5))
    await sink.flush()
    intruder = Transactions(log.address, transactions_of(sink)._id)
    await intruder.open()
    await intruder.abandon()
    await steps(sink, range(5, 9))
    await sink.flush()
    assert await log.versions() == list(range(1, 9))


async def test_what_a_dead_process_had_sent_but_not_committed_is_not_there(log: KafkaLog) -> None:
    sink = await log.opened("one")
    await steps(sink, range(1, 4))
    await sink.flush()
    producer = transactions_of(sink)._producer
    await sink._end_writer()
    await producer.begin_transaction()
    await (await producer.send(log.topics.changes, b"torn", key=b"k"))
    await sink.abandon()
    heir = log.sink("two", take_over=True)
    restored = await heir.restore(CLUSTER)
    assert restored.positions[PODS].rv == "3"
    await steps(heir, range(4, 6))
    await heir.flush()
    assert await log.versions() == [1, 2, 3, 4, 5]


async def leave_open(sink: KafkaSink, log: KafkaLog) -> None:
    """As one that is killed between sending and committing: the state topic has records that nobody ends."""
    producer = transactions_of(sink)._producer
    await producer.begin_transaction()
    message = sink._holder._head_message(1_000, 0)
    await (await producer.send(message.topic, message.value, key=message.key, partition=message.partition))


async def test_an_heir_does_not_wait_for_what_the_dead_one_left_open(log: KafkaLog) -> None:
    sink = await log.opened("one")
    await steps(sink, range(1, 4))
    await sink.flush()
    await sink._end_writer()
    await leave_open(sink, log)
    await sink.abandon()
    heir = log.sink("three", predecessors=frozenset({"one", "two"}))
    async with asyncio.timeout(10):  # the broker would end it after 20 s
        restored = await heir.restore(CLUSTER)
    assert restored.positions[PODS].rv == "3"


async def test_one_whose_own_transaction_is_left_open_goes_on_at_once(log: KafkaLog) -> None:
    sink = await log.opened("one")
    await steps(sink, range(1, 4))
    await sink.flush()
    await sink._end_writer()
    await leave_open(sink, log)
    await sink._holder.transactions.abandon()
    sink._writer = asyncio.create_task(sink._write())
    async with asyncio.timeout(10):
        await steps(sink, range(4, 8))
        await sink.flush()
    assert await log.versions() == list(range(1, 8))


async def test_a_broker_that_is_killed_and_comes_back_has_everything_once_and_in_order(fragile: KafkaLog) -> None:
    sink = await fragile.opened(limits=replace(QUICK, patience=30.0))
    writing = asyncio.create_task(steps(sink, range(1, 400), pause=0.02))
    await asyncio.sleep(1.5)
    await asyncio.to_thread(fragile.broker.kill)
    await asyncio.sleep(3)
    await asyncio.to_thread(fragile.broker.start)
    await writing
    await sink.flush()
    assert await fragile.versions() == list(range(1, 400))


async def test_a_broker_that_hangs_is_outlived(fragile: KafkaLog) -> None:
    sink = await fragile.opened(limits=replace(QUICK, operation=2.0))
    await steps(sink, range(1, 10))
    await sink.flush()
    fragile.broker.pause()
    await steps(sink, range(10, 20))
    await asyncio.sleep(4)
    assert sink.trouble
    fragile.broker.resume()
    await sink.flush()
    assert await fragile.versions() == list(range(1, 20))
    assert not sink.trouble


async def test_while_the_broker_is_away_memory_is_bounded_and_the_rest_waits_on_disk_in_order(
    fragile: KafkaLog,
) -> None:
    sink = await fragile.opened(limits=replace(QUICK, memory_bytes=50_000), spill=10_000_000)
    await asyncio.to_thread(fragile.broker.stop)
    await steps(sink, range(1, 1000))
    assert sink._backlog.memory <= 50_000
    assert sink._backlog.disk > 500_000
    await asyncio.to_thread(fragile.broker.start)
    async with asyncio.timeout(60):
        await sink.flush()
    assert await fragile.versions() == list(range(1, 1000))
    assert sink.waiting_bytes == 0


async def test_when_memory_and_disk_are_full_capture_is_told_and_may_offer_the_same_again(fragile: KafkaLog) -> None:
    sink = await fragile.opened(limits=replace(QUICK, memory_bytes=20_000), spill=20_000)
    await asyncio.to_thread(fragile.broker.stop)
    with pytest.raises(SinkFull, match="bytes wait for Kafka"):
        await steps(sink, range(1, 1000))
    number = sink._accepted + 1
    await asyncio.to_thread(fragile.broker.start)
    async with asyncio.timeout(30):
        while not await accepted(sink, number):
            continue
    await sink.flush()
    assert await fragile.versions() == list(range(1, number + 1))


async def test_twenty_thousand_objects_are_remembered_in_seconds(log: KafkaLog) -> None:
    sink = await log.opened("one", limits=replace(QUICK, patience=60.0))
    body = b'{"metadata":{"name":"x"},"spec":"%s"}' % (b"0123456789" * 150)
    for start in range(0, 20_000, 500):
        await sink.append(Batch(records=[event(n, state=body) for n in range(start + 1, start + 501)]))
    await sink.append(Batch(records=[], positions=step(20_000).positions))
    await sink.close()
    heir = log.sink("two")
    assert not (await heir.restore(CLUSTER)).lost
    known = await memory(heir)
    assert len(known) == 20_000
    assert known["u-7"].object == body


async def test_a_large_object_whose_events_carry_no_state_is_remembered_whole(log: KafkaLog) -> None:
    sink = await log.opened("one")
    await sink.append(Batch(records=[event(1, uid="u", state=canonical({"n": 0}))]))
    for seq in range(2, 6):
        state = canonical({"n": seq - 1})
        patch = b'[{"op":"test","path":"/n","value":%d},{"op":"replace","path":"/n","value":%d}]' % (seq - 2, seq - 1)
        bare = event(seq, uid="u", op="update", seq=seq, state=state, patch=patch)
        bare.object = None
        await sink.append(Batch(records=[bare]))
    await sink.close()
    heir = await log.opened("two")
    [known] = (await memory(heir)).values()
    assert (known.object, known.hash, known.rv, known.seq) == (canonical({"n": 4}), digest(canonical({"n": 4})), "5", 5)
