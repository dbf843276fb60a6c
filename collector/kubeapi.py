"""The door to a real API server: raw HTTP with aiohttp, because every typed client costs events or milliseconds.

- No limit on connections: a watch holds one, and the 101st would hang forever on the usual pool of 100.
- Watches ask for `identity`: newer servers compress a streaming list as one gzip member per flush, which common
  clients decode only in part, in silence.
- Lists are cut into raw items without parsing them; watches are handed on as bytes.
- 70 s without a byte end a watch: bookmarks come every 60, so a dead connection is found while the server still has
  what was missed (its cache keeps 75 s).
- Every answer's Date header teaches where the server's clock stands.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final, Protocol

import aiohttp
import msgspec
from msgspec import Raw

from collector import deepjson
from collector.clock import Clock, numeric
from collector.cluster import BadAnswer, ClusterError, Discovery, Page, Silent, Unauthorized, Unreachable, bookmarked
from collector.discovery import Discoverer, Fetched
from collector.errors import SERVER_TEXT, CredentialsError, read_status, refusal
from schema.objects import Kind

CONNECT: Final = 10.0
SILENCE: Final = 70.0
SECOND_LOOK: Final = 1.0
"""Seconds. A process that was frozen (SIGSTOP, suspend) finds its timers due before it is told of bytes that have been
waiting all the time, because an interrupted poll comes back empty (PEP 475): so a silent socket is looked at twice."""
READ_BUFFER: Final = 2**20
REFUSAL_BYTES: Final = 16384
WATCH_SECONDS: Final = (300, 600)
"""A random end in this range, as client-go asks for: servers restart in peace when clients come and go anyway."""
UNMARKED_SECONDS: Final = (45, 60)
"""The same where no bookmarks come: the end must be told from a dead connection."""


METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""Metadata alone, or whole objects where the server cannot cut them down."""

READING: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE)
WATCHING: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)
"""A watch minds its silence itself (`_next`): aiohttp gives a connection up for good when its timer comes first."""


class Access(Protocol):
    """How to reach and persuade a server (`collector.credentials`)."""

    @property
    def server(self) -> str:
        """Base URL without a slash at its end."""
        ...

    @property
    def proxy(self) -> str:
        """URL of an HTTP proxy, or ""."""
        ...

    @property
    def tls_name(self) -> str:
        """Name to expect in the server's certificate, or "" for the one in the URL."""
        ...

    def connector(self) -> aiohttp.BaseConnector:
        """A connector that trusts this server and shows the client certificate."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """Authorization for the next request."""
        ...

    async def refresh(self) -> bool:
        """Get new credentials after a 401; False when there is no way to."""
        ...


class DateObserver(Protocol):
    """Learns the server's clock from its answers (`collector.skew`)."""

    def observe(self, date: datetime, *, sent: datetime, received: datetime) -> None:
        """An answer dated `date` was asked for at `sent`, and its head had come at `received`."""
        ...


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")
    uid: str = ""


class _List(msgspec.Struct):
    metadata: _Meta
    items: list[Raw] | None = None


class _Object(msgspec.Struct):
    metadata: _Meta


_list: Final = msgspec.json.Decoder(_List)
_meta: Final = msgspec.json.Decoder(_Meta)


def _read_list(body: bytes) -> _List:
    """Also where an item is nested too deeply to be parsed: that one becomes a gap, its neighbours are as they are."""
    try:
        return _list.decode(body)
    except RecursionError:
        parts = deepjson.members(body)
        items = [Raw(item) for item in deepjson.elements(parts["items"])]
        return _List(metadata=_meta.decode(parts["metadata"]), items=items)


