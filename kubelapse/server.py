"""Serving the answers from this process: the socket, uvicorn without its own signal handling, and an orderly end."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from collector.clock import utc_now
from kubelapse import __version__
from kubelapse.receivers import routes
from kubelapse.setting import SettingError
from kubelapse.settings_answers import AUDIT_LOG, AUDIT_LOG_TOKEN_FILE, NOISE, audit_token
from kubelapse.settings_auth import AUTH_OIDC_CALLBACK, AUTH_RATE, AUTH_SESSION
from kubelapse.settings_sql import SQL_STORE
from kubelapse.settings_sql import bounds as sql_bounds
from kubelapse.stores import sql_door

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.applications import Starlette

    from kubelapse.settings import Settings
    from query.callers import Logins
    from query.health import Health
    from schema.store import Store

log = logging.getLogger(__name__)

# Seconds between two looks for changes that stored baselines are about.
DRIFT_EVERY = 5.0
# Seconds that open feeds get to end by themselves.
GRACE = 1


class PortInUse(Exception):
    """Another process listens on this port."""


def listen(host: str, port: int) -> socket.socket:
    """A bound and listening socket; port 0 lets the system choose. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise PortInUse(
            f"cannot listen on {host}:{port} ({error.strerror}): end what listens there, or choose another with --port "
            "(--port 0 takes any free one)"
        ) from None
    bound.setblocking(False)
    return bound


def url_of(bound: socket.socket) -> str:
    """The URL under which the socket is reached from this machine."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


class Server(uvicorn.Server):
    """Uvicorn that leaves signals to the composition, which has more to end than HTTP."""

    def __init__(self, app: "Starlette") -> None:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE, server_header=False
        )
        super().__init__(config)
        self.app = app
        self._end_streams: Callable[[], None] = app.state.feed.stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield

    def stop(self) -> None:
        """Take no new request, end the feeds, let open requests end within the grace."""
        self.should_exit = True
        self._end_streams()


STOPPING = "stopping: what was read is being stored (once more to end at once)"


def end_on_signals(stop: asyncio.Event, say: Callable[[str], None], text: str = STOPPING) -> None:
    """SIGTERM and SIGINT set `stop` and say `text`; a second one ends the process at once."""

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            # What is not stored yet is read again from the last checkpoint at the next start.
            sys.stderr.flush()
            os._exit(128 + number)
        say(text)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received, number)


def make_app(
    store: "Store",
    registry: "CollectorRegistry",
    *,
    host: str = "",
    health: "Health | None" = None,
    clock: Callable[[], datetime] = utc_now,
    settle: float = 0.0,
    chosen: "Settings | None" = None,
    evaluate: bool = False,
    logins: "Logins | None" = None,
) -> "Starlette":
    """The query application on this store, with what only the composition can offer. `host`: where it will listen.

    `settle`: seconds that the live feed stays behind, where several processes write to the store. `chosen`: settings
    about answers; without them everything is as by default. `evaluate`: this process serves for good; it evaluates
    stored baselines as objects change, and sends changes on.
    `logins`: who may ask; None on loopback only (raises SettingError).
    """
    from fastapi import Depends

    from query.app import create_app
    from query.claims import Pace
    from query.health import healthy
    from query.noise_rules import NONE, parse_rules
    from query.settings import QuerySettings
    from query.sql.bounds import Bounds
    from query.web import only_who_sees_everything

    if logins is None and host:
        check_reachable(host)
    settings = QuerySettings(
        version=__version__,
        hosts=host_names(host),
        feed_settle=settle,
        drift_every=DRIFT_EVERY if evaluate else 0.0,
        noise=parse_rules(chosen[NOISE]) if chosen else NONE,
        rate=chosen[AUTH_RATE] if chosen else 0.0,
        session=chosen[AUTH_SESSION] if chosen else 0.0,
        callback=chosen[AUTH_OIDC_CALLBACK] if chosen else "",
        audit_log=bool(chosen and chosen[AUDIT_LOG]),
        audit_log_token=audit_token(chosen[AUDIT_LOG_TOKEN_FILE]) if chosen else "",
        sql=sql_bounds(chosen) if chosen else Bounds(),
    )
    app = create_app(
        store=store, settings=settings, registry=registry, health=health or healthy, clock=clock, logins=logins,
        sandbox=partial(sql_door, chosen) if chosen and chosen[SQL_STORE] else None,
        routes=routes(chosen, settings.noise, clock) if chosen and evaluate else (),
        # An embedded store has one process, which its lock sees to.
        pace=Pace() if chosen and not chosen.store.startswith("chdb:") else None,
    )  # fmt: skip
    app.add_api_route(
        "/api/v1/verify",
        verifier(store),
        methods=["POST"],
        tags=["coverage"],
        summary="Re-apply stored history",
        dependencies=[Depends(only_who_sees_everything)],
    )
    return app


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_reachable(host: str) -> None:
    """For a server without login. Raises SettingError where others than this machine could ask it."""
    if not is_loopback(host):
        raise SettingError(
            f"--host {host} would show the whole history to everybody who reaches it: let callers sign in "
            "(KUBELAPSE_AUTH_TOKENS_FILE, KUBELAPSE_AUTH_KUBERNETES or KUBELAPSE_AUTH_OIDC_ISSUER; docs/access.md), "
            "or listen on 127.0.0.1"
        )


def host_names(host: str) -> tuple[str, ...]:
    """Names under which a server that listens there may be addressed; who listens everywhere is met under any."""
    return ("*",) if host in ("0.0.0.0", "::") else (host,) if host else ()


def offline_app(
    store: "Store", clock: Callable[[], datetime] = utc_now, *, chosen: "Settings | None" = None
) -> "Starlette":
    """The query application on a store that nothing writes."""
    from kubelapse.observe import new_registry

    return make_app(store, new_registry(), clock=clock, chosen=chosen)


def verifier(store: "Store") -> Callable[[dict[str, object]], dict[str, object]]:
    """The function behind POST /verify. One at a time: it reads everything it is asked about."""
    from kubelapse.verify import Wanted, verify
    from query.errors import BadReference, TooBusy

    turn = threading.Lock()

    def answer(body: dict[str, object]) -> dict[str, object]:
        try:
            wanted = Wanted.read(body)
        except ValueError as error:
            raise BadReference(f"{error}.", "Send an object such as {}.") from None
        if not turn.acquire(blocking=False):
            raise TooBusy("Another verification is under way.", "Wait for its end.")
        try:
            return dict(verify(store, wanted).answer())
        finally:
            turn.release()

    return answer
