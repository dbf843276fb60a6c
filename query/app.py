"""The HTTP application: routes under /api/v1, the web interface at /, health and metrics beside them.

Whatever goes wrong leaves as an RFC 9457 problem. The Host header must name this server, or a web page could reach it
through a name of its own that resolves to loopback (DNS rebinding). Nothing needs the application's lifespan: it also
runs inside a command, without a server.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException

from query import (
    api,
    api_audit,
    api_changes,
    api_compare,
    api_drift,
    api_noise,
    api_objects,
    api_rollouts,
    api_search,
    api_signin,
    api_sql,
    api_timeline,
    api_userdata,
    api_webhooks,
    assets,
    problems,
    spec,
)
from query.access import EVERYTHING, NOTHING
from query.assets import Assets
from query.callers import Logins
from query.claims import Pace
from query.courier import GRACE, Courier, Office, Route
from query.drift_watch import Watcher, keep_looking
from query.errors import QueryError, TooBusy
from query.feeds import Feed
from query.guard import Guard, problem_response
from query.health import Check, Health, healthy, listing
from query.kubeface import routes as kubeface
from query.login import Login
from query.metrics import Metrics
from query.problems import Refused
from query.readers import Readers
from query.settings import QuerySettings
from query.signin import SignIn
from query.site import shell, site
from query.web import Clock, Context, Here, utc_now
from schema.sandbox import Sandbox
from schema.store import Store, StoreError

log = logging.getLogger(__name__)


def create_app(
    *,
    store: Store,
    settings: QuerySettings,
    registry: CollectorRegistry,
    health: Health = healthy,
    clock: Clock = utc_now,
    ui: Assets | None = None,
    sandbox: Callable[[], Sandbox] | None = None,
    logins: Logins | None = None,
    routes: Sequence[Route] = (),
    pace: Pace | None = None,
) -> FastAPI:
    """The application on this store. `app.state.feed.stop()` ends the followers' streams when the server shuts down.

    `sandbox`: the door of ad-hoc SQL, when not the store's own.
    `ui`: the web interface, when not the built one. `logins`: who may ask and what they may see; None: whoever reaches
    the application sees everything. `routes`: who changes are sent to, from the application's start to its end;
    `pace`: where other processes may do so too.
    """
    readers = Readers(readers=settings.readers, streams=settings.streams, patience=settings.patience)
    metrics = Metrics(registry)
    feed = Feed(store, readers, settings, metrics)
    office = Office(store=store, readers=readers, feed=feed, metrics=metrics, clock=clock, pace=pace)
    couriers = [Courier(office, each) for each in routes]

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        looking = _looking(store, readers, settings, clock)
        sending = [asyncio.create_task(each.run(), name=f"courier {each.route.receiver.name}") for each in couriers]
        try:
            yield
        finally:
            if looking is not None:
                looking.cancel()
            feed.stop()
            await _ended(sending, couriers)
            app.state.sql.close()
            readers.close()

    app = FastAPI(title="Kubelapse", version=settings.version, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.context = Context(
        store=store, readers=readers, feed=feed, settings=settings, metrics=metrics, clock=clock,
        reach=EVERYTHING if logins is None else NOTHING,
    )  # fmt: skip
    app.state.feed = feed
    app.state.sql = api_sql.Service(store, lambda: app.state.context, sandbox)
    app.state.health = health
    app.state.couriers = couriers
    built = ui or assets.load()
    app.state.signin = None
    if logins is not None:
        app.state.signin = SignIn(logins, length=settings.session, clock=time.monotonic)
        app.add_middleware(
            Login, signin=app.state.signin, settings=settings, clock=time.monotonic, shell=partial(shell, built)
        )
    app.add_middleware(Guard, settings=settings, metrics=metrics, clock=time.monotonic)
    _errors(app)
    for router in (
        api.router,
        api_changes.router,
        api_compare.router,
        api_drift.router,
        api_objects.router,
        api_timeline.router,
        api_audit.router,
        api_noise.router,
        api_rollouts.router,
        api_search.router,
        api_sql.router,
        api_userdata.router,
        api_webhooks.router,
    ):
        app.include_router(router, prefix="/api/v1")
    app.include_router(api_signin.router)
    app.include_router(kubeface.router)
    app.include_router(_beside)
    app.include_router(site(built))
    spec.install(app)
    return app


def _looking(store: Store, readers: Readers, settings: QuerySettings, clock: Clock) -> "asyncio.Task[None] | None":
    """The evaluation of stored baselines, where it is wanted."""
    if not settings.drift_every:
        return None
    watcher = Watcher(store=store, clock=clock, noise=settings.noise)
    return asyncio.create_task(keep_looking(watcher, readers, settings.drift_every), name="drift")


async def _ended(sending: "Sequence[asyncio.Task[None]]", couriers: Sequence[Courier]) -> None:
    """What is under way gets its moment, and where everybody is has been written down."""
    if sending:
        _, late = await asyncio.wait(sending, timeout=2 * GRACE)
        for each in late:
            each.cancel()
    for courier in couriers:
        await courier.route.receiver.close()


_beside = APIRouter(include_in_schema=False)


@_beside.api_route("/livez", methods=["GET", "HEAD"])
async def livez() -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


@_beside.api_route("/readyz", methods=["GET", "HEAD"])
async def readyz(here: Here, request: Request, verbose: str | None = None) -> Response:
    """Whether answers can be trusted: the store is reachable, and whatever the composition checks."""
    checks = [await _store_check(here), *request.app.state.health()]
    ready = all(each.ok for each in checks)
    telling = verbose is not None or not ready
    text = (listing(checks) if here.reach.everything else "ok" if ready else "not ready") if telling else "ok"
    return PlainTextResponse(text, status_code=200 if ready else 503)


@_beside.api_route("/version", methods=["GET", "HEAD"])
async def version(here: Here) -> Response:
    """Of the software."""
    return Response(msgspec.json.encode({"version": here.settings.version}), media_type="application/json")


@_beside.get("/metrics")
async def metrics(here: Here) -> Response:
    """For Prometheus."""
    return Response(generate_latest(here.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _store_check(here: Context) -> Check:
    try:
        await here.readers.run(lambda: here.store.rows("SELECT 1"))
    except (StoreError, TooBusy) as error:
        return Check(name="store", ok=False, detail=str(error))
    return Check(name="store", ok=True)


def _errors(app: FastAPI) -> None:
    """Every failure becomes a problem."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return problem_response(error.problem)

    @app.exception_handler(QueryError)
    async def question(request: Request, error: QueryError) -> Response:
        if isinstance(error, TooBusy):
            request.app.state.context.metrics.refused.inc()
        return problem_response(problems.of_query_error(error))

    @app.exception_handler(StoreError)
    async def store(request: Request, error: StoreError) -> Response:
        log.warning("%s %s: the store failed: %s", request.method, request.url.path, error)
        return problem_response(problems.of_store_error(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        detail = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in found[:3])
        return problem_response(
            problems.problem(422, "bad-parameter", "Not a valid parameter", f"{detail}.", hint="See /openapi.json.")
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        detail = f"{request.method} {request.url.path[:200]} is not served here."
        return problem_response(
            problems.problem(error.status_code, "http", str(error.detail), detail, hint="See /openapi.json."),
            error.headers,  # which methods are allowed
        )

    @app.exception_handler(Exception)
    async def unexpected(_: Request, __: Exception) -> Response:
        return problem_response(
            problems.problem(
                500,
                "internal",
                "Internal error",
                "Something failed that should not have.",
                hint="The server's log has the details; please report it.",
            )
        )
