"""The set of Reflectors: begun, ended and begun again as kinds come and go, none of them able to harm another.

A kind has one scope, or one per namespace: when only namespaces were asked for, or when the cluster-wide list is
forbidden and namespaces are known. Trackers outlive their Reflectors, so that a kind that is served again goes on
from what is known of it; one that is served at another version gets a new tracker, restored from the log.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from random import Random
from typing import Final

from collector.account import Account
from collector.backoff import Backoff
from collector.clock import Capture, Clock, numeric
from collector.cluster import Cluster
from collector.concert import Concert
from collector.etcds import Etcds
from collector.healing import Healer
from collector.heartbeat import Heartbeat
from collector.metrics import Metrics
from collector.outlet import Emit
from collector.reflector import Reflector, State
from collector.settings import CollectorSettings
from collector.sink import Remembered, Restored, Sink, SinkError
from collector.stream import ClaimBounds
from collector.trackers import RestorableTracker, TrackerFactory, has_memory
from schema.objects import Kind, Scope

log = logging.getLogger(__name__)

LONG_MEMORY: Final = 256
"""More objects than this are taken up in a thread."""


UNORDERED: Final = "unordered"
"""Why a list is compared after a restart where resourceVersions are no numbers."""


class Watches:
    """All Reflectors of one collector. `on_change` hears of every state; `fatal` fails when the log does."""

    def __init__(
        self,
        *,
        capture: Capture,
        cluster: Cluster,
        sink: Sink,
        restored: Restored,
        trackers: TrackerFactory,
        emit: Emit,
        heartbeat: Heartbeat,
        skew: ClaimBounds,
        metrics: Metrics,
        settings: CollectorSettings,
        clock: Clock,
        random: Random,
        on_change: Callable[[Reflector], None],
    ) -> None:
        self.reflectors: dict[Scope, Reflector] = {}
        self.fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._capture = capture
        self._cluster = cluster
        self._sink = sink
        self._restored = restored
        self._make_tracker = trackers
        self._heartbeat = heartbeat
        self._skew = skew
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._random = random
        self._on_change = on_change
        account = Account()
        self.etcds = Etcds(cluster, account, self._listable)
        self.concert = Concert(cluster, account=account, etcds=self.etcds, settings=settings)
        self._healer = Healer(cluster, settings=settings, metrics=metrics, concert=self.concert)
        self._emit = self.etcds.listening(emit)
        self._syncs = asyncio.Semaphore(settings.cold_syncs)
        self._tasks: dict[Scope, asyncio.Task[None]] = {}
        self._versions: dict[Scope, str] = {}
        self._trackers: dict[Scope, tuple[Kind, RestorableTracker]] = {}
        self._by_namespace: set[str] = set()

    # ---- kinds come and go ----------------------------------------------------------------------------------------

    async def apply(self, kinds: Mapping[str, Kind]) -> None:
        """Watch exactly these kinds."""
        wanted = {scope: kind for kind in kinds.values() for scope in self.scopes(kind)}
        versions = {scope: kind.version for scope, kind in wanted.items()}
        ended = [scope for scope in self._tasks if versions.get(scope) != self._versions[scope]]
        await self._end(ended)
        for scope, kind in wanted.items():
            task = self._tasks.get(scope)
            if task is None or task.done():
                self._begin(scope, kind)

    def scopes(self, kind: Kind) -> list[Scope]:
        """One per namespace where only namespaces are asked for or allowed."""
        names = self._settings.namespaces
        if kind.namespaced and names and (self._settings.only_namespaces or kind.id in self._by_namespace):
            return [Scope(kind.id, name) for name in names]
        return [Scope(kind.id)]

    def fall_back(self, scope: Scope, kind: Kind) -> bool:
        """The cluster-wide list is forbidden: whether this kind is watched by namespace instead, from now on."""
        if scope.namespace or not kind.namespaced or not self._settings.namespaces:
            return False
        self._by_namespace.add(kind.id)
        return True

    def _begin(self, scope: Scope, kind: Kind) -> None:
        self._versions[scope] = kind.version
        self._tasks[scope] = asyncio.create_task(self._supervise(scope, kind), name=f"watch {scope}")

    async def _end(self, scopes: Iterable[Scope]) -> None:
        """Stop these Reflectors, and wait until they have given out what they read."""
        ending = {scope: self._tasks.pop(scope) for scope in scopes}
        for scope in ending:
            if scope in self.reflectors:
                self.reflectors[scope].request_stop()
            else:
                ending[scope].cancel()
        if ending:
            await self._wait(ending.values(), self._settings.timings.stop_within / 2)
        for scope in ending:
            self.reflectors.pop(scope, None)

    async def stop(self, within: float) -> None:
        """Stop all of them; what does not end in time is cut off (its resume point stays where it was)."""
        for reflector in self.reflectors.values():
            reflector.request_stop()
        for scope, task in self._tasks.items():
            if scope not in self.reflectors:
                task.cancel()
        await self._wait(self._tasks.values(), within)

    async def _wait(self, tasks: Iterable["asyncio.Task[None]"], within: float) -> None:
        every = set(tasks)
        if not every:
            return
        _, late = await asyncio.wait(every, timeout=within)
        for task in late:
            if within:
                log.warning("%s did not end in time and is cut off", task.get_name())
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)

    # ---- one watch ------------------------------------------------------------------------------------------------

    async def _supervise(self, scope: Scope, kind: Kind) -> None:
        """Keep one Reflector running; only a log that fails for good ends more than this watch."""
        timings = self._settings.timings
        backoff = Backoff(first=timings.backoff_first, most=timings.backoff_most, random=self._random)
        while True:
            try:
                reflector = await self._reflector(scope, kind)
                self.reflectors[scope] = reflector
                return await reflector.run()
            except SinkError as error:
                if not self.fatal.done():
                    self.fatal.set_exception(error)
                return None
            except Exception:
                self._metrics.restarts.labels(scope.kind).inc()
                log.exception("the watch of %s failed and begins again", scope)
                await asyncio.sleep(backoff.next())

    async def _reflector(self, scope: Scope, kind: Kind) -> Reflector:
        resync = ""
        if scope not in self._trackers or self._trackers[scope][0].version != kind.version:
            resync = await self._restore(scope, kind)
        return Reflector(
            cluster=self._cluster,
            kind=kind,
            scope=scope,
            tracker=self._trackers[scope][1],
            emit=self._emit,
            heartbeat=self._heartbeat,
            skew=self._skew,
            syncs=self._syncs,
            metrics=self._metrics,
            settings=self._settings,
            clock=self._clock,
            random=self._random,
            healer=self._healer,
            resync=resync,
            on_state=self._on_change,
        )

    async def _restore(self, scope: Scope, kind: Kind) -> str:
        """Make the scope's tracker and give it its memory; why a fresh list must be compared with that, or ""."""
        position = self._restored.positions.get(scope)
        if scope in self._trackers:  # another version: what was given out so far is in the log only
            position = self._trackers[scope][1].position
            await self._sink.flush()
        tracker = self._make_tracker(self._capture, kind, scope)
        known = await self._remembered(scope) if has_memory(kind) and self._has_history() else []
        if len(known) > LONG_MEMORY:
            await asyncio.to_thread(tracker.restore, known, position)
        else:
            tracker.restore(known, position)
        self._trackers[scope] = (kind, tracker)
        if self._restored.lost and not known and has_memory(kind):
            return "memory lost"
        # Versions that are no numbers do not tell what of a repeated stream is stored already: two states do.
        return UNORDERED if position is not None and numeric(position.rv) < 0 and known else ""

    def _has_history(self) -> bool:
        return bool(self._restored.cluster_uid or self._restored.lost or self._trackers)

    async def _remembered(self, scope: Scope) -> list[Remembered]:
        found: AsyncIterator[Remembered] = self._sink.remembered(self._capture.cluster, scope.kind)
        known = []
        async for one in found:
            if not scope.namespace or one.namespace == scope.namespace:
                known.append(one)
        return known

    def _listable(self) -> dict[str, tuple[Kind, Scope]]:
        """Every kind whose version can be asked for, with a scope of it."""
        barred = (State.FORBIDDEN, State.GONE)
        found = {name: (kind, Scope(name)) for name, kind in self.concert.witnesses().items()}
        return found | {s.kind: (one.kind, s) for s, one in self.reflectors.items() if one.state not in barred}

    def subjects(self) -> list[tuple[Reflector, RestorableTracker]]:
        """Every watch with its tracker: what an audit looks at."""
        return [(one, self._trackers[scope][1]) for scope, one in self.reflectors.items()]

    def ready(self) -> bool:
        """Every watch has its first complete list, or is known not to get one."""
        settled = (State.FORBIDDEN, State.GONE, State.STOPPED)
        begun = len(self.reflectors) >= len(self._tasks) > 0
        return begun and all(one.position is not None or one.state in settled for one in self.reflectors.values())
