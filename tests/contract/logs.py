"""The logs that run the contract: each has two ends, and can be met again by a new process."""

from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry

from collector.clock import utc_now
from collector.sink import Sink
from ingest.kafka import KafkaSource
from ingest.kafka_client import KafkaSettings
from ingest.metrics import Metrics
from ingest.positions import Positions
from ingest.source import Source
from kubelapse.checkpoint import Checkpoint
from kubelapse.memorylog import MemoryLog
from kubelapse.restore import Restorer
from schema import kafka
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.fakes import logged
from tests.fakes.records import CLUSTER, CLUSTER_UID, NOON
from tests.fakes.store import FakeStore
from tests.kafka.broker import RealBroker


class Log(Protocol):
    """The two ends of one log."""

    sink: Sink
    source: Source

    async def again(self) -> Sink:
        """The sink that a new process opens after this one was killed; not restored yet."""
        ...

    async def end(self) -> None:
        """Let go of everything."""
        ...


class Memory:
    """The in-process log; a store with history stands behind it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        log = self._log()
        self.sink: Sink = log
        self.source: Source = log

    async def again(self) -> Sink:
        return self._log()

    async def end(self) -> None:
        """Nothing is open."""

    def _log(self) -> MemoryLog:
        checkpoint, store = Checkpoint(self._directory, CLUSTER), FakeStore()
        store.history(CLUSTER_UID, NOON)
        return MemoryLog(checkpoint=checkpoint, restorer=Restorer(store, checkpoint), save_every=0.0)


class Kafka:
    """Topics of one partition, so that all records have one order; positions in an embedded store."""

    def __init__(self, log: logged.KafkaLog, store: ChdbStore, sink: Sink, source: KafkaSource) -> None:
        self._log, self._store, self._source = log, store, source
        self.sink: Sink = sink
        self.source: Source = source

    @classmethod
    async def make(cls, broker: RealBroker, directory: Path) -> "Kafka":
        log = logged.KafkaLog(broker, directory)
        await kafka.create(log.address, log.topics.wanted(partitions=1))
        topic = (await kafka.describe(log.address, [log.topics.changes]))[log.topics.changes]
        store = ChdbStore.open(directory / "store")
        migrate(store)
        source = KafkaSource(
            broker=log.address,
            topics=log.topics,
            log_id=topic.id,
            positions=Positions(store, topic=topic.name, log_id=topic.id, clock=utc_now),
            settings=KafkaSettings(group=log.topics.prefix),
            metrics=Metrics(CollectorRegistry()),
            clock=utc_now,
        )
        await source.open()
        return cls(log, store, await log.opened(), source)

    async def again(self) -> Sink:
        return self._log.sink("two", take_over=True)

    async def end(self) -> None:
        await self._log.end()
        await self._source.close()
        self._store.close()
