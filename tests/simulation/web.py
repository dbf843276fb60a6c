"""The simulated API server on a real socket, so that the real adapter (`collector.kubeapi`) is what asks it.

Refusals become statuses, broken streams become aborted connections, and a half-open connection is one on which nothing
comes any more. What is said is decided in `tests.simulation.server` alone; what only sockets know is here: tokens that
expire, and answers that are compressed for whoever takes them so (watches as one gzip member per flush).
"""

import asyncio
import dataclasses
import gzip
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.clock import utc_now
from collector.cluster import (
    Busy,
    ClusterError,
    Expired,
    Forbidden,
    NotServed,
    StreamingRefused,
    TooLargeVersion,
    Unauthorized,
    Unreachable,
)
from collector.kubeapi import KubeApi
from collector.skew import Skew
from schema.objects import Kind
from tests.simulation.server import Server

STATUS: Final[Mapping[type[ClusterError], tuple[int, str]]] = {
    Busy: (429, "TooManyRequests"),
    Expired: (410, "Expired"),
    Forbidden: (403, "Forbidden"),
    NotServed: (404, "NotFound"),
    StreamingRefused: (422, "Invalid"),
    TooLargeVersion: (504, "Timeout"),
    Unauthorized: (401, "Unauthorized"),
}
DISCOVERY: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Face:
    """Routes of one simulated server."""

    def __init__(self, server: Server) -> None:
        server.silence = math.inf  # noticing it is the client's work
        server.on_sockets = True
        self._server = server

    def app(self) -> web.Application:
        """To be served anywhere."""
        app = web.Application()
        app.router.add_get("/api", self._answering(self._core))
        app.router.add_get("/apis", self._answering(self._groups))
        app.router.add_get("/api/v1/namespaces/kube-system", self._answering(self._identity))
        kinds = self._server.world.kinds.values()
        for kind in (*kinds, *(dataclasses.replace(kind, version="v2") for kind in kinds if kind.group)):
            app.router.add_get(kind.path(""), self._answering(self._collection(kind)))
            app.router.add_get(kind.path("{namespace}"), self._answering(self._collection(kind)))
        return app

    def _answering(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Refusals as an API server words them."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                if request.headers.get("Authorization") != bearer(self._server.token):
                    raise Unauthorized("the token has expired")
                return await handler(request)
            except Unreachable:
                _abort(request)
                raise
            except ClusterError as error:
                return _status(error)

        return answer

    async def _identity(self, _: web.Request) -> web.Response:
        uid = await self._server.uid()
        return web.json_response({"metadata": {"name": "kube-system", "uid": uid, "resourceVersion": "1"}})

    async def _core(self, _: web.Request) -> web.Response:
        return await self._discovery(core=True)

    async def _groups(self, _: web.Request) -> web.Response:
        return await self._discovery(core=False)

    async def _discovery(self, *, core: bool) -> web.Response:
        found = await self._server.discover()
        items = [
            {
                "metadata": {"name": kind.group},
                "versions": [{"version": kind.version, "freshness": "Current", "resources": [_resource(kind)]}],
            }
            for kind in found.kinds
            if (not kind.group) == core
        ]
        items += [
            {"metadata": {"name": group}, "versions": [{"version": "v1", "freshness": "Stale", "resources": []}]}
            for group in found.stale
            if not core
        ]
        body = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}
        return web.Response(body=json.dumps(body), headers={"Content-Type": DISCOVERY})

    def _collection(self, kind: Kind) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await (self._watch if "watch" in request.query else self._list)(kind, request)

        return answer

    async def _list(self, kind: Kind, request: web.Request) -> web.Response:
        asked, namespace = request.query, request.match_info.get("namespace", "")
        more, limit = asked.get("continue", ""), int(asked.get("limit", "0"))
        if asked.get("resourceVersionMatch") == "Exact" or "fieldSelector" in asked:
            name = asked.get("fieldSelector", "").removeprefix("metadata.name=")
            rv = asked.get("resourceVersion", "") or more.partition(":")[0]
            page = await self._server.exact(kind, namespace, rv=rv, name=name, more=more, limit=limit)
        else:
            page = await self._server.page(kind, namespace, more=more, limit=limit)
        head = json.dumps({"resourceVersion": page.rv, "continue": page.more}).encode()
        body = b'{"kind":"List","metadata":%s,"items":[%s]}' % (head, b",".join(page.items))
        response = web.Response(body=body, content_type="application/json")
        if _takes_gzip(request):
            response.headers["Content-Encoding"] = "gzip"
            response.body = gzip.compress(body, 1)
        return response

    async def _watch(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        asked, namespace = request.query, request.match_info.get("namespace", "")
        initial = asked.get("sendInitialEvents") == "true"
        async with self._server.watch(kind, namespace, rv=asked.get("resourceVersion", ""), initial=initial) as chunks:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            packed = _takes_gzip(request)
            if packed:
                response.headers["Content-Encoding"] = "gzip"
            await response.prepare(request)
            async for chunk in chunks:
                await response.write(gzip.compress(chunk, 1) if packed else chunk)
            return response


def _takes_gzip(request: web.Request) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


def bearer(token: int) -> str:
    """The header of the so-manieth token."""
    return f"Bearer token-{token}"


def _resource(kind: Kind) -> object:
    return {
        "resource": kind.resource,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.kind.lower(),
        "verbs": sorted(kind.verbs),
    }


def _status(error: ClusterError) -> web.Response:
    code, reason = STATUS[type(error)]
    headers = {"Retry-After": str(math.ceil(error.retry_after))} if error.retry_after else {}
    body: dict[str, object] = {
        "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": str(error)
    }  # fmt: skip
    if isinstance(error, TooLargeVersion):
        body["details"] = {"causes": [{"reason": "ResourceVersionTooLarge"}]}
    return web.json_response(body, status=code, headers=headers)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


class _Access:
    """A token that is got anew when it is refused, on loopback."""

    proxy = tls_name = ""

    def __init__(self, server: str, newest: Callable[[], int]) -> None:
        self.server = server
        self._newest, self._token = newest, newest()

    def connector(self) -> aiohttp.BaseConnector:
        return aiohttp.TCPConnector(limit=0)

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": bearer(self._token)}

    async def refresh(self) -> bool:
        self._token = self._newest()
        return True


@asynccontextmanager
async def served(server: Server, *, skew: Skew | None = None) -> AsyncIterator[KubeApi]:
    """The server on a socket, and the real adapter that asks it."""
    listening = TestServer(Face(server).app())
    await listening.start_server()
    access = _Access(str(listening.make_url("")).rstrip("/"), lambda: server.token)
    api = KubeApi(access, skew=skew or Skew(), clock=utc_now, random=Random(1))
    try:
        yield api
    finally:
        await api.close()
        server.cut()
        await asyncio.wait_for(listening.close(), 10)
