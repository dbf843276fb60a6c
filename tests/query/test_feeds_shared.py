"""Followers share what is read and encoded, and still each gets all of it once, and no more than they may see."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing

import orjson
import pytest
from prometheus_client import CollectorRegistry

from query.access import LimitedStore
from query.errors import TooManyFollowers
from query.feeds import Feed, Follower
from query.feeds_read import Batch, moment_of, read_token, write_token
from query.metrics import Metrics
from query.readers import Readers
from query.scope import ChangeFilter, Scope
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from tests.fakes.history import History
from tests.fakes.logins import within

QUICK = QuerySettings(feed_poll=0.01, feed_heartbeat=0.1, feed_batch=4, feed_clients=40, feed_lanes=3)


class CountingFeed(Feed):
    """Counts reads of changes."""

    reads = 0

    async def batch(self, chosen: ChangeFilter, position: int, head: int) -> Batch:
        self.reads += 1
        return await super().batch(chosen, position, head)


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers(readers=2, streams=1, patience=10)
    yield made
    made.close()


@pytest.fixture
def feed(store: ChdbStore, readers: Readers) -> CountingFeed:
    return CountingFeed(store, readers, QUICK, Metrics(CollectorRegistry()))


def of(history: History, **more: object) -> ChangeFilter:
    return ChangeFilter(scope=Scope(clusters=(history.cluster,)), **more)  # type: ignore[arg-type]  # fields by name


def tell(history: History, store: ChdbStore, numbers: range, *, space: str = "shop", noise: str = "") -> None:
    for number in numbers:
        history.put("configmaps", f"{space}/c{number}", {"data": {"n": str(number)}}, at=10 + number, noise=noise)
    history.store(store)


async def follow(feed: Feed, chosen: ChangeFilter, after: int | None = None) -> "Way":
    return Way(await feed.start(lambda: chosen, after))


class Way:
    """A follower's items."""

    def __init__(self, follower: Follower) -> None:
        self._items = self._flat(follower)

    @staticmethod
    async def _flat(follower: Follower) -> AsyncIterator[Mapping[str, object]]:
        async with aclosing(follower.chunks()) as chunks:  # type: ignore[type-var]  # it is a generator
            async for chunk in chunks:
                for line in chunk.jsonl.splitlines():
                    yield orjson.loads(line)

    async def next(self) -> Mapping[str, object]:
        return await asyncio.wait_for(anext(self._items), 60)

    async def changes(self, count: int) -> list[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        while len(found) < count:
            item = await self.next()
            if "op" in item:
                found.append(item)
        return found

    async def ends(self) -> bool:
        """Reads until the end."""
        return not [item async for item in self._items if "op" in item]

    async def aclose(self) -> None:
        await self._items.aclose()  # type: ignore[attr-defined]  # it is a generator


def names(items: list[Mapping[str, object]]) -> list[object]:
    return [each["name"] for each in items]


async def test_what_many_follow_is_read_once(feed: CountingFeed, store: ChdbStore, history: History) -> None:
    async with AsyncExitStack() as stack:
        ways = [await follow(feed, of(history)) for _ in range(20)]
        for way in ways:
            stack.push_async_callback(way.aclose)
            assert (await way.next())["type"] == "bookmark"
        tell(history, store, range(6))
        found = await asyncio.gather(*(way.changes(6) for way in ways))
    assert all(names(each) == [f"c{number}" for number in range(6)] for each in found)
    assert feed.reads < 20


async def test_who_comes_back_in_the_middle_of_a_chunk_goes_on_behind_its_token_from_memory(
    feed: CountingFeed, store: ChdbStore, history: History
) -> None:
    async with AsyncExitStack() as stack:
        ways = [await follow(feed, of(history)) for _ in range(2)]
        for way in ways:
            stack.push_async_callback(way.aclose)
            await way.next()
        tell(history, store, range(4))
        seen = await ways[0].changes(4)
        await ways[1].changes(4)
        for at in range(4):
            back = await follow(feed, of(history), read_token(str(seen[at]["token"])))
            stack.push_async_callback(back.aclose)
            tell(history, store, range(10 + at, 11 + at))
            missing = [f"c{n}" for n in range(at + 1, 4)] + [f"c{n}" for n in range(10, 11 + at)]
            assert names(await back.changes(len(missing))) == missing


async def test_who_comes_from_far_back_reads_by_itself_and_meets_the_others(
    feed: CountingFeed, store: ChdbStore, history: History
) -> None:
    tell(history, store, range(11))
    async with AsyncExitStack() as stack:
        late, live = await follow(feed, of(history), 0), await follow(feed, of(history))
        stack.push_async_callback(late.aclose)
        stack.push_async_callback(live.aclose)
        await live.next()
        tell(history, store, range(11, 13))
        assert names(await live.changes(2)) == ["c11", "c12"]
        assert names(await late.changes(13)) == [f"c{number}" for number in range(13)]


async def test_who_is_too_slow_for_the_memory_misses_nothing(
    store: ChdbStore, readers: Readers, history: History
) -> None:
    small = dataclasses.replace(QUICK, feed_memory=1)
    feed = CountingFeed(store, readers, small, Metrics(CollectorRegistry()))
    async with AsyncExitStack() as stack:
        slow, quick = await follow(feed, of(history)), await follow(feed, of(history))
        stack.push_async_callback(slow.aclose)
        stack.push_async_callback(quick.aclose)
        await slow.next()
        await quick.next()
        for start in range(0, 20, 5):
            tell(history, store, range(start, start + 5))
            await quick.changes(5)
        assert names(await slow.changes(20)) == [f"c{number}" for number in range(20)]


async def test_who_follows_what_is_hidden_hears_that_the_feed_goes_on(
    feed: CountingFeed, store: ChdbStore, history: History
) -> None:
    way = await follow(feed, of(history))
    first = read_token(str((await way.next())["token"]))
    tell(history, store, range(2), noise="heartbeat")
    while read_token(str((item := await way.next())["token"])) == first:
        assert item["type"] == "bookmark"
    assert item["type"] == "bookmark"
    await way.aclose()


async def test_gaps_that_were_recorded_while_a_follower_was_away_are_told_when_it_is_back(
    feed: CountingFeed, store: ChdbStore, history: History
) -> None:
    way = await follow(feed, of(history))
    token = read_token(str((await way.next())["token"]))
    await way.aclose()
    identity = history.gap("configmaps", 1, 2)
    history.store(store, recorded=moment_of(token))
    back = await follow(feed, of(history), token)
    while (item := await back.next())["type"] != "gap":
        pass
    assert item["gap"]["id"] == identity  # type: ignore[index]
    await back.aclose()


async def test_followers_with_the_same_rights_share_and_see_only_what_they_may(
    feed: CountingFeed, store: ChdbStore, history: History
) -> None:
    ann, bob = (LimitedStore(store, within(history.cluster, space)) for space in ("a", "b"))
    assert feed.limited(ann) is feed.limited(LimitedStore(store, within(history.cluster, "a")))
    async with AsyncExitStack() as stack:
        ways = [await follow(feed.limited(ann), of(history), 0), await follow(feed.limited(bob), of(history), 0)]
        for way in ways:
            stack.push_async_callback(way.aclose)
        tell(history, store, range(3), space="b")
        tell(history, store, range(3, 5), space="a")
        assert names(await ways[0].changes(2)) == ["c3", "c4"]
        assert names(await ways[1].changes(3)) == ["c0", "c1", "c2"]
        assert feed.clients == 2


async def test_the_position_of_who_sees_nothing_does_not_move(
    feed: CountingFeed, store: ChdbStore, history: History
) -> None:
    way = await follow(feed.limited(LimitedStore(store, within("elsewhere", "a"))), ChangeFilter())
    first = (await way.next())["token"]
    tell(history, store, range(3))
    for _ in range(3):
        assert await way.next() == {"type": "bookmark", "token": first, "gap": None}
    await way.aclose()


async def test_so_many_different_filters_are_followed_and_no_more(feed: CountingFeed, history: History) -> None:
    async with AsyncExitStack() as stack:
        for number in range(3):
            way = await follow(feed, of(history, by=str(number)))
            stack.push_async_callback(way.aclose)
            await way.next()
        with pytest.raises(TooManyFollowers, match="3 different filters"):
            await follow(feed, of(history, by="3"))
        stack.push_async_callback((await follow(feed, of(history, by="1"))).aclose)
    await follow(feed, of(history, by="3"))


async def test_the_end_of_the_server_is_the_end_of_every_follower(feed: CountingFeed, history: History) -> None:
    ways = [await follow(feed, of(history)) for _ in range(5)]
    for way in ways:
        await way.next()
    feed.stop()
    for way in ways:
        assert await way.ends()
    assert (feed.clients, feed.lanes) == (0, 0)


def test_a_position_tells_when_it_was_given_out(store: ChdbStore, history: History) -> None:
    [(before,)] = store.rows("SELECT now64(3, 'UTC')")
    tell(history, store, range(1))
    [(position, after)] = store.rows("SELECT max(log_order), now64(3, 'UTC') FROM changes")
    assert before <= moment_of(position) <= after
    assert read_token(write_token(position)) == position
