"""A broker or a store that goes away is waited for; a reader that is asked to end ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import pytest

from ingest.kafka_client import Listener
from schema.store import Store
from tests.fakes.records import event
from tests.kafka.broker import RealBroker
from tests.kafka.log import KafkaLog, reader, seen, stored


@pytest.fixture
async def own(make_broker: Callable[..., RealBroker]) -> AsyncIterator[KafkaLog]:
    """A log on a broker that may be broken."""
    made = await KafkaLog(make_broker()).make()
    yield made
    await made.close()


async def test_a_broker_that_was_killed_and_comes_back_costs_nothing(own: KafkaLog, store: Store) -> None:
    one = await reader(own, store)
    await own.write([event(number) for number in range(30)])
    await stored(own, store, one)
    await asyncio.to_thread(own.real.kill)
    await asyncio.to_thread(own.real.start)
    await own.write([event(number) for number in range(30, 60)])
    await stored(own, store, one)
    await one.stop()
    assert store.rows("SELECT count(), count(DISTINCT rv) FROM events") == [(60, 60)]


async def test_a_consumer_that_receives_nothing_any_more_is_replaced(own: KafkaLog, store: Store) -> None:
    one = await reader(own, store, stalled=3.0)
    await own.write([event(1)])
    await stored(own, store, one)
    own.real.pause()
    try:
        await seen(lambda: one.source.trouble, one)
    finally:
        own.real.resume()
    await own.write([event(2)])
    await stored(own, store, one)
    assert not one.source.trouble
    await one.stop()


async def test_asked_to_end_while_the_broker_is_away_it_ends(own: KafkaLog, store: Store) -> None:
    one = await reader(own, store)
    await own.write([event(1)])
    await stored(own, store, one)
    await asyncio.to_thread(own.real.kill)
    await one.stop()


async def test_asked_to_end_while_it_looks_for_a_broker_it_ends(own: KafkaLog, store: Store) -> None:
    one = await reader(own, store, stalled=1.0)
    await own.write([event(1)])
    await stored(own, store, one)
    await asyncio.to_thread(own.real.kill)
    await seen(lambda: one.source.trouble, one)
    await one.stop()


async def test_a_consumer_that_was_replaced_is_given_partitions_in_vain() -> None:
    """While it stops the group may still answer it; its partitions are not the new one's."""
    heard: list[str] = []

    async def revoked(_: Iterable[int]) -> None:
        heard.append("revoked")

    listener = Listener(revoked, lambda _: heard.append("assigned"), current=lambda: False)
    await listener.on_partitions_assigned([])
    await listener.on_partitions_revoked([])
    assert not heard
