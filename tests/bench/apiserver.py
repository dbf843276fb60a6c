"""An API server that only bench needs: discovery, first lists and watches of the generated workload, paced or flat out.

    python -m tests.bench.apiserver PORT RATE SCALE [CHURN TTL]

RATE: changes/s in all, 0 = as fast as they are read. SCALE: share of the workload's objects. CHURN: share of changes
that end an object's life; TTL: seconds until a Kubernetes Event is deleted. Changes begin with `POST /go?seconds=S` and
end by themselves; `GET /sent` says how many were sent per kind, `POST /waiting` how old those are that nobody has.
Watches resume for 90 s, lists are exact for as long. What an API server really does is tested on a real one.
"""

import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from tests.bench.collection import Collection
from tests.bench.shapes import Sort
from tests.bench.workload import SORTS, Source

SLICE: Final = 0.02
"""Seconds between two writes of a paced stream."""
BURST: Final = 64
"""Most lines per write."""
ROOM: Final = 1000
PATIENCE: Final = 0.05
"""A reader with more lines before it than this, on which a write has waited so many seconds, is cut off."""
BOOKMARKS: Final = 30.0
GONE: Final = b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","code":410,"reason":"Expired"}}\n'

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """One workload. `watches`: how many were opened; `cut`: of these ended because their reader was too slow."""

    def __init__(self, rate: float, scale: float, *, churn: float = 0.0, ttl: float = 0.0) -> None:
        """`rate` in changes/s over all kinds, 0 for no limit."""
        self.rate, self.pause = rate, SLICE if rate else 0.001
        self.sorts = [dataclasses.replace(sort, objects=int(sort.objects * scale)) for sort in SORTS]
        self.held = [
            Collection(Source(sort, seed=1, churn=churn), ttl=0.0 if sort.objects else ttl) for sort in self.sorts
        ]
        self.read: dict[Collection, int] = {}
        self.turns = dict.fromkeys(self.held, 0)
        self.rv = 1_000_000
        self.watches = self.cut = 0
        self.until = 0.0
        self.go = asyncio.Event()

    async def core(self, request: web.Request) -> web.Response:
        """Aggregated discovery of the core group."""
        return self._discovery(request, lambda sort: not sort.group)

    async def groups(self, request: web.Request) -> web.Response:
        """Aggregated discovery of the named groups."""
        return self._discovery(request, lambda sort: bool(sort.group))

    def _discovery(self, _request: web.Request, belongs: Callable[[Sort], bool]) -> web.Response:
        groups: dict[tuple[str, str], list[object]] = {}
        for sort in filter(belongs, self.sorts):
            entry = {
                "resource": sort.resource,
                "responseKind": {"group": sort.group, "version": sort.version, "kind": sort.kind},
                "scope": "Namespaced" if sort.namespaced else "Cluster",
                "singularResource": sort.kind.lower(),
                "verbs": ["get", "list", "watch"],
            }
            groups.setdefault((sort.group, sort.version), []).append(entry)
        items = [
            {"metadata": {"name": group}, "versions": [{"version": v, "resources": found, "freshness": "Current"}]}
            for (group, v), found in groups.items()
        ]
        body = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}
        kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        return web.Response(body=json.dumps(body), headers={"Content-Type": kind})

    async def identity(self, _request: web.Request) -> web.Response:
        """The kube-system namespace."""
        return web.json_response({"metadata": {"name": "kube-system", "uid": "bench-cluster", "resourceVersion": "1"}})

    def collection(self, held: Collection) -> Handler:
        """LIST and WATCH of one kind."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return await (self._watch if "watch" in request.query else self._list)(held, request)

        return answer

    async def _list(self, held: Collection, request: web.Request) -> web.StreamResponse:
        """A page of everything, now or at a version; `continue` is `VERSION:COUNT`."""
        asked = request.query
        at, _, start = asked.get("continue", "").partition(":")
        rv, begin, limit = (
            int(at or asked.get("resourceVersion") or self.rv),
            int(start or 0),
            int(asked.get("limit", 0)),
        )
        if rv < held.forgotten:
            return web.json_response({"kind": "Status", "code": 410, "reason": "Expired"}, status=410)
        name = asked.get("fieldSelector", "").removeprefix("metadata.name=")
        found = sorted(pair for pair in held.at(rv).items() if name in ("", f"object-{pair[0]}"))
        page = found[begin : begin + limit] if limit else found
        brief = "PartialObjectMetadata" in request.headers.get("Accept", "")
        items = [(held.source.brief if brief else held.source.fill)(*pair) for pair in page]
        more = f"{rv}:{begin + limit}" if limit and begin + limit < len(found) else ""
        head = json.dumps({"resourceVersion": str(rv), "continue": more}).encode()
        body = b'{"kind":"List","metadata":%s,"items":[%s]}' % (head, b",".join(items))
        return web.Response(body=body, content_type="application/json")

    async def _watch(self, held: Collection, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self.watches += 1
        place, asked = held.head, request.query
        if asked.get("sendInitialEvents") == "true":
            await self._initial(response, held)
        elif int(asked["resourceVersion"]) < held.forgotten:
            await response.write(GONE)
            return response
        else:
            place = held.after(int(asked["resourceVersion"]))
        with suppress(TimeoutError):
            async with asyncio.timeout(float(asked.get("timeoutSeconds", 600))):
                await self._follow(response, held, place)
        return response

    async def _initial(self, response: web.StreamResponse, held: Collection) -> None:
        rv, objects = self.rv, list(held.source.living.items())
        for start in range(0, len(objects), BURST):
            batch = objects[start : start + BURST]
            lines = [b'{"type":"ADDED","object":%s}\n' % held.source.fill(*pair) for pair in batch]
            await response.write(b"".join(lines))
        await response.write(_bookmark(rv, {"k8s.io/initial-events-end": "true"}))

    async def _follow(self, response: web.StreamResponse, held: Collection, place: int) -> None:
        """Changes as they come, and a bookmark now and then; a reader too slow is cut off, as by an API server."""
        marked, opened = time.monotonic(), held.head
        while place >= held.gone:
            if lines := held.lines(place, BURST):
                began = time.monotonic()
                await response.write(b"".join(lines))
                place += len(lines)
                slow = time.monotonic() - began > PATIENCE and self.rate
                if slow and held.head - max(place, opened) > ROOM:  # what lies further back is sent in peace
                    break
            elif time.monotonic() - marked > BOOKMARKS:
                await response.write(_bookmark(self.rv, {}))
                marked = time.monotonic()
            self.read[held] = place
            await asyncio.sleep(0 if lines else self.pause)
        self.cut += 1

    async def produce(self, held: Collection) -> None:
        """Changes of one kind while they are wanted; paced, or as fast as they are read."""
        await self.go.wait()
        rate, began, sent = self.rate * held.source.sort.share, time.monotonic(), 0
        while (now := time.monotonic()) < self.until:
            due = int((now - began) * rate) - sent if rate else self._unread(held)
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
            for _ in range(due):
                held.change(self._next(), stamp)
            sent += due
            held.expire(self._next)
            held.forget()
            await asyncio.sleep(self.pause)

    def _unread(self, held: Collection) -> int:
        """As many as a reader that keeps up may have next; kinds take turns, so that each keeps its share."""
        wanted = max(1, int(BURST * held.source.sort.share))
        if held.head - self.read.get(held, 0) >= wanted or self.turns[held] > min(self.turns.values()):
            return 0
        self.turns[held] += 1
        return wanted

    def _next(self) -> int:
        self.rv += 1
        return self.rv

    async def start(self, request: web.Request) -> web.Response:
        """Let the changes flow for that many seconds."""
        self.until = time.monotonic() + float(request.query["seconds"])
        self.go.set()
        return web.json_response({})

    async def report(self, _request: web.Request) -> web.Response:
        """What was sent so far, per kind: how many to be recorded, all their versions in one number, the last one."""
        kinds = {held.source.sort.resource: held for held in self.held}
        body = {
            "sent": {kind: held.sent for kind, held in kinds.items()},
            "xor": {kind: held.xor for kind, held in kinds.items()},
            "last": {kind: held.last for kind, held in kinds.items() if held.last},
            "running": time.monotonic() < self.until,
            "watches": self.watches,
            "cut": self.cut,
        }
        return web.json_response(body)

    async def waiting(self, request: web.Request) -> web.Response:
        """For the version up to which each kind is known, how many seconds ago the next one was written."""
        known = await request.json()
        kinds = {held.source.sort.resource: held for held in self.held}
        return web.json_response({kind: held.waiting(known.get(kind, 0)) for kind, held in kinds.items()})

    def app(self) -> web.Application:
        """All routes."""
        app = web.Application()
        app.router.add_get("/api", self.core)
        app.router.add_get("/apis", self.groups)
        app.router.add_get("/api/v1/namespaces/kube-system", self.identity)
        for held in self.held:
            app.router.add_get(held.source.sort.path, self.collection(held))
        app.router.add_post("/go", self.start)
        app.router.add_get("/sent", self.report)
        app.router.add_post("/waiting", self.waiting)
        app.cleanup_ctx.append(self._producing)
        return app

    async def _producing(self, _: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.produce(held)) for held in self.held]
        yield
        for task in tasks:
            task.cancel()


def _bookmark(rv: int, annotations: dict[str, str]) -> bytes:
    meta = {"resourceVersion": str(rv), "annotations": annotations}
    return json.dumps({"type": "BOOKMARK", "object": {"metadata": meta}}).encode() + b"\n"


def main() -> None:
    """Serve until killed."""
    port, rate, scale = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    churn, ttl = (float(each) for each in (sys.argv[4:] or ("0", "0")))

    async def build() -> web.Application:
        return Server(rate, scale, churn=churn, ttl=ttl).app()

    web.run_app(build(), host="127.0.0.1", port=port, print=None, handle_signals=True)


if __name__ == "__main__":
    main()
