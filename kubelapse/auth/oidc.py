"""ID tokens of people (OpenID Connect): checked here, with the keys that the issuer publishes.

A token counts when one of the issuer's keys has signed it, with an algorithm of the list below (never `none`, never a
shared secret), for our audience, by this issuer, and now. A claim that is not there is not the user's name; an address
that the issuer has not verified is none either. There is no sign-in in the browser: the token comes from a program that
has it, or from a proxy that puts it into `Authorization`.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx
import jwt

from kubelapse.auth.reviews import User
from query.login import LoginUnavailable

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
KEYS_FOR: Final = 3600.0
AGAIN_AFTER: Final = 30.0
"""Seconds between two looks for a key that is not known: tokens of strangers must not make us ask all the time."""
_LEEWAY: Final = 30
_BYTES: Final = 1 << 20
_AWAY: Final = "The issuer of ID tokens does not answer."


class Issuer:
    """One issuer's tokens for one audience."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        user: str,
        groups: str,
        prefix: str,
        clock: Callable[[], float],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`user`, `groups`: names of claims. `clock` is monotonic, in seconds; `transport` replaces the network."""
        self._issuer = issuer
        self._audience = audience
        self._user_claim = user
        self._groups_claim = groups
        self._prefix = prefix
        self._clock = clock
        self._transport = transport
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked = float("-inf")
        self._turn = asyncio.Lock()

    def issued(self, token: str) -> bool:
        """Whether the token says that it is of this issuer; nothing is believed yet."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            return False
        return claims.get("iss") == self._issuer

    async def user(self, token: str) -> User | None:
        """Whose token this is; None when it does not count. Raises LoginUnavailable."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._key(str(header.get("kid") or ""))
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm_name] if key.algorithm_name in ALGORITHMS else [],
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", self._user_claim]},
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        return self._named(claims)

    def _named(self, claims: Mapping[str, object]) -> User | None:
        name, groups = claims.get(self._user_claim), claims.get(self._groups_claim) or []
        if not isinstance(name, str) or not name:
            return None
        if self._user_claim == "email" and claims.get("email_verified") is not True:
            return None
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        own = [f"{self._prefix}{each}" for each in listed if isinstance(each, str) and each]
        return User(name=f"{self._prefix}{name}", groups=tuple(sorted({*own, "system:authenticated"})))

    async def _key(self, kid: str) -> jwt.PyJWK | None:
        async with self._turn:
            age = self._clock() - self._asked
            if age >= KEYS_FOR or (kid not in self._keys and age >= AGAIN_AFTER):
                self._asked = self._clock()
                self._keys = await self._published()
            return self._keys.get(kid)

    async def _published(self) -> Mapping[str, jwt.PyJWK]:
        """Keys by id; one without an id serves tokens without one."""
        async with httpx.AsyncClient(transport=self._transport, timeout=10.0, follow_redirects=False) as http:
            about = await _json(http, f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            url = str(about.get("jwks_uri", ""))
            if about.get("issuer") != self._issuer or not _safe(url, self._issuer):
                raise LoginUnavailable("The issuer of ID tokens describes another issuer; check its URL.")
            listed = (await _json(http, url)).get("keys")
        found: dict[str, jwt.PyJWK] = {}
        for each in listed if isinstance(listed, list) else []:
            try:
                found[str(each.get("kid") or "")] = jwt.PyJWK(each)
            except (jwt.PyJWTError, AttributeError, ValueError):
                continue  # a kind of key that we do not know says nothing of the others
        return found


def _safe(url: str, issuer: str) -> bool:
    """Keys come over TLS, unless the issuer itself is on this machine."""
    return url.startswith("https://") or (
        urlsplit(issuer).scheme == "http" and urlsplit(url).netloc == urlsplit(issuer).netloc
    )


async def _json(http: httpx.AsyncClient, url: str) -> Mapping[str, object]:
    try:
        answer = await http.get(url)
        if answer.status_code == 200 and len(answer.content) <= _BYTES:
            body = answer.json()
            if isinstance(body, dict):
                return body
    except (httpx.HTTPError, ValueError) as error:
        raise LoginUnavailable(_AWAY) from error
    raise LoginUnavailable(_AWAY)
