"""Signing in with a browser: what was shown once opens a session (`query.sessions`). No HTTP here.

With a provider of identities: the browser is sent there with a state, a nonce and the digest of a verifier (PKCE), and
comes back with a code. What must come back with it waits in the browser's own cookie, encrypted with a key that lives
as long as this process: whoever begins a thousand sign-ins fills no memory here, and a code that somebody else's
browser was given is good for nothing. With a token: it is looked at as if it had come in `Authorization`.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from query.budget import Budget
from query.callers import Begun, Caller, Grant, Logins, SignInRefused
from query.cookies import SIGN_IN_TIME
from query.sessions import Sessions

FAILURES: Final = 0.5
"""Refused tokens and codes per second and address, after ten at once."""
_PAGE: Final = re.compile(r"[A-Za-z]{0,40}(\?[!-\[\]-~]{0,2000})?")
"""Of this interface: the name of a page and its query, printable and without a backslash. Never another address."""


class _Waiting(msgspec.Struct, frozen=True):
    """What the cookie holds."""

    state: str
    nonce: str
    verifier: str
    callback: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Somebody is in: the name of their session, who they are, and the page they wanted."""

    session: str
    caller: Caller
    page: str = ""


class SignIn:
    """All that the sign-in of one server needs."""

    def __init__(self, logins: Logins, *, length: float, clock: Callable[[], float]) -> None:
        """`length`: seconds that a session may last; `clock` is monotonic, in seconds."""
        self.logins = logins
        self.sessions = Sessions(logins, length=length, clock=clock)
        self.failed = Budget(FAILURES, 10, clock)
        self._seal = Fernet(Fernet.generate_key())

    @property
    def provider(self) -> str:
        """Whom people sign in with, "" when there is nobody."""
        return self.logins.provider.name if self.logins.provider else ""

    async def begin(self, callback: str, page: str) -> tuple[str, str]:
        """Where to send the browser, and a cookie for it. Raises SignInRefused, LoginUnavailable."""
        if self.logins.provider is None:
            raise SignInRefused("Nobody signs in here with a provider of identities.")
        begun = await self.logins.provider.begin(callback)
        waiting = _Waiting(begun.state, begun.nonce, begun.verifier, callback, safe_page(page))
        return begun.url, self._seal.encrypt(msgspec.json.encode(waiting)).decode()

    async def finish(self, sealed: str, *, state: str, code: str, issuer: str) -> Entered:
        """The browser is back. Raises SignInRefused, LoginUnavailable."""
        waiting = self._opened(sealed)
        provider = self.logins.provider
        if provider is None or not secrets.compare_digest(state.encode(), waiting.state.encode()):
            raise SignInRefused("A browser came back with a sign-in that it had not begun.", "expired")
        begun = Begun(url="", state=waiting.state, nonce=waiting.nonce, verifier=waiting.verifier)
        return await self._enter(await provider.finish(begun, waiting.callback, code, issuer), waiting.page)

    async def with_token(self, token: str) -> Entered:
        """Raises SignInRefused, LoginUnavailable."""
        return await self._enter(Grant(token=token), "")

    def page(self, sealed: str) -> str:
        """The page that somebody wanted who did not get in."""
        try:
            return self._opened(sealed).page
        except SignInRefused:
            return ""

    def _opened(self, sealed: str) -> _Waiting:
        try:
            return msgspec.json.decode(self._seal.decrypt(sealed, ttl=SIGN_IN_TIME), type=_Waiting)
        except (InvalidToken, msgspec.MsgspecError):
            raise SignInRefused("A browser came back with no sign-in of the last ten minutes.", "expired") from None

    async def _enter(self, grant: Grant, page: str) -> Entered:
        caller = await self.logins.admit(grant.token)
        if caller is None:
            raise SignInRefused("The token means nobody here.")
        return Entered(session=self.sessions.begin(grant, caller.name), caller=caller, page=page)


def safe_page(text: str) -> str:
    """The page and query to go on to, as they stand behind this server's address; "" for whatever is none."""
    return text if _PAGE.fullmatch(text) else ""
