"""The log in Kafka from capture's side, on a real broker: what is durable, who may write, and what survives."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.errors import OtherCluster
from collector.kafka_sink import KafkaSink
from collector.kafka_slot import SinkFenced
from collector.sink import Batch, Position
from collector.slots import Slot
from schema.events import Gap, Watermark
from schema.kafka import TopicsDiffer
from schema.objects import Scope
from tests.fakes.logged import PARTITIONS, KafkaLog, memory
from tests.fakes.records import CLUSTER, NOON, at, event, watermark
from tests.kafka.broker import RealBroker

PODS, NODES = Scope("pods"), Scope("nodes")


@pytest.fixture
async def log(broker: RealBroker, tmp_path: Path) -> AsyncIterator[KafkaLog]:
    made = await KafkaLog(broker, tmp_path).make()
    yield made
    await made.end()


def position(number: int, epoch: int = 1) -> Position:
    return Position(rv=str(number), epoch=epoch, at=at(number), version="v1", since=NOON)


def batch(*numbers: int, scope: Scope = PODS) -> Batch:
    return Batch(records=[event(n, kind=scope.kind) for n in numbers], positions={scope: position(numbers[-1])})


async def write_on(sink: KafkaSink) -> None:
    for number in range(100, 200):
        await sink.append(batch(number))
        await sink.flush()


async def test_what_was_accepted_is_in_the_log_once_and_the_next_one_goes_on_after_it(log: KafkaLog) -> None:
    first = await log.opened("one")
    await first.append(batch(1, 2))
    await first.append(batch(3))
    await first.close()
    assert sorted(await log.versions()) == [1, 2, 3]
    restored = await log.sink("two").restore(CLUSTER)
    assert restored.positions == {PODS: position(3)}
    assert not restored.lost
    assert sorted(await memory(log.sinks[-1])) == ["u-1", "u-2", "u-3"]


async def test_what_no_transaction_has_committed_was_never_there(log: KafkaLog) -> None:
    first = await log.opened("one")
    await first.append(batch(1))
    await first.flush()
    await first.append(batch(2))
    await first.abandon()
    second = await log.opened("two", take_over=True)
    await second.append(batch(2))
    await second.flush()
    assert sorted(await log.versions()) == [1, 2]


async def test_versions_of_one_object_keep_their_order_in_one_partition(log: KafkaLog) -> None:
    sink = await log.opened()
    for number in range(1, 60):
        await sink.append(Batch(records=[event(number, uid="u", op="update", seq=number)]))
    await sink.flush()
    assert await log.versions() == list(range(1, 60))


async def test_a_watermark_stands_in_every_partition(log: KafkaLog) -> None:
    sink = await log.opened()
    await sink.append(Batch(records=[watermark(1)]))
    await sink.flush()
    for number in range(PARTITIONS):
        assert [type(record) for record in await log.partition(number)] == [Watermark]


async def test_a_record_that_is_too_large_leaves_a_gap_and_its_neighbours_go_through(log: KafkaLog) -> None:
    sink = await log.opened()
    huge = event(2, state=b'{"x":"%s"}' % (b"y" * (20 * 1024 * 1024)))
    await sink.append(Batch(records=[event(1), huge, event(3)], positions={PODS: position(3)}))
    await sink.flush()
    assert sorted(await log.versions()) == [1, 3]
    [gap] = [record for record in await log.records() if isinstance(record, Gap)]
    assert (gap.reason, gap.to_rv) == ("record-too-large", "2")


async def test_an_object_of_fifteen_megabytes_goes_through(log: KafkaLog) -> None:
    sink = await log.opened()
    large = event(1, state=b'{"x":"%s"}' % (b"y" * (15 * 1024 * 1024)))
    await sink.append(Batch(records=[large], positions={PODS: position(1)}))
    await sink.close()
    second = await log.opened("two")
    assert (await memory(second))["u-1"].object == bytes(large.object or b"")


async def test_a_fenced_collector_writes_nothing_more_and_says_who_took_over(log: KafkaLog) -> None:
    zombie = await log.opened("zombie")
    await zombie.append(batch(1))
    await zombie.flush()
    heir = await log.opened("heir", take_over=True)
    with pytest.raises(SinkFenced, match="heir has taken over slot 1/1 of lab"):
        await write_on(zombie)
    await heir.append(batch(2))
    await heir.flush()
    assert sorted(await log.versions()) == [1, 2]
    with pytest.raises(SinkFenced):
        await zombie.append(batch(3))


async def test_a_newcomer_stands_by_while_the_slot_is_held_and_takes_it_when_its_holder_falls_silent(
    log: KafkaLog,
) -> None:
    holder = await log.opened("holder")
    newcomer = log.sink("newcomer")
    waiting = asyncio.create_task(newcomer.restore(CLUSTER))
    await asyncio.sleep(2.5)
    assert not waiting.done()
    assert "holder records slot 1/1" in newcomer.standing_by
    await holder.append(batch(1))
    await holder.flush()
    await holder.abandon()
    assert (await waiting).positions == {PODS: position(1)}


async def test_a_slot_that_was_released_is_taken_at_once(log: KafkaLog) -> None:
    await (await log.opened("one")).close()
    async with asyncio.timeout(1.4):
        await log.opened("two")


async def test_two_slots_write_side_by_side_and_each_restores_its_own(log: KafkaLog) -> None:
    one, two = Slot(1, 2), Slot(2, 2)
    mine = {
        slot: Scope(next(kind for kind in ("pods", "nodes", "jobs.batch") if slot.has(kind))) for slot in (one, two)
    }
    for slot, scope in mine.items():
        sink = await log.opened(f"slot {slot.number}", slot=slot)
        await sink.append(batch(slot.number, scope=scope))
        await sink.flush()
    assert sorted(await log.versions()) == [1, 2]
    for slot, scope in mine.items():
        again = await log.sink(f"again {slot.number}", slot=slot, take_over=True).restore(CLUSTER)
        assert list(again.positions) == [scope]


async def test_the_number_of_slots_may_change_while_nobody_records(log: KafkaLog) -> None:
    whole = await log.opened("whole")
    await whole.append(batch(1, scope=PODS))
    await whole.append(batch(2, scope=NODES))
    await whole.close()
    found: dict[Scope, Position] = {}
    for slot in (Slot(1, 2), Slot(2, 2)):
        found |= (await log.sink(f"slot {slot.number}", slot=slot).restore(CLUSTER)).positions
    assert set(found) == {PODS, NODES}


async def test_another_cluster_of_the_same_name_is_refused_at_once(log: KafkaLog) -> None:
    await log.opened("one")
    with pytest.raises(OtherCluster, match="--cluster"):
        await log.sink("two", cluster_uid="another").restore(CLUSTER)


async def test_topics_that_are_missing_are_said_with_what_makes_them(broker: RealBroker, tmp_path: Path) -> None:
    with pytest.raises(TopicsDiffer, match="does not exist: make it with kubelapse migrate"):
        await KafkaLog(broker, tmp_path).sink().restore(CLUSTER)


async def test_what_ended_after_the_resume_point_is_known_to_have_ended(log: KafkaLog) -> None:
    sink = await log.opened("one")
    await sink.append(batch(1))
    await sink.append(Batch(records=[event(5, uid="u-1", op="delete", seq=2)]))
    await sink.close()
    again = await log.opened("two")
    ended = (await memory(again))["u-1"]
    assert (ended.deleted, ended.rv) == (True, "5")
    await again.append(Batch(records=[], positions={PODS: position(6)}))
    await again.close()
    assert await memory(await log.opened("three")) == {}


async def test_a_state_topic_that_lost_a_record_is_not_trusted(log: KafkaLog) -> None:
    sink = await log.opened("one")
    await sink.append(batch(1, 2))
    await sink.close()
    await log.destroy(b"lab|life|pods|u-1")
    third = log.sink("three")
    restored = await third.restore(CLUSTER)
    assert "has lost records of pods" in restored.lost
    known = await memory(third)
    assert known[""].object is None, "makes the tracker open a new epoch"
