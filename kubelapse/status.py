"""`/livez`, `/readyz` and `/metrics` of a stage that serves no answers, on a small port of its own."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kubelapse.server import Server
from query.health import Check, Health, listing

if TYPE_CHECKING:
    import socket

    from prometheus_client import CollectorRegistry

STOP_WITHIN = 5.0


def status_app(registry: "CollectorRegistry", health: Health) -> Starlette:
    """The application; nothing in it names an object, a user or a secret."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        checks: Sequence[Check] = health()
        return PlainTextResponse(listing(checks), 200 if all(one.ok for one in checks) else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)])
    app.state.feed = SimpleNamespace(stop=lambda: None)  # `Server` ends the feeds of whatever it serves
    return app


class StatusServer:
    """Serves the application from this event loop; `bound` None: nothing is served."""

    def __init__(self, app: Starlette, bound: "socket.socket | None") -> None:
        self._bound = bound
        self._server = Server(app)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer."""
        if self._bound is not None:
            self._task = asyncio.create_task(self._server.serve(sockets=[self._bound]), name="status")

    async def stop(self) -> None:
        """End, within a bound."""
        if self._task is not None:
            self._server.stop()
            await asyncio.wait({self._task}, timeout=STOP_WITHIN)
            self._task.cancel()
