"""A leaked value in Kafka: refused while somebody has not read it, then gone for every reader and from the disk."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from click.testing import CliRunner, Result

from collector.kafka_sink import KafkaSink
from collector.redact import Redactor
from collector.sink import Batch, Position
from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from kubelapse.purge_topics import look
from kubelapse.purge_value import Leak
from schema.chdb import ChdbStore
from schema.events import Event
from schema.kafka import create, describe
from schema.migrate import migrate
from schema.objects import Scope
from schema.topics import Topics
from tests.fakes.history import History
from tests.fakes.logged import PARTITIONS, KafkaLog, memory
from tests.fakes.records import NOON
from tests.kafka import log as kafka_log
from tests.kafka.broker import RealBroker
from tests.kafka.disk import search
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)

KEY = b"0123456789abcdef0123456789abcdef"
VALUE = 'hunter2-"leaked"/9f3a'
REDACTOR = Redactor(KEY)
LEAK = Leak(VALUE, REDACTOR.marker)
MARKER = REDACTOR.marker(VALUE.encode())
KIND = "configmaps"
UID = "uid-of-lab"
_numbers = itertools.count(1)


@pytest.fixture
async def log(broker: RealBroker, tmp_path: Path) -> AsyncIterator[KafkaLog]:
    """Topics whose dropped files go from the disk at once."""
    made = KafkaLog(broker, tmp_path / "collector", topics=Topics(prefix=f"purged{next(_numbers)}."))
    specs = made.topics.wanted(partitions=PARTITIONS)
    quick = {"file.delete.delay.ms": "50"}
    await create(made.address, [replace(one, settings={**one.settings, **quick}) for one in specs])
    yield made
    await made.end()


def told() -> History:
    """A value that was and is no more, one that still is, and one in a large object whose states are left out."""
    history = History("lab")
    history.put(KIND, "shop/was", {"data": {"note": VALUE}}, at=1)
    history.put(KIND, "shop/was", {"data": {"note": "nothing"}}, at=2)
    history.put(KIND, "shop/is", {"data": {"note": base64.b64encode(f"ann:{VALUE}".encode()).decode()}}, at=3)
    history.put(KIND, "shop/large", {"data": {"a": "b", "n": "0"}}, at=4)
    history.put(KIND, "shop/large", {"data": {"a": VALUE, "n": "1"}}, at=5, left_out=True)
    history.put(KIND, "shop/large", {"data": {"a": VALUE, "n": "2"}}, at=6, left_out=True)
    history.put(KIND, "shop/other", {"data": {"a": "b"}}, at=7)
    return history


async def append(sink: KafkaSink, history: History, events: list[Event]) -> None:
    """What a collector hands over, one batch each, and a watermark behind them."""
    for event in events:
        position = Position(rv=event.rv, epoch=event.epoch, at=event.ts, version="v1", since=NOON)
        await sink.append(Batch(records=[event], positions={Scope(KIND): position}))
    history.watch(KIND, to=events[-1].ts.timestamp() - NOON.timestamp())
    await sink.append(Batch(records=[history.ledger[-1]]))
    await sink.flush()


async def ingested(log: KafkaLog, data: Path) -> list[tuple[object, ...]]:
    """Everything read into the store of this data directory, and what its events are then."""
    store = ChdbStore.open(data / "store")
    try:
        migrate(store)
        reading = kafka_log.KafkaLog(log.broker, PARTITIONS, log.topics)
        reader = await kafka_log.reader(reading, store, group="kubelapse-ingest" + log.topics.prefix)
        await kafka_log.stored(reading, store, reader, marks=1)
        await reader.stop()
        gaps = store.rows("SELECT count() FROM coverage WHERE class = 'gap'")
        return [*store.rows("SELECT count(), uniqExact(uid, epoch, seq) FROM events"), *gaps]
    finally:
        store.close()


async def purge(log: KafkaLog, data: Path, *arguments: str) -> Result:
    """As people run it."""
    environ = {
        "KUBELAPSE_DATA": str(data),
        "KUBELAPSE_KAFKA": log.broker.bootstrap,
        "KUBELAPSE_KAFKA_TOPIC_PREFIX": log.topics.prefix,
        "KUBELAPSE_KAFKA_GROUP": "kubelapse-ingest" + log.topics.prefix,
        "HOME": str(data),
        "XDG_CONFIG_HOME": str(data),
    }
    around = Surroundings(environ=environ)
    command = ["purge", *arguments]
    done = await asyncio.to_thread(CliRunner().invoke, cli, command, input=f"{VALUE}\n", obj=around)
    assert VALUE not in done.output
    return done


def on_disk(log: KafkaLog) -> list[str]:
    """Files of these topics on the broker's disk that hold the value."""
    return search(log.broker.directory / "data", LEAK.needles, f"{log.topics.prefix}*/*").found


