"""Bytes to an HTTP endpoint that the operator has named, and what its answer means for a courier.

Redirects are not followed: the operator has named where changes go. Of an answer nothing is read but its status,
Retry-After and, where it is wanted, a few bytes. The query of the URL is in no message.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from query.courier import Gone, NotTaken

_AWAY: Final = frozenset({429, 502, 503, 504})
"""Said by whoever is not ready, or stands before one that is not there: nothing about what was sent."""
_READ: Final = 64 << 10


def address(url: str) -> str:
    """The URL for people: without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{parts.port}' if parts.port else ''}{parts.path}"


class Poster:
    """One endpoint. The client is closed with it; `timeout` of a whole try, in seconds."""

    def __init__(self, url: str, client: httpx.AsyncClient, *, timeout: float, clock: Callable[[], datetime]) -> None:
        self.address = address(url)
        self.clock = clock
        self._url = url
        self._client = client
        self._timeout = timeout

    async def post(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The beginning of the answer, when the endpoint says that it has it. Raises NotTaken, Gone."""
        try:
            async with asyncio.timeout(self._timeout):
                status, after, said = await self._post(body, headers)
        except TimeoutError:
            raise NotTaken(f"{self.address} did not answer within {self._timeout:g} s", counts=True) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
            raise NotTaken(f"{self.address} cannot be reached", counts=False) from None
        except httpx.HTTPError as error:
            raise NotTaken(f"{self.address} broke off ({type(error).__name__})", counts=True) from None
        if 200 <= status < 300:
            return said
        if status == 410:
            raise Gone(f"{self.address} has answered 410 Gone")
        redirected = " with a redirect, which is not followed" if 300 <= status < 400 else ""
        seconds = retry_after(after, self.clock())
        raise NotTaken(f"{self.address} answered {status}{redirected}", counts=status not in _AWAY, after=seconds)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        async with self._client.stream(
            "POST", self._url, content=body, headers=dict(headers), follow_redirects=False
        ) as answer:
            said = bytearray()
            async for chunk in answer.aiter_bytes():
                said += chunk
                if len(said) > _READ:
                    break
            return answer.status_code, answer.headers.get("retry-after", ""), bytes(said)


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds or a date (RFC 9110 10.2.3)."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())
