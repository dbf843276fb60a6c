"""Watches: what happened to a collection from a resourceVersion on, first out of the record, then as it happens.

In the record changes follow one another in the order of their resourceVersions, as a watch of the cluster gave them;
live ones come through the feed. With a selector an object that begins to be selected is ADDED and one that ceases is
DELETED, so what was selected at the start is found first.

A client that asks for bookmarks keeps a copy of the cluster and follows it (informers: controllers, k9s). At a past
moment its copy is meant to stay at that moment, so nothing but bookmarks follows (`still`).
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal

import orjson

from query import records, timeline
from query.feeds import Feed
from query.feeds_read import FeedChange, Notice
from query.kubeface import past, said
from query.kubeface.past import Ask, View
from query.readers import Readers
from query.refs import ObjectRef
from query.scope import ChangeFilter, one_of, where
from schema.canonical import JsonObject
from schema.events import Event
from schema.objects import KUBE_EVENTS
from schema.rows import EVENT_COLUMNS
from schema.store import Store

PAGE = 200
"""Changes that are read at once."""

_NEVER = 2**64
_OVERLAP = 5000
_TYPES: dict[str, "Type"] = {"add": "ADDED", "update": "MODIFIED", "delete": "DELETED"}

Type = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a watch, and when it happened; of a bookmark the object has a resourceVersion only."""

    type: Type
    object: JsonObject
    at: datetime


@dataclass(slots=True)
class Watch:
    """One client's watch. `after` 0: what stands there comes first."""

    view: View
    ask: Ask
    after: int
    bookmarks: bool
    readers: Readers
    feed: Feed
    _selected: set[str] = field(default_factory=set)
    _reached: int = 0
    _given: "deque[str]" = field(default_factory=lambda: deque(maxlen=_OVERLAP))

    @property
    def still(self) -> bool:
        """Whether a past moment is to stand still."""
        return self.bookmarks and not self.view.live

    async def steps(self) -> AsyncGenerator[list[Step]]:
        """Without end, until the server ends. Raises TooManyFollowers before the first, and QueryErrors."""
        occurrences = self.ask.kind.id in KUBE_EVENTS
        if not self.still and not occurrences:
            # Taken in before the record is read: what happens meanwhile is not missed.
            follower = await self.feed.start(self._filter, None)
        start, first = await self.readers.run(self._begin)
        yield first
        if self.still:
            async for step in self._standing(start):
                yield step
        elif occurrences:
            async for step in self._occurrences(start):
                yield step
        else:
            async for found in self._recorded(start):
                yield found
            # Whoever leaves early must be counted out at once.
            async with aclosing(follower.batches()) as batches:  # type: ignore[type-var]  # it is a generator
                async for batch in batches:
                    yield await self._lived(batch)

    async def _recorded(self, start: int) -> AsyncIterator[list[Step]]:
        self._reached = start
        while events := await self.readers.run(self._next_page):
            self._reached = max(_number(each.rv) for each in events)
            self._given.extend(each.id for each in events)
            yield await self.readers.run(partial(self._taken, events))

    def _next_page(self) -> list[Event]:
        return _page(self.view.store, self.ask, self._reached)

    async def _lived(self, batch: Sequence[FeedChange | Notice]) -> list[Step]:
        changes = [each for each in batch if isinstance(each, FeedChange) and each.id not in self._given]
        self._reached = max([self._reached, *(_number(each.rv) for each in changes)])
        steps = await self.readers.run(lambda: self._taken(self._whole(changes)))
        return steps or self._marked(self._reached)

    def _filter(self) -> ChangeFilter:
        return ChangeFilter(scope=self.ask.scope, noise=True, first_sight=True)

    def _begin(self) -> tuple[int, list[Step]]:
        """Where the record is read from, and what stands there if that is asked for. In a reader thread."""
        if self.after and not self.ask.selective:
            return self.after, []
        found = past.listing(self.view, self.ask)
        self._selected = {_uid(each) for each in found.items}
        start = int(found.version)
        steps = [] if self.after else [Step("ADDED", each, self.view.at) for each in found.items]
        return (max(start, self.after) if self.still else start), steps

    def _taken(self, events: Iterable[Event]) -> list[Step]:
        """The changes that this client is told of. In a reader thread."""
        found = []
        for event in events:
            whole = timeline.with_state(self.view.store, event)
            document = past.with_version(orjson.loads(bytes(whole.object or b"{}")), event.rv)
            kind = self._type(event, document)
            if kind is not None and _number(event.rv) > self.after:
                found.append(Step(kind, document, event.ts))
        return found

    def _type(self, event: Event, document: JsonObject) -> Type | None:
        if not self.ask.selective:
            return _TYPES[event.op]
        before = event.uid in self._selected
        after = event.op != "delete" and self.ask.matches(document)
        (self._selected.add if after else self._selected.discard)(event.uid)
        if after:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else None

    def _whole(self, changes: list[FeedChange]) -> Iterator[Event]:
        for each in changes:
            ref = ObjectRef(
                cluster=each.cluster,
                resource=each.resource,
                group=each.group,
                namespace=each.namespace,
                name=each.name,
            )
            yield timeline.version(self.view.store, ref, each.uid, each.epoch, each.seq)

    async def _standing(self, start: int) -> AsyncIterator[list[Step]]:
        while not self.feed.stopping:
            yield self._marked(start)
            await self.feed.newest_behind(_NEVER)

    async def _occurrences(self, start: int) -> AsyncIterator[list[Step]]:
        while not self.feed.stopping:
            found = await self.readers.run(partial(_occurred, self.view, self.ask, start))
            start = max([start, *(version for version, _, _ in found)])
            steps = [
                Step("ADDED", past.shaped(one, self.ask.kind), at)
                for version, at, one in found
                if version > self.after and self.ask.matches(one)
            ]
            yield steps or self._marked(start)
            if not found:
                await self.feed.pause()

    def _marked(self, position: int) -> list[Step]:
        if not self.bookmarks:
            return []
        kind = self.ask.kind
        version = f"{kind.group}/{kind.version}" if kind.group else kind.version
        metadata: JsonObject = {"resourceVersion": str(position), "creationTimestamp": None}
        return [Step("BOOKMARK", {"kind": kind.kind, "apiVersion": version, "metadata": metadata}, self.view.at)]