async def behind(log: KafkaLog, group: str) -> None:
    """Another consumer group that has read nothing yet."""
    consumer = AIOKafkaConsumer(bootstrap_servers=log.broker.bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    places = [TopicPartition(log.topics.changes, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    await consumer.commit(dict.fromkeys(places, 0))
    await consumer.stop()


def prepare(data: Path) -> None:
    """A data directory with a key and an empty store."""
    data.mkdir()
    (data / "redaction.key").write_bytes(KEY)
    store = ChdbStore.open(data / "store")
    migrate(store)
    store.close()


async def leaked(log: KafkaLog, data: Path) -> tuple[History, KafkaSink]:
    """Recorded by a collector that is still at work, and read by nobody."""
    prepare(data)
    history, sink = told(), await log.opened("one", cluster_uid=UID)
    await append(sink, history, history.events)
    await behind(log, "others")
    return history, sink


async def go_on(log: KafkaLog, history: History) -> None:
    """Another collector takes up what the last one remembered, which is whole and holds the value no more."""
    heir = log.sink("two", cluster_uid=UID)
    restored = await heir.restore("lab")
    assert (restored.lost, restored.positions[Scope(KIND)].rv) == ("", history.events[-1].rv)
    remembered = {one.name: one.object or b"" for one in (await memory(heir, KIND)).values()}
    assert sorted(remembered) == ["is", "large", "other", "was"]
    assert all(remembered.values())
    assert f'"a":"{MARKER}","n":"2"'.encode() in remembered["large"]
    history.put(KIND, "shop/other", {"data": {"a": "c"}}, at=20)
    await append(heir, history, history.events[-1:])
    await heir.close()


async def test_a_value_goes_from_topics_store_and_disk_and_ingest_goes_on_once(log: KafkaLog, tmp_path: Path) -> None:
    data = tmp_path / "data"
    history, sink = await leaked(log, data)
    assert on_disk(log)
    refused = await purge(log, data, "--yes")
    for reason in ("one records slot 1/1 of lab", "this store has it up to offset none", "the group others goes on at"):
        assert (refused.exit_code, reason in refused.output) == (2, True), refused.output
    await sink.close()
    assert await ingested(log, data) == [(7, 7), (0,)]
    counted = await purge(log, data, "--skip-group", "others")
    assert (counted.exit_code, "9 records of the log would go" in counted.output) == (0, True), counted.output
    assert "no rule of redaction finds it in 2 of 2 objects" in counted.output
    names = [one.name for one in log.topics.wanted()]
    before = await describe(log.address, names)
    done = await purge(log, data, "--yes", "--skip-group", "others")
    assert await describe(log.address, names) == before  # what was lowered meanwhile, too
    assert (done.exit_code, "no reader is given it any more" in done.output) == (0, True), done.output
    assert (await look(log.address, log.topics, LEAK)).held == []
    await eventually(lambda: not on_disk(log))
    await go_on(log, history)
    assert await ingested(log, data) == [(8, 8), (0,)]
