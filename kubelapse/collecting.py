"""`collect`: capture of one cluster (or of one slot of it) into Kafka, in a process of its own.

Start: status port, data directory, key, credentials, cluster, its uid, Kafka; then stand by or take the slot, restore,
watch. End, on the first SIGTERM or SIGINT: stop reading, hand over what was read, commit, release the slot, close;
every step is bounded. A second signal ends the process at once: what is not committed is read again next time.

Each way to fail has a sentence and an exit code of its own (`kubelapse.exits`), so that whoever restarts it can tell a
broker that is away from a name that is taken.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from collector.clock import utc_now
from collector.cluster import ClusterError
from collector.errors import CollectorError
from collector.kafka_sink import KafkaSink
from collector.kafka_slot import LogLimits, Place
from collector.metrics import LogMetrics, Metrics
from collector.run import Collector
from collector.settings import CollectorSettings
from collector.sink import SinkError
from collector.spill import Spill
from kubelapse import __version__, heap, settings_kafka
from kubelapse import settings as known
from kubelapse.access import Reached, reach
from kubelapse.capture import NoIdentity, cluster_uid, collector_settings
from kubelapse.embedded import Say, settle_memory
from kubelapse.exits import StageError
from kubelapse.keyfile import KeyFileError, load_key
from kubelapse.observe import new_registry
from kubelapse.server import PortInUse, end_on_signals, listen, url_of
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from kubelapse.status import StatusServer, status_app
from kubelapse.stores import data_dir
from kubelapse.succession import succeed
from query.health import Check
from schema.kafka import BrokerError
from schema.store import StoreError

log = logging.getLogger(__name__)

STOP_WITHIN: Final = 30.0
STOPPING: Final = "stopping: what was read is being committed to Kafka (once more to end at once)"

EXPECTED: Final = (
    BrokerError,
    ClusterError,
    CollectorError,
    KeyFileError,
    NoIdentity,
    PortInUse,
    SettingError,
    SinkError,
    StoreError,  # the data directory
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs."""

    sink: KafkaSink
    collector: Collector
    status: StatusServer


async def collect(settings: Settings, *, say: Say) -> None:
    """Record until a signal; raises StageError."""
    stop = asyncio.Event()
    heap.few_arenas()
    end_on_signals(stop, say, STOPPING)
    asyncio.get_running_loop().set_exception_handler(_unretrieved)
    try:
        await _collect(settings, stop, say)
    except EXPECTED as error:
        raise StageError(error) from error


