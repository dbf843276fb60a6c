"""Kafka as capture meets it: transactions of one producer, and reading a partition to its end (aiokafka 0.14).

What aiokafka does not say by itself, each found by trying it against a real broker:
- commit goes through although a record of the transaction was refused: every future is awaited first;
- after a refused record, a timeout or a fence the producer is spoilt: it is thrown away, whatever it was;
- transactional sends never time out: the whole transaction has a time of its own, and one that ran out may have been
  committed (only the topic tells);
- `stop()` waits for ever while no broker answers: `_discard` cancels what belongs to the producer instead. It relies
  on private fields of aiokafka 0.14;
- a fence shows as ProducerFenced in a future, in the sender's task, or as an error that is no KafkaError at all;
- another producer's open transaction holds the end that `read_committed` sees below what was committed here: reading
  goes up to the high watermark, and waits for that transaction's end. Of a dead producer that takes half a minute,
  unless its heir's first step ends it: what has to be known before that step is read as far as nothing is open.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import aiokafka.errors as kafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schema.kafka import Broker, BrokerError, describe, explained, started
from schema.topics import MESSAGE_BYTES, MIB, TopicState

log = logging.getLogger(__name__)

OPERATION: Final = 15.0
TRANSACTION: Final = 20.0
"""Seconds after which the broker aborts what a dead producer left open; it looks every 10 s. More than `OPERATION`."""
STUCK: Final = 60.0
BREATH: Final = 50
"""Messages between two looks at the sockets."""


class Message(NamedTuple):
    """One record to write. `partition` None: by the key's hash."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None


class Fenced(Exception):
    """Another producer has our transactional id; or our transaction took longer than the broker allows."""


class Interrupted(Exception):
    """The transaction may be committed or not: throw the producer away and look at the topic."""


class Producing(Protocol):
    """One transactional producer at a time under one id."""

    async def open(self) -> None:
        """Fence whoever had this id, and end what it left open. Raises BrokerError."""
        ...

    async def run(self, messages: Iterable[Message]) -> int:
        """Write these in one transaction; the last one's offset. Raises Fenced, Interrupted."""
        ...

    async def close(self) -> None:
        """End in order, if the broker answers in time."""
        ...

    async def abandon(self) -> None:
        """Let go at once; what is open is aborted by the next one or by the broker."""
        ...


class Reading(Protocol):
    """One partition as a context: committed records only, from an offset on."""

    async def __aenter__(self) -> "Reading": ...

    async def __aexit__(self, *_: object) -> None: ...

    async def read(self, put: Callable[[bytes | None, bytes | None], None], *, settled: bool = False) -> int:
        """Everything up to the end that there is now; the offset after it. Raises BrokerError.

        `settled`: only as far as no transaction is open, waiting for none.
        """
        ...

    async def skip_to_last(self, count: int) -> None:
        """Go on at most so many offsets before the end."""
        ...