def _page(store: Store, ask: Ask, after: int) -> list[Event]:
    """The next changes in the order of their resourceVersions, a version never cut in two."""
    params: dict[str, object] = {"version": after}
    within = [*ask.scope.conditions(params), "rv_order > {version:UInt64}"]
    page = f"FROM changes {where(within)} ORDER BY rv_order LIMIT {PAGE} WITH TIES"
    sql = f"""
        SELECT {EVENT_COLUMNS} FROM events
        PREWHERE {" AND ".join(ask.scope.conditions(params))} AND ({records.KEY}) IN (SELECT {records.KEY} {page})
        ORDER BY rv_order, epoch, seq LIMIT 1 BY {records.KEY}"""
    return records.events(store.rows(sql, params))


def _occurred(view: View, ask: Ask, after: int) -> list[tuple[int, datetime, JsonObject]]:
    params: dict[str, object] = {"cluster": view.cluster, "version": after}
    conditions = ["cluster = {cluster:String}", "rv_order > {version:UInt64}"]
    if ask.namespace:
        conditions.append(one_of("namespace", [ask.namespace], params, "namespace"))
    sql = f"""
        SELECT rv_order, {said.COLUMNS} FROM k8s_events {where(conditions)}
        ORDER BY rv_order LIMIT {PAGE} WITH TIES"""
    return [(row[0], row[-1], said.event(row[1:])) for row in view.store.rows(sql, params)]


def _number(rv: str) -> int:
    return int(rv) if rv.isascii() and rv.isdigit() else 0


def _uid(one: JsonObject) -> str:
    metadata = one.get("metadata")
    return str(metadata.get("uid")) if isinstance(metadata, dict) else ""
