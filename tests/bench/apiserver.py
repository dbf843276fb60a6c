"""An API server that only bench needs: discovery, first lists and watches of the generated workload, paced or flat out.

    python -m tests.bench.apiserver PORT RATE SCALE

RATE: changes/s in all, 0 = as fast as they are read. SCALE: share of the workload's objects. Changes begin with
`POST /go?seconds=S` and end by themselves; `GET /sent` says how many were sent per kind, and the last version of each.
It keeps no history: a watch can only be opened, never resumed. What an API server really does is tested on a real one.
"""

import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import Callable

from aiohttp import web

from tests.bench.shapes import Sort
from tests.bench.workload import SORTS, Source

SLICE = 0.02  # seconds between two writes of a paced stream
BURST = 64  # lines per write of an unpaced one


class Server:
    """One workload; every kind's lines go to its one watcher."""

    def __init__(self, rate: float, scale: float) -> None:
        """`rate` in changes/s over all kinds, 0 for no limit."""
        self.rate = rate
        self.sorts = [dataclasses.replace(sort, objects=int(sort.objects * scale)) for sort in SORTS]
        self.rv = 1_000_000
        self.sent: dict[str, int] = {}
        self.last: dict[str, int] = {}
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

    def collection(self, sort: Sort) -> Callable[[web.Request], "asyncio.Future[web.StreamResponse]"]:
        """LIST and WATCH of one kind."""

        async def answer(request: web.Request) -> web.StreamResponse:
            if "watch" not in request.query:
                return web.json_response({"metadata": {"resourceVersion": str(self.rv)}, "items": []})
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            source = Source(sort, seed=1)
            await self._initial(response, source)
            await self.go.wait()
            await self._changes(response, source)
            await asyncio.sleep(3600)
            return response

        return answer  # type: ignore[return-value]  # aiohttp's handler type is a coroutine function

    async def _initial(self, response: web.StreamResponse, source: Source) -> None:
        burst = []
        for line in source.initial():
            burst.append(b'{"type":"ADDED","object":%s}\n' % line)
            if len(burst) == BURST:
                await response.write(b"".join(burst))
                burst.clear()
        end = {"k8s.io/initial-events-end": "true"}
        mark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(self.rv), "annotations": end}}}
        await response.write(b"".join(burst) + json.dumps(mark).encode() + b"\n")

    async def _changes(self, response: web.StreamResponse, source: Source) -> None:
        kind, rate, began, sent = source.sort.resource, self.rate * source.sort.share, time.monotonic(), 0
        while (now := time.monotonic()) < self.until:
            due = int((now - began) * rate) - sent if rate else max(1, int(BURST * source.sort.share))
            lines = []
            for _ in range(due):
                self.rv += 1
                lines.append(source.change(self.rv))
            sent += due
            if lines:
                self.last[kind], self.sent[kind] = self.rv, sent
                await response.write(b"".join(lines))
            await asyncio.sleep(SLICE if rate else 0)

    async def start(self, request: web.Request) -> web.Response:
        """Let the changes flow for that many seconds."""
        self.until = time.monotonic() + float(request.query["seconds"])
        self.go.set()
        return web.json_response({})

    async def report(self, _request: web.Request) -> web.Response:
        """What was sent so far."""
        return web.json_response({"sent": self.sent, "last": self.last, "running": time.monotonic() < self.until})

    def app(self) -> web.Application:
        """All routes."""
        app = web.Application()
        app.router.add_get("/api", self.core)
        app.router.add_get("/apis", self.groups)
        app.router.add_get("/api/v1/namespaces/kube-system", self.identity)
        for sort in self.sorts:
            app.router.add_get(sort.path, self.collection(sort))
        app.router.add_post("/go", self.start)
        app.router.add_get("/sent", self.report)
        return app


def main() -> None:
    """Serve until killed."""
    port, rate, scale = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])

    async def build() -> web.Application:
        return Server(rate, scale).app()

    web.run_app(build(), host="127.0.0.1", port=port, print=None, handle_signals=True)


if __name__ == "__main__":
    main()
