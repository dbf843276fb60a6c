"""`up`: capture, log, ingest, store and answers in one process, started and ended in an order that loses nothing.

Start: socket (so that a taken port is said at once), data directory, key, credentials, cluster, store, migrations, log,
collector, ingester, server. End, on the first SIGTERM or SIGINT: stop reading, hand over what was read, store it, write
the checkpoint, end the server, close the store; every step is bounded. A second signal ends the process at once: the
checkpoint never runs ahead of the store, so nothing is lost by that either.
"""

import asyncio
import gc
import logging
import socket
import sys
import webbrowser
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.clock import utc_now
from collector.cluster import ClusterError
from collector.errors import CollectorError
from collector.metrics import Metrics as CollectorMetrics
from collector.run import Collector
from collector.settings import CollectorSettings
from collector.sink import SinkError
from collector.status import CollectorStatus
from ingest.demand import Demand
from ingest.errors import IngestError
from ingest.metrics import Metrics as IngestMetrics
from ingest.run import Ingester
from ingest.settings import IngestSettings
from kubelapse import __version__, heap
from kubelapse import settings as known
from kubelapse.access import Reached, reach
from kubelapse.asked import Asked
from kubelapse.auth.logins import ServerLogins, check_host, logins
from kubelapse.capture import NoIdentity, cluster_uid, collector_settings
from kubelapse.checkpoint import Checkpoint, CheckpointError
from kubelapse.keyfile import KeyFileError, load_key
from kubelapse.kubeport import kube_port
from kubelapse.memorylog import MemoryLog
from kubelapse.observe import new_registry
from kubelapse.receivers import sends
from kubelapse.restore import Restorer
from kubelapse.server import PortInUse, Server, end_on_signals, listen, make_app, url_of
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from kubelapse.stores import data_dir, leave_url, open_store
from query.health import Check
from schema.store import Store, StoreError

log = logging.getLogger(__name__)

Say = Callable[[str], None]

# Seconds: the collector bounds its own end; these are for whatever hangs all the same.
STOP_COLLECTOR = 30.0
STOP_INGEST = 20.0
STOP_SERVER = 5.0
# Most objects made while recording die young, and what lives (memory, kinds) lives on: look for cycles rarely.
GC_THRESHOLD = (50_000, 20, 50)


class UpError(Exception):
    """Recording cannot begin or go on; one sentence that says what to do."""


