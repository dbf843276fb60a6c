"""Who asks: a token of every request becomes a caller with a reach, before any route is met.

The token comes as `Authorization: Bearer`, or as the password of `Basic` (any user name): that is how a browser asks
its user. Without a valid one there is nothing but the health of the process. When it cannot be said whether a token is
valid the answer is 503, never an answer (fail closed).

An answer that goes on for long (feed, streams) is looked at again every `recheck` seconds, before more of it is sent:
it ends as soon as its caller may see less or more than when it began, and can be resumed by its token.

Each request is one line in the log `kubelapse.access`: who asked what, never what was answered.
"""

import base64
import binascii
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import unquote

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query import problems
from query.access import CALLER_KEY, EVERYTHING, NOTHING, SCOPE_KEY, Reach
from query.guard import problem_response
from query.settings import QuerySettings

log = logging.getLogger("kubelapse.access")

_PUBLIC: Final = frozenset({"/livez", "/readyz", "/version"})
_METRICS: Final = "/metrics"
_AUDIT: Final = "/api/v1/audit-log"
_CHARS: Final = 500
_CLIENTS: Final = 10_000
_LONGEST_TOKEN: Final = 16_384
_FAILURES: Final = 0.5
"""Refused tokens per second and address, after ten at once."""


class LoginUnavailable(Exception):
    """It cannot be said now who this is or what they may see; one sentence without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who has shown who they are. `metrics`: may read /metrics although they do not see everything."""

    name: str
    reach: Reach
    metrics: bool = False


class Logins(Protocol):
    """Who a token stands for."""

    async def admit(self, token: str) -> Caller | None:
        """The caller with what they may see now; None for a token that means nobody. Raises LoginUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class _Ended(Exception):
    """The caller's rights are not what they were when the answer began."""


class Login:
    """ASGI middleware, within the guard and before every route."""

    def __init__(self, app: ASGIApp, logins: Logins, settings: QuerySettings, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._app = app
        self._logins = logins
        self._settings = settings
        self._clock = clock
        self._asked = _Budget(settings.rate, 2 * settings.rate, clock)
        self._failed = _Budget(_FAILURES, 10, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        token = _token(scope)
        if scope["path"] in _PUBLIC and not token:
            await self._app({**scope, SCOPE_KEY: NOTHING}, receive, send)
            return
        if self._has_its_own(scope):
            await self._app({**scope, SCOPE_KEY: EVERYTHING}, receive, send)
            return
        caller = await self._caller(scope, token)
        if isinstance(caller, Response):
            _note(scope, "", caller.status_code)
            await caller(scope, receive, send)
            return
        scope[SCOPE_KEY] = caller.reach
        scope[CALLER_KEY] = caller.name
        try:
            await self._app(scope, receive, self._watched(scope, token, caller, send))
        except _Ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _has_its_own(self, scope: Scope) -> bool:
        """The audit webhook of an API server comes with a token of its own, which its route looks at."""
        return scope["path"] == _AUDIT and bool(self._settings.audit_log_token)

    async def _caller(self, scope: Scope, token: str) -> Caller | Response:
        address = str((scope.get("client") or ("",))[0])
        if not self._failed.left(address):
            return _too_often()
        try:
            caller = await self._logins.admit(token) if token else None
        except LoginUnavailable as error:
            return _unavailable(str(error))
        if caller is None:
            if token:
                self._failed.spend(address)
            return _unknown()
        if not self._asked.spend(caller.name):
            return _too_often()
        if scope["path"] == _METRICS and not (caller.metrics or caller.reach.everything):
            return _not_allowed()
        return caller

    def _watched(self, scope: Scope, token: str, caller: Caller, send: Send) -> Send:
        checked = self._clock()

        async def watched(message: Message) -> None:
            nonlocal checked
            if message["type"] == "http.response.start":
                _note(scope, caller.name, message["status"])
            elif message.get("more_body") and self._clock() - checked >= self._settings.recheck:
                if not await self._unchanged(token, caller):
                    log.info(orjson.dumps({"user": caller.name, "ended": scope["path"][:_CHARS]}).decode())
                    raise _Ended
                checked = self._clock()
            await send(message)

        return watched

    async def _unchanged(self, token: str, caller: Caller) -> bool:
        try:
            return await self._logins.admit(token) == caller
        except LoginUnavailable:
            return False


class _Budget:
    """So many per second for each client, and some at once; the longest unseen are forgotten."""

    def __init__(self, rate: float, most: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._most = most
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, client: str) -> bool:
        """Whether there is one left."""
        return not self._rate or self._now(client) >= 1

    def spend(self, client: str) -> bool:
        """Take one; False when none is left. A rate of 0 has no limit."""
        if not self._rate:
            return True
        left = self._now(client)
        self._clients[client] = (max(0.0, left - 1), self._clock())
        self._clients.move_to_end(client)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return left >= 1

    def _now(self, client: str) -> float:
        left, at = self._clients.get(client, (self._most, self._clock()))
        return min(self._most, left + (self._clock() - at) * self._rate)


def _token(scope: Scope) -> str:
    """Of the Authorization header (RFC 6750, RFC 7617); "" when there is none that can be read."""
    given = Headers(scope=scope).getlist("authorization")
    scheme, _, value = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if len(value) > _LONGEST_TOKEN:
        return ""
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _note(scope: Scope, user: str, status: int) -> None:
    """Who asked what. Of the query as much as helps; as JSON, so that no line can be forged."""
    asked = unquote(bytes(scope.get("query_string", b"")).decode("latin-1"))
    line = {
        "user": user[:_CHARS],
        "address": str((scope.get("client") or ("",))[0]),
        "method": scope["method"],
        "path": scope["path"][:_CHARS],
        "query": asked[:_CHARS],
        "status": status,
    }
    log.info(orjson.dumps(line).decode())


def _unknown() -> Response:
    found = problems.problem(
        401, "not-signed-in", "Not signed in", "This server answers whoever shows a valid token.",
        hint="Send `Authorization: Bearer TOKEN`; in a browser, give the token as password. docs/access.md tells more.",
    )  # fmt: skip
    return problem_response(found, {"WWW-Authenticate": 'Bearer, Basic realm="Kubelapse", charset="UTF-8"'})


def _not_allowed() -> Response:
    return problem_response(
        problems.problem(
            403, "not-allowed", "Not allowed", "Metrics count everything.", hint="Use a token that may read metrics."
        )
    )


def _unavailable(sentence: str) -> Response:
    return problem_response(
        problems.problem(503, "login-unavailable", "Cannot sign in now", sentence, hint="Ask again in a few seconds.")
    )


def _too_often() -> Response:
    return problem_response(
        problems.problem(429, "too-often", "Too often", "You ask too often.", hint="Ask again in a few seconds.")
    )
