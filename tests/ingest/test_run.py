"""Everything in the log comes to stand in the store exactly once, in order, whatever the store does meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ingest.batch import BatchPolicy
from ingest.errors import TooManyDeadLetters
from ingest.metrics import Metrics
from ingest.run import Ingester
from ingest.settings import IngestSettings
from ingest.source import Undecodable
from schema.events import Record
from schema.store import QueryFailed, StoreError, StoreFull, StoreUnavailable
from tests.fakes.clock import FakeClock
from tests.fakes.records import at, event, gap, kinds, kube_event, watermark
from tests.fakes.source import FakeSource
from tests.fakes.store import FakeStore

QUICK = IngestSettings(linger=0.0, retry_first=0.0, retry_most=0.0)
TYPE_MISMATCH, TABLE_UNKNOWN, MEMORY_LIMIT = 53, 60, 241


def ingester(
    source: FakeSource, store: FakeStore, settings: IngestSettings = QUICK, registry: CollectorRegistry | None = None
) -> Ingester:
    return Ingester(
        source=source,
        store=store,
        settings=settings,
        metrics=Metrics(registry or CollectorRegistry()),
        clock=FakeClock(at(60)),
    )


def by_threes() -> IngestSettings:
    return replace(QUICK, batch=BatchPolicy(records=3))


def events(count: int) -> list[Record]:
    return [event(number) for number in range(count)]


def versions(store: FakeStore) -> list[object]:
    return store.column("events", "rv")


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


async def seen(condition: Callable[[], object]) -> None:
    """Return once it holds."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


def poison(*bad: str) -> "Refusal":
    return Refusal(set(bad))


class Refusal:
    """Refuses every insert with one of these resourceVersions in it."""

    def __init__(self, bad: set[str], table: str = "events", code: int = TYPE_MISMATCH) -> None:
        self.bad, self.table, self.code = bad, table, code

    def __call__(self, table: str, rows: pa.Table) -> StoreError | None:
        refused = table == self.table and self.bad & set(rows.column("rv").to_pylist())
        return QueryFailed("cannot convert the value 'hunter2'", self.code) if refused else None


async def test_every_record_arrives_once_and_in_order_and_is_acknowledged() -> None:
    source, store = FakeSource(events(10), at_once=2), FakeStore()
    await ingester(source, store, by_threes()).run()
    assert versions(store) == numbers(10)
    assert source.acknowledged == 9


async def test_the_events_stand_before_the_coverage_that_claims_them() -> None:
    source, store = FakeSource([event(1), kube_event(2), kinds(2), watermark(3)]), FakeStore()
    await ingester(source, store).run()
    assert store.tables() == ["events", "k8s_events", "kinds", "coverage"]


async def test_a_quiet_flush_costs_one_insert() -> None:
    store = FakeStore()
    await ingester(FakeSource(events(3)), store).run()
    assert store.tables() == ["events"]


async def test_one_insert_per_day_so_that_each_is_atomic() -> None:
    midnight = at(12 * 3600)
    records = [event(n, ts=midnight + timedelta(seconds=second)) for n, second in enumerate((-1, 1, -2, 2))]
    store = FakeStore()
    await ingester(FakeSource(records), store).run()
    assert store.tokens("events") == ["log-1:0:0-2:events:2026-03-01", "log-1:0:1-3:events:2026-03-02"]
    assert versions(store) == ["0", "2", "1", "3"]


async def test_while_the_store_is_down_nothing_is_acknowledged_and_then_all_arrives_in_order() -> None:
    source, store = FakeSource(events(9)), FakeStore()
    store.failures = [StoreUnavailable("no connection") for _ in range(5)]
    running = ingester(source, store, replace(by_threes(), retry_first=3600.0))
    task = asyncio.create_task(running.run())
    await seen(lambda: running.status().trouble)
    assert (source.acknowledged, versions(store)) == (-1, [])
    assert "cannot be reached" in running.status().trouble
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    again = FakeSource(events(9), first=source.acknowledged + 1)
    await ingester(again, store, by_threes()).run()
    assert versions(store) == numbers(9)


