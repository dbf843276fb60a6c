"""A Kafka log of a test's own on a shared broker, and what a reader of it sees."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from collector.clock import utc_now
from collector.kafka import LogClient, Message, PartitionReader, Transactions
from collector.kafka_sink import KafkaSink
from collector.kafka_slot import LogLimits, Place
from collector.kafka_state import partition_of
from collector.metrics import LogMetrics
from collector.sink import Remembered
from collector.slots import Slot
from collector.spill import Spill
from schema.codec import decode
from schema.events import Event, Record
from schema.kafka import Broker, create
from schema.topics import Topics
from tests.fakes.records import CLUSTER, CLUSTER_UID
from tests.kafka.broker import RealBroker

_numbers = itertools.count(1)
PARTITIONS = 3
QUICK = LogLimits(
    linger=0.01, keep_alive=0.3, stand_by=1.5, operation=5.0, retry_first=0.1, retry_most=0.5, patience=0.5
)


@dataclass
class KafkaLog:
    """Topics of its own on this broker; sinks on them are abandoned by `end`."""

    broker: RealBroker
    directory: Path
    topics: Topics = field(default_factory=lambda: Topics(prefix=f"test-{next(_numbers)}."))
    sinks: list[KafkaSink] = field(default_factory=list)

    @property
    def address(self) -> Broker:
        return Broker(bootstrap=self.broker.bootstrap)

    async def make(self) -> "KafkaLog":
        await create(self.address, self.topics.wanted(partitions=PARTITIONS))
        return self

    def sink(
        self,
        instance: str = "one",
        *,
        slot: Slot = Slot(),  # noqa: B008 - a frozen value
        limits: LogLimits = QUICK,
        spill: int = 0,
        take_over: bool = False,
        predecessors: frozenset[str] = frozenset(),
        cluster: str = CLUSTER,
        cluster_uid: str = CLUSTER_UID,
        client: LogClient | None = None,
    ) -> KafkaSink:
        made = KafkaSink(
            Place(
                broker=self.address,
                topics=self.topics,
                cluster=cluster,
                cluster_uid=cluster_uid,
                slot=slot,
                instance=instance,
                take_over=take_over,
                predecessors=predecessors,
            ),
            spill=Spill(self.directory / instance, most=spill),
            metrics=LogMetrics(CollectorRegistry()),
            clock=utc_now,
            limits=limits,
            client=client,
        )
        self.sinks.append(made)
        return made

    async def opened(self, instance: str = "one", **options: object) -> KafkaSink:
        sink = self.sink(instance, **options)  # type: ignore[arg-type]  # passed on as they are
        await sink.restore(CLUSTER)
        return sink

    async def destroy(self, key: bytes) -> None:
        """Take one key away from the compacted topic, as no collector would."""
        vandal = Transactions(self.address, "vandal")
        await vandal.open()
        await vandal.run([Message(self.topics.state, partition_of(CLUSTER, PARTITIONS), key, None)])
        await vandal.close()

    async def end(self) -> None:
        for sink in self.sinks:
            await sink.abandon()

    async def partition(self, number: int) -> list[Record]:
        """Every committed record of one partition of the log, in order."""
        found: list[Record] = []

        def put(_: bytes | None, value: bytes | None) -> None:
            found.append(decode(value or b""))

        async with PartitionReader(self.address, self.topics.changes, number) as reader:
            await reader.read(put)
        return found

    async def records(self) -> list[Record]:
        return [record for number in range(PARTITIONS) for record in await self.partition(number)]

    async def versions(self) -> list[int]:
        """resourceVersions of all committed changes, by partition and in order."""
        return [int(record.rv) for record in await self.records() if isinstance(record, Event)]


async def memory(sink: KafkaSink, kind: str = "pods") -> dict[str, Remembered]:
    return {one.uid: one async for one in sink.remembered(CLUSTER, kind)}
