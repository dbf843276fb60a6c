"""One Reflector per scope: keeps what we know of a kind level with the API server, and never gives up.

    INIT ──► SYNC (streaming list | paged LIST) ──► STREAM ◄──► RECONNECT (from the stored version)
               ▲                                      │
               └── RESYNC (expired | rollback | …) ◄──┘            FORBIDDEN: tries slowly · GONE: discovery decides

Rules, each paid for by somebody (client-go, kopf, kube-rs and the API server's own source):
- A broken or ended watch goes on from the stored resourceVersion. Only Expired (410, as status or as ERROR event)
  leads to a fresh list, because a list hides intermediate versions.
- Nothing of an initial burst moves the resume point (`collector.burst`).
- A plain watch from a version of the future is accepted in silence and drops everything up to it. So after a restart
  and after the end of every stream a list of one item shows first that the server has not gone back (etcd restored).
- What is read after a reconnect or a freeze is late until the stream has caught up (`collector.stream`).
- Positions given away never run ahead of records given out (`collector.outlet`).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from enum import StrEnum
from random import Random
from typing import Final

from collector.backoff import Backoff, set_within
from collector.burst import Snapshot, list_all
from collector.clock import Clock, numeric
from collector.cluster import Cluster, ClusterError, Expired, Forbidden, NotServed, StreamingRefused, bookmarked
from collector.freshlists import FreshLists
from collector.healing import EXPIRED, Healer
from collector.heartbeat import Heartbeat, Stamps
from collector.intake import Intake
from collector.lines import silent_bookmark
from collector.metrics import Metrics
from collector.outlet import Emit, Outlet, TrackerLike
from collector.settings import CollectorSettings
from collector.sink import Position, SinkError
from collector.stream import ClaimBounds, Stream
from schema.objects import Kind, Scope

log = logging.getLogger(__name__)

STUMBLES: Final = 3
"""So many unforeseen errors in a row at one version: the way on is a fresh list."""


class State(StrEnum):
    """Where a Reflector stands, in the words that status pages show."""

    INIT = "init"
    SYNC = "sync"
    STREAM = "stream"
    RECONNECT = "reconnect"
    RESYNC = "resync"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    STOPPED = "stopped"


class Reflector:
    """Watches one scope. `run` returns when the server no longer serves the kind, or after `request_stop`."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        kind: Kind,
        scope: Scope,
        tracker: TrackerLike,
        emit: Emit,
        heartbeat: Heartbeat,
        skew: ClaimBounds,
        syncs: asyncio.Semaphore,
        metrics: Metrics,
        settings: CollectorSettings,
        clock: Clock,
        random: Random,
        healer: Healer | None = None,
        resync: str = "",
        on_state: Callable[["Reflector"], None] = lambda _: None,
    ) -> None:
        """`resync`: why a fresh list has to be compared with memory first; "" = resume, or first sight."""
        self.kind = kind
        self.scope = scope
        self.state = State.INIT
        self.trouble = ""
        self._cluster = cluster
        self._tracker = tracker
        self._heartbeat = heartbeat
        self._skew = skew
        self._syncs = syncs
        self._metrics = metrics
        self._settings = settings
        self._timings = settings.timings
        self._stamps = Stamps(clock)
        self._backoff = Backoff(first=self._timings.backoff_first, most=self._timings.backoff_most, random=random)
        self._on_state = on_state
        self._reason = resync
        self._outlet = Outlet(scope=scope, position=tracker.position, emit=emit, metrics=metrics)
        self._fresh = FreshLists(kind=kind, tracker=tracker, outlet=self._outlet, healer=healer)
        self._stream: Stream | None = None
        self._streaming_lists = True
        self._comparing = False
        self._stumbles = 0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ---- what others may know -------------------------------------------------------------------------------------

    @property
    def position(self) -> Position | None:
        """Where a new Reflector could go on: everything before it has been given out. None before the first list."""
        return self._outlet.position

    @property
    def rv(self) -> str:
        """The resourceVersion of `position`, or ""."""
        return self._outlet.position.rv if self._outlet.position else ""

    @property
    def confirmed(self) -> datetime | None:
        """Time of the last byte really received."""
        return self._outlet.confirmed

    @property
    def connected(self) -> bool:
        """A watch is open."""
        return self._stream is not None

    @property
    def live(self) -> bool:
        """The watch is open and has caught up."""
        return self._stream is not None and self._stream.live

    @property
    def held(self) -> int:
        """Late events that wait to be dated."""
        return self._tracker.held

    @property
    def queued(self) -> int:
        """Bytes read and not yet processed."""
        return self._stream.intake.queued if self._stream else 0

    @property
    def current_until(self) -> datetime | None:
        """Everything up to this moment has been given out; None before the first list is complete."""
        if self._outlet.position is None or self._comparing:
            return None if self._outlet.position is None else self._outlet.until
        return self._stream.current_until if self._stream else self._outlet.until

    @property
    def proved_until(self) -> datetime | None:
        """The same without belief: a silent connection may be dead, and who begins again cannot know that it was."""
        return self._outlet.proved(self.current_until) if bookmarked(self.kind) else self.current_until

    # ---- turns ----------------------------------------------------------------------------------------------------

    def request_stop(self) -> None:
        """End soon: what was read is processed and given out first, what only waits is cut short."""
        self._stopping.set()
        if self._stream is not None and self._stream.following:
            self._stream.intake.wake()
        elif not self._comparing and self._task is not None:
            self._task.cancel()

    def compare_again(self, reason: str) -> None:
        """Leave the stream, once what was read of it is given out, for a fresh list that is compared with memory."""
        self._reason = reason
        if self._stream is not None:
            self._stream.leave()

    async def run(self) -> None:
        """Keep level until gone or stopped; no failure ends it."""
        self._task = asyncio.current_task()
        try:
            while not self._stopping.is_set() and self.state is not State.GONE:
                await self._rest(await self._attempt())
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
        if self.state is not State.GONE:
            self._enter(State.STOPPED)

    async def _rest(self, seconds: float) -> None:
        """Sleep, unless a stop is asked for."""
        if seconds > 0:
            await set_within(self._stopping, seconds)

    async def _attempt(self) -> float:
        """One turn, from opening to its end; the seconds to rest before the next."""
        try:
            return await self._turn()
        except ClusterError as error:
            return self._after(error)
        except SinkError:
            raise
        except Exception as error:
            log.exception("the watch of %s stumbled; going on from version %s", self.scope, self.rv or "none")
            self._stumble(error)
            return self._backoff.next()

    async def _turn(self) -> float:
        position = self._tracker.position
        unmarked, newest = not bookmarked(self.kind), ""
        if position is not None and not self._reason:
            newest = await self._look_for_rollback(position)
        if position is None or self._reason:
            return await self._sync()
        after = self.state.value
        async with self._open(rv=position.rv, initial=False, late_from=self._outlet.until) as stream:
            self._metrics.reconnects.labels(self.kind.id, after).inc()
            self._enter(State.STREAM)
            rest = await self._follow(stream)
        if unmarked and not stream.intake.bytes and stream.lasted >= self._timings.idle_proof:
            await self._move_to(newest)
        return rest

    async def _move_to(self, rv: str) -> None:
        """Everything up to `rv`, the server's newest when a stream was opened, would have come through it by now."""
        records = self._tracker.observe([silent_bookmark(rv)], at=self._stamps.next(), not_before=None)
        await self._outlet.give(records, self._tracker.position)

    async def _follow(self, stream: Stream) -> float:
        """To the end of the stream. A clean end goes on at once, unless it came at once."""
        try:
            await stream.follow()
        finally:
            if stream.lasted >= self._timings.healthy:
                self._backoff.reset()
        self._version_doubted = True  # a server that is stopped in order ends its watches cleanly
        self._enter(State.RECONNECT)
        empty = stream.lasted < self._timings.short_watch and not stream.intake.bytes
        return self._backoff.next(most=self._timings.reconnect_most) if empty else 0.0

    @asynccontextmanager
    async def _open(self, *, rv: str, initial: bool, late_from: datetime | None) -> AsyncIterator[Stream]:
        """A watch with its reader running."""
        namespace = self.scope.namespace
        async with self._cluster.watch(self.kind, namespace, rv=rv, initial=initial) as chunks:
            intake = self._intake(chunks, late_from)
            self._stream = self._stream_of(intake)
            reader = asyncio.create_task(intake.run(), name=f"read {self.scope}")
            try:
                yield self._stream
            finally:
                self._stream = None
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    def _intake(self, chunks: AsyncIterator[bytes], late_from: datetime | None) -> Intake:
        return Intake(
            chunks,
            stamps=self._stamps,
            heartbeat=self._heartbeat,
            late_from=late_from,
            bound=self._settings.queue_bytes,
            pause=self._timings.pause,
            on_bytes=self._metrics.bytes.labels(self.kind.id).inc,
            on_full=self._metrics.full_waits.labels(self.kind.id).inc,
        )

    def _stream_of(self, intake: Intake) -> Stream:
        return Stream(
            intake,
            tracker=self._tracker,
            outlet=self._outlet,
            heartbeat=self._heartbeat,
            stamps=self._stamps,
            skew=self._skew,
            settings=self._settings,
            metrics=self._metrics,
            stopping=self._stopping,
        )

    # ---- lists ----------------------------------------------------------------------------------------------------

    async def _look_for_rollback(self, position: Position) -> str:
        """A list of one item gives the server's newest version; one below ours means that its store was restored."""
        page = await self._cluster.page(self.kind, self.scope.namespace, limit=1)
        if 0 <= numeric(page.rv) < numeric(position.rv):
            log.warning("%s went back from version %s to %s: restored from a backup?", self.scope, position.rv, page.rv)
            self._reason = "rollback"
        return page.rv

    async def _sync(self) -> float:
        self._enter(State.RESYNC if self._reason else State.SYNC)
        if self._streaming_lists:
            try:
                return await self._sync_streaming()
            except StreamingRefused as refused:
                log.debug("%s is listed in pages: %s", self.scope, refused)
                self._streaming_lists = False
        return await self._sync_paged()

    async def _sync_streaming(self) -> float:
        """A streaming list, whose stream goes on as the watch."""
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._syncs)
            asked = self._stamps.next()
            async with self._open(rv="", initial=True, late_from=asked) as stream:
                snapshot, at = await stream.read_burst()
                await self._replace(snapshot, at=at, asked=asked, turn=turn)
                await turn.aclose()
                return await self._follow(stream)

    async def _sync_paged(self) -> float:
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._syncs)
            asked = self._stamps.next()
            size = self._settings.page_size
            snapshot = await list_all(self._cluster, self.kind, self.scope.namespace, page_size=size)
            await self._replace(snapshot, at=self._stamps.next(), asked=asked, turn=turn)
        async with self._open(rv=snapshot.rv, initial=False, late_from=asked) as stream:
            return await self._follow(stream)

    async def _replace(self, snapshot: Snapshot, *, at: datetime, asked: datetime, turn: AsyncExitStack) -> None:
        """Give out what a fresh list shows beside memory, healed if it can be: all up to when it was asked for."""
        self._comparing = True
        try:
            how = await self._fresh.take_up(snapshot, at=at, reason=self._reason, turn=turn)
        finally:
            self._comparing = False
        self._outlet.confirmed = at
        self._outlet.advance(asked)
        self._metrics.relists.labels(self.kind.id, how or "first").inc()
        self._reason, self._stumbles = "", 0
        self._enter(State.STREAM)

    # ---- failures -------------------------------------------------------------------------------------------------

    def _after(self, error: ClusterError) -> float:
        """What an error means for the next turn; the seconds to wait before it."""
        if isinstance(error, NotServed | Forbidden):
            self._fresh.give_up()
        if isinstance(error, NotServed):
            self._enter(State.GONE, str(error))
            return 0.0
        if isinstance(error, Forbidden):
            self._enter(State.FORBIDDEN, str(error))
            return self._timings.forbidden_retry
        if isinstance(error, Expired):
            return self._expire(error)
        log.info("the watch of %s is interrupted: %s", self.scope, error)
        self._enter(State.RECONNECT, str(error))
        resuming = self._tracker.position is not None and not self._reason
        return self._backoff.next(at_least=error.retry_after, most=self._timings.reconnect_most if resuming else None)

    def _expire(self, error: Expired) -> float:
        """The server has forgotten our version: list at once, with back-off when lists expire as well."""
        self._metrics.expired.labels(self.kind.id).inc()
        again = bool(self._reason) or self._tracker.position is None
        if self._tracker.position is not None:
            self._reason = self._reason or EXPIRED
            self._fresh.expect(self._reason)
        log.warning("the server no longer has version %s of %s; comparing a fresh list", self.rv, self.scope)
        self._enter(State.RESYNC, str(error))
        return self._backoff.next(at_least=error.retry_after) if again else 0.0

    def _stumble(self, error: Exception) -> None:
        """An error that nobody foresaw: try again from the same version, at last from a fresh list."""
        self._stumbles += 1
        if self._stumbles >= STUMBLES and self._tracker.position is not None:
            self._stumbles, self._reason = 0, self._reason or "unreadable"
        self._enter(State.RECONNECT, type(error).__name__)

    def _enter(self, state: State, trouble: str = "") -> None:
        self.trouble = "" if state is State.STREAM else trouble or self.trouble
        changed, self.state = self.state is not state, state
        if changed:
            self._on_state(self)
