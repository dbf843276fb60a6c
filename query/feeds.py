"""The live feed: every change event once, in the order in which it was stored, resumable.

The order is that of `changes.log_order`, a number that the engine gives out in rising order as rows are inserted, also
when the clock steps back. `ts` could not serve: kinds become visible at different moments, and what is read late is
dated into the past; a reader at a moment would step over it. A resume token is such a number, made opaque.

One poll of the newest number serves all clients; each client then asks for what lies behind its own token, in its own
time. So nothing is kept in memory for slow clients, and none of them holds up another. Of an insert that is half
visible (`changes` has a row that `events` does not have yet) nothing is given out until it is whole.

Where several ingesters write, an insert that began earlier may become visible later: numbers of the last `feed_settle`
seconds are not passed yet. An insert that takes longer than that between its first row and its visibility is missed by
who is ahead of it; one process that writes alone needs no such wait.

What is promised: no change is missed by who resumes from a token. After a crash of the recorder between store and
checkpoint a change can come again, under the same `id`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from query import cursors, records, timeline
from query.errors import BadCursor, TooManyFollowers
from query.metrics import Metrics
from query.models import CHANGE_FIELDS, Change, Span
from query.readers import Readers
from query.scope import ChangeFilter, one_of, where
from query.settings import QuerySettings
from schema.events import Event
from schema.objects import kind_id
from schema.rows import EVENT_COLUMNS, event_from_row
from schema.store import Row, Store

log = logging.getLogger(__name__)

_HALF_VISIBLE = 20
"""Polls after which a row that never becomes whole is given up."""


class FeedChange(Change, kw_only=True):
    """A change and the token to resume behind it."""

    token: str


class Notice(msgspec.Struct, kw_only=True):
    """Not a change. bookmark: nothing new up to here; gap: versions may be missing; reset: the token led nowhere."""

    type: Literal["bookmark", "gap", "reset"]
    token: str
    gap: Span | None = None


@dataclass(frozen=True, slots=True)
class _Batch:
    """Whole changes with their positions, and the position up to which everything was looked at."""

    events: list[tuple[int, Event]]
    reached: int


def write_token(position: int) -> str:
    """The opaque form of a position."""
    return cursors.write("feed", [str(position)])


def read_token(token: str) -> int:
    """Raises BadCursor."""
    (value,) = cursors.read("feed", token, length=1)
    if not isinstance(value, str) or not value.isdigit() or int(value) >= 2**64:
        raise BadCursor(f"{token[:40]!r} is not a resume token that was given out here.", "Start again without it.")
    return int(value)


class Feed:
    """Follows the store for all clients of this process."""

    def __init__(self, store: Store, readers: Readers, settings: QuerySettings, metrics: Metrics) -> None:
        self._store = store
        self._readers = readers
        self._settings = settings
        self._metrics = metrics
        self._stopping = asyncio.Event()
        self._polling = asyncio.Lock()
        self._polled = float("-inf")
        self._head = 0
        self._clients = 0

    def limited(self, store: Store) -> "Feed":
        """The same feed for one caller who sees what this store shows; also the newest position is theirs alone."""
        return _LimitedFeed(self, store)

    def stop(self) -> None:
        """End every client's stream soon; called when the server begins to shut down."""
        self._stopping.set()

    async def start(self, choose: Callable[[], ChangeFilter], after: int | None) -> "Follower":
        """Take a client in, before anything is sent. Raises TooManyFollowers, and what `choose` raises."""
        if self.clients >= self._settings.feed_clients:
            raise TooManyFollowers(
                f"{self.clients} clients follow the feed already.", "Close some, or try again later."
            )
        chosen = await self._readers.run(choose)
        head = await self._newest()
        return Follower(self, chosen, head if after is None else after, lost=after is not None and after > head)

    async def newest_behind(self, position: int) -> int:
        """The newest position once it is behind this one; the same one when the heartbeat is due or the end is near."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._settings.feed_heartbeat
        while loop.time() < due and not self._stopping.is_set():
            head = await self._newest()
            if head > position:
                return head
            await self._pause(min(self._settings.feed_poll, max(0.0, due - loop.time())))
        return position

    async def batch(self, chosen: ChangeFilter, position: int, head: int) -> _Batch:
        """The next changes behind a position."""
        return await self._readers.run(lambda: _read(self._store, chosen, position, head, self._settings.feed_batch))

    async def gaps(self, chosen: ChangeFilter, since: datetime | None) -> list[tuple[datetime, Span]]:
        """Gaps recorded since the ledger's moment `since`, with theirs."""
        return await self._readers.run(lambda: _gaps(self._store, chosen, since))

    @property
    def clients(self) -> int:
        """How many follow the feed now."""
        return self._clients

    @property
    def stopping(self) -> bool:
        """Whether the server is about to end."""
        return self._stopping.is_set()

    def count(self, clients: int, events: int = 0) -> None:
        """For the metrics, and for the limit on clients."""
        self._clients += clients
        self._metrics.feed_clients.set(self._clients)
        self._metrics.feed_events.inc(events)

    async def pause(self) -> None:
        """One poll's time, or less when the server ends."""
        await self._pause(self._settings.feed_poll)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _newest(self) -> int:
        """Asked at most once per poll interval, for whatever number of clients."""
        async with self._polling:
            now = asyncio.get_running_loop().time()
            if now - self._polled >= self._settings.feed_poll:
                settle = self._settings.feed_settle
                self._head = await self._readers.run(lambda: _head(self._store, self._head, settle))
                self._polled = now
            return self._head