class KubeApi:
    """`collector.cluster.Cluster` over HTTP."""

    def __init__(
        self, access: Access, *, skew: DateObserver, clock: Clock, random: Random, user_agent: str = "kubelapse"
    ) -> None:
        """`user_agent` is also what the server's logs and limits see; make it `kubelapse/VERSION`."""
        self._access = access
        self._skew = skew
        self._clock = clock
        self._random = random
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._discoverer = Discoverer(self._fetch)

    async def uid(self) -> str:
        """The uid of the kube-system namespace."""
        body = (await self._fetch("/api/v1/namespaces/kube-system", {})).body
        try:
            return msgspec.json.decode(body, type=_Object).metadata.uid
        except msgspec.MsgspecError as error:
            raise BadAnswer("the kube-system namespace is not readable") from error

    async def discover(self) -> Discovery:
        """Every kind that is served (`collector.discovery`)."""
        return await self._discoverer.discover()

    async def page(self, kind: Kind, namespace: str, *, more: str = "", limit: int = 500, rv: str = "") -> Page:
        """One page of a list; `limit` 0 asks for all of it."""
        params = {"limit": str(limit)} if limit else {}
        params |= {"continue": more} if more else {}
        params |= {"resourceVersion": rv} if rv else {}
        return await self._list(kind.path(namespace), params, {}, what=f"list {kind.id}")

    async def exact(
        self,
        kind: Kind,
        namespace: str,
        *,
        rv: str,
        name: str = "",
        more: str = "",
        limit: int = 500,
        metadata: bool = False,
    ) -> Page:
        """One page of a list as it was at version `rv`."""
        what = f"list {kind.id} at version {rv}"
        params = {"limit": str(limit)} if limit else {}
        params |= {"fieldSelector": f"metadata.name={name}"} if name else {}
        # A continue token carries its version; the server refuses to be told another.
        params |= {"continue": more} if more else {"resourceVersion": rv, "resourceVersionMatch": "Exact"}
        page = await self._list(kind.path(namespace), params, {"Accept": METADATA} if metadata else {}, what=what)
        if not 0 <= numeric(page.rv) <= numeric(rv):
            raise BadAnswer(f"{what}: the server answered with version {page.rv}, it keeps no exact lists")
        return page

    async def _list(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], *, what: str) -> Page:
        async with self._get(path, params, headers, what=what) as answer:
            body = await _body(answer, what)
        try:
            found = _read_list(body)
        except (msgspec.MsgspecError, ValueError, KeyError, RecursionError) as error:
            raise BadAnswer(f"{what}: the answer is not a list ({len(body)} bytes): {error}") from error
        if not found.metadata.resource_version:
            raise BadAnswer(f"{what}: the list carries no resourceVersion, it cannot be watched")
        items = [bytes(item) for item in found.items or ()]
        return Page(items=items, rv=found.metadata.resource_version, more=found.metadata.continue_)

    @asynccontextmanager
    async def watch(self, kind: Kind, namespace: str, *, rv: str, initial: bool) -> AsyncIterator[AsyncIterator[bytes]]:
        """An open watch as bytes; `initial` asks for a streaming list first (KEP-3157)."""
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self._random.randint(*(WATCH_SECONDS if bookmarked(kind) else UNMARKED_SECONDS))),
        }
        params |= {"resourceVersion": rv} if rv else {}
        if initial:
            params |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        headers, what = {"Accept-Encoding": "identity"}, f"watch {kind.id}"
        async with self._get(kind.path(namespace), params, headers, what=what, watch=True, initial=initial) as answer:
            yield _chunks(answer, what)

    async def document(self, path: str, *, most: int) -> bytes:
        """The document at this path, as long as it is not too large."""
        what = f"get {path.partition('?')[0]}"
        async with self._get(path, {}, {}, what=what) as answer:
            return await _bounded(answer, what, most)

    async def get(self, path: str) -> bytes:
        """The body at any path: for diagnosis."""
        return (await self._fetch(path, {})).body

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _fetch(self, path: str, headers: Mapping[str, str]) -> Fetched:
        async with self._get(path, {}, headers, what=f"get {path}") as answer:
            return Fetched(answer.status, answer.headers.get("ETag", ""), await _body(answer, f"get {path}"))

    @asynccontextmanager
    async def _get(
        self,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        what: str,
        watch: bool = False,
        initial: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An accepted GET. Only what happens up to the answer's head is translated: the rest is the caller's."""
        answer = await self._ask(path, params, headers, what=what, timeout=WATCHING if watch else READING)
        try:
            if answer.status not in (200, 304):
                raise await _refused(answer, what=what, streaming=initial)
            yield answer
        finally:
            answer.close()

    async def _ask(
        self,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        what: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """The head of one answer; after a 401 one more try with new credentials."""
        try:
            async with asyncio.timeout(SILENCE):
                answer = await self._send(path, params, headers, timeout)
                if answer.status == 401 and await self._access.refresh():
                    answer.release()
                    answer = await self._send(path, params, headers, timeout)
        except CredentialsError as error:
            raise Unauthorized(f"{what}: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{what}: {trouble(error, self._access.server)}") from error
        return answer

    async def _send(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        session = self._open_session()
        authorization = await self._access.headers()
        sent = self._clock()
        answer = await session.get(
            self._access.server + path,
            params=params,
            headers={"Accept": "application/json", **headers, **authorization},
            proxy=self._access.proxy or None,
            server_hostname=self._access.tls_name or None,
            allow_redirects=False,
            timeout=timeout,
        )
        self._observe_date(answer, sent)
        return answer

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._access.connector(),
                headers={"User-Agent": self._user_agent},
                read_bufsize=READ_BUFFER,
                max_line_size=2**16,
                max_field_size=2**16,
            )
        return self._session

    def _observe_date(self, answer: aiohttp.ClientResponse, sent: datetime) -> None:
        """Whole seconds of the server's clock; answers of a proxy without a date say nothing."""
        try:
            date = parsedate_to_datetime(answer.headers["Date"])
        except (KeyError, ValueError):
            return
        if date.tzinfo is not None:
            self._skew.observe(date.astimezone(UTC), sent=sent, received=self._clock())


async def _chunks(answer: aiohttp.ClientResponse, what: str) -> AsyncIterator[bytes]:
    """Whatever has come, as soon as it has come."""
    try:
        while data := await _next(answer.content):
            yield data
    except TimeoutError as error:
        raise Silent(f"{what}: no byte for {SILENCE:.0f} s, not even a bookmark") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"{what}: the connection broke ({type(error).__name__})") from error