async def test_a_failed_insert_is_repeated_with_the_very_same_rows_and_token() -> None:
    store = FakeStore()
    store.failures = [StoreUnavailable("away"), StoreFull("no space left"), QueryFailed("no table", TABLE_UNKNOWN)]
    running = ingester(FakeSource(events(3)), store)
    await running.run()
    assert len({(call.token, id(call.rows)) for call in store.calls}) == 1
    assert versions(store) == numbers(3)
    assert running.status().trouble == ""


async def test_an_insert_whose_answer_was_lost_is_not_stored_twice() -> None:
    store = FakeStore()
    store.lost_answers = [StoreUnavailable("the connection broke after the insert")]
    await ingester(FakeSource(events(3)), store).run()
    assert versions(store) == numbers(3)


async def test_killed_between_insert_and_acknowledge_nothing_is_lost_and_nothing_twice() -> None:
    store, source = FakeStore(), FakeSource(events(6))
    source.on_acknowledge = RuntimeError("kill -9")
    with pytest.raises(RuntimeError, match="kill -9"):
        await ingester(source, store, by_threes()).run()
    assert versions(store) == numbers(3)
    await ingester(FakeSource(events(6), first=source.acknowledged + 1), store, by_threes()).run()
    assert versions(store) == numbers(6)


async def test_a_poison_row_becomes_a_dead_letter_while_its_neighbours_go_through() -> None:
    source, store = FakeSource(events(8)), FakeStore()
    store.refuse = poison("5")
    await ingester(source, store).run()
    assert versions(store) == [number for number in numbers(8) if number != "5"]
    assert store.column("dead_letters", "offset") == [5]
    assert source.acknowledged == 7


async def test_an_event_that_does_not_even_make_a_row_is_put_aside_as_well() -> None:
    source, store = FakeSource([event(0), event(1, state_hash="too short"), event(2)]), FakeStore()
    await ingester(source, store).run()
    assert versions(store) == ["0", "2"]
    assert store.column("dead_letters", "offset") == [1]


async def test_no_answer_is_called_complete_where_an_event_had_to_be_left_out() -> None:
    store = FakeStore()
    store.refuse = poison("5")
    await ingester(FakeSource([*events(8), watermark(9)]), store).run()
    [hole] = [row for row in store.stored("coverage") if row["class"] == "gap"]
    assert (hole["resource"], hole["to_t"]) == ("pods", at(5))


