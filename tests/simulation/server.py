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
    Unreachable,
)
from schema.objects import Kind
from tests.simulation.world import World

SILENCE: Final = 70.0
"""The adapter gives a stream up that has been silent for so long (`collector.kubeapi`)."""
BOOKMARKS: Final = 60.0
GONE: Final = {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}
END: Final = {"k8s.io/initial-events-end": "true"}


@dataclass(slots=True, eq=False)
class Stream:
    """One open watch; `broken`: how it ends at the next look; `mute`: the connection is half open."""

    kind: str
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    broken: ClusterError | None = None
    ended: bool = False
    mute: bool = False


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
        at = int(more.partition(":")[0]) if more else self.world.revision
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
        return self._page(kind, namespace, rv=int(rv), more=more, limit=limit, name=name)

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
        stream = Stream(kind.id)
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
        if rv < self.world.compacted:
            self.expired.add(kind.id)
            raise Expired("the provided resource version has been compacted")
        items = [raw for raw in self.world.state(kind.id, namespace, rv) if not name or _named(raw, name)]
        start = int(more.partition(":")[2] or 0)
        stop = start + (limit or len(items))
        rest = f"{rv}:{stop}" if stop < len(items) else ""
        return Page(items=items[start:stop], rv=str(rv), more=rest)

    async def _chunks(
        self, stream: Stream, kind: Kind, namespace: str, *, rv: str, initial: bool
    ) -> AsyncIterator[bytes]:
        world, loop = self.world, asyncio.get_running_loop()
        era, since, place = world.era, int(rv or world.revision), 0
        if initial:
            since = world.revision
            lines = [b'{"type":"ADDED","object":%s}\n' % raw for raw in world.state(kind.id, namespace)]
            for chunk in self._cut_up([*lines, _bookmark(kind, since, END)]):
                yield chunk
        elif since < world.caches[kind.id]:
            self.expired.add(kind.id)
            yield orjson.dumps({"type": "ERROR", "object": GONE}) + b"\n"
            return
        marked = heard = loop.time()
        while True:
            if stream.mute:
                await asyncio.sleep(min(heard + self.silence - loop.time(), 3600))
                raise Silent("no byte for 70 s")
            news = [
                (after, write) for after, write in world.after(kind.id, since, place)
                if namespace in ("", write.namespace)
            ] if world.era == era else []  # fmt: skip
            for chunk in self._cut_up([write.line for _, write in news]):
                yield chunk
                heard = loop.time()
                if stream.broken is not None and self._chance.random() < 0.5:
                    raise stream.broken  # in the middle of a line
            if news:
                place, since = news[-1][0], news[-1][1].rv
            if stream.broken is not None:
                raise stream.broken
            if stream.ended:
                return
            if loop.time() - marked >= BOOKMARKS:
                marked = heard = loop.time()
                since = max(since, world.revision)
                yield _bookmark(kind, since, {})
            stream.changed.clear()
            try:
                async with asyncio.timeout(max(0.001, marked + BOOKMARKS - loop.time())):
                    await stream.changed.wait()
                    await asyncio.sleep(self._chance.uniform(0, self.latency))
            except TimeoutError:
                pass

    def _cut_up(self, lines: list[bytes]) -> list[bytes]:
        """As TCP does: anywhere."""
        data = b"".join(lines)
        places = sorted(self._chance.randrange(len(data) + 1) for _ in range(self._chance.randrange(4))) if data else []
        return [part for part in map(data.__getitem__, map(slice, [0, *places], [*places, len(data)])) if part]


def _named(raw: bytes, name: str) -> bool:
    found: str = orjson.loads(raw)["metadata"]["name"]
    return found == name


def _bookmark(kind: Kind, rv: int, annotations: dict[str, str]) -> bytes:
    meta = {"resourceVersion": str(rv), "creationTimestamp": None} | (
        {"annotations": annotations} if annotations else {}
    )
    obj = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}
    return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"