class _LimitedFeed(Feed):
    """Counts its clients, and ends, with the feed of everybody."""

    def __init__(self, whole: Feed, store: Store) -> None:
        super().__init__(store, whole._readers, whole._settings, whole._metrics)
        self._whole = whole
        self._stopping = whole._stopping

    @property
    def clients(self) -> int:
        """How many follow the whole feed now."""
        return self._whole.clients

    def count(self, clients: int, events: int = 0) -> None:
        """For the metrics, and for the limit on clients."""
        self._whole.count(clients, events)


class Follower:
    """One client's way along the feed."""

    def __init__(self, feed: Feed, chosen: ChangeFilter, position: int, *, lost: bool) -> None:
        """`lost`: the client's token is ahead of the log, so the log is not the one it came from."""
        self._feed = feed
        self._chosen = chosen
        self._position = position
        self._lost = lost
        self._ledger: datetime | None = None

    async def batches(self) -> AsyncIterator[list[FeedChange | Notice]]:
        """Changes as they come, gaps beside them, a bookmark after a while of nothing; ends when the server does."""
        self._feed.count(+1)
        try:
            async for each in self._batches():
                self._feed.count(0, sum(isinstance(item, FeedChange) for item in each))
                yield each
        finally:
            self._feed.count(-1)

    async def _batches(self) -> AsyncIterator[list[FeedChange | Notice]]:
        if self._lost:
            self._position = await self._feed.newest_behind(0)
            yield [Notice(type="reset", token=write_token(self._position))]
        self._ledger = max((at for at, _ in await self._feed.gaps(self._chosen, None)), default=None)
        stuck = 0
        while not self._feed.stopping:
            head = await self._feed.newest_behind(self._position)
            if head == self._position:
                yield [*await self._new_gaps(), Notice(type="bookmark", token=write_token(self._position))]
                continue
            found = await self._feed.batch(self._chosen, self._position, head)
            stuck = stuck + 1 if found.reached == self._position else 0
            if stuck > _HALF_VISIBLE:
                log.warning("feed: rows behind position %d stay half visible and are left out", self._position)
                found, stuck = _Batch([], head), 0
            self._position = found.reached
            items = [feed_change(event, position) for position, event in found.events]
            if items:
                yield [*await self._new_gaps(), *items]
            elif stuck:
                await self._feed.pause()

    async def _new_gaps(self) -> list[FeedChange | Notice]:
        found = await self._feed.gaps(self._chosen, self._ledger)
        self._ledger = max((at for at, _ in found), default=self._ledger)
        return [Notice(type="gap", token=write_token(self._position), gap=gap) for _, gap in found]


def feed_change(event: Event, position: int) -> FeedChange:
    """The item of the feed."""
    fields = {name: getattr(event, name) for name in CHANGE_FIELDS}
    return FeedChange(**fields, token=write_token(position))


