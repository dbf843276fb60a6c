"""The clients of aiokafka that ingest uses, made with the settings that its promises need, and ended within bounds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import aiokafka.errors as kafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from ingest.holes import LIFE
from schema.kafka import Broker, BrokerError, explained, started
from schema.rows_control import DeadLetter
from schema.topics import LOG_HEADER, MIB, OFFSET_HEADER, PARTITION_HEADER, REASON_HEADER, Topics

log = logging.getLogger(__name__)

STOP: Final = 5.0  # seconds
LARGEST_LETTER: Final = 15 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """How the log is read. Times in seconds. `instance`: name of a static member of the group, "" = none.

    `stalled`: so long may nothing come although something is there. `identity`: how often the topic's id is looked at.
    """

    group: str = "kubelapse-ingest"
    instance: str = ""
    session_timeout: float = 10.0
    stalled: float = 60.0
    identity: float = 30.0


async def joined(broker: Broker, settings: KafkaSettings) -> Any:  # aiokafka ships no types
    """A connected consumer without a subscription. Raises BrokerError."""
    consumer = AIOKafkaConsumer(
        group_id=settings.group,
        group_instance_id=settings.instance or None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        partition_assignment_strategy=(StickyPartitionAssignor,),
        session_timeout_ms=int(settings.session_timeout * 1000),
        heartbeat_interval_ms=int(settings.session_timeout * 1000 / 6),
        # Time to finish the batch under way; else the group goes on without us.
        rebalance_timeout_ms=60_000,
        # A store that is away holds reading back, and the partitions are no better off elsewhere.
        max_poll_interval_ms=900_000,
        fetch_max_wait_ms=200,
        max_partition_fetch_bytes=4 * MIB,
        request_timeout_ms=15_000,
        **broker.options(),
    )
    try:
        return await started(consumer, broker)
    except BrokerError:
        await stopped(consumer)
        raise


async def stopped(client: Any) -> None:
    """Bounded: with the broker away stop() waits for ever, and a client that was cut off would go on trying.

    Ending what such a client has left behind relies on private fields of aiokafka 0.14.
    """
    if client is None:
        return
    try:
        await asyncio.wait_for(client.stop(), STOP)
    except (kafka.KafkaError, OSError, TimeoutError):
        await _cut_off(client)
    except asyncio.CancelledError:
        # aiokafka hands on the end of a task of its own when a connection broke while it stopped.
        task = asyncio.current_task()
        await _cut_off(client)
        if task is not None and task.cancelling():
            raise


async def _cut_off(client: Any) -> None:
    """Cancel every task that belongs to this client, and close its connections."""
    parts = ("_coordinator", "_fetcher", "_client", "_sender", "_message_accumulator", "client")
    own = [client, *(part for name in parts if (part := getattr(client, name, None)) is not None)]

    def mine(task: "asyncio.Task[Any]") -> bool:
        frame = getattr(task.get_coro(), "cr_frame", None)
        return frame is not None and any(frame.f_locals.get("self") is one for one in own)

    for _ in range(20):
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and mine(task)]
        if not tasks:
            break
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.2)
    network: Any = getattr(client, "_client", None) or client.client
    with suppress(kafka.KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(network.close(), STOP)


class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """aiokafka's hook, with partitions as numbers. Silent once `current` says that its consumer was replaced."""

    def __init__(
        self,
        revoked: Callable[[Iterable[int]], Awaitable[None]],
        assigned: Callable[[Iterable[int]], None],
        *,
        current: Callable[[], bool],
    ) -> None:
        self._revoked, self._assigned, self._current = revoked, assigned, current

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Awaited before the group goes on."""
        if self._current():
            await self._revoked([tp.partition for tp in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Awaited before anything is fetched."""
        if self._current():
            self._assigned([tp.partition for tp in assigned])


class Messages:
    """Reads single messages of a topic, wherever they are; no group. Use as a context. Raises BrokerError."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker, self._topic = broker, topic
        self._consumer: Any = None  # aiokafka ships no types

    async def __aenter__(self) -> "Messages":
        consumer = AIOKafkaConsumer(
            group_id=None, isolation_level="read_committed", auto_offset_reset="none", **self._broker.options()
        )
        try:
            self._consumer = await started(consumer, self._broker)
        except BrokerError:
            await stopped(consumer)
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await stopped(self._consumer)

    async def at(self, partition: int, offset: int) -> tuple[bytes | None, bytes | None, int] | None:
        """Key, value and timestamp (ms) of the message at this offset; None when the log has it no more."""
        place = TopicPartition(self._topic, partition)
        try:
            begin = (await self._consumer.beginning_offsets([place]))[place]
            end = (await self._consumer.end_offsets([place]))[place]
            if not begin <= offset < end:
                return None
            self._consumer.assign([place])
            self._consumer.seek(place, offset)
            got = (await self._consumer.getmany(place, timeout_ms=10_000, max_records=1)).get(place, ())
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            raise explained([error], self._broker) from error
        found = next((one for one in got if one.offset == offset), None)
        return (found.key, found.value, found.timestamp) if found is not None else None


class Aside:
    """Writes dead letters to their topic, without content that may be secret. The store has them too."""

    def __init__(self, broker: Broker, topics: Topics) -> None:
        self._broker, self._topics = broker, topics
        self._producer: Any = None  # aiokafka ships no types

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Returns when they are written. A topic that does not take them is told of in the log, and no more."""
        try:
            if self._producer is None:
                self._producer = await self._made()
            for letter in letters:
                async with asyncio.timeout(STOP):
                    place = f"{letter.log_id}:{letter.partition}:{letter.offset}".encode()
                    await self._producer.send_and_wait(
                        self._topics.dead_letters, _content(letter), key=place, headers=_headers(letter)
                    )
        except (BrokerError, kafka.KafkaError, OSError, TimeoutError) as error:
            why = error if isinstance(error, BrokerError) else explained([error], self._broker)
            log.warning("dead letters are in the store, but not in the topic %s: %s", self._topics.dead_letters, why)
            await self.close()

    async def close(self) -> None:
        """End the producer, if there is one."""
        producer, self._producer = self._producer, None
        await stopped(producer)

    async def _made(self) -> Any:
        producer = AIOKafkaProducer(
            compression_type="zstd",
            max_request_size=16 * MIB,
            request_timeout_ms=int(STOP * 1000),
            **self._broker.options(),
        )
        try:
            return await started(producer, self._broker)
        except BrokerError:
            await stopped(producer)
            raise


def _content(letter: DeadLetter) -> bytes | None:
    return letter.raw if letter.keep and len(letter.raw) <= LARGEST_LETTER else None


def _headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    return [
        (LOG_HEADER, letter.log_id.encode()),
        (PARTITION_HEADER, str(letter.partition).encode()),
        (OFFSET_HEADER, str(letter.offset % LIFE).encode()),
        (REASON_HEADER, letter.reason.encode()),
    ]