async def test_the_engines_words_which_may_quote_values_reach_neither_log_nor_table(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = FakeStore()
    store.refuse = poison("5")
    await ingester(FakeSource(events(8)), store).run()
    assert "hunter2" not in caplog.text + str(store.column("dead_letters", "reason"))


async def test_of_a_secret_only_length_and_hash_are_put_aside() -> None:
    store = FakeStore()
    store.refuse = poison("1", "2")
    await ingester(FakeSource([event(1, kind="secrets"), event(2, kind="pods"), event(3)]), store).run()
    secret, pod = store.stored("dead_letters")
    assert (secret["raw"], bool(secret["size"]), bool(secret["digest"])) == (b"", True, True)
    assert isinstance(pod["raw"], bytes)
    assert b'"resource":"pods"' in pod["raw"]


async def test_an_undecodable_message_is_put_aside_and_its_neighbours_go_through() -> None:
    torn = Undecodable(b'{"type":"change","resource":"secrets","group":"","data":"aHVudGVyMg', "torn")
    source, store = FakeSource([event(0), torn, Undecodable(b"\xff", "no JSON"), event(3)]), FakeStore()
    await ingester(source, store).run()
    assert versions(store) == ["0", "3"]
    assert store.column("dead_letters", "reason") == ["torn", "no JSON"]
    assert store.column("dead_letters", "raw") == [b"", b""]
    assert source.acknowledged == 3


async def test_many_refusals_in_a_row_stop_ingest_before_the_log_is_emptied() -> None:
    source, store = FakeSource(events(20)), FakeStore()
    store.refuse = poison(*numbers(20))
    with pytest.raises(TooManyDeadLetters, match="4 records in a row"):
        await ingester(source, store, replace(QUICK, dead_letter_limit=3)).run()
    assert source.acknowledged == -1
    assert len(store.stored("dead_letters")) == 4


async def test_refusals_with_good_records_between_them_do_not_stop_ingest() -> None:
    source, store = FakeSource(events(20)), FakeStore()
    store.refuse = poison(*numbers(20)[::2])
    await ingester(source, store, replace(QUICK, dead_letter_limit=1)).run()
    assert source.acknowledged == 19


async def test_a_batch_too_large_for_the_engine_goes_in_smaller_pieces() -> None:
    store = FakeStore()
    store.refuse = lambda _table, rows: QueryFailed("memory", MEMORY_LIMIT) if rows.num_rows > 3 else None
    await ingester(FakeSource(events(10)), store).run()
    assert versions(store) == numbers(10)


async def test_a_watermark_may_wait_for_the_next_flush_but_a_gap_may_not() -> None:
    settings = replace(QUICK, batch=BatchPolicy(records=1), coverage_every=3600.0)
    store = FakeStore()
    await ingester(FakeSource([watermark(1), watermark(2), gap(), event(4), event(5)]), store, settings).run()
    assert store.tables() == ["coverage", "coverage", "events", "events"]
    assert {row["class"]: row["to_t"] for row in store.stored("coverage")} == {"watched": at(2), "gap": at(20)}


async def test_the_last_watermark_is_written_when_the_log_ends() -> None:
    store = FakeStore()
    settings = replace(QUICK, batch=BatchPolicy(records=1), coverage_every=3600.0)
    await ingester(FakeSource([watermark(1), watermark(2), watermark(3)]), store, settings).run()
    assert store.column("coverage", "to_t") == [at(1), at(3)]


async def test_of_two_rows_of_an_interval_the_later_one_counts_even_if_the_clock_stands_still() -> None:
    store = FakeStore()
    settings = replace(QUICK, batch=BatchPolicy(records=1), coverage_every=0.0)
    await ingester(FakeSource([watermark(1), watermark(2), watermark(3)]), store, settings).run()
    updated = [str(one) for one in store.column("coverage", "updated")]
    assert updated == sorted(set(updated))


async def test_status_and_metrics_say_how_far_behind_the_store_is() -> None:
    registry = CollectorRegistry()
    running = ingester(FakeSource([event(20), watermark(30)]), FakeStore(), registry=registry)
    assert running.status().lag is None
    await running.run()
    assert (running.status().lag, running.status().last_flush) == (30.0, at(60))
    assert registry.get_sample_value("kubelapse_ingest_lag_seconds") == 30.0
    assert registry.get_sample_value("kubelapse_ingest_records_total", {"type": "change"}) == 1.0
    assert registry.get_sample_value("kubelapse_ingest_rows_total", {"table": "events"}) == 1.0


@settings(deadline=None, max_examples=60)
@given(data=st.data(), count=st.integers(1, 30), size=st.integers(1, 7))
def test_whatever_fails_and_whenever_it_is_killed_each_event_stands_once(
    data: st.DataObject, count: int, size: int
) -> None:
    """Kills happen between any two tries; the log gives the unacknowledged rest again in the same batches."""
    store, done = FakeStore(), -1
    once = replace(QUICK, batch=BatchPolicy(records=size))
    trouble = st.sampled_from([StoreUnavailable("away"), StoreFull("full"), QueryFailed("busy", 999)])
    for killed in [*data.draw(st.lists(st.booleans(), max_size=3)), False]:
        source = FakeSource(events(count), first=done + 1)
        source.on_acknowledge = RuntimeError("kill -9") if killed else None
        store.failures = data.draw(st.lists(trouble, max_size=3))
        store.lost_answers = data.draw(st.lists(trouble, max_size=2))
        try:
            asyncio.run(ingester(source, store, once).run())
        except RuntimeError:
            assert killed
        done = source.acknowledged
    assert versions(store) == numbers(count)