def _head(store: Store, known: int, settle: float) -> int:
    """The newest position that is settled; the index on it leaves everything older unread."""
    sql, params = "SELECT max(log_order) FROM changes WHERE log_order > {known:UInt64}", dict[str, object](known=known)
    if settle:
        # The number begins with the moment in milliseconds at which the engine gave it out.
        sql += " AND log_order < dateTime64ToSnowflakeID(now64(3) - toIntervalMillisecond({settle:UInt32}))"
        params["settle"] = round(1000 * settle)
    newest: int = store.rows(sql, params)[0][0]
    return max(known, newest)


def _read(store: Store, chosen: ChangeFilter, position: int, head: int, limit: int) -> _Batch:
    params: dict[str, object] = {"position": position, "head": head, "limit": limit}
    within = ["log_order > {position:UInt64}", "log_order <= {head:UInt64}"]
    conditions = where([*within, *chosen.conditions(params), *chosen.shown(params)])
    page = f"FROM changes {conditions} ORDER BY log_order LIMIT {{limit:UInt64}}"
    places = store.rows(f"SELECT log_order, ts, {records.KEY} {page}", params)
    if not places:
        return _Batch([], head)
    events = _events(store, chosen, page, params, min(row[1] for row in places), max(row[1] for row in places))
    whole: list[tuple[int, Event]] = []
    for row in places:
        event = events.get(_identity(row[2:]))
        if event is None:
            return _Batch(_chosen(store, chosen, whole), whole[-1][0] if whole else position)
        whole.append((row[0], event))
    return _Batch(_chosen(store, chosen, whole), head if len(places) < limit else places[-1][0])


def _events(
    store: Store, chosen: ChangeFilter, page: str, params: dict[str, object], first: datetime, last: datetime
) -> dict[tuple[object, ...], Event]:
    """The events of a page by identity; with a selector their states too."""
    columns = EVENT_COLUMNS if chosen.scope.selector else records.WITHOUT_OBJECT
    sql = f"""
        SELECT {columns} FROM events
        WHERE ({records.KEY}) IN (SELECT {records.KEY} {page})
          AND ts >= {{first:DateTime64(6, 'UTC')}} AND ts <= {{last:DateTime64(6, 'UTC')}}"""
    rows = store.rows(sql, {**params, "first": first, "last": last})
    # The key's columns stand first in EVENT_COLUMNS, in the key's order.
    return {_identity(row): event_from_row(row) for row in rows}


def _identity(row: Row) -> tuple[object, ...]:
    return tuple(row[:9])


def _chosen(store: Store, chosen: ChangeFilter, whole: list[tuple[int, Event]]) -> list[tuple[int, Event]]:
    selector = chosen.scope.selector
    if selector is None:
        return whole
    return [
        (position, event)
        for position, event in whole
        if selector.matches(records.labels(bytes(timeline.with_state(store, event).object or b"{}")))
    ]


def _gaps(store: Store, chosen: ChangeFilter, since: datetime | None) -> list[tuple[datetime, Span]]:
    """Gap records written after `since` (None: only the newest one, to know where to begin)."""
    params: dict[str, object] = {"gap": "gap"}
    conditions = ["class = {gap:String}"]
    if chosen.scope.clusters:
        conditions.append(one_of("cluster", chosen.scope.clusters, params, "cluster"))
    if since is not None:
        params["since"] = since
        conditions.append("updated > {since:DateTime64(6, 'UTC')}")
    sql = f"""
        SELECT updated, id, from_t, to_t, cluster, resource, `group`, namespace, reason FROM coverage FINAL
        {where(conditions)} ORDER BY updated DESC {"LIMIT 1" if since is None else ""}"""
    found = []
    for updated, identity, from_t, to_t, cluster, resource, group, namespace, reason in store.rows(sql, params):
        kind = kind_id(resource, group)
        if not chosen.scope.kinds or (resource, group) in chosen.scope.kinds:
            span = Span(
                id=identity, from_=from_t, to=to_t, cluster=cluster, resource=kind, namespace=namespace, reason=reason
            )
            found.append((updated, span))
    return found[::-1]
