"""An HTTP server that takes webhooks, and does what it is told: refuse, hang, break off, be slow, go away."""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Taken:
    """One request: its headers (small letters) and body."""

    headers: Mapping[str, str]
    body: bytes
    status: int


@dataclass
class Hooked:
    """`script`: what the next requests get: a status, with headers; "hang", "cut" (no answer). Then 200."""

    port: int = 0
    requests: list[Taken] = field(default_factory=list)
    script: deque[tuple[int | str, Mapping[str, str]]] = field(default_factory=deque)
    _server: asyncio.Server | None = None
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=query-canary"

    @property
    def taken(self) -> list[Taken]:
        """Those it said yes to."""
        return [each for each in self.requests if 200 <= each.status < 300]

    def next(self, *answers: int | str, **headers: str) -> None:
        self.script.extend(
            (each, {name.replace("_", "-"): value for name, value in headers.items()}) for each in answers
        )

    async def start(self) -> None:
        """On the same port again after `stop`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for each in list(self._connections):
            each.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                pass
        self._connections.discard(writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(map(_kept, filter(None, head[1:])))
        body = await reader.readexactly(int(headers["content-length"]))
        said, more = self.script.popleft() if self.script else (200, {})
        self.requests.append(Taken(headers, body, said if isinstance(said, int) else 0))
        if said == "hang":
            await reader.read()
        if not isinstance(said, int):
            return False
        lines = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        writer.write(f"HTTP/1.1 {said} x\r\ncontent-length: 2\r\n{lines}\r\nno".encode())
        await writer.drain()
        return True


def _kept(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.lower(), value


def verified(request: Taken, secret: str) -> "dict[str, object] | list[dict[str, object]]":
    """The JSON of a request whose signature the reference implementation accepts."""
    found: dict[str, object] | list[dict[str, object]] = Webhook(secret).verify(request.body, dict(request.headers))
    return found
