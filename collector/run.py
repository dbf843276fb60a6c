"""Capture of one cluster, from its first question to its last record.

Order of a beginning: checkpoint, identity (a store never mixes two clusters under one name), `start`, discovery,
`kinds`, watches. While it runs: discovery every minute and soon after a CRD or APIService changed; a watermark every
2 s, which also carries the resume points, so that an idle kind costs nothing and is known to be current all the same.
Order of an end: watches give out what they read, last watermark, `stop`, flush.

All records go through one lock: a resume point never overtakes its records, and a watermark says nothing that does
not stand before it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Final

from collector.audit import Auditor
from collector.backoff import set_within
from collector.catalog import Catalog
from collector.clock import Capture, Clock
from collector.cluster import Busy, Cluster, ClusterError, Forbidden, Unreachable
from collector.errors import CollectorError, OtherCluster
from collector.heartbeat import Heartbeat
from collector.metrics import Metrics
from collector.openapi import ListMapKeys, SchemaWatch
from collector.reflector import Reflector, State
from collector.settings import CollectorSettings
from collector.sink import Batch, Position, Restored, Sink, SinkFull
from collector.skew import Skew
from collector.status import CollectorStatus, Gauges, scope_status
from collector.trackers import TrackerFactory, factory
from collector.watches import Watches
from schema.events import ClockStep, Kinds, Record, Start, Stop, Watermark
from schema.kindschema import KindSchema
from schema.objects import Scope

log = logging.getLogger(__name__)

TRIGGERS: Final = frozenset({"customresourcedefinitions.apiextensions.k8s.io", "apiservices.apiregistration.k8s.io"})
FIRST_QUESTION_TRIES: Final = 3
NO_RIGHT: Final = "the credentials give no right to list and watch it"
"""On record; what the server said of it stands in the log."""
WATERMARK_PAUSE: Final = 0.2
"""Between a watch that has just become current and the watermark that says so: others follow in the same moment."""


class Collector:
    """Records one cluster into one sink. The caller owns the connection to the cluster."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        sink: Sink,
        settings: CollectorSettings,
        metrics: Metrics,
        clock: Clock,
        skew: Skew | None = None,
        trackers: TrackerFactory | None = None,
        heartbeat: Heartbeat | None = None,
        random: Random | None = None,
    ) -> None:
        """`skew`: the one that the connection teaches; without it late events are dated less exactly."""
        self._cluster = cluster
        self._sink = sink
        self._settings = settings
        self._timings = settings.timings
        self._metrics = metrics
        self._clock = clock
        self._skew = skew or Skew(clock)
        keys = ListMapKeys()
        self._trackers = trackers or factory(settings, skew=self._skew, clock=clock, keys=keys)
        self._schemas = SchemaWatch(cluster, keys=keys, failed=metrics.schema_failures.inc)
        self._heartbeat = heartbeat or Heartbeat(clock=clock)
        self._random = random or Random()
        self._capture = Capture(cluster=settings.cluster, cluster_uid="")
        self._catalog = Catalog(settings)
        self._watches: Watches | None = None
        self._gauges = Gauges(metrics)
        self._trouble = ""
        self._steps: list[Record] = []
        self._lock = asyncio.Lock()
        self._poked = asyncio.Event()
        self._due = asyncio.Event()

    def status(self) -> CollectorStatus:
        """Capture as it stands now."""
        now = self._clock()
        reflectors = list(self._watches.reflectors.values()) if self._watches else []
        lags = [(now - until).total_seconds() for one in reflectors if (until := one.current_until) is not None]
        return CollectorStatus(
            cluster_uid=self._capture.cluster_uid,
            ready=self._watches is not None and self._watches.ready(),
            trouble=self._trouble,
            lag_seconds=max(lags, default=0.0),
            kinds=dict(self._catalog.infos),
            scopes=[scope_status(one) for one in reflectors],
        )

    # ---- from beginning to end -----------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop` is set.

        Raises CollectorError or ClusterError when it cannot begin, SinkError when the log keeps nothing any more.
        """
        restored = await self._sink.restore(self._settings.cluster)
        self._capture = Capture(cluster=self._settings.cluster, cluster_uid=await self._identify(restored))
        self._watches = watches = self._make_watches(restored)
        watches.concert.witnesses = self._catalog.witnesses
        self._heartbeat.on_step(self._note_step)
        tasks = [asyncio.create_task(self._heartbeat.run(), name="heartbeat")]
        orderly = False
        try:
            await self._append([self._start()])
            await self._begin(watches)
            tasks.append(asyncio.create_task(self._discover_again(watches), name="discovery"))
            tasks.append(asyncio.create_task(self._mark(watches), name="watermark"))
            tasks.append(asyncio.create_task(self._schemas.run(self._learn), name="schemas"))
            tasks.append(asyncio.create_task(self._auditor(watches).run(), name="audit"))
            tasks.append(asyncio.create_task(watches.etcds.run(), name="etcds"))
            await self._wait(stop, watches.fatal, tasks)
            orderly = True
        finally:
            await self._end(watches, tasks, orderly=orderly)

    async def _identify(self, restored: Restored) -> str:
        """The cluster's uid, and that it is the one whose history this is."""
        uid = self._settings.cluster_uid or await self._ask_uid()
        if restored.cluster_uid and restored.cluster_uid != uid:
            raise OtherCluster(
                f"the history of {self._settings.cluster} was recorded from another cluster"
                f" (uid {restored.cluster_uid}, this one has {uid}):"
                " record this one under another name with --cluster, or into another directory with --data"
            )
        return uid

    async def _ask_uid(self) -> str:
        for attempt in range(1, FIRST_QUESTION_TRIES + 1):
            try:
                return await self._cluster.uid()
            except Forbidden as error:
                raise CollectorError(
                    "the credentials may not read the namespace kube-system, whose uid tells clusters apart:"
                    " allow `get` on it, or give a uid with KUBELAPSE_CLUSTER_UID"
                ) from error
            except (Unreachable, Busy) as error:
                if attempt == FIRST_QUESTION_TRIES:
                    raise
                await asyncio.sleep(error.retry_after or self._timings.backoff_first)
        raise AssertionError("the last try returns or raises")

    def _make_watches(self, restored: Restored) -> Watches:
        return Watches(
            capture=self._capture,
            cluster=self._cluster,
            sink=self._sink,
            restored=restored,
            trackers=self._trackers,
            emit=self._emit,
            heartbeat=self._heartbeat,
            skew=self._skew,
            metrics=self._metrics,
            settings=self._settings,
            clock=self._clock,
            random=self._random,
            on_change=self._on_change,
        )

    def _auditor(self, watches: Watches) -> Auditor:
        return Auditor(self._cluster, subjects=watches.subjects, settings=self._settings, metrics=self._metrics)

    async def _begin(self, watches: Watches) -> None:
        """The first discovery has to succeed; a pattern that fits nothing is said."""
        await self._take(watches)
        for pattern in self._catalog.unmatched:
            log.warning("no kind of this cluster fits %r", pattern)
        watched = len(self._catalog.watched())
        log.info("watching %d of %d kinds of %s", watched, len(self._catalog.infos), self._settings.cluster)

    async def _wait(
        self, stop: asyncio.Event, fatal: "asyncio.Future[None]", tasks: Sequence["asyncio.Task[None]"]
    ) -> None:
        """Until a stop, a log that fails for good, or a loop of ours that ends (which none should)."""
        stopped = asyncio.create_task(_until(stop), name="stop")
        waiting: set[asyncio.Future[None]] = {stopped, fatal, *tasks}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                await ended
        finally:
            stopped.cancel()

    async def _end(self, watches: Watches, tasks: Sequence["asyncio.Task[None]"], *, orderly: bool) -> None:
        """In order when asked to stop; at once when something failed (resume points stay behind the records)."""
        heartbeat, *loops = tasks
        within = self._timings.stop_within
        try:
            async with asyncio.timeout(within):
                await _cancel(loops)
                await watches.stop(within / 2 if orderly else 0.0)
                if orderly:
                    await self._put_watermark(watches)
                    await self._append([self._stop("asked to")])
                    await self._sink.flush()
                    await self._sink.close()
        except TimeoutError:
            log.warning("not everything was stored within %.0f s; it is read again next time", within)
        finally:
            await _cancel([heartbeat])

    # ---- kinds ---------------------------------------------------------------------------------------------------

    async def _discover_again(self, watches: Watches) -> None:
        """Every minute, and a few times after a poke: the served document follows a change by seconds."""
        while True:
            if not await set_within(self._poked, self._timings.discovery_every):
                await self._discover(watches)
                continue
            self._poked.clear()
            passed = 0.0
            for moment in self._timings.discovery_after_poke:
                await asyncio.sleep(moment - passed)
                passed = moment
                await self._discover(watches)

    async def _discover(self, watches: Watches) -> None:
        try:
            await self._take(watches)
            self._trouble = ""
        except ClusterError as error:
            self._metrics.discovery_failures.inc()
            self._trouble = f"kinds cannot be discovered: {error}"
            log.warning("%s; the known kinds stay", self._trouble)

    async def _take(self, watches: Watches) -> None:
        """Discover, put on record what changed, and watch accordingly."""
        self._catalog.take(await self._cluster.discover())
        await self._tell_kinds(watches)
        await watches.apply(self._catalog.watched())
        self._schemas.want(self._catalog.watched())

    async def _learn(self, schemas: Mapping[str, KindSchema]) -> None:
        """What OpenAPI says goes on record with the next watermark."""
        self._catalog.learn(schemas)
        self._due.set()

    async def _tell_kinds(self, watches: Watches) -> None:
        first = not self._catalog.infos
        scopes = {name: watches.scopes(kind) for name, kind in self._catalog.watched().items()}
        changed = self._catalog.changes(scopes)
        if changed:
            uid, at = self._capture.cluster_uid, self._clock()
            partial = not first or self._settings.slots > 1  # other slots tell of the other kinds
            kinds = Kinds(cluster=self._settings.cluster, cluster_uid=uid, at=at, kinds=changed, partial=partial)
            await self._append([kinds])

    def _on_change(self, reflector: Reflector) -> None:
        """A watch has changed its state. Called from within it: what takes time is left to the loops."""
        if reflector.state is State.STREAM:
            self._catalog.allow(reflector.scope)
            self._due.set()
        elif reflector.state is State.GONE:
            self._poked.set()
        elif reflector.state is State.FORBIDDEN:
            if self._watches is not None and self._watches.fall_back(reflector.scope, reflector.kind):
                log.info("%s may not be read in the whole cluster; watching it by namespace", reflector.scope)
                self._poked.set()
            else:
                log.warning("%s is not recorded: %s", reflector.scope, reflector.trouble)
                self._catalog.forbid(reflector.scope, NO_RIGHT)
                self._due.set()

    # ---- records -------------------------------------------------------------------------------------------------

    async def _emit(self, records: Sequence[Record], scope: Scope, position: Position | None) -> None:
        """Records of one watch, with the resume point that holds once they are durable."""
        async with self._lock:
            await self._put(Batch(records=records, positions={scope: position} if position else {}))
        if scope.kind in TRIGGERS:
            self._poked.set()
            self._schemas.poke()

    async def _append(self, records: Sequence[Record]) -> None:
        async with self._lock:
            await self._put(Batch(records=records))

    async def _put(self, batch: Batch) -> None:
        """Into the log, however long it is full: nothing is dropped, the sockets show it by waiting."""
        while True:
            try:
                return await self._sink.append(batch)
            except SinkFull as full:
                self._metrics.log_full.inc()
                log.error("capture waits: %s", full)
                await asyncio.sleep(self._timings.full_log_retry)

    async def _mark(self, watches: Watches) -> None:
        """A watermark every 2 s, and soon after a watch has become current for the first time."""
        while True:
            if await set_within(self._due, self._timings.watermark_every):
                await asyncio.sleep(min(WATERMARK_PAUSE, self._timings.watermark_every))
            self._due.clear()
            await self._tell_kinds(watches)
            await self._put_watermark(watches)
            self._gauges.update(watches.reflectors.values(), self._heartbeat, self._clock())

    async def _put_watermark(self, watches: Watches) -> None:
        """What is known to be current stands in the log; resume points move with it. Read under the lock: no later."""
        async with self._lock:
            steps, self._steps = self._steps, []
            positions: dict[Scope, Position] = {}
            scopes: dict[str, tuple[str, datetime, datetime, datetime]] = {}
            for scope, one in watches.reflectors.items():
                position, until = one.position, one.current_until
                if position is not None and until is not None:
                    scopes[str(scope)] = (position.rv, until, min(one.confirmed or until, until), position.since)
                    positions[scope] = replace(position, at=max(one.proved_until or until, position.since))
            mark = [self._watermark(scopes)] if scopes else []
            if steps or mark:
                await self._put(Batch(records=[*steps, *mark], positions=positions))

    def _watermark(self, scopes: dict[str, tuple[str, datetime, datetime, datetime]]) -> Watermark:
        return Watermark(
            cluster=self._settings.cluster,
            cluster_uid=self._capture.cluster_uid,
            slot=self._settings.slot,
            at=self._clock(),
            scopes=scopes,
        )

    def _start(self) -> Start:
        return Start(
            cluster=self._settings.cluster,
            cluster_uid=self._capture.cluster_uid,
            at=self._clock(),
            instance=self._settings.instance,
            software=self._settings.software,
        )

    def _stop(self, reason: str) -> Stop:
        return Stop(
            cluster=self._settings.cluster,
            cluster_uid=self._capture.cluster_uid,
            at=self._clock(),
            instance=self._settings.instance,
            reason=reason,
        )

    def _note_step(self, at: datetime, seconds: float) -> None:
        """The clock was set; the next watermark carries it."""
        log.warning("the clock was set by %+.1f s", seconds)
        cluster = self._settings.cluster
        self._steps.append(ClockStep(cluster=cluster, cluster_uid=self._capture.cluster_uid, at=at, step=seconds))


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _cancel(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """End these tasks, whatever they say."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
