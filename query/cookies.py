"""Cookies of whoever signs in with a browser: HttpOnly, SameSite=Lax, and Secure unless it is asked on loopback.

Where they are Secure they bear the prefix `__Host-`, which keeps sisters of this host from setting them. On loopback
cookies are shared by all ports, so the port is part of the name: two servers on one machine do not sign each other out.
"""

from typing import Final, Literal

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from query.guard import LOOPBACK, named

Sort = Literal["session", "signin"]
SIGN_IN_TIME: Final = 600
"""Seconds that somebody may take at the provider."""
_LONGEST: Final = 4096


def read(scope: Scope, sort: Sort) -> str:
    """The value, "" when there is none."""
    if not Headers(scope=scope).get("cookie"):
        return ""
    value = HTTPConnection(scope).cookies.get(_name(scope, sort), "")
    return value if len(value) <= _LONGEST else ""


def write(response: Response, scope: Scope, sort: Sort, value: str) -> None:
    """Give it to the browser; a session lasts as long as the browser or the server wants, whichever is shorter."""
    age = SIGN_IN_TIME if sort == "signin" else None
    response.set_cookie(
        _name(scope, sort), value, max_age=age, path="/", secure=not near(scope), httponly=True, samesite="lax"
    )


def clear(response: Response, scope: Scope, sort: Sort) -> None:
    """Take it away."""
    response.delete_cookie(_name(scope, sort), path="/", secure=not near(scope), httponly=True, samesite="lax")


def near(scope: Scope) -> bool:
    """Whether the browser has asked for this machine."""
    return named(scope)[0] in LOOPBACK


def _name(scope: Scope, sort: Sort) -> str:
    _, port = named(scope)
    return f"kubelapse-{sort}-{port}" if near(scope) else f"__Host-kubelapse-{sort}"
