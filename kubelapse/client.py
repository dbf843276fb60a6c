"""How reading commands reach answers: the HTTP API of a server, or the same application in process on an own store.

Both ways speak the routes under `/api/v1`, so a command cannot tell them apart. Times are sent as RFC 3339.

AnswerError
├── NoServer       nothing answers at that URL
├── Refused        the server answered with a problem (RFC 9457); `status` and `problem` hold it
└── StrangeAnswer  what answers there is no Kubelapse
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx
import orjson

from kubelapse.settings import SERVER, Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from schema.canonical import Json, JsonObject

DEFAULT_URL = "http://127.0.0.1:7117"
API = "/api/v1"
IN_PROCESS = "http://localhost"

_COMMANDS = {
    "never-seen": "Check type, namespace and spelling; kubelapse changes --first-sight lists what was seen.",
    "not-recorded": "kubelapse coverage tells what is recorded, since when, and why something is not.",
    "unknown-kind": "kubelapse coverage lists every known type.",
}

Value = str | int | Sequence[str] | None
Query = Mapping[str, Value]


class AnswerError(Exception):
    """No answer could be had; one sentence that says what to do."""


class NoServer(AnswerError):
    """Nothing answers at that URL."""


class StrangeAnswer(AnswerError):
    """What answers there is no Kubelapse."""


class Refused(AnswerError):
    """The server answered with a problem."""

    def __init__(self, status: int, problem: Mapping[str, object]) -> None:
        """`problem` is the decoded application/problem+json body."""
        super().__init__(_sentence(status, problem))
        self.status = status
        self.problem = problem


def _sentence(status: int, problem: Mapping[str, object]) -> str:
    text = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    # Some hints name routes; who typed a command is told a command.
    hint = str(problem.get("hint") or "")
    if API in hint:
        hint = _COMMANDS.get(str(problem.get("state")), "")
    return f"{text.rstrip('.')}. {hint}" if hint else text


class NoteReader(Protocol):
    """Reads the URL that a running server left beside its store's lock, "" when there is none."""

    def __call__(self, store: Path) -> str:
        """`store`: its directory."""
        ...


def server_url(settings: Settings, read_note: NoteReader) -> str:
    """The server a reading command asks: named, else found beside the store's lock, else the default."""
    named = settings[SERVER]
    if named:
        return named
    store = settings.store
    noted = read_note(Path(store.removeprefix("chdb:"))) if store.startswith("chdb:") else ""
    return noted or DEFAULT_URL


class Client:
    """Questions and writes under /api/v1, with every failure as an AnswerError."""

    def __init__(self, http: httpx.AsyncClient, where: str) -> None:
        """`where` is how messages name the other side."""
        self._http = http
        self.where = where

    async def get(self, path: str, query: Query | None = None) -> "JsonObject":
        """One JSON object; keys whose value is None or "" are not sent."""
        return _object(await self._send("GET", path, query), self.where)

    async def post(
        self, path: str, query: Query | None = None, *, body: "Json" = None, patient: bool = False
    ) -> "JsonObject":
        """Send `body` as JSON, get one JSON object; `patient` waits for as long as it takes."""
        return _object(await self._send("POST", path, query, body, patient=patient), self.where)

    async def put(self, path: str, query: Query | None = None, *, body: "Json" = None) -> "JsonObject":
        """Set what stands there."""
        return _object(await self._send("PUT", path, query, body), self.where)

    async def delete(self, path: str) -> "JsonObject":
        """Forget what stands there."""
        return _object(await self._send("DELETE", path, None), self.where)

    async def version(self) -> str:
        """The server's version, from /version beside the API."""
        try:
            answer = await self._http.get("/version")
        except httpx.HTTPError as error:
            raise _unreachable(error, self.where) from None
        body = _object(answer, self.where)
        return str(body.get("version") or body.get("gitVersion") or "unknown")

    async def _send(
        self, method: str, path: str, query: Query | None, body: "Json" = None, *, patient: bool = False
    ) -> httpx.Response:
        content = None if body is None else orjson.dumps(body)
        headers = {"content-type": "application/json"} if content else {}
        timeout = httpx.Timeout(5.0, read=None) if patient else httpx.USE_CLIENT_DEFAULT
        try:
            answer = await self._http.request(
                method, API + path, params=_sent(query), content=content, headers=headers, timeout=timeout
            )
        except httpx.HTTPError as error:
            raise _unreachable(error, self.where) from None
        _check(answer, self.where)
        return answer

    @asynccontextmanager
    async def lines(self, path: str, query: Query | None = None) -> "AsyncIterator[AsyncIterator[JsonObject]]":
        """The objects of a JSONL stream as they come; blank lines keep it alive and are left out."""
        headers = {"accept": "application/jsonl"}
        timeout = httpx.Timeout(10.0, read=None)
        try:
            async with self._http.stream(
                "GET", API + path, params=_sent(query), headers=headers, timeout=timeout
            ) as answer:
                if answer.is_error:
                    await answer.aread()
                _check(answer, self.where)
                yield self._parsed(answer)
        except httpx.HTTPError as error:
            raise _unreachable(error, self.where) from None

    @staticmethod
    async def _parsed(answer: httpx.Response) -> "AsyncIterator[JsonObject]":
        async for line in answer.aiter_lines():
            if line.strip():
                yield orjson.loads(line)


def _sent(query: Query | None) -> dict[str, str | int | Sequence[str]]:
    """What is asked; a sequence is a parameter that is repeated."""
    return {key: value for key, value in (query or {}).items() if value not in (None, "", ())}


def _check(answer: httpx.Response, where: str) -> None:
    if not answer.is_error:
        return
    try:
        problem = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        problem = None
    if not isinstance(problem, dict):
        raise StrangeAnswer(f"{where} answered {answer.status_code} without a reason: is it a Kubelapse server?")
    raise Refused(answer.status_code, problem)


def _object(answer: httpx.Response, where: str) -> "JsonObject":
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise StrangeAnswer(f"what answers at {where} is no Kubelapse server")
    return body


def _unreachable(error: httpx.HTTPError, where: str) -> NoServer:
    if isinstance(error, httpx.ReadTimeout):
        return NoServer(f"{where} did not answer in time: try a narrower question")
    return NoServer(
        f"no Kubelapse server answers at {where}: start one with `kubelapse up` or `kubelapse demo`, "
        "name another with --server, or read a store that no process holds with --data DIR"
    )


@asynccontextmanager
async def over_http(
    url: str, transport: httpx.AsyncBaseTransport | None = None, *, token: str = ""
) -> AsyncIterator[Client]:
    """A client of the server at `url`, which may ask for a token."""
    timeout = httpx.Timeout(60.0, connect=5.0)
    # A proxy that the environment names is not asked for a loopback server.
    own = any(f"//{host}" in url for host in ("127.0.0.1", "localhost", "[::1]"))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        base_url=url, transport=transport, timeout=timeout, trust_env=not own, headers=headers
    ) as http:
        yield Client(http, url)


@asynccontextmanager
async def in_process(app: "Starlette", where: str) -> AsyncIterator[Client]:
    """A client of this application, without a socket; the application starts and ends with it."""
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url=IN_PROCESS, transport=transport, timeout=None) as http,
    ):
        yield Client(http, where)
