"""Routes for people with a browser: to the provider of identities and back, in with a token, out, and who am I.

Nothing of the history is here. Who may not come in is sent to the interface's own page, which says why in its own
words; a program gets a problem. After the sign-in a browser is sent to a page of this interface by a relative address,
which holds behind any path prefix and can lead nowhere else.
"""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from query import bodies, cookies
from query.access import CALLER_KEY, NOTHING, SESSION_KEY, Reach
from query.callers import LoginUnavailable, SignInRefused, Why
from query.guard import foreign, of_our_page, problem_response
from query.login import address_of, note, too_often, unavailable
from query.models_people import WhoAmI
from query.problems import Refused, problem
from query.signin import Entered, SignIn, safe_page
from query.web import Context, Here, write

router = APIRouter(tags=["signing in"])
_LONGEST = 16_384
_NAMED = 1000
_TOKEN = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["token"], "properties": {"token": {"type": "string"}}}
            }
        },
    }
}


@router.get("/api/v1/whoami")
async def whoami(here: Here, request: Request) -> Response:
    """Whom this server takes you for, and how to sign in; for everybody."""
    user, session = str(request.scope.get(CALLER_KEY, "")), bool(request.scope.get(SESSION_KEY))
    return _who(request.app.state.signin, user, here.reach, session=session)


@router.get("/auth/login")
async def login(
    here: Here,
    request: Request,
    next_: Annotated[
        str, Query(alias="next", description="Page of this interface to go on to, with its query: `changes?ns=shop`.")
    ] = "",
) -> Response:
    """Send a browser to the provider of identities."""
    page = safe_page(next_)
    try:
        url, sealed = await _signin(request).begin(_callback(here, request), page)
    except (SignInRefused, LoginUnavailable) as error:
        return _not_in(request, error, page)
    answer = _to(url)
    cookies.write(answer, request.scope, "signin", sealed)
    return answer


@router.get("/auth/callback")
async def callback(
    request: Request,
    state: str = "",
    code: str = "",
    iss: str = "",
    error: Annotated[str, Query(description="What the provider says when it lets somebody not in.")] = "",
) -> Response:
    """Where the provider sends a browser back to, with a code that opens a session."""
    signin, sealed = _signin(request), cookies.read(request.scope, "signin")
    if not signin.failed.left(address_of(request.scope)):
        return too_often()
    try:
        if error and sealed:
            raise SignInRefused(f"The provider of identities says {error[:80]!r}.")
        entered = await signin.finish(sealed, state=state, code=code, issuer=iss)
    except (SignInRefused, LoginUnavailable) as failure:
        # Only who has made us ask the provider in vain: any page can send somebody's browser here.
        if isinstance(failure, SignInRefused) and failure.why != "expired" and not error:
            signin.failed.spend(address_of(request.scope))
        answer = _not_in(request, failure, signin.page(sealed))
    else:
        answer = _to(f"../{entered.page}")
        _open(request, answer, signin, entered)
    cookies.clear(answer, request.scope, "signin")
    return answer


@router.post("/auth/token", openapi_extra=_TOKEN)
async def token(request: Request) -> Response:
    """Open a session with a token, as it would come in `Authorization`: `{"token": "…"}`."""
    signin, shown = _signin(request), bodies.text(await bodies.json_body(request), "token").strip()
    address = address_of(request.scope)
    if not signin.failed.left(address):
        return too_often()
    try:
        if not shown or len(shown) > _LONGEST or not shown.isprintable():
            raise SignInRefused("That is no token.")
        entered = await signin.with_token(shown)
    except LoginUnavailable as error:
        return unavailable(str(error))
    except SignInRefused as error:
        signin.failed.spend(address)
        note(request.scope, "", 401)
        return problem_response(
            problem(401, "not-signed-in", "Not signed in", str(error), hint="Is it whole, and still valid?")
        )
    answer = _who(signin, entered.caller.name, entered.caller.reach, session=True)
    _open(request, answer, signin, entered)
    return answer


@router.post("/auth/logout")
async def logout(request: Request) -> Response:
    """End the session of this browser; what it follows ends within seconds. The provider of identities is not told."""
    signin, session = _signin(request), cookies.read(request.scope, "session")
    if session and not of_our_page(request.scope):
        return foreign()
    user = signin.sessions.end(session)
    note(request.scope, user, 200, signed="out")
    answer = _who(signin, "", NOTHING, session=False)
    cookies.clear(answer, request.scope, "session")
    return answer


def _who(signin: SignIn | None, user: str, reach: Reach, *, session: bool) -> Response:
    found = WhoAmI(
        login=signin is not None,
        user=user,
        session=session,
        everything=reach.everything,
        provider=signin.provider if signin else "",
        namespaces=_namespaces(reach),
    )
    return write(found, cache="no-store")


def _namespaces(reach: Reach) -> list[str] | None:
    if reach.everything or any(each.namespaces is None for each in reach.grants):
        return None
    return sorted({name for each in reach.grants for name in each.namespaces or () if name})[:_NAMED]


def _signin(request: Request) -> SignIn:
    signin: SignIn | None = request.app.state.signin
    if signin is None:
        raise Refused(
            problem(
                404, "no-login", "Nobody signs in here", "Whoever reaches this server sees everything.",
                hint="docs/access.md tells how to let callers sign in.",
            )
        )  # fmt: skip
    return signin


def _open(request: Request, answer: Response, signin: SignIn, entered: Entered) -> None:
    """A new name for every sign-in: whoever knew the old one knows nothing of this one."""
    signin.sessions.end(cookies.read(request.scope, "session"))
    cookies.write(answer, request.scope, "session", entered.session)
    note(request.scope, entered.caller.name, answer.status_code, signed="in")


def _callback(here: Context, request: Request) -> str:
    scheme = "http" if cookies.near(request.scope) else "https"
    return here.settings.callback or f"{scheme}://{request.headers.get('host', '')}/auth/callback"


def _not_in(request: Request, error: SignInRefused | LoginUnavailable, page: str) -> Response:
    why: Why = error.why if isinstance(error, SignInRefused) else "unavailable"
    status = 503 if why == "unavailable" else 403
    note(request.scope, "", status, signed=f"not in: {error}")
    if "text/html" in request.headers.get("accept", ""):
        return _to(f"../signin?why={why}" + (f"&next={quote(page, safe='')}" if page else ""))
    if why == "unavailable":
        return unavailable(str(error))
    return problem_response(
        problem(403, "not-let-in", "Not let in", str(error), hint="Begin again at /auth/login, with a browser.")
    )


def _to(url: str) -> Response:
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})
