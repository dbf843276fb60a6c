"""Sessions of browsers: a random name in a cookie, and behind it, in this process only, what was shown at the sign-in.

A session is no right of its own. At each request the token that opened it is looked at as if it had been sent along, so
a session ends when its token does: expired, withdrawn, its user gone. When the provider of identities gave a refresh
token, the session goes on with what that brings, for the same user. It also ends by signing out, when it was not used
for an hour, after `length` seconds, when its user opens too many others, and with the process.

Only a digest of the cookie is kept, and nothing is ever written down.
"""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from query.callers import Caller, Grant, Logins

IDLE: Final = 3600.0
MOST: Final = 10_000
OF_ONE: Final = 20
"""Sessions of one user; the one that was not used for longest ends."""


@dataclass(slots=True, kw_only=True)
class _Session:
    grant: Grant
    user: str
    began: float
    used: float
    renewing: asyncio.Task[None] | None = None


class Sessions:
    """Who is signed in here."""

    def __init__(self, logins: Logins, *, length: float, clock: Callable[[], float]) -> None:
        """`length`: seconds that a session may last; `clock` is monotonic, in seconds."""
        self._logins = logins
        self._length = length
        self._clock = clock
        self._open: OrderedDict[bytes, _Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, grant: Grant, user: str) -> str:
        """The name of a new session, for a cookie."""
        name, now = secrets.token_urlsafe(32), self._clock()
        own = [key for key, each in self._open.items() if each.user == user]
        for key in own[: max(0, len(own) - OF_ONE + 1)]:
            del self._open[key]
        self._open[_key(name)] = _Session(grant=grant, user=user, began=now, used=now)
        if len(self._open) > MOST:
            self._open.popitem(last=False)
        return name

    def end(self, name: str) -> str:
        """Whose session this was, "" when it was none."""
        found = self._open.pop(_key(name), None)
        return found.user if found else ""

    async def admit(self, name: str) -> Caller | None:
        """The caller behind this cookie with what they may see now. Raises LoginUnavailable."""
        session = self._live(name)
        if session is None:
            return None
        caller = await self._logins.admit(session.grant.token) or await self._renewed(session)
        if caller is None or caller.name != session.user:
            self.end(name)
            return None
        # Somebody may have signed out while we asked.
        return caller if _key(name) in self._open else None

    def _live(self, name: str) -> _Session | None:
        key, now = _key(name), self._clock()
        session = self._open.get(key)
        if session is None:
            return None
        if now - session.used >= IDLE or now - session.began >= self._length:
            del self._open[key]
            return None
        session.used = now
        self._open.move_to_end(key)
        return session

    async def _renewed(self, session: _Session) -> Caller | None:
        """Once for all who ask at the same time, and to its end whoever goes: a refresh token may be for one use."""
        before = session.grant
        if not before.refresh:
            return None
        if session.renewing is None or session.renewing.done():
            session.renewing = asyncio.create_task(self._renew(session), name="renew a session")
            session.renewing.add_done_callback(_seen)
        await asyncio.shield(session.renewing)
        return None if session.grant is before else await self._logins.admit(session.grant.token)

    async def _renew(self, session: _Session) -> None:
        provider = self._logins.provider
        found = None if provider is None else await provider.renew(session.grant)
        session.grant = found or Grant(token=session.grant.token)


def _seen(task: asyncio.Task[None]) -> None:
    """Nobody may have waited for its failure."""
    if not task.cancelled():
        task.exception()


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode(errors="replace")).digest()
