"""What is sent on arrives: signed, in order, at least once, whatever the receiver does; and what it refuses is kept."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from prometheus_client import CollectorRegistry

from query import deliveries
from query.claims import Claim, Pace
from query.courier import Courier, Office, Replay, Route
from query.feeds import Feed
from query.metrics import Metrics
from query.posting import Poster, address, retry_after
from query.readers import Readers
from query.scope import ChangeFilter, Scope
from query.settings import QuerySettings
from query.webhooks import Endpoint, Webhook, read_secret, signatures
from schema.chdb import ChdbStore
from tests.fakes.history import History
from tests.fakes.hooked import Hooked, verified
from tests.waiting import eventually

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
QUICK = QuerySettings(feed_poll=0.01, feed_heartbeat=0.1, feed_batch=50)


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers(readers=2, streams=1, patience=10)
    yield made
    made.close()


@pytest.fixture
async def hooked() -> AsyncIterator[Hooked]:
    server = Hooked()
    await server.start()
    yield server
    await server.stop()


@dataclass
class Bench:
    """Makes couriers of one receiver, one after the other, on the same store."""

    store: ChdbStore
    readers: Readers
    history: History
    hooked: Hooked
    batch: int = 1
    tries: int = 3
    timeout: float = 30.0
    pace: Pace | None = None
    registry: CollectorRegistry | None = None

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[Courier]:
        """From its begin to an orderly end."""
        self.registry = CollectorRegistry()
        feed, metrics = Feed(self.store, self.readers, QUICK, Metrics(CollectorRegistry())), Metrics(self.registry)
        office = Office(
            store=self.store, readers=self.readers, feed=feed, metrics=metrics, clock=_now, random=Random(1),
            first=0.01, pace=self.pace,
        )  # fmt: skip
        name = f"hook-{self.history.cluster}"
        endpoint = Endpoint(
            name=name, secrets=[read_secret(SECRET)], batched=self.batch > 1, authorization="Bearer header-canary"
        )
        client = httpx.AsyncClient(trust_env=False)
        receiver = Webhook(endpoint, Poster(self.hooked.url, client, timeout=self.timeout, clock=_now))
        chosen = ChangeFilter(scope=Scope(clusters=(self.history.cluster,)))
        courier = Courier(office, Route(receiver=receiver, choose=lambda _: chosen, batch=self.batch, tries=self.tries))
        running = asyncio.create_task(courier.run())
        await eventually(lambda: courier.place.position > 0 or courier.place.gone or courier.state == "standby")
        try:
            yield courier
        finally:
            feed.stop()
            await running
            await receiver.close()

    def tell(self, *numbers: int) -> None:
        for number in numbers:
            self.history.put("configmaps", f"shop/c{number}", {"data": {"n": str(number)}}, at=10 + number)
        self.history.store(self.store)

    async def arrived(self, count: int) -> list[str]:
        """Names of what was taken, when so many were."""
        await eventually(lambda: len(self.names) >= count)
        return self.names

    @property
    def names(self) -> list[str]:
        """Of all that was taken so far."""
        found = []
        for request in self.hooked.taken:
            said = verified(request, SECRET)
            found += [str(each["subject"]).rpartition("/")[2] for each in (said if isinstance(said, list) else [said])]
        return found

    def letters(self) -> list[deliveries.Letter]:
        return deliveries.letters(self.store, f"hook-{self.history.cluster}")


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def bench(store: ChdbStore, readers: Readers, history: History, hooked: Hooked) -> Bench:
    history.put("configmaps", "shop/before", {}, at=1)
    history.store(store)
    return Bench(store, readers, history, hooked)


async def test_a_change_arrives_as_a_signed_cloudevent(bench: Bench) -> None:
    async with bench.sending():
        bench.tell(1)
        await bench.arrived(1)
    (request,) = bench.hooked.requests
    found = from_http(HTTPMessage(dict(request.headers), request.body), JSONFormat())
    assert found.get_source() == f"/clusters/{bench.history.cluster}"
    assert found.get_type() == "kubelapse.change.add"
    assert found.get_subject() == "configmaps/shop/c1"
    data = found.get_data()
    assert isinstance(data, dict)
    assert data["id"] == found.get_id()
    assert request.headers["authorization"] == "Bearer header-canary"


async def test_a_wrong_secret_does_not_verify(bench: Bench) -> None:
    async with bench.sending():
        bench.tell(1)
        await bench.arrived(1)
    with pytest.raises(Exception, match="No matching signature"):
        verified(bench.hooked.requests[0], "whsec_" + "A" * 32)


async def test_everything_arrives_once_and_in_order_and_nothing_again_after_a_restart(bench: Bench) -> None:
    async with bench.sending():
        bench.tell(*range(5))
        await bench.arrived(5)
    async with bench.sending():
        bench.tell(*range(5, 8))
        await bench.arrived(8)
    assert await bench.arrived(8) == [f"c{number}" for number in range(8)]


async def test_what_happened_while_nobody_sent_is_sent_later(bench: Bench) -> None:
    async with bench.sending():
        pass
    bench.tell(*range(3))
    async with bench.sending():
        assert await bench.arrived(3) == ["c0", "c1", "c2"]


async def test_a_receiver_that_fails_gets_the_same_id_again_and_nothing_is_lost(bench: Bench) -> None:
    bench.tries = 10
    bench.hooked.next(500, 503, "cut", 429, 200, 404)
    async with bench.sending():
        bench.tell(*range(3))
        assert await bench.arrived(3) == ["c0", "c1", "c2"]
    ids = [each.headers["webhook-id"] for each in bench.hooked.requests]
    assert len(set(ids)) == 3
    assert ids == sorted(ids, key=ids.index)


async def test_a_receiver_that_hangs_is_given_up_for_this_try_and_asked_again(bench: Bench) -> None:
    bench.timeout = 0.3
    bench.hooked.next("hang")
    async with bench.sending():
        bench.tell(1)
        assert await bench.arrived(1) == ["c1"]
    assert len({each.headers["webhook-id"] for each in bench.hooked.requests}) == 1


async def test_nothing_is_given_up_while_the_receiver_is_away(bench: Bench) -> None:
    async with bench.sending() as courier:
        await bench.hooked.stop()
        bench.tell(*range(4))
        await eventually(lambda: "cannot be reached" in courier.trouble)
        for _ in range(2 * bench.tries):
            await asyncio.sleep(0)
        await bench.hooked.start()
        assert await bench.arrived(4) == ["c0", "c1", "c2", "c3"]
        await eventually(lambda: not courier.trouble)
    assert not bench.letters()


async def test_what_is_refused_too_often_is_put_aside_and_can_be_sent_again(bench: Bench) -> None:
    bench.hooked.next(*[422] * 3)
    async with bench.sending() as courier:
        bench.tell(1, 2)
        assert await bench.arrived(1) == ["c2"]
        (letter,) = bench.letters()
        assert (letter.tries, letter.type) == (3, "change")
        assert "answered 422" in letter.reason
        courier.replay(Replay(None))
        assert await bench.arrived(2) == ["c2", "c1"]
        await eventually(lambda: not bench.letters())


async def test_of_a_batch_only_the_one_that_is_refused_is_put_aside(bench: Bench) -> None:
    bench.batch, bench.tries = 10, 1
    bench.hooked.next(400, 200, 400, 200)
    async with bench.sending():
        bench.tell(1, 2, 3)
        assert await bench.arrived(2) == ["c1", "c3"]
        await eventually(lambda: len(bench.letters()) == 1)
    assert bench.hooked.requests[0].headers["content-type"] == "application/cloudevents-batch+json"


async def test_a_receiver_that_is_gone_is_sent_nothing_until_it_is_replayed(bench: Bench) -> None:
    bench.hooked.next(410)
    async with bench.sending() as courier:
        start = courier.place.position
        bench.tell(1)
        await eventually(lambda: courier.state == "gone")
    async with bench.sending() as courier:
        await eventually(lambda: courier.state == "gone")
        bench.tell(2)
        assert len(bench.hooked.requests) == 1
        courier.replay(Replay(start))
        assert await bench.arrived(2) == ["c1", "c2"]


async def test_a_replay_sends_again_what_was_taken_under_the_same_ids(bench: Bench) -> None:
    async with bench.sending() as courier:
        start = courier.place.position
        bench.tell(1, 2)
        await bench.arrived(2)
        courier.replay(Replay(start))
        assert await bench.arrived(4) == ["c1", "c2", "c1", "c2"]
    ids = [each.headers["webhook-id"] for each in bench.hooked.taken]
    assert ids[:2] == ids[2:]


async def test_of_two_replicas_one_sends_and_the_other_goes_on_after_its_end(bench: Bench) -> None:
    bench.pace = QUICKLY
    async with bench.sending() as one:
        await eventually(lambda: one.place.position > 0)
        async with bench.sending() as other:
            bench.tell(1, 2)
            await bench.arrived(2)
            assert (one.state, other.state) == ("sending", "standby")
            other.replay(Replay(None))
            await eventually(lambda: (one.state, other.state) == ("standby", "sending"))
            bench.tell(3)
            await eventually(lambda: "c3" in bench.names)
        await eventually(lambda: one.state == "sending")
        bench.tell(4)
        await eventually(lambda: "c4" in bench.names)
    assert [*dict.fromkeys(bench.names)] == ["c1", "c2", "c3", "c4"]
    assert len({each.headers["webhook-id"] for each in bench.hooked.taken}) == 4


QUICKLY = Pace(beat=0.05, lease=30, settle=0.05)


@dataclass
class Hands:
    """A clock that is moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_claim_whose_holder_is_silent_is_taken_over_and_never_written_over(bench: Bench) -> None:
    pace, hands, name = Pace(lease=16, settle=0), Hands(), f"claim-{bench.history.cluster}"
    old, new = (Claim(bench.store, bench.readers, name, pace, hands) for _ in range(2))
    await old.look()
    await new.look()
    assert [old.mine, new.mine] == [True, False]
    hands.now = 13  # most of a lease without a word: the old one stops before the new one begins
    assert not old.mine
    hands.now = 16
    await new.look()
    assert [old.mine, new.mine] == [False, True]
    await old.look()
    assert [old.mine, new.mine] == [False, True]
    await new.release()
    await old.look()
    assert old.mine


