"""A broker in virtual time: transactions, fencing, and the ways in which it leaves its clients in the dark.

What it does follows `collector.kafka` and what the tests on a real broker have shown: records of an open transaction
are read by nobody and hold back what comes after them; who opens a producer of the same id ends them, and so does time;
of a transaction whose answer was lost nobody knows whether it was committed.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from collector.kafka import TRANSACTION, Fenced, Interrupted, Message
from schema.codec import decode
from schema.events import Record
from schema.kafka import BrokerError, Unreachable
from schema.topics import Topics, TopicState

TOPICS: Final = Topics()
PARTITIONS: Final = 3
STUCK: Final = 60.0


@dataclass(slots=True, eq=False)
class Transaction:
    """What one producer writes together."""

    state: Literal["open", "committed", "aborted"] = "open"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record; `number`: its place among all of the broker."""

    number: int
    key: bytes | None
    value: bytes | None
    transaction: Transaction


@dataclass
class SimulatedBroker:
    """Keeps everything. `away`: nobody answers; `lost_answers`: so many commits go through, or not, in silence."""

    chance: Random
    away: bool = False
    fencing: bool = True
    lost_answers: float = 0.0
    latency: float = 0.01
    partitions: dict[tuple[str, int], list[Entry]] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    underway: dict[str, Transaction] = field(default_factory=dict)
    _numbers: int = 0

    def __post_init__(self) -> None:
        places = [(TOPICS.changes, number) for number in range(PARTITIONS)] + [(TOPICS.state, 0)]
        self.partitions = {place: [] for place in places}

    async def reach(self, patience: float) -> None:
        """The way there."""
        await asyncio.sleep(self.chance.uniform(0, self.latency))
        if self.away:
            await asyncio.sleep(self.chance.choice((0.01, patience)))
            raise Unreachable("nobody answers")

    def append(self, message: Message, transaction: Transaction) -> int:
        """Its offset."""
        partition = message.partition
        if partition is None:
            partition = zlib.crc32(message.key or b"") % PARTITIONS
        entries = self.partitions[message.topic, partition]
        self._numbers += 1
        entries.append(Entry(self._numbers, message.key, message.value, transaction))
        return len(entries) - 1

    def records(self) -> list[Record]:
        """What readers of the log are told, in the order in which it was written; control records stand everywhere."""
        entries = [
            entry
            for (topic, partition), found in self.partitions.items()
            for entry in found
            if topic == TOPICS.changes and entry.transaction.state == "committed" and (entry.key or partition == 0)
        ]
        return [decode(one.value or b"") for one in sorted(entries, key=lambda one: one.number)]


class SimulatedClient:
    """Implements `collector.kafka.LogClient` for one process."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self.broker = broker
        self.dead = False

    def producing(self, transactional_id: str, *, operation: float) -> "SimulatedProducer":
        return SimulatedProducer(self, transactional_id, operation)

    def reading(self, topic: str, partition: int, *, begin: int | None = None) -> "SimulatedReader":
        return SimulatedReader(self, (topic, partition), begin or 0)

    async def describe(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        await self.reach(1.0)
        wanted = {spec.name: spec for spec in TOPICS.wanted()}
        counts = {name: sum(topic == name for topic, _ in self.broker.partitions) for name in names}
        return {
            name: TopicState(name=name, partitions=count, replicas=1, settings=wanted[name].settings)
            for name, count in counts.items()
        }

    async def reach(self, patience: float) -> None:
        """As the broker; a process that was killed does nothing any more."""
        await self.broker.reach(patience)
        if self.dead:
            await asyncio.Event().wait()


class SimulatedProducer:
    """Implements `collector.kafka.Producing`."""

    def __init__(self, client: SimulatedClient, transactional_id: str, operation: float) -> None:
        self._client, self._broker = client, client.broker
        self._id, self._operation = transactional_id, operation
        self._epoch: int | None = None

    async def open(self) -> None:
        self._epoch = None
        await self._client.reach(self._operation)
        self._end("aborted")
        self._epoch = self._broker.epochs[self._id] = self._broker.epochs.get(self._id, 0) + 1

    async def run(self, messages: Iterable[Message]) -> int:
        epoch, self._epoch = self._epoch, None
        if epoch is None:
            raise Interrupted("no producer is open")
        offset = await self._write(epoch, messages)
        self._epoch = epoch
        return offset

    async def _write(self, epoch: int, messages: Iterable[Message]) -> int:
        broker, offset = self._broker, 0
        transaction = Transaction()
        for message in messages:
            await self._step(epoch)
            if broker.underway.get(self._id) is not transaction:
                self._begin(transaction)
            offset = broker.append(message, transaction)
        if broker.chance.random() < broker.lost_answers:
            if broker.chance.random() < 0.5:
                self._end("committed")
            await asyncio.sleep(self._operation)
            raise Interrupted("Kafka did not answer in time")
        await self._step(epoch)
        self._end("committed")
        if transaction.state == "aborted":
            raise Fenced("it took too long")
        return offset

    async def _step(self, epoch: int) -> None:
        """Records go over in batches: most steps take no time."""
        if self._broker.chance.random() < 0.2 or self._broker.away:
            try:
                await self._client.reach(self._operation)
            except BrokerError as error:
                raise Interrupted(str(error)) from error
        if self._broker.fencing and self._broker.epochs[self._id] != epoch:
            raise Fenced("another producer took over")

    def _begin(self, transaction: Transaction) -> None:
        self._broker.underway[self._id] = transaction
        asyncio.get_running_loop().call_later(TRANSACTION, _expire, transaction)

    def _end(self, state: Literal["committed", "aborted"]) -> None:
        transaction = self._broker.underway.pop(self._id, None)
        if transaction is not None and transaction.state == "open":
            transaction.state = state

    async def close(self) -> None:
        self._epoch = None

    async def abandon(self) -> None:
        self._epoch = None


def _expire(transaction: Transaction) -> None:
    """The broker ends what is open for too long."""
    if transaction.state == "open":
        transaction.state = "aborted"


class SimulatedReader:
    """Implements `collector.kafka.Reading`."""

    def __init__(self, client: SimulatedClient, place: tuple[str, int], begin: int) -> None:
        self._client, self._entries, self._position = client, client.broker.partitions[place], begin

    async def __aenter__(self) -> "SimulatedReader":
        await self._client.reach(1.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read(self, put: Callable[[bytes | None, bytes | None], None], *, settled: bool = False) -> int:
        await self._client.reach(1.0)
        end, moved = len(self._entries), asyncio.get_running_loop().time()
        while self._position < end:
            entry = self._entries[self._position]
            if entry.transaction.state == "open":
                if settled:
                    break
                await asyncio.sleep(0.1)
                await self._client.reach(1.0)
                if asyncio.get_running_loop().time() - moved > STUCK:
                    raise Unreachable("a transaction never ends")
                continue
            if entry.transaction.state == "committed":
                put(entry.key, entry.value)
            self._position += 1
        return self._position

    async def skip_to_last(self, count: int) -> None:
        self._position = max(self._position, len(self._entries) - count)
