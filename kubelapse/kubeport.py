"""The face of an API server on a port of its own: for clients that want a server without a path.

Everything is asked of the application that serves the answers: `/at/MOMENT/…` is that moment, any other path is now.
The port is on loopback only, whatever the application listens on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import uvicorn

from kubelapse.server import GRACE, PortInUse, listen, url_of

if TYPE_CHECKING:
    import socket

    from starlette.types import ASGIApp, Receive, Scope, Send

    from kubelapse.settings import Settings

LOOPBACK: Final = "127.0.0.1"
_AT: Final = "/at/"


class AtRoot:
    """ASGI: paths of an API server as those of the face, for one cluster (`_` = the only one)."""

    def __init__(self, app: "ASGIApp", cluster: str) -> None:
        self._app = app
        self._prefix = f"/kube/{cluster or '_'}"

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """ASGI."""
        if scope["type"] == "http":
            path = self._path(scope["path"])
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)

    def _path(self, asked: str) -> str:
        if not asked.startswith(_AT):
            return f"{self._prefix}/now{asked}"
        moment, _, rest = asked.removeprefix(_AT).partition("/")
        return f"{self._prefix}/{unquote(moment)}/{rest}"


class _Server(uvicorn.Server):
    """Signals and the application's own start and end belong to the main server."""

    def __init__(self, app: "ASGIApp") -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE,
            server_header=False,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


@contextlib.asynccontextmanager
async def kube_port(app: "ASGIApp", settings: "Settings", say: Callable[[str], None]) -> AsyncIterator[None]:
    """While entered, the face is served where the settings say; nowhere without one. Raises PortInUse."""
    from kubelapse.settings import CLUSTER
    from kubelapse.settings_answers import KUBE_API

    port = settings[KUBE_API]
    if port is None:
        yield
        return
    with _listening(port) as bound:
        server = _Server(AtRoot(app, settings[CLUSTER]))
        task = asyncio.create_task(server.serve(sockets=[bound]), name="kube-api")
        say(f"kube-api {url_of(bound)}  (kubectl --server {url_of(bound)}/at/2h get pods -A)")
        try:
            yield
        finally:
            server.should_exit = True
            await task


@contextlib.contextmanager
def _listening(port: int) -> "Iterator[socket.socket]":
    try:
        bound = listen(LOOPBACK, port)
    except PortInUse as error:
        raise PortInUse(str(error).replace("--port", "--kube-api")) from None
    with bound:
        yield bound
