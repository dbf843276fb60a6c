"""Whether the time of an answer tells what is hidden from what never was.

    python -m tests.bench access

Somebody with rights in one namespace asks, alternately, for what is in another one and for what nobody ever made, 200
times each: every route of the OpenAPI document, the plain page, the face of an API server, the feed up to its first
bytes, every view of SQL, every tool for assistants. One JSON line for each question: medians in milliseconds, and how
far they are apart; then the largest of these.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from mcp.client.client import Client as McpClient
from prometheus_client import CollectorRegistry
from starlette.types import Message

from kubelapse.cli.session import Session, Style, Surroundings
from kubelapse.client import IN_PROCESS, Client
from kubelapse.mcpserver import make_server
from kubelapse.mcptools import Tools
from kubelapse.settings import load
from query.app import create_app
from query.feeds_read import write_token
from query.settings import QuerySettings
from schema.canonical import JsonObject
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.bench.report import figure, say
from tests.fakes.history import KINDS, History, at, kind_info
from tests.fakes.logins import FakeLogins, within
from tests.query.asked import BESIDE, BODIES, STREAMS, WATCH, Place, operations, spelled, statements, takes

ASKS = 200
OBJECTS = 1000
FILLING = "0123456789abcdef" * 128
"""2 KB of state for each object."""
HEADERS = {"Authorization": "Bearer ann"}
TOLD = {"since": "1h", "query": "SELECT count() FROM history WHERE position(ifNull(object, ''), '{word}') > 0"}

Ask = Callable[[Place], Awaitable[None]]


def recorded(folder: Path) -> ChdbStore:
    """Two namespaces of 1,000 objects, each changed twice; those of the hidden one hold words of their own."""
    store = ChdbStore.open(folder)
    migrate(store)
    history = History("lab", kinds=(*KINDS, kind_info("events", "Event")))
    history.watch(from_=0, to=999)
    for namespace in ("open", "hidden"):
        for number in range(OBJECTS):
            for version in (1, 2, 3):
                data: JsonObject = {"v": str(version), "word": f"{namespace}-word", "filling": f"{number}{FILLING}"}
                name = f"{namespace}/{namespace}-{number}"
                history.put("configmaps", name, {"data": data}, at=number / 2 + version, by=f"{namespace}-manager")
        history.put("secrets", f"open/{namespace}", {"data": {"a": "b"}}, at=3, by="helm")
    history.store(store)
    return store


def places(store: ChdbStore) -> tuple[Place, Place]:
    """What is hidden, and what never was."""
    sql = "SELECT id, uid FROM history WHERE name = 'hidden-700' ORDER BY seq LIMIT 1"
    [(event, uid)] = store.rows(sql)
    hidden = Place(
        cluster="lab",
        namespace="hidden",
        name="hidden-700",
        uid=uid,
        event=event,
        word="hidden-word",
        by="hidden-manager",
    )
    never = event.replace(uid, "lab-9999")
    return hidden, Place(
        cluster="lab", namespace="nowhere", name="nowhere-700", uid="lab-9999", event=never, word="nowhere-word",
        by="nowhere-manager",
    )  # fmt: skip


def application(store: ChdbStore) -> FastAPI:
    """In which ann may read one namespace."""
    return create_app(
        store=store,
        settings=QuerySettings(rate=0, feed_poll=0.001, feed_heartbeat=0.01),
        registry=CollectorRegistry(),
        clock=lambda: at(1000),
        logins=FakeLogins(ann=within("lab", "open")),
    )


# ---- the questions ---------------------------------------------------------------------------------------------------


def routes(app: FastAPI, client: httpx.AsyncClient) -> Iterator[tuple[str, Ask]]:
    """Each operation by each of the ways in which it can name something."""
    for method, path, operation in operations(app):
        for way, scope in ways(takes(operation)).items():
            yield f"{method} {path} {way}".strip(), _asking(client, method, path, operation, scope)
    for path in (*BESIDE, WATCH):
        yield f"get {path}", _getting(client, path)


def ways(names: set[str]) -> Mapping[str, Callable[[Place], dict[str, str]]]:
    """How a question names a place: by parameters of the query, one after the other."""
    found: dict[str, Callable[[Place], dict[str, str]]] = {
        "namespace": lambda place: {"namespace": place.namespace},
        "name": lambda place: {"name": place.name},
        "q": lambda place: {"q": place.name},
        "by": lambda place: {"by": place.by},
    }
    chosen = {name: way for name, way in found.items() if name in names}
    return chosen or {"": lambda _: {}}


def _asking(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    operation: Mapping[str, Any],
    scope: Callable[[Place], dict[str, str]],
) -> Ask:
    async def ask(place: Place) -> None:
        url, query = spelled(path, operation, place, scope(place))
        body = BODIES.get(path, {}) if method == "post" else None
        answer = await client.request(method, url, params=query, json=body)
        assert answer.status_code < 500, answer.text

    return ask


def _getting(client: httpx.AsyncClient, path: str) -> Ask:
    async def ask(place: Place) -> None:
        await client.get(path.format_map(place.path))

    return ask


def queries(client: httpx.AsyncClient) -> Iterator[tuple[str, Ask]]:
    """SQL about a place."""
    for statement in statements():
        yield f"sql {statement}", _querying(client, statement)


def _querying(client: httpx.AsyncClient, statement: str) -> Ask:
    async def ask(place: Place) -> None:
        known = {"ns": place.namespace, "name": place.name, "uid": place.uid, "word": place.word}
        params = {name: value for name, value in known.items() if f"{{{name}:" in statement}
        answer = await client.post("/api/v1/sql", json={"query": statement, "params": params})
        assert answer.status_code == 200, answer.text

    return ask


def following(app: FastAPI) -> Iterator[tuple[str, Ask]]:
    """The feed with each of its filters, up to the first thing that it says of the log."""
    for path in STREAMS:
        parameters = takes(app.openapi()["paths"][path]["get"])
        for way, scope in ways(parameters).items():
            yield f"get {path} {way}", _following(app, path, scope)


def _following(app: FastAPI, path: str, scope: Callable[[Place], dict[str, str]]) -> Ask:
    async def ask(place: Place) -> None:
        query = httpx.QueryParams(scope(place) | {"format": "jsonl", "after": write_token(1)})
        await first_bytes(app, path, str(query))

    return ask


async def first_bytes(app: FastAPI, path: str, query: str) -> None:
    """Ask, take two pieces, and go away."""
    enough, pieces = asyncio.Event(), itertools.count(1)

    async def receive() -> Message:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200
        if message["type"] == "http.response.body" and next(pieces) == 2:
            enough.set()

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http", "query_string": query.encode(),
        "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer ann")], "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }  # fmt: skip
    await app(scope, receive, send)


@asynccontextmanager
async def assistants(app: FastAPI) -> AsyncIterator[list[tuple[str, Ask]]]:
    """Every tool that the server offers."""
    style = Style(output="table", headers=True, color="never", timezone="UTC", require_complete=False)
    session = Session(Surroundings(environ={}, clock=lambda: at(1000)), load({}, {}), style, data=None)
    transport = httpx.ASGITransport(app)
    async with (
        httpx.AsyncClient(base_url=IN_PROCESS, transport=transport, headers=HEADERS, timeout=None) as http,
        McpClient(make_server(Tools(session, Client(http, "here")), sql=True)) as assistant,
    ):
        tools = (await assistant.list_tools()).tools
        yield [(f"tool {each.name}", _calling(assistant, each.name, each.input_schema)) for each in tools]


def _calling(assistant: McpClient, tool: str, schema: Mapping[str, Any]) -> Ask:
    names = schema.get("properties", {})

    async def ask(place: Place) -> None:
        about = {"namespace": place.namespace, "kind": place.kind, "name": place.name, "value": place.word}
        told = {name: text.format(word=place.word) for name, text in TOLD.items()}
        await assistant.call_tool(tool, {name: value for name, value in (about | told).items() if name in names})

    return ask


# ---- measuring -------------------------------------------------------------------------------------------------------


async def medians(ask: Ask, hidden: Place, never: Place, asks: int) -> tuple[float, float]:
    """Milliseconds for what is hidden and for what never was, asked in turns."""
    took: dict[Place, list[float]] = {hidden: [], never: []}
    for turn in range(2 * asks):
        place = (hidden, never)[turn % 2]
        began = time.perf_counter()
        await ask(place)
        took[place].append(1000 * (time.perf_counter() - began))
    return statistics.median(took[hidden]), statistics.median(took[never])


async def measured(store: ChdbStore, asks: int) -> list[float]:
    """How far apart the medians of each question are, in milliseconds; each is printed."""
    app, (hidden, never), apart = application(store), places(store), []
    transport = httpx.ASGITransport(app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=HEADERS, timeout=None) as client,
        assistants(app) as tools,
    ):
        for name, ask in (*routes(app, client), *queries(client), *following(app), *tools):
            there, nowhere = await medians(ask, hidden, never, asks)
            apart.append(abs(there - nowhere))
            found = {"hidden": round(there, 2), "nowhere": round(nowhere, 2)}
            figure("hidden and never existed, apart", apart[-1], "ms", question=name, asks=asks, **found)
        # A kind that may not be seen, in the namespace that may be.
        for name, ask in routes(app, client):
            if "{kind}" in name:
                secret = replace(hidden, namespace="open", kind="secrets", name="hidden")
                there, nowhere = await medians(ask, secret, replace(secret, name="nowhere"), asks)
                apart.append(abs(there - nowhere))
                figure("hidden kind and never existed, apart", apart[-1], "ms", question=name, asks=asks)
    return apart


def run(home: Path, *, asks: int = ASKS) -> None:
    """Measure and print."""
    store = recorded(home / "store")
    try:
        say("asking")
        apart = asyncio.run(measured(store, asks))
        figure("hidden and never existed, furthest apart", max(apart), "ms", questions=len(apart), asks=asks)
    finally:
        store.close()
