"""The live feed loses nothing, repeats nothing, resumes, and lets the server go."""

import asyncio
import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import orjson
import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.feeds_read import write_token
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from tests.fakes.history import History

QUICK = QuerySettings(feed_poll=0.02, feed_heartbeat=0.2, feed_clients=3, feed_batch=4)


class Served:
    """The application on a real socket, in a thread."""

    def __init__(self, store: ChdbStore, settings: QuerySettings) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.registry = CollectorRegistry()
        self.app = create_app(store=store, settings=settings, registry=self.registry)
        config = uvicorn.Config(self.app, log_config=None, timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._socket]})

    def clients(self) -> float:
        """How many follow the feed."""
        return self.registry.get_sample_value("kubelapse_feed_clients") or 0

    def stop(self) -> None:
        """As the server does at a signal; patient, for a machine may be slow."""
        self.app.state.feed.stop()
        self.server.should_exit = True
        self.thread.join(30)
        self._socket.close()


@pytest.fixture
def served(store: ChdbStore) -> Iterator[Served]:
    server = Served(store, QUICK)
    server.thread.start()
    yield server
    server.stop()


@contextlib.asynccontextmanager
async def following(served: Served, **params: str) -> AsyncIterator[AsyncIterator[dict[str, object]]]:
    """The items of the feed as JSON Lines."""
    async with (
        httpx.AsyncClient(timeout=10) as client,
        client.stream("GET", f"{served.url}/api/v1/feed", params={"format": "jsonl", **params}) as answer,
    ):
        assert answer.status_code == 200
        yield (orjson.loads(line) async for line in answer.aiter_lines() if line)


async def changes(items: AsyncIterator[dict[str, object]], count: int) -> list[dict[str, object]]:
    """The next so many changes, whatever stands between them."""
    found: list[dict[str, object]] = []
    while len(found) < count:
        item = await asyncio.wait_for(anext(items), 10)
        if "op" in item:
            found.append(item)
    return found


def tell(history: History, store: ChdbStore, numbers: range, *, at: float = 10) -> None:
    for number in numbers:
        history.put("configmaps", f"shop/c{number}", {"data": {"n": str(number)}}, at=at)
    history.store(store)


async def test_a_follower_gets_what_is_stored_from_now_on_once_and_in_order(
    served: Served, store: ChdbStore, history: History
) -> None:
    tell(history, store, range(3))
    async with following(served, cluster=history.cluster) as items:
        await asyncio.wait_for(anext(items), 10)  # a bookmark: the feed has begun
        for start in range(0, 30, 10):
            # Later inserts hold earlier times: the order is that of the log.
            tell(history, store, range(100 + start, 110 + start), at=1000 - start)
        names = [item["name"] for item in await changes(items, 30)]
    assert names == [f"c{number}" for number in range(100, 130)]


async def test_a_followed_change_says_who_made_it(served: Served, store: ChdbStore, history: History) -> None:
    async with following(served, after=write_token(0), cluster=history.cluster) as items:
        history.put("configmaps", "shop/a", {"data": {}}, at=10, by="kubectl-edit")
        history.delete("configmaps", "shop/a", at=20)
        history.store(store)
        made, gone = await changes(items, 2)
    assert made["who"] == {"sort": "human", "confidence": "high", "audit": None, "candidates": []}
    candidate = {"manager": "kubectl-edit", "sort": "human", "wrote": "2026-03-01T12:00:10Z"}
    assert gone["who"] == {"sort": "unknown", "confidence": "none", "audit": None, "candidates": [candidate]}


async def test_a_follower_resumes_where_it_stopped(served: Served, store: ChdbStore, history: History) -> None:
    async with following(served, after=write_token(0), cluster=history.cluster) as items:
        tell(history, store, range(10))
        seen = await changes(items, 3)
    token = str(seen[-1]["token"])
    tell(history, store, range(10, 12))
    async with following(served, after=token, cluster=history.cluster) as items:
        seen += await changes(items, 9)
    assert [item["name"] for item in seen] == [f"c{number}" for number in range(12)]


