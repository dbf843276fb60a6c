"""Coverage claims exactly what the control records allow: never more, and after a restart not less."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.coverage import Ledger
from ingest.source import Lost
from schema.events import ClockStep, Gap, Record, Watermark
from schema.rows_log import Span
from tests.fakes.records import CLUSTER, CLUSTER_UID, NOON, at, event, gap, kinds, late, start, watermark


def given_out(ledger: Ledger) -> dict[str, object]:
    """scope → until, of the watched intervals that wait."""
    records, _ = ledger.give()
    return {scope: mark[1] for one in records if isinstance(one, Watermark) for scope, mark in one.scopes.items()}


def ledger_of(*records: Record) -> Ledger:
    ledger = Ledger()
    for record in records:
        ledger.take(record)
    return ledger


def test_the_end_of_a_watched_interval_moves() -> None:
    ledger = ledger_of(watermark(2), watermark(4))
    assert given_out(ledger) == {"pods": at(4)}
    ledger.take(watermark(6))
    assert given_out(ledger) == {"pods": at(6)}


def test_an_interval_that_did_not_move_is_not_written_again() -> None:
    ledger = ledger_of(watermark(4))
    ledger.give()
    ledger.take(watermark(4))
    ledger.take(watermark(3))
    assert not ledger.pending


def test_the_slot_that_is_furthest_behind_decides() -> None:
    ledger = ledger_of(watermark(4, slot=1), watermark(10, slot=0))
    assert given_out(ledger) == {"pods": at(4)}
    ledger.take(watermark(12, slot=1))
    assert given_out(ledger) == {"pods": at(10)}


def test_an_interval_begins_when_the_last_of_its_slots_began() -> None:
    ledger = ledger_of(watermark(4, slot=1, since=at(1)), watermark(10, slot=0))
    [record], _ = ledger.give()
    assert isinstance(record, Watermark)
    assert record.scopes["pods"] == ("4", at(4), at(4), at(1))


def test_a_resumed_watch_continues_its_interval() -> None:
    before, after = ledger_of(watermark(4, since=NOON)), ledger_of(watermark(60, since=NOON))
    [first], _ = before.give()
    [second], _ = after.give()
    assert isinstance(first, Watermark)
    assert isinstance(second, Watermark)
    assert first.scopes["pods"][3] == second.scopes["pods"][3] == NOON


def test_a_new_interval_does_not_swallow_the_end_of_the_one_before() -> None:
    ledger = ledger_of(watermark(4), watermark(20, since=at(15)))
    records, _ = ledger.give()
    assert [w.scopes["pods"][1] for w in records if isinstance(w, Watermark)] == [at(4), at(20)]


def test_gaps_late_spans_and_kinds_are_urgent_but_a_watermark_can_wait() -> None:
    assert ledger_of(watermark(1)).pending
    assert not ledger_of(watermark(1)).urgent
    step = ClockStep(cluster=CLUSTER, cluster_uid=CLUSTER_UID, at=at(1), step=5.0)
    assert all(ledger_of(record).urgent for record in (gap(), late(), kinds(), start(), step))


def test_an_event_that_could_not_be_stored_is_a_gap_around_its_moment() -> None:
    ledger = Ledger()
    ledger.left_out(event(5), "the store refused it")
    [one], _ = ledger.give()
    assert isinstance(one, Gap)
    assert one.from_t < at(5) <= one.to_t
    assert "the store refused it" in one.reason


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1))
def test_no_claim_goes_beyond_the_furthest_word_of_any_slot(marks: list[tuple[int, int]]) -> None:
    ledger, newest = Ledger(), dict[int, int]()
    for slot, second in marks:
        ledger.take(watermark(second, slot=slot))
        newest[slot] = max(second, newest.get(slot, 0))  # what was known stays known
        for until in given_out(ledger).values():
            assert until == at(min(newest.values()))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), min_size=1))
def test_no_claim_goes_beyond_the_slowest_partition(marks: list[tuple[int, int]]) -> None:
    ledger, known = Ledger(3, shared=True), dict[int, int]()
    for partition, second in marks:
        ledger.take(watermark(second), partition)
        known[partition] = max(second, known.get(partition, 0))
        claims = [mark[1] for one in ledger.give_intervals() for mark in one.scopes.values()]
        assert all(len(known) == 3 and until == at(min(known.values())) for until in claims)


def test_an_interval_that_ended_while_a_partition_lagged_is_claimed_to_its_end() -> None:
    """The watch began anew at 20; partition 1 is read later, and knows both."""
    ledger = Ledger(2)
    for mark in (watermark(10), watermark(30, since=at(20))):
        ledger.take(mark, 0)
    ledger.take(watermark(10), 1)
    assert given_out(ledger) == {"pods": at(10)}
    ledger.take(watermark(25, since=at(20)), 1)
    [record], _ = ledger.give()
    assert isinstance(record, Watermark)
    assert record.scopes["pods"][1::2] == (at(25), at(20))


def test_what_was_heard_is_shared_once_and_learned_by_another() -> None:
    first, second = Ledger(2, shared=True), Ledger(2, shared=True)
    first.take(watermark(10), 0)
    second.take(watermark(12), 1)
    second.learn(first.share())
    assert not first.share()
    assert given_out(second) == {"pods": at(10)}


def test_lost_messages_are_a_gap_from_where_the_partition_was_known() -> None:
    ledger = ledger_of(watermark(10))
    ledger.give()
    ledger.hole(0, Lost("they were deleted", at(50), Span(3, 9)), "hole-1")
    ledger.take(watermark(60))
    gaps = [one for one in ledger.give()[0] if isinstance(one, Gap)]
    assert [(one.from_t, one.reason) for one in gaps] == [(at(10), "they were deleted")]
    assert gaps[0].to_t >= at(50)