class LogClient(Protocol):
    """How a slot's holder reaches its log."""

    def producing(self, transactional_id: str, *, operation: float) -> Producing:
        """A producer, not open yet; `operation`: seconds that it may take for anything."""
        ...

    def reading(self, topic: str, partition: int, *, begin: int | None = None) -> Reading:
        """A reader from this offset on, None = the oldest."""
        ...

    async def describe(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        """These topics as they are; a missing one is left out. Raises BrokerError."""
        ...


class KafkaClient:
    """`LogClient` of a real broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def producing(self, transactional_id: str, *, operation: float) -> "Transactions":
        return Transactions(self._broker, transactional_id, operation=operation)

    def reading(self, topic: str, partition: int, *, begin: int | None = None) -> "PartitionReader":
        return PartitionReader(self._broker, topic, partition, begin=begin)

    async def describe(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        return await describe(self._broker, names)


class Transactions:
    """`Producing` of a real broker."""

    def __init__(self, broker: Broker, transactional_id: str, *, operation: float = OPERATION) -> None:
        self._broker, self._id, self._operation = broker, transactional_id, operation
        self._producer: Any = None

    async def open(self) -> None:
        """Fence whoever had this id, and end what it left open. Raises BrokerError."""
        await self.abandon()
        producer = AIOKafkaProducer(
            **self._broker.options(),
            transactional_id=self._id,
            transaction_timeout_ms=int(TRANSACTION * 1000),
            compression_type="zstd",
            max_batch_size=MIB,
            max_request_size=MESSAGE_BYTES + MIB // 2,
            linger_ms=0,
            request_timeout_ms=int(self._operation * 1000),
        )
        try:
            await started(producer, self._broker, timeout=self._operation)
        except BaseException:
            await _discard(producer)
            raise
        self._producer = producer

    async def run(self, messages: Iterable[Message]) -> int:
        """Write these in one transaction; the last one's offset. Raises Fenced, Interrupted."""
        producer, sent = self._producer, list[asyncio.Future[Any]]()
        if producer is None:
            raise Interrupted("no producer is open")
        try:
            async with asyncio.timeout(self._operation):
                await producer.begin_transaction()
                for number, (topic, partition, key, value) in enumerate(messages, 1):
                    sent.append(await producer.send(topic, value, key=key, partition=partition))
                    if number % BREATH == 0:
                        await asyncio.sleep(0)
                written = await asyncio.gather(*sent)
                await producer.commit_transaction()
        except BaseException as error:
            self._producer = None
            causes = _causes(error, [*sent, producer._sender.sender_task])
            await asyncio.shield(_discard(producer))
            if not isinstance(error, Exception):
                raise
            if any(isinstance(cause, kafka.ProducerFenced) for cause in causes):
                raise Fenced("another producer took over") from error
            raise Interrupted(_why(causes)) from error
        return int(written[-1].offset)

    async def close(self) -> None:
        """End in order, if the broker answers in time."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(self._operation / 3):
                await producer.stop()
        except (kafka.KafkaError, OSError, TimeoutError):
            await _discard(producer)

    async def abandon(self) -> None:
        """Let go at once; what is open is aborted by the next one or by the broker."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _discard(producer)


class PartitionReader:
    """Reads one partition, committed records only, from an offset on. Use as a context."""

    def __init__(self, broker: Broker, topic: str, partition: int, *, begin: int | None = None) -> None:
        """`begin`: an offset, None = the oldest."""
        self._broker = broker
        self._place = TopicPartition(topic, partition)
        self._begin = begin
        self._committed: Any = None
        self._all: Any = None

    async def __aenter__(self) -> "PartitionReader":
        self._committed = self._consumer("read_committed")
        self._all = self._consumer("read_uncommitted")
        try:
            for consumer in (self._committed, self._all):
                await started(consumer, self._broker)
                consumer.assign([self._place])
            await self._seek()
        except BaseException as error:
            await self.__aexit__()
            if isinstance(error, (kafka.KafkaError, OSError, TimeoutError)):
                raise explained([error], self._broker) from error
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for consumer in (self._committed, self._all):
            if consumer is not None:
                with contextlib.suppress(kafka.KafkaError, OSError, TimeoutError):
                    await asyncio.wait_for(consumer.stop(), 3)

    async def read(self, put: Callable[[bytes | None, bytes | None], None], *, settled: bool = False) -> int:
        """Everything up to the end that there is now; the offset after it. Raises BrokerError.

        `settled`: only as far as no transaction is open, waiting for none.
        """
        try:
            async with asyncio.timeout(OPERATION):
                end: int = (await self._all.end_offsets([self._place]))[self._place]
            return await self._read_to(end, put, settled=settled)
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            raise explained([error], self._broker) from error

    async def skip_to_last(self, count: int) -> None:
        """Go on at most so many offsets before the end."""
        ends = await self._all.end_offsets([self._place])
        begins = await self._all.beginning_offsets([self._place])
        self._committed.seek(self._place, max(begins[self._place], ends[self._place] - count))

    async def _read_to(self, end: int, put: Callable[[bytes | None, bytes | None], None], *, settled: bool) -> int:
        loop = asyncio.get_running_loop()
        moved = loop.time()
        # The position moves past control, aborted and compacted records; the last record's offset does not.
        position = int(await self._committed.position(self._place))
        while position < end:
            got = (await self._committed.getmany(self._place, timeout_ms=100)).get(self._place, ())
            for record in got:
                put(record.key, record.value)
            before, position = position, int(await self._committed.position(self._place))
            if got or position != before:
                moved = loop.time()
                await asyncio.sleep(0)
            elif settled and self._is_settled(position):
                break
            elif loop.time() - moved > STUCK:
                raise TimeoutError
        return position

    def _is_settled(self, position: int) -> bool:
        """Whether nothing but open transactions stands at this place or after it; not known before a first answer."""
        stable = self._committed.last_stable_offset(self._place)
        return stable is not None and 0 <= stable <= position

    async def _seek(self) -> None:
        async with asyncio.timeout(OPERATION):
            oldest: int = (await self._all.beginning_offsets([self._place]))[self._place]
        self._committed.seek(self._place, max(oldest, self._begin or 0))

    def _consumer(self, isolation: str) -> Any:
        return AIOKafkaConsumer(
            **self._broker.options(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level=isolation,
            auto_offset_reset="none",
            max_partition_fetch_bytes=16 * MIB,
            fetch_max_bytes=64 * MIB,
        )


def _causes(error: BaseException, futures: Sequence["asyncio.Future[Any] | None"]) -> list[BaseException]:
    """What was raised is not always the cause: that is in a future of a message or in the sender's task."""
    found = [
        one.exception() for one in futures if one is not None and one.done() and not one.cancelled() and one.exception()
    ]
    return [error, *(one for one in found if one is not None)]


def _why(causes: Sequence[BaseException]) -> str:
    if all(isinstance(one, TimeoutError) for one in causes):
        return "Kafka did not answer in time"
    named = next((one for one in causes if isinstance(one, kafka.KafkaError)), causes[0])
    return f"Kafka refused a transaction ({type(named).__name__})"


async def _discard(producer: Any) -> None:
    """Close the client and cancel every task that belongs to this producer."""
    own = (producer, producer._sender, producer._message_accumulator, producer.client)
    producer._closed = True

    def belongs(task: "asyncio.Task[Any]") -> bool:
        frame = getattr(task.get_coro(), "cr_frame", None)
        mine = frame is not None and any(frame.f_locals.get("self") is one for one in own)
        return mine and task is not asyncio.current_task()

    for _ in range(20):
        tasks = [task for task in asyncio.all_tasks() if belongs(task)]
        if not tasks:
            break
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.2)
    manager = producer._txn_manager
    waiter = manager._transaction_waiter if manager is not None else None
    if waiter is not None and waiter.done() and not waiter.cancelled():
        waiter.exception()  # else "Future exception was never retrieved"
    with contextlib.suppress(kafka.KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.client.close(), 2)


__all__ = ["BrokerError", "Fenced", "Interrupted", "Message", "PartitionReader", "Transactions"]