async def test_an_insert_that_begins_earlier_and_ends_later_than_another_writers_is_not_overtaken(
    store: ChdbStore, history: History
) -> None:
    tell(history, store, range(2))
    early = "cluster = {cluster:String} AND name = 'c0'"
    mine = {"cluster": history.cluster}
    store.command(f"CREATE TABLE early ENGINE = Memory AS SELECT * FROM changes WHERE {early}", mine)
    store.command(f"ALTER TABLE changes DELETE WHERE {early} SETTINGS mutations_sync = 1", mine)
    server = Served(store, dataclasses.replace(QUICK, feed_settle=3.0))
    server.thread.start()
    try:
        async with following(server, after=write_token(0), cluster=history.cluster) as items:
            await asyncio.wait_for(anext(items), 10)
            store.command("INSERT INTO changes SELECT * FROM early")
            assert [item["name"] for item in await changes(items, 2)] == ["c0", "c1"]
    finally:
        server.stop()
        store.command("DROP TABLE early")


async def test_filters_are_those_of_changes(served: Served, store: ChdbStore, history: History) -> None:
    async with following(served, after=write_token(0), cluster=history.cluster, selector="app=web") as items:
        history.put("pods", "shop/a", {}, at=1, noise="heartbeat", labels={"app": "web"})
        history.put("pods", "shop/b", {}, at=2, labels={"app": "db"})
        history.put("pods", "shop/c", {}, at=3, labels={"app": "web"})
        history.store(store)
        (only,) = await changes(items, 1)
    assert only["name"] == "c"


async def test_gaps_are_told_between_the_changes(served: Served, store: ChdbStore, history: History) -> None:
    history.gap("pods", 1, 2, reason="an old one")
    tell(history, store, range(1))
    async with following(served, cluster=history.cluster) as items:
        await asyncio.wait_for(anext(items), 10)
        history.gap("pods", 10, 20, reason="expired")
        history.store(store)
        while (item := await asyncio.wait_for(anext(items), 10))["type"] != "gap":
            pass
    assert item["gap"]["reason"] == "expired"  # type: ignore[index]


async def test_a_token_ahead_of_the_log_is_told_to_start_again(
    served: Served, store: ChdbStore, history: History
) -> None:
    tell(history, store, range(1))
    async with following(served, after=write_token(2**63)) as items:
        assert (await asyncio.wait_for(anext(items), 10))["type"] == "reset"


async def test_sse_carries_the_token_as_id(served: Served, store: ChdbStore, history: History) -> None:
    tell(history, store, range(1))
    url = f"{served.url}/api/v1/feed"
    start = {"Last-Event-ID": write_token(0)}
    async with (
        httpx.AsyncClient(timeout=10) as client,
        client.stream("GET", url, params={"cluster": history.cluster}, headers=start) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        event = [line async for line in _until_data(lines)]
    assert event[-2] == "event: change"
    assert event[-3] == f"id: {orjson.loads(event[-1].removeprefix('data: '))['token']}"


async def _until_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith("data: "):
            return


async def test_too_many_followers_are_asked_to_come_back(served: Served) -> None:
    async with contextlib.AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(following(served)) for _ in range(3)]
        for items in followers:
            await asyncio.wait_for(anext(items), 10)
        async with httpx.AsyncClient() as client:
            refused = await client.get(f"{served.url}/api/v1/feed")
    assert refused.status_code == 429
    assert refused.headers["retry-after"]


async def test_the_server_ends_while_followers_are_connected(store: ChdbStore) -> None:
    served = Served(store, QUICK)
    served.thread.start()
    async with following(served) as items:
        await asyncio.wait_for(anext(items), 10)
        await asyncio.to_thread(served.stop)
        assert not served.thread.is_alive(), "it waits for no follower"
        assert not [item async for item in items if "op" in item], "a follower's stream has an end"


async def test_a_client_that_takes_nothing_is_cut_off_and_others_are_not(store: ChdbStore, history: History) -> None:
    # Long enough for a slow machine to take what it is sent: only who takes nothing at all is cut off.
    served = Served(store, dataclasses.replace(QUICK, feed_patience=3.0, feed_batch=500))
    served.thread.start()
    start = write_token(0)
    for number in range(300):
        history.put("configmaps", "shop/big", {"data": {"n": str(number), "x": str(number % 10) * 30_000}}, at=number)
    history.store(store)
    host, port = served.url.removeprefix("http://").split(":")
    try:
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect((host, int(port)))
            ask = f"GET /api/v1/feed?after={start}&cluster={history.cluster} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            stuck.sendall(ask.encode())
            async with following(served, after=start, cluster=history.cluster) as items:
                assert len(await changes(items, 300)) == 300
                await until(lambda: served.clients() == 1)
    finally:
        served.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for it, for a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
