"""Who goes away ends their statement: over a real socket, whatever the engine was doing, and the slot is free again."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

import httpx
import orjson
import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from query.access import EVERYTHING
from query.app import create_app
from query.settings import QuerySettings
from query.sql.bounds import Bounds
from schema.chdb import ChdbStore
from schema.sandbox import Caps, Sandbox
from schema.store import Params, QueryFailed
from tests.fakes.history import at
from tests.fakes.logins import FakeLogins
from tests.waiting import eventually

LONG = "SELECT count() AS long FROM changes"
SHORT = "SELECT 1 AS n"


@dataclass(slots=True)
class Slow:
    """The store's own door, but a statement that says `long` runs until somebody ends it."""

    door: Sandbox
    begun: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    tickets: list[str] = field(default_factory=list)

    def tree(self, sql: str, params: Params) -> str:
        return self.door.tree(sql, params)

    def ask(
        self, sql: str, params: Params, caps: Caps, *, ticket: str, filters: Mapping[str, str] | None = None
    ) -> Iterator[bytes]:
        if "long" not in sql:
            yield from self.door.ask(sql, params, caps, ticket=ticket, filters=filters)
            return
        self.tickets.append(ticket)
        self.begun.set()
        assert self.ended.wait(60), "nobody ended it"
        raise QueryFailed("Query was cancelled", 394)

    def cancel(self, ticket: str) -> None:
        if ticket in self.tickets:
            self.ended.set()


@pytest.fixture
async def served(store: ChdbStore) -> AsyncIterator[tuple[Slow, int]]:
    """One statement at a time, on a port of its own."""
    slow = Slow(store.sandbox())
    app = create_app(
        store=store,
        settings=QuerySettings(sql=Bounds(queries=1, caps=Caps(seconds=60.0)), patience=60, feed_patience=0.2),
        registry=CollectorRegistry(),
        clock=lambda: at(1000),
        sandbox=lambda: slow,
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    yield slow, server.servers[0].sockets[0].getsockname()[1]
    slow.ended.set()
    server.should_exit = True
    await running


async def test_a_statement_ends_when_its_asker_goes_and_the_next_one_runs(served: tuple[Slow, int]) -> None:
    slow, port = served
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    body = orjson.dumps({"query": LONG})
    head = f"POST /api/v1/sql HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await eventually(slow.begun.is_set)
    writer.close()
    await eventually(slow.ended.is_set)
    async with httpx.AsyncClient(base_url=f"http://localhost:{port}", timeout=60) as client:
        answer = await client.post("/api/v1/sql", json={"query": SHORT})
    assert (answer.status_code, answer.json()["rows"]) == (200, [[1]])


async def test_who_stops_reading_an_answer_is_cut_off_and_the_next_statement_runs(served: tuple[Slow, int]) -> None:
    _, port = served
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    body = orjson.dumps({"query": "SELECT number, repeat('x', 100) FROM numbers(400000)"})
    head = f"POST /api/v1/sql?output=jsonl HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert await reader.readexactly(12) == b"HTTP/1.1 200"
    async with httpx.AsyncClient(base_url=f"http://localhost:{port}", timeout=60) as client:
        answer = await client.post("/api/v1/sql", json={"query": SHORT})
    assert (answer.status_code, answer.json()["rows"]) == (200, [[1]])
    writer.close()


async def test_nobody_who_signs_in_has_every_place_to_themselves(store: ChdbStore) -> None:
    slow = Slow(store.sandbox())
    app = create_app(
        store=store,
        settings=QuerySettings(sql=Bounds(queries=2, caps=Caps(seconds=60.0)), patience=0.2, rate=0),
        registry=CollectorRegistry(),
        clock=lambda: at(1000),
        sandbox=lambda: slow,
        logins=FakeLogins(ann=EVERYTHING, bob=EVERYTHING),
    )

    async def ask(who: str, query: str) -> int:
        answer = await client.post("/api/v1/sql", json={"query": query}, headers={"Authorization": f"Bearer {who}"})
        return answer.status_code

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=60) as client:
        first = asyncio.create_task(ask("ann", LONG))
        await eventually(slow.begun.is_set)
        assert [await ask("ann", SHORT), await ask("bob", SHORT)] == [503, 200]
        slow.ended.set()
        assert await first == 422
        assert await ask("ann", SHORT) == 200