async def test_gaps_are_sent_too(bench: Bench) -> None:
    async with bench.sending() as courier:
        identity = bench.history.gap("configmaps", 1, 2)
        bench.history.store(bench.store, recorded=courier.place.ledger.replace(year=2100))
        await eventually(lambda: len(bench.hooked.taken) == 1)
    said = verified(bench.hooked.taken[0], SECRET)
    assert isinstance(said, dict)
    assert (said["type"], said["id"]) == ("kubelapse.gap", identity)


async def test_it_can_be_seen_how_it_goes_and_no_secret_with_it(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.tries = 1
    bench.hooked.next(500)
    async with bench.sending() as courier:
        bench.tell(1, 2)
        await bench.arrived(1)
        await eventually(lambda: courier.place.position > 0)
        (letter,) = bench.letters()
    assert bench.registry is not None
    name = f"hook-{bench.history.cluster}"
    values = {
        outcome: bench.registry.get_sample_value("kubelapse_deliveries_total", {"receiver": name, "outcome": outcome})
        for outcome in ("taken", "refused", "dead")
    }
    assert values == {"taken": 1, "refused": 1, "dead": 1}
    told = caplog.text + letter.reason + str(courier.route.receiver.address)
    assert not [canary for canary in ("canary", "MfKQ9r8GKY") if canary in told]


def test_secrets_are_rotated_by_signing_with_both() -> None:
    old, new = read_secret(SECRET), read_secret("whsec_" + "B" * 32)
    both = signatures([new, old], "msg_1", 1, b"{}").split(" ")
    assert both == [signatures([new], "msg_1", 1, b"{}"), signatures([old], "msg_1", 1, b"{}")]


@pytest.mark.parametrize("text", ["", "secret", "whsec_", "whsec_!!!", "whsec_AAAA", "whsec_" + "A" * 200])
def test_what_is_no_secret_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        read_secret(text)
    assert "AAAA" not in str(error.value)


def test_an_address_is_told_without_what_may_be_secret() -> None:
    assert address("https://u:p@hooks.example.org:8443/a/b?key=1#c") == "https://hooks.example.org:8443/a/b"


def test_retry_after_comes_as_seconds_or_as_a_date() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert retry_after("120", now) == 120
    assert retry_after("Sun, 01 Mar 2026 12:00:30 GMT", now) == 30
    assert retry_after("Sun, 01 Mar 2026 11:00:00 GMT", now) == 0
    assert retry_after("soon", now) is None
