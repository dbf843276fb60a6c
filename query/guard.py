"""What stands before every route: foreign hosts and endless requests are refused, answers get their security headers,
requests are measured.

A plain ASGI middleware, so that streams pass through it untouched.
"""

import re
from collections.abc import Callable, Mapping

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query import problems
from query.metrics import Metrics
from query.models import Problem
from query.settings import QuerySettings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "in-process"})
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+?)\.?)(?::(\d{0,5}))?")
"""RFC 9110 7.2, narrowed to what a browser sends: a name, an IPv4 address, or an IPv6 address in brackets."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST = 65 << 20
"""Bytes of any request: a little more than what the most generous route takes (`query.bodies`)."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Guard:
    """The Host header must name this server: else a web page could reach it by a name that resolves to loopback."""

    def __init__(self, app: ASGIApp, settings: QuerySettings, metrics: Metrics, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._app = app
        self._allowed = LOOPBACK | {each.lower() for each in settings.hosts}
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._measure(scope, message["status"], self._clock() - began)
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._app
        if not self._welcome(scope):
            app = _wrong_host(scope)
        elif scope["method"] not in SAFE and _from_elsewhere(scope):
            app = foreign()
        elif {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            app = problem_response(_two_lengths(), {"Connection": "close"})
        elif _announced(scope) > LARGEST:
            app = problem_response(_too_large())
        await app(scope, _bounded(receive), watched)

    def _welcome(self, scope: Scope) -> bool:
        if "*" in self._allowed:
            return True
        return named(scope)[0] in self._allowed

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)


def named(scope: Scope) -> tuple[str, str]:
    """Host and port as the request names this server; ("", "") when it does so in no way that a browser would."""
    given = Headers(scope=scope).getlist("host")
    found = _HOST.fullmatch(given[0]) if len(given) == 1 else None
    return ("", "") if found is None else ((found[1] or found[2]).lower(), found[3] or "")


def _announced(scope: Scope) -> int:
    """Bytes that the request says it has, 0 when it does not."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0


def _bounded(receive: Receive) -> Receive:
    """A request that goes on for longer than any may is not read on."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST:
            raise problems.Refused(_too_large())
        return message

    return bounded


def _two_lengths() -> Problem:
    """Who stands between may have believed the other one and let a second request through as a body (RFC 9112 6.3)."""
    return problems.problem(
        400, "bad-request", "Bad request", "The request says its length in two ways.", hint="Send one of them."
    )


def _too_large() -> Problem:
    return problems.problem(
        413, "too-large", "Too large", f"The request is larger than {LARGEST} bytes.", hint="Send less."
    )


def problem_response(found: Problem, more: Mapping[str, str] | None = None) -> Response:
    """A problem as a response, with these headers beside its own."""
    headers = {**(more or {}), "Cache-Control": "no-store"}
    if found.status in (429, 503):
        headers["Retry-After"] = problems.RETRY_AFTER
    body = msgspec.json.encode(found)
    return Response(body, status_code=found.status, media_type=problems.MEDIA_TYPE, headers=headers)


def _wrong_host(scope: Scope) -> Response:
    host = Headers(scope=scope).get("host", "")
    return problem_response(
        problems.problem(
            421,
            "wrong-host",
            "Wrong host",
            f"This server is not known as {host[:100]!r}.",
            hint="Use 127.0.0.1 or localhost, or add the name to the server's hosts.",
        )
    )


def _from_elsewhere(scope: Scope) -> bool:
    """Whether a page of another origin asks (Fetch standard: `Origin`, `Sec-Fetch-Site`); programs send neither."""
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return True
    return "origin" in headers and not of_our_page(scope)


def of_our_page(scope: Scope) -> bool:
    """Whether the request says that a page of this very server sends it: what a browser does by itself needs that."""
    headers = Headers(scope=scope)
    return headers.get("origin", "").partition("://")[2].lower() == headers.get("host", "").lower() != ""


def foreign() -> Response:
    """The refusal."""
    return problem_response(
        problems.problem(
            403,
            "foreign-origin",
            "Foreign origin",
            "A page of another origin may not send this.",
            hint="Use the page that this server serves, or a program.",
        )
    )
