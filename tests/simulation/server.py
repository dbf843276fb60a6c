"""An API server over a `World`, asked through `collector.cluster.Cluster`, in virtual time, with faults to order.

What it says of lists, watches, bookmarks and refusals follows facts read in the API server's source: a plain watch from
a version that the cache has forgotten is refused with an ERROR line, one from a version of the future is accepted in
silence; a streaming list ends with a bookmark that is annotated; bytes are cut anywhere.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

import orjson

from collector.cluster import (
    Busy,
    ClusterError,
    Discovery,
    Expired,
    Forbidden,
    NotServed,
    Page,
    Silent,
    StreamingRefused,
    TooLargeVersion,
    Unreachable,
    bookmarked,
)
from schema.objects import Kind
from tests.simulation.world import World

SILENCE: Final = 70.0
"""The adapter gives a stream up that has been silent for so long (`collector.kubeapi`)."""
BOOKMARKS: Final = 60.0
GONE: Final = {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}
UNMARKED: Final = (45.0, 60.0)
"""Where no bookmarks come the adapter asks for an end after so many seconds, to tell it from a dead connection."""
END: Final = {"k8s.io/initial-events-end": "true"}


@dataclass(slots=True, eq=False)
class Stream:
    """One open watch; `broken`: how it ends at the next look; `mute`: the connection is half open.

    `stale`: its replica is behind; `room`: so many lines are still sent before it is ended as too slow a reader.
    """

    kind: str
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    broken: ClusterError | None = None
    ended: bool = False
    mute: bool = False
    stale: bool = False
    room: int = 1 << 30


class Server:
    """Implements `Cluster`. Faults are switches that the schedule turns; `expired` tells which kinds it refused.

    `silence`: after so many seconds a half-open watch is given up, which is its client's work on a socket.
    """

    def __init__(self, world: World, chance: Random) -> None:
        self.world = world
        self.streams: dict[Stream, None] = {}
        self.down = False
        self.streaming = True
        self.busy = 0.0
        self.latency = 0.01
        self.forbidden: set[str] = set()
        self.unserved: set[str] = set()
        self.expired: set[str] = set()
        self.requests = 0
        self.silence = SILENCE
        self.on_sockets = False
        self.token = 0
        self._chance = chance

    # ---- faults ---------------------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Something was written."""
        for stream in list(self.streams):
            stream.changed.set()

    def cut(self, kind: str = "", *, cleanly: bool = False) -> None:
        """End the watches of a kind, or all."""
        for stream in list(self.streams):
            if kind in ("", stream.kind):
                stream.ended = cleanly
                stream.broken = None if cleanly else Unreachable("connection reset by peer")
                stream.changed.set()

    def mute(self, kind: str) -> None:
        """The connections of this kind are dead, and nobody is told."""
        for stream in list(self.streams):
            stream.mute = stream.mute or stream.kind == kind

    def stop(self) -> None:
        self.down = True
        self.cut()

    def start(self) -> None:
        """With empty caches."""
        self.down = False
        for kind in self.world.kinds:
            self.world.forget(kind)

    # ---- the door -------------------------------------------------------------------------------------------------

    async def uid(self) -> str:
        await self._answer()
        return "uid-of-the-cluster"

    async def discover(self) -> Discovery:
        await self._answer()
        kinds = [kind for name, kind in self.world.kinds.items() if name not in self.unserved]
        return Discovery(kinds=kinds, stale=frozenset())

    async def page(self, kind: Kind, namespace: str, *, more: str = "", limit: int = 500, rv: str = "") -> Page:  # noqa: ARG002
        await self._answer(kind)
        at = int(more.partition(":")[0]) if more else self.world.etcd(kind.id).revision
        return self._page(kind, namespace, rv=at, more=more, limit=limit)

    async def exact(
        self,
        kind: Kind,
        namespace: str,
        *,
        rv: str,
        name: str = "",
        more: str = "",
        limit: int = 500,
        metadata: bool = False,  # noqa: ARG002
    ) -> Page:
        await self._answer(kind)
        if self._number(rv) > self.world.etcd(kind.id).revision:
            raise TooLargeVersion(f"version {rv} has not been seen yet")
        return self._page(kind, namespace, rv=self._number(rv), more=more, limit=limit, name=name)

    async def document(self, path: str, *, most: int) -> bytes:  # noqa: ARG002 - it serves no OpenAPI documents
        await self._answer()
        raise NotServed(f"{path} is not served")

    async def close(self) -> None:
        return None

    @asynccontextmanager
    async def watch(self, kind: Kind, namespace: str, *, rv: str, initial: bool) -> AsyncIterator[AsyncIterator[bytes]]:
        await self._answer(kind)
        if initial and not self.streaming:
            raise StreamingRefused("sendInitialEvents is forbidden")
        stream = self._opened(Stream(kind.id))
        self.streams[stream] = None
        try:
            yield self._chunks(stream, kind, namespace, rv=rv, initial=initial)
        finally:
            self.streams.pop(stream, None)

    # ---- how it answers -------------------------------------------------------------------------------------------

    async def _answer(self, kind: Kind | None = None) -> None:
        """The way there, and what may be wrong at its end."""
        self.requests += 1
        await asyncio.sleep(self._chance.uniform(0, self.latency))
        if self.down:
            raise Unreachable("connection refused")
        if self._chance.random() < self.busy:
            raise Busy("too many requests", retry_after=self._chance.choice((None, 1.0)))
        if kind is not None and kind.id in self.unserved:
            raise NotServed("the server could not find the requested resource")
        if kind is not None and kind.id in self.forbidden:
            raise Forbidden("forbidden")

    def _page(self, kind: Kind, namespace: str, *, rv: int, more: str, limit: int, name: str = "") -> Page:
        if rv < self._oldest(kind, name):
            self.expired.add(kind.id)
            raise Expired("the provided resource version has been compacted")
        world = self.world
        items = world.one(kind.id, namespace, name, rv) if name else world.state(kind.id, namespace, rv)
        start = int(more.partition(":")[2] or 0)
        stop = start + (limit or len(items))
        rest = f"{rv}:{stop}" if stop < len(items) else ""
        shown = [self._shown(kind, raw) for raw in items[start:stop]]
        return Page(items=shown, rv=self.version(kind, rv), more=rest)

    def _oldest(self, kind: Kind, name: str) -> int:
        """Watch caches keep snapshots for lists of all, also of what etcd has dropped; one name is asked of etcd."""
        compacted = self.world.etcd(kind.id).compacted
        return min(compacted, self.world.caches[kind.id]) if bookmarked(kind) and not name else compacted

    async def _chunks(
        self, stream: Stream, kind: Kind, namespace: str, *, rv: str, initial: bool
    ) -> AsyncIterator[bytes]:
        world, loop, etcd = self.world, asyncio.get_running_loop(), self.world.etcd(kind.id)
        era, since, place = world.era, self._number(rv) if rv else etcd.revision, 0
        if initial:
            since = etcd.revision
            lines = [self._line(kind, "ADDED", raw) for raw in world.state(kind.id, namespace)]
            for chunk in self._cut_up([*lines, _bookmark(kind, self.version(kind, since), END)]):
                yield chunk
        elif since < (world.caches[kind.id] if bookmarked(kind) else etcd.compacted):
            self.expired.add(kind.id)
            yield orjson.dumps({"type": "ERROR", "object": GONE}) + b"\n"
            return
        marked = heard = loop.time()
        unmarked = 0.0 if bookmarked(kind) else loop.time() + self._chance.uniform(*UNMARKED)
        while True:
            if stream.mute:
                await asyncio.sleep(min(heard + self.silence - loop.time(), 3600))
                raise Silent("no byte for 70 s")
            news = [
                (after, write) for after, write in world.after(kind.id, since, place)
                if namespace in ("", write.namespace) and write.rv <= self._horizon(stream)
            ][:stream.room] if world.era == era else []  # fmt: skip
            for chunk in self._cut_up(self._told([self._line(kind, write.change, write.raw) for _, write in news])):
                yield chunk
                heard = loop.time()
                if stream.broken is not None and self._chance.random() < 0.5:
                    raise stream.broken  # in the middle of a line
            if news:
                place, since = news[-1][0], news[-1][1].rv
                stream.room -= len(news)
            if stream.broken is not None:
                raise stream.broken
            if stream.ended or stream.room <= 0 or (unmarked and loop.time() >= unmarked):
                return
            if loop.time() - marked >= BOOKMARKS:
                marked = loop.time()
                if not unmarked:
                    heard = marked
                    since = max(since, min(etcd.revision, self._horizon(stream)))
                    yield _bookmark(kind, self.version(kind, since), {})
            stream.changed.clear()
            try:
                async with asyncio.timeout(max(0.001, (unmarked or marked + BOOKMARKS) - loop.time())):
                    await stream.changed.wait()
                    await asyncio.sleep(self._chance.uniform(0, self.latency))
            except TimeoutError:
                pass

    # ---- what rougher servers do otherwise (`tests.simulation.rough`) ----------------------------------------------

    def _shown(self, kind: Kind, raw: bytes) -> bytes:  # noqa: ARG002
        """An object as this kind's version shows it."""
        return raw

    def version(self, kind: Kind, rv: int) -> str:  # noqa: ARG002
        """A resourceVersion as it is written."""
        return str(rv)

    def _number(self, rv: str) -> int:
        """The same back."""
        return int(rv)

    def _line(self, kind: Kind, change: str, raw: bytes) -> bytes:
        return b'{"type":"%s","object":%s}\n' % (change.encode(), self._shown(kind, raw))

    def _told(self, lines: list[bytes]) -> list[bytes]:
        """What is sent together."""
        return lines

    def _opened(self, stream: Stream) -> Stream:
        """A watch that was just opened."""
        return stream

    def _horizon(self, stream: Stream) -> int:
        """The newest version that the server behind this stream has seen."""
        return self.world.etcd(stream.kind).revision

    def _cut_up(self, lines: list[bytes]) -> list[bytes]:
        """As TCP does: anywhere."""
        data = b"".join(lines)
        places = sorted(self._chance.randrange(len(data) + 1) for _ in range(self._chance.randrange(4))) if data else []
        return [part for part in map(data.__getitem__, map(slice, [0, *places], [*places, len(data)])) if part]


def _bookmark(kind: Kind, rv: str, annotations: dict[str, str]) -> bytes:
    meta = {"resourceVersion": rv, "creationTimestamp": None} | ({"annotations": annotations} if annotations else {})
    obj = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}
    return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"
