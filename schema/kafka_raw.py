"""Every record that a broker still gives out, of aborted and open transactions too, batch by batch (aiokafka 0.14).

A consumer shows committed records, one by one. Whoever must know that a text is nowhere any more reads what the broker
sends instead: whole batches, also those of which a log's start has passed the first records (a batch is never cut, and
a client merely skips what stands before its offset). The files of a partition on a broker's disk have the same layout.
Reading relies on `AIOKafkaConsumer._client`, as nothing public sends a Fetch request.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import aiokafka.errors as kafka
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record import MemoryRecords

from schema.kafka import Broker, BrokerError, Unreachable, explained, started
from schema.topics import MIB

FETCH: Final = 16 * MIB
WAIT_MS: Final = 500
TRIES: Final = 20
_UNCOMMITTED: Final = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One record; of headers the bytes."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[bytes, ...] = ()

    @property
    def parts(self) -> tuple[bytes, ...]:
        """Whatever in it can hold a text."""
        return tuple(part for part in (self.key, self.value, *self.headers) if part)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that are stored and sent together. `next`: the offset after it; `control`: of a transaction's end."""

    base: int
    next: int
    control: bool
    messages: tuple[Message, ...]


def batches(data: bytes) -> Iterator[Batch]:
    """The whole batches of a fetch answer, or of a file of a partition; what is torn at the end is left out."""
    found: Any = MemoryRecords(data)
    while found.has_next():
        batch = found.next_batch()
        messages = tuple(
            Message(
                one.offset, one.key, one.value, tuple(part for header in one.headers or () for part in _bytes(header))
            )
            for one in batch
        )
        base = batch.base_offset
        yield Batch(base, batch.next_offset, bool(batch.is_control_batch), messages)


def _bytes(header: tuple[str, bytes | None]) -> tuple[bytes, ...]:
    name, value = header
    return (name.encode(), value) if value else (name.encode(),)


class RawReader:
    """Reads partitions to their ends. Use as a context. Raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._consumer: Any = None  # aiokafka ships no types

    async def __aenter__(self) -> "RawReader":
        self._consumer = AIOKafkaConsumer(**self._broker.options(), group_id=None, enable_auto_commit=False)
        await started(self._consumer, self._broker)
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(kafka.KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(self._consumer.stop(), 3)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The oldest offset, and the one after the newest."""
        place = TopicPartition(topic, partition)
        try:
            await self._consumer._client.add_topic(topic)
            begin = await self._consumer.beginning_offsets([place])
            end = await self._consumer.end_offsets([place])
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            raise explained([error], self._broker) from error
        return int(begin[place]), int(end[place])

    async def read(self, topic: str, partition: int, look: Callable[[Batch], None]) -> tuple[int, int]:
        """Every batch from the oldest on, up to the end that there is now; these two offsets."""
        begin, end = await self.bounds(topic, partition)
        at, tries = begin, 0
        while at < end:
            got = await self._fetch(topic, partition, at)
            before = at
            for batch in batches(got):
                look(batch)
                at = max(at, batch.next)
            tries = 0 if at > before else tries + 1
            if tries > TRIES:
                raise Unreachable(f"the broker does not give out {topic}, partition {partition}, from offset {at} on")
        return begin, end

    async def _fetch(self, topic: str, partition: int, at: int) -> bytes:
        for _ in range(TRIES):
            try:
                return await self._fetched(topic, partition, at)
            except (kafka.NotLeaderForPartitionError, kafka.LeaderNotAvailableError, kafka.NodeNotReadyError):
                await asyncio.sleep(0.2)
                await self._consumer._client.force_metadata_update()
            except (kafka.KafkaError, OSError, TimeoutError) as error:
                raise explained([error], self._broker) from error
        raise Unreachable(f"no broker leads partition {partition} of {topic} just now: try again")

    async def _fetched(self, topic: str, partition: int, at: int) -> bytes:
        client = self._consumer._client
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if leader is None or leader < 0:
            raise kafka.LeaderNotAvailableError
        asked = FetchRequest(WAIT_MS, 1, 2 * FETCH, _UNCOMMITTED, [(topic, [(partition, at, FETCH)])])
        answer = await client.send(leader, asked)
        [(_, [found])] = answer.topics
        if found[1]:
            raise kafka.for_code(found[1])
        return bytes(found[-1] or b"")


__all__ = ["Batch", "BrokerError", "Message", "RawReader", "batches"]
