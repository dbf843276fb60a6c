"""The live feed: every change event once, in the order in which it was stored (`query.feeds_read`), resumable.

One poll of the newest position serves everybody. Followers with the same filter and the same rights share a lane
(`query.feeds_lanes`): each change is read and encoded once for all of them. Who comes from an older token reads by
itself (a `Walk`) until it has caught up with its lane. Nobody is waited for: who falls behind its lane's memory reads
by itself again, and a client that takes nothing is cut off.

What is promised: no change is missed by who resumes from a token. After a crash of the recorder between store and
checkpoint a change can come again, under the same `id`; a gap can come again after resuming, under its own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

from query import feeds_read
from query.access import LimitedStore, Reach
from query.errors import TooBusy, TooManyFollowers
from query.feeds_lanes import Chunk, Lane
from query.feeds_read import Batch, FeedChange, Item, Notice, moment_of, write_token
from query.metrics import Metrics
from query.models import Span
from query.readers import Readers
from query.scope import ChangeFilter
from query.settings import QuerySettings
from schema.store import Store

log = logging.getLogger(__name__)
T = TypeVar("T")

_NEVER = datetime.fromtimestamp(0, UTC)
_HALF_VISIBLE = 20
"""Polls after which a row that never becomes whole is given up."""
_CLOCKS = timedelta(seconds=5)
"""How far the clocks of ingesters and of the store may be apart; a gap is told twice rather than not."""


class Feed:
    """Follows the store for all clients of this process."""

    def __init__(self, store: Store, readers: Readers, settings: QuerySettings, metrics: Metrics) -> None:
        self._store = store
        self._readers = readers
        self.settings = settings
        self._metrics = metrics
        self._stopping = asyncio.Event()
        self._polling = asyncio.Lock()
        self._polled = float("-inf")
        self._head = 0
        self._clients = 0
        self._lane_count = 0
        self._lanes: dict[ChangeFilter, Lane] = {}
        self._limited: WeakValueDictionary[Reach, _LimitedFeed] = WeakValueDictionary()

    def limited(self, store: LimitedStore) -> "Feed":
        """The same feed for callers who see what this store shows; also the newest position is theirs alone."""
        found = self._limited.get(store.reach)
        if found is None:
            found = self._limited[store.reach] = _LimitedFeed(self, store)
        return found

    def stop(self) -> None:
        """End every client's stream soon; called when the server begins to shut down."""
        self._stopping.set()

    async def start(self, choose: Callable[[], ChangeFilter], after: int | None) -> "Follower":
        """Take a client in, before anything is sent. Raises TooManyFollowers, and what `choose` raises."""
        if self.clients >= self.settings.feed_clients:
            raise TooManyFollowers(
                f"{self.clients} clients follow the feed already.", "Close some, or try again later."
            )
        chosen = await self._readers.run(choose)
        if chosen not in self._lanes and self.lanes >= self.settings.feed_lanes:
            raise TooManyFollowers(
                f"Clients follow the feed with {self.lanes} different filters or rights already.",
                "Follow with a filter that is in use, or try again later.",
            )
        return Follower(self, chosen, after, await self.newest())

    def walk(self, chosen: ChangeFilter, position: int, since: datetime | None) -> "Walk":
        """A way of its own along the log; gaps recorded after `since` (None: from now on) come with it."""
        return Walk(self, chosen, position, since)

    def join(self, chosen: ChangeFilter, position: int) -> Lane:
        """The lane of this filter; it begins at this position when there is none yet. `leave` it."""
        lane = self._lanes.get(chosen)
        if lane is None:
            lane = self._lanes[chosen] = Lane(self.walk(chosen, position, None))
            self.count_lanes(+1)
        lane.followers += 1
        return lane

    def leave(self, chosen: ChangeFilter, lane: Lane) -> None:
        """The last one closes it."""
        lane.followers -= 1
        if not lane.followers and self._lanes.get(chosen) is lane:
            del self._lanes[chosen]
            lane.close()
            self.count_lanes(-1)

    async def newest_behind(self, position: int) -> int:
        """The newest position once it is behind this one; the same one when the heartbeat is due or the end is near."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self.settings.feed_heartbeat
        while loop.time() < due and not self._stopping.is_set():
            head = await self.newest()
            if head > position:
                return head
            await self.wait(min(self.settings.feed_poll, max(0.0, due - loop.time())))
        return position

    async def newest(self) -> int:
        """Asked at most once per poll interval, for whatever number of clients."""
        async with self._polling:
            now = asyncio.get_running_loop().time()
            if now - self._polled >= self.settings.feed_poll:
                settle = self.settings.feed_settle
                self._head = await self._readers.run(lambda: feeds_read.head(self._store, self._head, settle))
                self._polled = now
            return self._head

    async def batch(self, chosen: ChangeFilter, position: int, head: int) -> Batch:
        """The next changes behind a position."""
        most = self.settings.feed_batch
        audited = self.settings.audit_log
        return await self._patiently(
            lambda: feeds_read.read(self._store, chosen, position, head, most, audited=audited), Batch([], position)
        )

    async def gaps(self, chosen: ChangeFilter, since: datetime | None) -> list[tuple[datetime, Span]]:
        """Gaps recorded since the ledger's moment `since`, with theirs."""
        return await self._patiently(lambda: feeds_read.gaps(self._store, chosen, since), [])

    async def gap(self, identity: str) -> list[tuple[int, Item]]:
        """This gap as an item, as long as the ledger has it."""
        found = await self._readers.run(lambda: feeds_read.gaps(self._store, ChangeFilter(), _NEVER, identity))
        return [(0, Notice(type="gap", token=write_token(0), gap=gap)) for _, gap in found]

    async def _patiently(self, question: Callable[[], T], at_end: T) -> T:
        """Many come back at once, and their streams have begun: they wait for a reader, until the server ends."""
        while not self.stopping:
            try:
                return await self._readers.run(question)
            except TooBusy:
                await self.pause()
        return at_end

    @property
    def clients(self) -> int:
        """How many follow the feed now."""
        return self._clients

    @property
    def lanes(self) -> int:
        """How many different filters and rights they follow it with."""
        return self._lane_count

    @property
    def stopping(self) -> bool:
        """Whether the server is about to end."""
        return self._stopping.is_set()

    def count(self, clients: int, events: int = 0) -> None:
        """For the metrics, and for the limit on clients."""
        self._clients += clients
        self._metrics.feed_clients.set(self._clients)
        self._metrics.feed_events.inc(events)

    def count_lanes(self, lanes: int) -> None:
        """For the limit on lanes, and their share of memory."""
        self._lane_count += lanes

    async def pause(self) -> None:
        """One poll's time, or less when the server ends."""
        await self.wait(self.settings.feed_poll)

    async def end(self) -> None:
        """Returns when the server begins to shut down."""
        await self._stopping.wait()

    async def wait(self, seconds: float) -> None:
        """So long, or until the server ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


class _LimitedFeed(Feed):
    """Counts its clients, and ends, with the feed of everybody."""

    def __init__(self, whole: Feed, store: Store) -> None:
        super().__init__(store, whole._readers, whole.settings, whole._metrics)
        self._whole = whole
        self._stopping = whole._stopping

    @property
    def clients(self) -> int:
        """How many follow the whole feed now."""
        return self._whole.clients

    @property
    def lanes(self) -> int:
        """Of the whole feed."""
        return self._whole.lanes

    def count(self, clients: int, events: int = 0) -> None:
        """For the metrics, and for the limit on clients."""
        self._whole.count(clients, events)

    def count_lanes(self, lanes: int) -> None:
        """For the limit on lanes."""
        self._whole.count_lanes(lanes)


class Walk:
    """Along the log from a position: `step` gives what is next, with the gaps that were recorded meanwhile."""

    def __init__(self, feed: Feed, chosen: ChangeFilter, position: int, since: datetime | None) -> None:
        """`since`: of gaps; None: from now on."""
        self.feed = feed
        self.position = position
        self._chosen = chosen
        self.ledger = since
        self._asked = since is not None
        self._stuck = 0
        self.idle = False
        """Nothing had come when it looked last."""

    async def step(self, until: int | None = None) -> list[tuple[int, Item]]:
        """Items with their positions. [] when nothing came within the heartbeat, or nothing for this filter."""
        if not self._asked:
            self.ledger, self._asked = max((at for at, _ in await self._gaps(None)), default=None), True
        head = await self.feed.newest_behind(self.position) if until is None else until
        self.idle = head == self.position
        if self.idle:
            return await self.gaps()
        found = await self.feed.batch(self._chosen, self.position, head)
        self._stuck = self._stuck + 1 if found.reached == self.position else 0
        if self._stuck > _HALF_VISIBLE:
            log.warning("feed: rows behind position %d stay half visible and are left out", self.position)
            found, self._stuck = Batch([], head), 0
        gaps = await self.gaps()
        if self._stuck:
            await self.feed.pause()
        self.position = found.reached
        return [*gaps, *found.changes]

    async def gaps(self) -> list[tuple[int, Item]]:
        """Those recorded since the last look."""
        found = await self._gaps(self.ledger)
        self.ledger = max((at for at, _ in found), default=self.ledger)
        token = write_token(self.position)
        return [(self.position, Notice(type="gap", token=token, gap=gap)) for _, gap in found]

    async def _gaps(self, since: datetime | None) -> list[tuple[datetime, Span]]:
        return await self.feed.gaps(self._chosen, since)


class Follower:
    """One client's way along the feed."""

    def __init__(self, feed: Feed, chosen: ChangeFilter, after: int | None, head: int) -> None:
        """`after`: what it resumes behind; ahead of the log, the log is not the one that it came from."""
        self._feed = feed
        self._chosen = chosen
        self._head = head
        self._lost = after is not None and after > head
        self._position = head if after is None or self._lost else after
        self._resumed = after is not None and not self._lost

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Changes as they come, gaps beside them, a bookmark after a while of nothing; ends when the server does."""
        lane = self._feed.join(self._chosen, self._head)
        self._feed.count(+1)
        try:
            if self._lost:
                yield Chunk.notice(Notice(type="reset", token=write_token(self._position)))
            spoken = asyncio.get_running_loop().time()
            async for chunk in self._chunks(lane):
                now = asyncio.get_running_loop().time()
                if chunk.pieces:
                    spoken = now
                    self._feed.count(0, chunk.changes)
                    yield chunk
                elif chunk.idle or now - spoken >= self._feed.settings.feed_heartbeat:
                    spoken = now
                    yield Chunk.notice(Notice(type="bookmark", token=write_token(self._position)))
        finally:
            self._feed.count(-1)
            self._feed.leave(self._chosen, lane)

    async def batches(self) -> AsyncIterator[list[Item]]:
        """The same for who needs the items themselves, which are read for it alone."""
        walk = self._feed.walk(self._chosen, self._position, None)
        self._feed.count(+1)
        try:
            while not self._feed.stopping:
                items = [item for _, item in await walk.step()]
                self._feed.count(0, sum(isinstance(each, FeedChange) for each in items))
                if walk.idle:
                    items.append(Notice(type="bookmark", token=write_token(walk.position)))
                if items:
                    yield items
        finally:
            self._feed.count(-1)

    async def _chunks(self, lane: Lane) -> AsyncIterator[Chunk]:
        """What stands behind the client's own position, from the lane where it can be."""
        if self._resumed or self._position < lane.begin:
            async for chunk in self._catching_up(lane):
                yield chunk
        number = lane.number_behind(self._position)
        while not self._feed.stopping:
            found = await lane.chunk(number)
            if found is None:  # it was too slow for the lane's memory
                async for chunk in self._catching_up(lane):
                    yield chunk
                number = lane.number_behind(self._position)
                continue
            number += found.kept
            chunk = found.behind(self._position)
            self._position = max(self._position, found.end)
            yield chunk

    async def _catching_up(self, lane: Lane) -> AsyncIterator[Chunk]:
        """By itself, until it stands where the lane's memory begins."""
        walk = self._feed.walk(self._chosen, self._position, moment_of(self._position) - _CLOCKS)
        while self._position < lane.begin and not self._feed.stopping:
            items = await walk.step(lane.begin)
            chunk = Chunk.of(items, self._position, walk.position)
            self._position = walk.position
            yield chunk
        yield Chunk.of(await walk.gaps(), self._position, self._position)
