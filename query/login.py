"""Who asks: a token of every request becomes a caller with a reach, before any route is met.

The token comes as `Authorization: Bearer`, as the password of `Basic` (any user name), or stands behind the cookie of a
session (`query.sessions`). Without a valid one there is nothing but the health of the process, the files of the web
interface, which are the same for everybody, and the ways to sign in. When it cannot be said whether a token is valid
the answer is 503, never an answer (fail closed).

A cookie is sent by the browser whoever wrote the page, so with a cookie whatever may change something needs the Origin
of our own page. A header is sent by programs, and needs none.

An answer that goes on for long (feed, streams) is looked at again every `recheck` seconds, before more of it is sent:
it ends as soon as its caller may see less or more than when it began, and can be resumed by its token.

Each request is one line in the log `kubelapse.access`: who asked what, never what was answered.
"""

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import unquote

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query import cookies, problems
from query.access import CALLER_KEY, EVERYTHING, NOTHING, SCOPE_KEY, SESSION_KEY
from query.budget import Budget
from query.callers import Caller, LoginUnavailable
from query.guard import SAFE, foreign, of_our_page, problem_response
from query.settings import QuerySettings
from query.signin import SignIn

log = logging.getLogger("kubelapse.access")

_HEALTH: Final = frozenset({"/livez", "/readyz", "/version"})
SIGN_IN: Final = frozenset({"/auth/login", "/auth/callback", "/auth/token", "/auth/logout"})
"""Routes that look at what they are shown themselves; they see nothing of the history."""
WHO: Final = "/api/v1/whoami"
"""Answers everybody: nobody is told that they are nobody."""
_METRICS: Final = "/metrics"
_AUDIT: Final = "/api/v1/audit-log"
_CHARS: Final = 500
_LONGEST_TOKEN: Final = 16_384

Shell = Callable[[Request], Response | None]
"""The interface's file at an address, for whoever asks; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What a request came with: how to find out who that is, and whether a browser sent it by itself."""

    admit: Callable[[], Awaitable[Caller | None]]
    by_cookie: bool = False


class _Ended(Exception):
    """The caller's rights are not what they were when the answer began."""