EXPECTED = (
    ClusterError,
    CollectorError,
    NoIdentity,
    SinkError,
    IngestError,
    StoreError,
    KeyFileError,
    CheckpointError,
    PortInUse,
    SettingError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs."""

    log: MemoryLog
    collector: Collector
    ingester: Ingester
    server: Server
    socket: socket.socket
    progress: "Progress"


@dataclass(slots=True)
class Progress:
    """`settled`: every first list is in the store."""

    settled: bool = False


async def up(settings: Settings, *, say: Say) -> None:
    """Record and serve until a signal; raises UpError."""
    say(f"kubelapse {__version__}: looking at the cluster, read-only")
    stop = asyncio.Event()
    heap.few_arenas()
    heap.without_pandas()
    end_on_signals(stop, say)
    try:
        await _up(settings, stop, say)
    except EXPECTED as error:
        raise UpError(str(error)) from error


async def _up(settings: Settings, stop: asyncio.Event, say: Say) -> None:
    check_host(settings)
    data = data_dir(settings)
    key = load_key(settings[known.REDACTION_KEY_FILE], data)
    with listen(settings[known.HOST], settings[known.PORT]) as bound:
        cluster = await reach(settings)
        try:
            uid = await cluster_uid(settings, cluster)
            capture = collector_settings(settings, cluster.name, key)
            _introduce(say, capture, cluster, uid, data)
            store = await asyncio.to_thread(open_store, settings)
            try:
                await _record(settings, capture, cluster, store, bound, stop, say)
            finally:
                await asyncio.to_thread(store.close)
        finally:
            await cluster.api.close()


def _introduce(say: Say, capture: CollectorSettings, cluster: Reached, uid: str, data: Path) -> None:
    say(f"cluster  {capture.cluster} ({cluster.credentials.server}, uid {uid})")
    if capture.namespaces:
        say(f"only     namespaces {', '.join(capture.namespaces)}")
    say(f"data     {data}")


async def _record(
    settings: Settings,
    capture: CollectorSettings,
    cluster: Reached,
    store: Store,
    bound: socket.socket,
    stop: asyncio.Event,
    say: Say,
) -> None:
    restorer = Restorer(store, Checkpoint(settings.data, capture.cluster))
    try:
        who = await logins(settings, store)
        parts = assemble(capture, cluster, store, restorer, settings, bound, who)
        url = url_of(bound)
        leave_url(store, url)
        say(f"serving  {url}  (Ctrl-C ends)")
        settle_memory()
        if not settings[known.NO_BROWSER] and sys.stderr.isatty():
            await asyncio.to_thread(webbrowser.open, url)
        async with kube_port(parts.server.app, settings, say):
            await run(parts, stop, say)
    finally:
        restorer.close()


def assemble(
    capture: CollectorSettings,
    cluster: Reached,
    store: Store,
    restorer: Restorer,
    settings: Settings,
    bound: socket.socket,
    who: ServerLogins | None,
) -> Parts:
    """The parts, wired to one another; nothing runs yet."""
    registry, progress = new_registry(), Progress()
    demand = Demand(steady=sends(settings))
    checkpoint = Checkpoint(settings.data, capture.cluster)
    memory = MemoryLog(checkpoint=checkpoint, restorer=restorer, hurry=demand.hurry)
    collector = Collector(
        cluster=cluster.api,
        sink=memory,
        settings=capture,
        metrics=CollectorMetrics(registry),
        clock=utc_now,
        skew=cluster.skew,
    )
    ingester = Ingester(
        source=memory,
        store=store,
        settings=IngestSettings(),
        metrics=IngestMetrics(registry),
        clock=utc_now,
        demand=demand,
    )
    app = make_app(
        store,
        registry,
        host=settings[known.HOST],
        health=lambda: checks(memory, collector, ingester, progress),
        chosen=settings,
        evaluate=True,
        logins=who,
    )
    app.add_middleware(Asked, demand=demand, stored=memory.stored)
    server = Server(app)
    return Parts(log=memory, collector=collector, ingester=ingester, server=server, socket=bound, progress=progress)


def checks(memory: MemoryLog, collector: Collector, ingester: Ingester, progress: Progress) -> list[Check]:
    """What /readyz says beside the store."""
    capture, storing = collector.status(), ingester.status()
    waiting = [str(one.scope) for one in capture.scopes if one.current_until is None and not one.trouble]
    behind = f"waiting for the first list of {', '.join(waiting[:5])}" if waiting else "first lists are being stored"
    return [
        Check(name="first-lists", ok=progress.settled, detail=behind),
        Check(name="discovery", ok=not capture.trouble, detail=capture.trouble),
        Check(name="ingest", ok=not storing.trouble, detail=storing.trouble),
        Check(name="log", ok=not memory.trouble, detail=memory.trouble),
    ]


def settle_memory() -> None:
    """What start-up made stays: take it out of the collector's sight, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)


async def run(parts: Parts, stop: asyncio.Event, say: Say) -> None:
    """Run until `stop` or until a part ends by itself; then end the others in order. Raises what a part failed with."""
    capture_stop = asyncio.Event()
    capture = asyncio.create_task(parts.collector.run(capture_stop), name="collector")
    storing = asyncio.create_task(_storing(parts), name="ingester")
    serving = asyncio.create_task(parts.server.serve(sockets=[parts.socket]), name="server")
    looking = asyncio.create_task(_first_look(parts, say), name="first-look")
    asking = asyncio.create_task(stop.wait(), name="signal")
    try:
        await _until_one_ends(looking, {capture, storing, serving, asking})
    finally:
        for waiting in (looking, asking):
            waiting.cancel()
        capture_stop.set()
        await _bounded(capture, STOP_COLLECTOR, "the collector")
        await _bounded(asyncio.create_task(_close_log(parts.log)), STOP_INGEST, "storing what was read")
        await _bounded(storing, STOP_SERVER, "the ingester")
        parts.server.stop()
        await _bounded(serving, STOP_SERVER, "the server")
    _raise_first(looking, capture, storing, serving)
    say("stopped; start again with the same command to go on from here")


async def _until_one_ends(looking: "asyncio.Task[None]", others: "set[asyncio.Task[Any]]") -> None:
    """Until a task ends that should not; the first look may end in peace."""
    await asyncio.wait({looking, *others}, return_when=asyncio.FIRST_COMPLETED)
    if looking.done() and looking.exception() is None:
        await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)


async def _first_look(parts: Parts, say: Say) -> None:
    """Say what is watched once that is known, and when it is stored. Raises UpError when nothing may be watched."""
    while not (status := parts.collector.status()).ready:
        if status.kinds and not any(info.watching == "yes" for info in status.kinds.values()):
            raise UpError(
                "--kinds and --exclude leave nothing of this cluster to watch: kubelapse doctor, with the same flags, "
                "names patterns that fit no kind"
            )
        await asyncio.sleep(0.1)
    # Refusals are put on record with the next watermark; the watches themselves know them at once.
    watched = {one.scope.kind for one in status.scopes if one.current_until is not None}
    if not watched:
        raise UpError(
            "nothing may be listed and watched with these credentials: bind the ClusterRole `view`, or name namespaces "
            "with --namespace (kubelapse doctor tells more)"
        )
    await parts.log.flush()
    parts.progress.settled = True
    await asyncio.to_thread(heap.give_back)
    say(f"watching {len(watched)} {'kind' if len(watched) == 1 else 'kinds'}{_left_out(status, watched)}")


def _left_out(status: CollectorStatus, watched: set[str]) -> str:
    """` (2 forbidden, 3 off: see kubelapse coverage)`."""
    forbidden = {one.scope.kind for one in status.scopes} - watched
    counts = Counter(info.watching for info in status.kinds.values() if info.watching not in ("yes", "unwatchable"))
    counts["forbidden"] = len(forbidden)
    shown = ", ".join(f"{count} {why}" for why, count in sorted(counts.items()) if count)
    return f" ({shown}: see kubelapse coverage)" if shown else ""


async def _storing(parts: Parts) -> None:
    """The ingester; when it ends by failing, whoever writes to the log is told instead of waiting for ever."""
    try:
        await parts.ingester.run()
    except BaseException as error:
        await parts.log.break_off(f"storing has ended: {error}")
        raise


async def _close_log(memory: MemoryLog) -> None:
    try:
        await memory.close()
    except SinkError as error:
        log.warning("%s", error)


async def _bounded(task: "asyncio.Task[None]", seconds: float, what: str) -> None:
    """Wait for a task that was told to end; past its time it is cancelled, and that is said."""
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        log.warning("%s did not end within %.0f s and was cut off", what, seconds)
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)


def _raise_first(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error