def _unretrieved(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """aiokafka leaves futures behind when it is fenced or cut off; their failure has been told already."""
    if "never retrieved" in str(context.get("message", "")):
        log.debug("%s: %r", context["message"], context.get("exception"))
    else:
        loop.default_exception_handler(context)


async def _collect(settings: Settings, stop: asyncio.Event, say: Say) -> None:
    broker = settings_kafka.broker(settings)
    with _status_port(settings) as bound:
        data = data_dir(settings)
        key = load_key(settings[known.REDACTION_KEY_FILE], data)
        cluster = await reach(settings)
        try:
            uid = await cluster_uid(settings, cluster)
            slot = settings[settings_kafka.SLOT]
            capture = collector_settings(settings, cluster.name, key)
            capture = replace(capture, cluster_uid=uid, slot=slot.number - 1, slots=slot.of)
            with succeed(data, f"{capture.cluster}-{slot}", capture.instance) as predecessors:
                place = Place(
                    broker=broker,
                    topics=settings_kafka.topics(settings),
                    cluster=capture.cluster,
                    cluster_uid=uid,
                    slot=slot,
                    instance=capture.instance,
                    take_over=settings[settings_kafka.TAKE_OVER],
                    predecessors=predecessors,
                )
                _introduce(say, capture, cluster, place, bound)
                await run(assemble(capture, cluster, place, settings, data, bound), stop, say)
        finally:
            await cluster.api.close()


@contextmanager
def _status_port(settings: Settings) -> Iterator[socket.socket | None]:
    port = settings[settings_kafka.STATUS_PORT]
    if not port:
        yield None
        return
    with listen(settings[known.HOST], port) as bound:
        yield bound


def _introduce(
    say: Say, capture: CollectorSettings, cluster: Reached, place: Place, bound: socket.socket | None
) -> None:
    say(f"kubelapse {__version__}: recording read-only into Kafka")
    say(f"cluster  {capture.cluster} ({cluster.credentials.server}, uid {capture.cluster_uid})")
    if capture.namespaces:
        say(f"only     namespaces {', '.join(capture.namespaces)}")
    say(f"kafka    {place.broker} ({place.topics.changes}, slot {place.slot})")
    if bound is not None:
        say(f"status   {url_of(bound)}/readyz")


def assemble(
    capture: CollectorSettings,
    cluster: Reached,
    place: Place,
    settings: Settings,
    data: Path,
    bound: socket.socket | None,
) -> Parts:
    """The parts, wired to one another; nothing runs yet."""
    registry = new_registry()
    sink = KafkaSink(
        place,
        spill=Spill(data / "spill", most=settings[settings_kafka.LOG_DISK]),
        metrics=LogMetrics(registry),
        clock=utc_now,
        limits=LogLimits(memory_bytes=settings[settings_kafka.LOG_MEMORY]),
    )
    collector = Collector(
        cluster=cluster.api,
        sink=sink,
        settings=capture,
        metrics=Metrics(registry),
        clock=utc_now,
        skew=cluster.skew,
    )
    status = StatusServer(status_app(registry, lambda: checks(sink, collector)), bound)
    return Parts(sink=sink, collector=collector, status=status)


def checks(sink: KafkaSink, collector: Collector) -> list[Check]:
    """What /readyz says."""
    capture = collector.status()
    waiting = [str(one.scope) for one in capture.scopes if one.current_until is None and not one.trouble]
    behind = f"waiting for the first list of {', '.join(waiting[:5])}" if waiting else "capture has not begun"
    return [
        Check(name="slot", ok=not sink.standing_by, detail=f"standing by: {sink.standing_by}"),
        Check(name="log", ok=not sink.trouble, detail=sink.trouble),
        Check(name="first-lists", ok=capture.ready, detail=behind),
        Check(name="discovery", ok=not capture.trouble, detail=capture.trouble),
    ]


async def run(parts: Parts, stop: asyncio.Event, say: Say) -> None:
    """Record until `stop` or until capture ends by itself; raises what it failed with."""
    ending = asyncio.Event()
    parts.status.start()
    capture = asyncio.create_task(parts.collector.run(ending), name="collector")
    looking = asyncio.create_task(_first_look(parts, say), name="first-look")
    asked = asyncio.create_task(stop.wait(), name="signal")
    try:
        await asyncio.wait({capture, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in (looking, asked):
            one.cancel()
        await _end(parts, capture, ending)
    if not capture.cancelled() and (error := capture.exception()) is not None:
        raise error
    say("stopped; start again with the same command to go on from here")


async def _end(parts: Parts, capture: "asyncio.Task[None]", ending: asyncio.Event) -> None:
    ending.set()
    if not parts.sink.ready:
        capture.cancel()  # it stands by, or has not taken the slot yet: there is nothing to end in order
    done, _ = await asyncio.wait({capture}, timeout=STOP_WITHIN)
    if not done:
        log.warning("capture did not end within %.0f s and was cut off", STOP_WITHIN)
        capture.cancel()
        await asyncio.wait({capture}, timeout=1.0)
    with contextlib.suppress(asyncio.CancelledError):
        await parts.sink.abandon()
    await parts.status.stop()


async def _first_look(parts: Parts, say: Say) -> None:
    """Say for whom this one stands by, and what is watched once that is known."""
    waited_for = ""
    while not (status := parts.collector.status()).ready:
        if parts.sink.standing_by != waited_for:
            waited_for = parts.sink.standing_by
            say(f"standing by: {waited_for}" if waited_for else "taking over")
        await asyncio.sleep(0.1)
    watched = {one.scope.kind for one in status.scopes if one.current_until is not None}
    say(f"watching {len(watched)} {'kind' if len(watched) == 1 else 'kinds'}")
    settle_memory()