async def _next(content: aiohttp.StreamReader) -> bytes:
    """Whatever comes next, b"" at the end; TimeoutError after a long silence."""
    try:
        async with asyncio.timeout(SILENCE):
            return await content.readany()
    except TimeoutError:
        async with asyncio.timeout(SECOND_LOOK):
            return await content.readany()


async def _body(answer: aiohttp.ClientResponse, what: str) -> bytes:
    """The whole body, or Unreachable."""
    try:
        return await answer.read()
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"{what}: the connection broke ({type(error).__name__})") from error


async def _bounded(answer: aiohttp.ClientResponse, what: str, most: int) -> bytes:
    """The whole body, read no further than it may be long."""
    body = bytearray()
    try:
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > most:
                raise BadAnswer(f"{what}: the document has more than {most >> 20} MB")
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"{what}: the connection broke ({type(error).__name__})") from error
    return bytes(body)


async def _refused(answer: aiohttp.ClientResponse, *, what: str, streaming: bool) -> ClusterError:
    status = read_status(await answer.content.read(REFUSAL_BYTES), code=answer.status)
    wait = answer.headers.get("Retry-After", "")
    return refusal(status, what=what, streaming=streaming, retry_after=float(wait) if wait.isdigit() else None)


def trouble(error: Exception, server: str) -> str:
    """Why there is no connection, in one sentence."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        said = str(error.certificate_error)
        return f"the certificate of {server} is not trusted ({said[:SERVER_TEXT]}); check certificate-authority"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name in {server} is not known to DNS"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{server} does not answer ({error.os_error.strerror or type(error).__name__}); is the cluster up?"
    if isinstance(error, TimeoutError):
        return f"{server} does not answer in time"
    return f"no connection to {server} ({type(error).__name__})"
