"""From an embedded recorder to collectors: they go on where it ended, and remember what it remembered."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.clock import utc_now
from collector.kafka_handover import AlreadyThere, Handover
from collector.kafka_slot import Place
from collector.sink import Batch, Position, Remembered
from collector.slots import Slot
from schema.canonical import digest
from schema.objects import Scope
from tests.fakes.logged import QUICK, KafkaLog, memory
from tests.fakes.records import CLUSTER, CLUSTER_UID, NOON, at, event
from tests.kafka.broker import RealBroker

PODS, NODES = Scope("pods"), Scope("nodes")
STATE = b'{"kind":"Pod"}'
POSITIONS = {
    scope: Position(rv="40", epoch=7, at=at(40), version="v1", since=NOON)
    for scope in (PODS, NODES, Scope("jobs.batch"))
}


@pytest.fixture
async def log(broker: RealBroker, tmp_path: Path) -> AsyncIterator[KafkaLog]:
    made = await KafkaLog(broker, tmp_path).make()
    yield made
    await made.end()


def handover(log: KafkaLog) -> Handover:
    place = Place(
        broker=log.address,
        topics=log.topics,
        cluster=CLUSTER,
        cluster_uid=CLUSTER_UID,
        slot=Slot(),
        instance="handover",
    )
    return Handover(place, clock=utc_now, limits=QUICK)


def one(kind: str, uid: str, *, deleted: bool = False) -> Remembered:
    return Remembered(
        kind=kind,
        namespace="shop",
        name=uid,
        uid=uid,
        epoch=7,
        seq=3,
        rv="39",
        deleted=deleted,
        hash="" if deleted else digest(STATE),
        object=None if deleted else STATE,
        managed=None,
        ts=at(39),
    )


async def known(kind: str) -> AsyncIterator[Remembered]:
    if kind == "pods":
        yield one(kind, "u-1")
        yield one(kind, "u-2", deleted=True)
    if kind == "nodes":
        yield one(kind, "n-1")


async def test_a_collector_goes_on_where_the_recorder_ended(log: KafkaLog) -> None:
    assert await handover(log).run(POSITIONS, known) == 3
    sink = log.sink("collector")
    restored = await sink.restore(CLUSTER)
    assert (restored.positions, restored.lost, restored.cluster_uid) == (POSITIONS, "", CLUSTER_UID)
    assert await memory(sink) == {"u-1": one("pods", "u-1"), "u-2": one("pods", "u-2", deleted=True)}
    assert await log.versions() == []


async def test_a_collector_that_is_further_on_is_not_set_back(log: KafkaLog) -> None:
    sink = await log.opened("collector")
    await sink.append(Batch(records=[event(1)], positions={PODS: POSITIONS[PODS]}))
    await sink.close()
    with pytest.raises(AlreadyThere, match="start its collector"):
        await handover(log).run(POSITIONS, known)
    assert (await log.sink("next").restore(CLUSTER)).positions == {PODS: POSITIONS[PODS]}


async def test_a_handover_that_broke_off_is_begun_again(log: KafkaLog) -> None:
    async def breaks(kind: str) -> AsyncIterator[Remembered]:
        yield one("pods", "u-9")
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await handover(log).run(POSITIONS, breaks)
    await handover(log).run(POSITIONS, known)
    restored = await log.sink("collector").restore(CLUSTER)
    assert (restored.positions, restored.lost) == (POSITIONS, "")
