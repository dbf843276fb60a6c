"""A log in Kafka for tests: topics of its own, records written by hand, ingesters that read it into a store."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry

from collector.clock import utc_now
from ingest.batch import BatchPolicy
from ingest.kafka import KafkaSource
from ingest.kafka_client import KafkaSettings
from ingest.metrics import Metrics
from ingest.positions import Positions
from ingest.run import Ingester, Shared
from ingest.settings import IngestSettings
from schema import codec, kafka
from schema.events import Event, Record, Watermark
from schema.store import Store
from schema.topics import Topics, message_key
from tests.kafka.broker import RealBroker

QUICK = IngestSettings(batch=BatchPolicy(records=200, age=0.2), linger=0.02, coverage_every=0.1, retry_first=0.05)
PARTITIONS = 3

_numbers = itertools.count(1)

Message = tuple[int | None, bytes | None, bytes | None]
"""Partition (None: by key), key, value."""


@dataclass(slots=True)
class KafkaLog:
    """Topics of their own on a running broker."""

    real: RealBroker
    partitions: int = PARTITIONS
    topics: Topics = field(default_factory=lambda: Topics(prefix=f"test{next(_numbers)}."))
    readers: "list[Reader]" = field(default_factory=list)

    async def close(self) -> None:
        """End the readers that a failed test has left."""
        for one in self.readers:
            await one.kill()

    @property
    def broker(self) -> kafka.Broker:
        return kafka.Broker(bootstrap=self.real.bootstrap)

    async def make(self, **settings: str) -> "KafkaLog":
        """The topics; `settings` (_ for .) change those of the log."""
        specs = list(self.topics.wanted(partitions=self.partitions))
        changed = {name.replace("_", "."): value for name, value in settings.items()}
        specs[0] = type(specs[0])(
            name=specs[0].name, partitions=self.partitions, replicas=1, settings={**specs[0].settings, **changed}
        )
        await kafka.create(self.broker, specs)
        return self

    async def log_id(self) -> str:
        return (await kafka.describe(self.broker, [self.topics.changes]))[self.topics.changes].id

    async def write(self, records: Iterable[Record]) -> None:
        """As a collector does: changes by the object's key, watermarks to every partition, the rest to one."""
        await self.send([message for record in records for message in self._messages(record)])

    async def send(self, messages: Sequence[Message], **options: Any) -> None:
        async with producing(self.real, **options) as producer:
            for partition, key, value in messages:
                await producer.send_and_wait(self.topics.changes, value, key=key, partition=partition)

    def _messages(self, record: Record) -> list[Message]:
        raw = codec.encode(record)
        if isinstance(record, Watermark):
            return [(partition, None, raw) for partition in range(self.partitions)]
        if isinstance(record, Event):
            return [(None, message_key(record.cluster_uid, record.kind_id, record.namespace, record.name), raw)]
        return [(0, record.cluster_uid.encode(), raw)]

    async def ends(self) -> dict[int, int]:
        """Partition → offset of the next message."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.real.bootstrap)
        await consumer.start()
        try:
            places = [TopicPartition(self.topics.changes, number) for number in range(self.partitions)]
            return {place.partition: end for place, end in (await consumer.end_offsets(places)).items()}
        finally:
            await consumer.stop()

    async def all(self, topic: str) -> list[Any]:
        """Every message of a topic."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.real.bootstrap, isolation_level="read_committed")
        await consumer.start()
        try:
            found: list[Any] = []
            places = [TopicPartition(topic, number) for number in range(self.partitions)]
            places = [place for place in places if place.partition in (consumer.partitions_for_topic(topic) or {0})]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            while got := await consumer.getmany(timeout_ms=700):
                found += [message for messages in got.values() for message in messages]
            return found
        finally:
            await consumer.stop()


@asynccontextmanager
async def producing(real: RealBroker, **options: Any) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(bootstrap_servers=real.bootstrap, **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@dataclass(slots=True, kw_only=True)
class Reader:
    """One ingester at work; `kill` ends it as a crash does: nothing is finished, the group hears nothing."""

    source: KafkaSource
    ingester: Ingester
    task: "asyncio.Task[None]"
    registry: CollectorRegistry

    async def stop(self) -> None:
        self.source.end()
        await asyncio.wait_for(self.task, 30)
        await self.source.close()

    async def kill(self) -> None:
        if not self.task.done():
            self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.source.close()


async def reader(
    log: KafkaLog, store: Store, *, group: str = "", settings: IngestSettings = QUICK, stalled: float = 60.0
) -> Reader:
    """An ingester of the log into the store, running."""
    registry = CollectorRegistry()
    metrics, log_id = Metrics(registry), await log.log_id()
    positions = Positions(store, topic=log.topics.changes, log_id=log_id, clock=utc_now)
    source = KafkaSource(
        broker=log.broker,
        topics=log.topics,
        log_id=log_id,
        positions=positions,
        settings=KafkaSettings(group=group or log.topics.prefix, session_timeout=6.0, stalled=stalled, identity=2.0),
        metrics=metrics,
        clock=utc_now,
    )
    ingester = Ingester(
        source=source,
        store=store,
        settings=settings,
        metrics=metrics,
        clock=utc_now,
        shared=Shared(partitions=log.partitions, positions=positions),
    )
    await source.open()
    task = asyncio.create_task(ingester.run())
    log.readers.append(Reader(source=source, ingester=ingester, task=task, registry=registry))
    return log.readers[-1]


async def stored(log: KafkaLog, store: Store, *readers: Reader, within: float = 40.0, marks: int = 0) -> None:
    """Return once everything that is in the log now is done; raises what a reader failed with.

    `marks`: 1 where transactions wrote it, for a log ends with the mark of the last one's end.
    """
    ends, log_id = await log.ends(), await log.log_id()

    def done() -> bool:
        rows = store.rows(
            """SELECT partition, max(last) FROM offsets
            WHERE log_id = {log:String} AND state = 'done' GROUP BY partition""",
            {"log": log_id},
        )
        reached = {partition: last % (1 << 48) + 1 for partition, last in rows}
        return all(reached.get(partition, 0) >= end - marks for partition, end in ends.items() if end)

    await seen(done, *readers, within=within)


async def seen(condition: Callable[[], object], *readers: Reader, within: float = 40.0) -> None:
    """Return once it holds; it may ask the store, so it runs in a thread."""
    end = asyncio.get_running_loop().time() + within
    while not await asyncio.to_thread(condition):
        for one in readers:
            if one.task.done():
                one.task.result()
        assert asyncio.get_running_loop().time() < end, f"not within {within} s: {condition.__qualname__}"
        await asyncio.sleep(0.05)
