"""`ingest`: from Kafka into the store, in a process of its own; as many of them as the log has partitions.

Start: status port, store (made by `kubelapse migrate`), Kafka, its topics, then the group. End, on the first SIGTERM or
SIGINT: stop reading, store what was read, acknowledge, leave the group, close; every step is bounded. A second signal
ends the process at once: what is not acknowledged is read again, and stored once.

Each way to fail has a sentence and an exit code (`kubelapse.exits`); a broker or a store that goes away later is
waited for.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from prometheus_client import CollectorRegistry

from collector.clock import utc_now
from ingest.errors import IngestError
from ingest.kafka import KafkaSource
from ingest.kafka_client import KafkaSettings
from ingest.metrics import Metrics
from ingest.positions import Positions
from ingest.run import Ingester, Shared
from ingest.settings import IngestSettings
from kubelapse import __version__, heap, settings_kafka
from kubelapse import settings as known
from kubelapse.exits import StageError
from kubelapse.observe import new_registry
from kubelapse.server import PortInUse, end_on_signals, listen, url_of
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from kubelapse.status import StatusServer, status_app
from kubelapse.stores import open_existing
from query.health import Check
from schema.kafka import (
    Broker,
    BrokerError,
    TopicsDiffer,
    describe,
)
from schema.store import Store, StoreError
from schema.topics import Topics, TopicState, differences

log = logging.getLogger(__name__)

Say = Callable[[str], None]

# Seconds: a flush under way, and leaving the group.
STOP_INGEST: Final = 30.0
STOP_SOURCE: Final = 12.0
STOPPING: Final = "stopping: what was read is being stored (once more to end at once)"
# The lag is fine while it shrinks; a reader that is further behind than this is not ready to be asked.
READY_LAG: Final = 100_000

EXPECTED: Final = (BrokerError, IngestError, PortInUse, SettingError, StoreError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs."""

    source: KafkaSource
    ingester: Ingester
    topic: TopicState


async def ingest(settings: Settings, *, say: Say) -> None:
    """Store until a signal; raises StageError."""
    stop = asyncio.Event()
    heap.few_arenas()
    end_on_signals(stop, say, STOPPING)
    try:
        await _ingest(settings, stop, say)
    except EXPECTED as error:
        raise StageError(error) from error


async def _ingest(settings: Settings, stop: asyncio.Event, say: Say) -> None:
    broker, registry = settings_kafka.broker(settings), new_registry()
    port = settings[settings_kafka.STATUS_PORT]
    bound = listen(settings[known.HOST], port) if port else None
    try:
        store = await asyncio.to_thread(open_existing, settings)
        try:
            parts = await assemble(settings, broker, store, registry)
            _introduce(say, settings, broker, parts, bound)
            status = StatusServer(status_app(registry, lambda: checks(parts)), bound)
            status.start()
            try:
                await run(parts, stop)
            finally:
                await status.stop()
        finally:
            await asyncio.to_thread(store.close)
    finally:
        if bound is not None:
            bound.close()
    say("stopped; start again with the same command to go on from here")


def _introduce(say: Say, settings: Settings, broker: Broker, parts: Parts, bound: socket.socket | None) -> None:
    say(f"kubelapse {__version__}: storing what collectors write into Kafka")
    say(f"kafka    {broker} ({parts.topic.name}, {parts.topic.partitions} partitions)")
    say(f"store    {settings.store}")
    if bound is not None:
        say(f"status   {url_of(bound)}/readyz")


async def assemble(settings: Settings, broker: Broker, store: Store, registry: CollectorRegistry) -> Parts:
    """The parts, wired to one another; nothing runs yet. Raises BrokerError, TopicsDiffer for unfit topics."""
    topics = settings_kafka.topics(settings)
    topic = await checked(broker, topics)
    metrics = Metrics(registry)
    positions = Positions(store, topic=topic.name, log_id=topic.id, clock=utc_now)
    source = KafkaSource(
        broker=broker,
        topics=topics,
        log_id=topic.id,
        positions=positions,
        settings=KafkaSettings(group=settings[settings_kafka.GROUP]),
        metrics=metrics,
        clock=utc_now,
    )
    ingester = Ingester(
        source=source,
        store=store,
        settings=IngestSettings(),
        metrics=metrics,
        clock=utc_now,
        shared=Shared(partitions=topic.partitions, positions=positions),
    )
    return Parts(source=source, ingester=ingester, topic=topic)


async def checked(broker: Broker, topics: Topics) -> TopicState:
    """The log's topic as it is: it must be there, and keep what it is given. Its partitions are its own to say."""
    wanted, _, aside = topics.wanted()
    found = await describe(broker, [wanted.name, aside.name])
    told = []
    for spec in (wanted, aside):
        there = found.get(spec.name)
        spec = replace(spec, partitions=there.partitions) if there is not None else spec
        told += differences(spec, there)
    if fatal := [one.sentence for one in told if one.fatal]:
        raise TopicsDiffer("; ".join(fatal))
    return found[wanted.name]


async def run(parts: Parts, stop: asyncio.Event) -> None:
    """Store until `stop` or until ingest ends by itself; raises what it failed with."""
    await parts.source.open()
    storing = asyncio.create_task(parts.ingester.run(), name="ingester")
    asked = asyncio.create_task(stop.wait(), name="signal")
    try:
        await asyncio.wait({storing, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        parts.source.end()
        await _bounded(storing)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SOURCE):
                await parts.source.close()
    if not storing.cancelled():
        storing.result()


async def _bounded(storing: "asyncio.Task[None]") -> None:
    done, _ = await asyncio.wait({storing}, timeout=STOP_INGEST)
    if not done:
        log.warning("what was read could not be stored within %.0f s: it is read again next time", STOP_INGEST)
        storing.cancel()
        await asyncio.wait({storing}, timeout=1.0)


def checks(parts: Parts) -> list[Check]:
    """What /readyz says."""
    source, storing = parts.source, parts.ingester.status()
    behind = f"{source.lag:,} messages are waiting in the partitions of this ingester"
    return [
        Check(name="log", ok=not source.trouble, detail=source.trouble),
        Check(name="store", ok=not storing.trouble, detail=storing.trouble),
        Check(name="lag", ok=source.lag <= READY_LAG, detail=behind),
    ]
