"""What an OpenID provider publishes of itself: its document and its keys, read when they are needed and kept.

    {issuer}/.well-known/openid-configuration     OpenID Connect Discovery 1.0
    jwks_uri                                      RFC 7517

Keys are read anew every hour, and when a token names one that is not known (they were rotated), but at most every half
minute: tokens of strangers must not make us ask all the time. While the provider is away what is known and not too old
goes on to count; anything else is LoginUnavailable. Redirects are not followed, answers are bounded in bytes and time.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx
import jwt
import orjson

from query.callers import LoginUnavailable

KEPT_FOR: Final = 3600.0
AGAIN_AFTER: Final = 30.0
PATIENCE: Final = 10.0
"""Seconds for one answer of the provider, whole."""
_BYTES: Final = 1 << 20
_AWAY: Final = "The provider of identities does not answer."
_STRANGE: Final = "The provider of identities describes another one; check KUBELAPSE_AUTH_OIDC_ISSUER."

Document = Mapping[str, object]


class Discovery:
    """One issuer's document and keys."""

    def __init__(
        self,
        issuer: str,
        *,
        clock: Callable[[], float],
        patience: float = PATIENCE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`clock` is monotonic, in seconds; `transport` replaces the network."""
        self.issuer = issuer
        self._patience = patience
        self._clock = clock
        self._transport = transport
        self._tls: ssl.SSLContext | None = None
        self._document: Document = {}
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._read = self._tried = float("-inf")
        self._failing = False
        self._turn = asyncio.Lock()

    async def document(self) -> Document:
        """What the issuer says of itself. Raises LoginUnavailable."""
        if not self._fresh():
            await self._again(wanted=self._fresh)
        return self._document

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id; None when the issuer has none. Raises LoginUnavailable."""

        def known() -> bool:
            return self._fresh() and kid in self._keys

        if not known():
            await self._again(wanted=known)
        return self._keys.get(kid)

    def endpoint(self, document: Document, name: str) -> str:
        """An address in the document. Raises LoginUnavailable where it is none that may be asked."""
        url = str(document.get(name, ""))
        if not _safe(url, self.issuer):
            raise LoginUnavailable(_STRANGE)
        return url

    async def send(self, request: httpx.Request) -> tuple[int, bytes]:
        """Status and body. Raises LoginUnavailable."""
        try:
            async with asyncio.timeout(self._patience), self._http() as http:
                answer = await http.send(request, stream=True)
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _BYTES:
                        raise LoginUnavailable(_AWAY)
                return answer.status_code, bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise LoginUnavailable(_AWAY) from error

    def _http(self) -> httpx.AsyncClient:
        # A proxy that the environment names is not asked for an issuer on this machine, and TLS is not spoken there.
        outside = self.issuer.startswith("https://")
        if outside and self._tls is None:
            self._tls = httpx.create_ssl_context()
        return httpx.AsyncClient(
            transport=self._transport, timeout=self._patience, trust_env=outside, verify=self._tls or False
        )

    def _fresh(self) -> bool:
        return self._clock() - self._read < KEPT_FOR

    async def _again(self, wanted: Callable[[], bool]) -> None:
        """Read it once more, unless somebody just has. Raises LoginUnavailable when it is not known what holds."""
        async with self._turn:
            if wanted():
                return
            if self._clock() - self._tried >= AGAIN_AFTER:
                self._tried, self._failing = self._clock(), True
                document = await self._json(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                if document.get("issuer") != self.issuer:
                    raise LoginUnavailable(_STRANGE)
                self._keys = _keys(await self._json(self.endpoint(document, "jwks_uri")))
                self._document, self._read, self._failing = document, self._clock(), False
            if self._failing or not self._fresh():
                raise LoginUnavailable(_AWAY)

    async def _json(self, url: str) -> Document:
        status, body = await self.send(httpx.Request("GET", url, headers={"Accept": "application/json"}))
        try:
            found = orjson.loads(body) if status == 200 else None
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise LoginUnavailable(_AWAY)
        return found


def _keys(published: Document) -> Mapping[str, jwt.PyJWK]:
    """By id; one without an id serves tokens without one."""
    listed, found = published.get("keys"), dict[str, jwt.PyJWK]()
    for each in listed if isinstance(listed, list) else []:
        try:
            found[str(each.get("kid") or "")] = jwt.PyJWK(each)
        except (jwt.PyJWTError, AttributeError, ValueError):
            continue  # a kind of key that we do not know says nothing of the others
    return found


def _safe(url: str, issuer: str) -> bool:
    """Over TLS, unless the issuer itself is on this machine."""
    try:
        here, there = urlsplit(issuer), urlsplit(url)
    except ValueError:
        return False
    return url.startswith("https://") or (here.scheme == there.scheme == "http" and here.netloc == there.netloc)
