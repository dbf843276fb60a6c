"""From the settings to who may ask: static tokens first, then the issuer's, then the cluster's.

Without any of these a server listens on loopback only (`check_host`): who is on the machine is who may ask.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kubelapse import settings_auth as auth
from kubelapse.auth.tokens import StaticTokens, read_tokens
from kubelapse.server import check_reachable
from kubelapse.setting import SettingError
from kubelapse.settings import HOST, Settings
from query.access import EVERYTHING, NOTHING, Reach
from query.callers import Caller, Provider

if TYPE_CHECKING:
    from kubelapse.auth.oidc import Issuer
    from kubelapse.auth.reviews import User
    from kubelapse.auth.rights import Rights
    from schema.store import Store


class ServerLogins:
    """`query.callers.Logins` of a server."""

    def __init__(
        self,
        tokens: StaticTokens,
        issuer: "Issuer | None",
        rights: "Rights | None",
        everything: Sequence[str],
        provider: Provider | None = None,
    ) -> None:
        """`everything`: `user:NAME` and `group:NAME` of those who see everything."""
        self.provider = provider
        self._tokens = tokens
        self._issuer = issuer
        self._rights = rights
        self._everything = frozenset(everything)

    async def admit(self, token: str) -> Caller | None:
        """The caller with what they may see now. Raises LoginUnavailable."""
        if (found := self._tokens.find(token)) is not None:
            return found
        if self._issuer is not None and self._issuer.issued(token):
            user = await self._issuer.user(token)
            return None if user is None else Caller(name=user.name, reach=await self._reach(user, ""))
        user = None if self._rights is None else await self._rights.user(token)
        return None if user is None else Caller(name=user.name, reach=await self._reach(user, token))

    async def close(self) -> None:
        """Let go of connections."""
        if self._rights is not None:
            await self._rights.close()

    async def _reach(self, user: "User", token: str) -> Reach:
        names = {f"user:{user.name}", *(f"group:{each}" for each in user.groups)}
        if not names.isdisjoint(self._everything):
            return EVERYTHING
        return NOTHING if self._rights is None else await self._rights.reach(user, token)


def asks_for_login(settings: Settings) -> bool:
    """Whether any way to sign in is set up."""
    return bool(settings[auth.AUTH_TOKENS_FILE] or settings[auth.AUTH_KUBERNETES] or settings[auth.AUTH_OIDC_ISSUER])


def check_host(settings: Settings) -> None:
    """Raises SettingError where anybody on a network could ask without signing in."""
    if not asks_for_login(settings):
        check_reachable(settings[HOST])


async def logins(settings: Settings, store: "Store") -> ServerLogins | None:
    """Who may ask; None when nobody needs to sign in. Raises SettingError, CredentialsError."""
    check_host(settings)
    if not asks_for_login(settings):
        return None
    file: Path | None = settings[auth.AUTH_TOKENS_FILE]
    tokens = StaticTokens(()) if file is None else read_tokens(file)
    issuer, provider = _people(settings)
    return ServerLogins(tokens, issuer, await _rights(settings, store), _everything(settings), provider)


def _everything(settings: Settings) -> Sequence[str]:
    named = settings[auth.AUTH_EVERYTHING]
    if wrong := [each for each in named if not each.startswith(("user:", "group:"))]:
        raise SettingError(f"KUBELAPSE_AUTH_EVERYTHING: expected user:NAME or group:NAME, not {wrong[0]!r}")
    return named


def _people(settings: Settings) -> "tuple[Issuer | None, Provider | None]":
    """Who judges people's ID tokens, and who gives them to browsers."""
    url = settings[auth.AUTH_OIDC_ISSUER]
    if not url:
        return None, None
    from kubelapse.auth.codeflow import CodeFlow
    from kubelapse.auth.discovery import Discovery
    from kubelapse.auth.oidc import Issuer

    audience = settings[auth.AUTH_OIDC_AUDIENCE]
    if not audience:
        raise SettingError("KUBELAPSE_AUTH_OIDC_ISSUER needs KUBELAPSE_AUTH_OIDC_AUDIENCE: whom its tokens must be for")
    discovery = Discovery(url, clock=time.monotonic)
    issuer = Issuer(
        discovery,
        audience=audience,
        user=settings[auth.AUTH_OIDC_USER],
        groups=settings[auth.AUTH_OIDC_GROUPS],
        prefix=settings[auth.AUTH_OIDC_PREFIX],
    )
    secret = auth.client_secret(settings[auth.AUTH_OIDC_SECRET_FILE])
    return issuer, CodeFlow(discovery, issuer, client=audience, secret=secret, scopes=settings[auth.AUTH_OIDC_SCOPES])


async def _rights(settings: Settings, store: "Store") -> "Rights | None":
    if not settings[auth.AUTH_KUBERNETES]:
        return None
    from kubelapse import __version__, access
    from kubelapse.auth.reviews import ClusterReviews
    from kubelapse.auth.rights import Rights, read_places

    credentials = await access.credentials(settings)
    clusters = settings[auth.AUTH_CLUSTERS]
    reviews = ClusterReviews(
        credentials, audiences=settings[auth.AUTH_AUDIENCES], user_agent=f"kubelapse/{__version__}"
    )
    return Rights(
        reviews, lambda: asyncio.to_thread(read_places, store, clusters), clusters=clusters, clock=time.monotonic
    )