class Login:
    """ASGI middleware, within the guard and before every route."""

    def __init__(
        self,
        app: ASGIApp,
        signin: SignIn,
        settings: QuerySettings,
        clock: Callable[[], float],
        shell: Shell | None = None,
    ) -> None:
        """`clock` is monotonic, in seconds."""
        self._app = app
        self._signin = signin
        self._settings = settings
        self._clock = clock
        self._shell = shell
        self._asked = Budget(settings.rate, 2 * settings.rate, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        if file := self._file(scope):
            await file(scope, receive, send)
            return
        shown = self._shown(scope)
        if scope["path"] in SIGN_IN or (scope["path"] in _HEALTH and shown is None):
            scope[SCOPE_KEY] = NOTHING
            await self._app(scope, receive, send)
            return
        if self._has_its_own(scope):
            scope[SCOPE_KEY] = EVERYTHING
            await self._app(scope, receive, send)
            return
        caller = await self._caller(scope, shown)
        if isinstance(caller, Response) and caller.status_code == 401 and scope["path"] == WHO:
            scope[SCOPE_KEY] = NOTHING
            await self._app(scope, receive, send)
            return
        if isinstance(caller, Response) or shown is None:
            refusal = caller if isinstance(caller, Response) else _unknown(scope)
            note(scope, "", refusal.status_code)
            await refusal(scope, receive, send)
            return
        scope[SCOPE_KEY] = caller.reach
        scope[CALLER_KEY] = caller.name
        scope[SESSION_KEY] = shown.by_cookie
        try:
            await self._app(scope, receive, self._watched(scope, shown, caller, send))
        except _Ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _file(self, scope: Scope) -> Response | None:
        """A page must be there before anybody can sign in on it; no route is asked for it."""
        return None if self._shell is None or scope["method"] not in SAFE else self._shell(Request(scope))

    def _shown(self, scope: Scope) -> _Shown | None:
        if token := _token(scope):
            return _Shown(admit=partial(self._signin.logins.admit, token))
        if session := cookies.read(scope, "session"):
            return _Shown(admit=partial(self._signin.sessions.admit, session), by_cookie=True)
        return None

    def _has_its_own(self, scope: Scope) -> bool:
        """The audit webhook of an API server comes with a token of its own, which its route looks at."""
        return scope["path"] == _AUDIT and bool(self._settings.audit_log_token)

    async def _caller(self, scope: Scope, shown: _Shown | None) -> Caller | Response:
        if shown is None:
            return _unknown(scope)
        if shown.by_cookie and scope["method"] not in SAFE and not of_our_page(scope):
            return foreign()
        # Tokens can be guessed at, the names of sessions cannot.
        address = "" if shown.by_cookie else address_of(scope)
        if address and not self._signin.failed.left(address):
            return too_often()
        try:
            caller = await shown.admit()
        except LoginUnavailable as error:
            return unavailable(str(error))
        if caller is None:
            if address:
                self._signin.failed.spend(address)
            return _unknown(scope)
        if not self._asked.spend(caller.name):
            return too_often()
        if scope["path"] == _METRICS and not (caller.metrics or caller.reach.everything):
            return _not_allowed()
        return caller

    def _watched(self, scope: Scope, shown: _Shown, caller: Caller, send: Send) -> Send:
        checked = self._clock()

        async def watched(message: Message) -> None:
            nonlocal checked
            if message["type"] == "http.response.start":
                note(scope, caller.name, message["status"])
                _for_them_alone(message)
            elif message.get("more_body") and self._clock() - checked >= self._settings.recheck:
                if not await self._unchanged(shown, caller):
                    log.info(orjson.dumps({"user": caller.name, "ended": scope["path"][:_CHARS]}).decode())
                    raise _Ended
                checked = self._clock()
            await send(message)

        return watched

    async def _unchanged(self, shown: _Shown, caller: Caller) -> bool:
        try:
            return await shown.admit() == caller
        except LoginUnavailable:
            return False


def _for_them_alone(message: Message) -> None:
    """No cache between us gives it to somebody else."""
    headers = MutableHeaders(scope=message)
    headers.add_vary_header("Authorization")
    headers.add_vary_header("Cookie")
    kept = headers.get("cache-control", "")
    if "no-store" not in kept and "private" not in kept:
        headers["cache-control"] = f"private, {kept or 'no-cache'}".replace("public, ", "")


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


def address_of(scope: Scope) -> str:
    """Whence a request comes."""
    return str((scope.get("client") or ("",))[0])


def note(scope: Scope, user: str, status: int, **more: str) -> None:
    """Who asked what. Of the query as much as helps; as JSON, so that no line can be forged."""
    asked = unquote(bytes(scope.get("query_string", b"")).decode("latin-1"))
    line = {
        "user": user[:_CHARS],
        "address": address_of(scope),
        "method": scope["method"],
        "path": scope["path"][:_CHARS],
        "query": "" if scope["path"] in SIGN_IN else asked[:_CHARS],
        "status": status,
        **more,
    }
    log.info(orjson.dumps(line).decode())


def _unknown(scope: Scope) -> Response:
    found = problems.problem(
        401, "not-signed-in", "Not signed in", "This server answers whoever shows a valid token.",
        hint="Send `Authorization: Bearer TOKEN`; in a browser, sign in on the page at `/`. docs/access.md tells more.",
    )  # fmt: skip
    # A browser asks its user for a password where it goes to an address, and never for what a page asks.
    basic = (
        ', Basic realm="Kubelapse", charset="UTF-8"' if "text/html" in Headers(scope=scope).get("accept", "") else ""
    )
    return problem_response(found, {"WWW-Authenticate": f"Bearer{basic}"})


def _not_allowed() -> Response:
    return problem_response(
        problems.problem(
            403, "not-allowed", "Not allowed", "Metrics count everything.", hint="Use a token that may read metrics."
        )
    )


def unavailable(sentence: str) -> Response:
    """Nobody can be asked who this is."""
    return problem_response(
        problems.problem(503, "login-unavailable", "Cannot sign in now", sentence, hint="Ask again in a few seconds.")
    )


def too_often() -> Response:
    """A budget is spent."""
    return problem_response(
        problems.problem(429, "too-often", "Too often", "You ask too often.", hint="Ask again in a few seconds.")
    )
