"""Estimated times: in order, and never further from the truth than they say."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from collector.dating import Sighting, date
from tests.fakes.served import NOON, at


def second(moment: datetime, offset: float) -> datetime:
    """The whole second that a clock shows which is `offset` ahead."""
    return (moment + timedelta(seconds=offset)).replace(microsecond=0)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[datetime], list[Sighting]]:
    """True moments of writes, and what is known of them afterwards: an interval of skew, claims here and there."""
    offset = draw(st.floats(-3, 3))
    below, above = draw(st.floats(0, 0.5)), draw(st.floats(0, 0.5))
    steps = draw(st.lists(st.integers(1, 5_000_000), min_size=1, max_size=30))
    known, truth, sightings = NOON, [], []
    moment = NOON
    for step in steps:
        moment += timedelta(microseconds=step)
        truth.append(moment)
    read = moment + timedelta(microseconds=draw(st.integers(1, 5_000_000)))
    for index, true in enumerate(truth):
        stamped = true - timedelta(seconds=draw(st.floats(0, 0.25)))
        claim = second(stamped, offset)
        earliest = claim - timedelta(seconds=offset + above)
        latest = claim + timedelta(seconds=1.25 - (offset - below))
        sort = draw(st.sampled_from(["none", "floor", "exact"]))
        sightings.append(
            Sighting(
                not_before=known,
                observed=read + timedelta(microseconds=index),
                earliest=None if sort == "none" else earliest,
                latest=latest if sort == "exact" else None,
            )
        )
    return truth, sightings


@given(histories())
def test_the_true_time_is_always_within_the_error_and_order_is_kept(
    history: tuple[list[datetime], list[Sighting]],
) -> None:
    truth, sightings = history
    dated = date(sightings)
    for true, one in zip(truth, dated, strict=True):
        assert abs((one.ts - true).total_seconds()) <= one.error + 2e-6  # floats of the generator
        assert one.earliest <= true + timedelta(microseconds=2)
    moments = [one.ts for one in dated]
    assert moments == sorted(set(moments))


def test_neighbours_with_claims_bound_those_without() -> None:
    bare = Sighting(not_before=at(0), observed=at(100))
    first = Sighting(not_before=at(0), observed=at(100), earliest=at(10), latest=at(11))
    last = Sighting(not_before=at(0), observed=at(100), earliest=at(12), latest=at(13))
    dated = date([first, bare, last])
    assert dated[1].ts == at(11.5)
    assert dated[1].error == 1.5


def test_a_single_contradiction_costs_both_claims() -> None:
    early = Sighting(not_before=at(0), observed=at(100), earliest=at(50), latest=at(51))
    late = Sighting(not_before=at(0), observed=at(100), earliest=at(20), latest=at(21))
    assert {one.error for one in date([early, late])} == {50.0, 50.001}


def test_one_wrong_clock_among_many_costs_only_its_own_claim() -> None:
    good = [Sighting(not_before=at(0), observed=at(100), earliest=at(n), latest=at(n + 1)) for n in range(10, 20)]
    wrong = Sighting(not_before=at(0), observed=at(100), earliest=at(80), latest=at(81))
    dated = date([*good[:2], wrong, *good[2:]])
    assert max(one.error for one in dated) <= 1.0
    assert dated[2].ts < at(14)


def test_claims_outside_of_what_is_possible_are_ignored() -> None:
    (one,) = date([Sighting(not_before=at(10), observed=at(20), earliest=at(1), latest=at(2))])
    assert (one.ts, one.error) == (at(15), 5.0)


def test_estimates_come_after_what_was_given_out_before_and_say_so() -> None:
    (one,) = date([Sighting(not_before=at(0), observed=at(2))], after=at(5))
    assert one.ts > at(5)
    assert one.error >= 5.0


def test_a_clock_set_back_while_reading_gives_no_negative_error() -> None:
    (one,) = date([Sighting(not_before=at(10), observed=at(5))])
    assert (one.ts, one.error) == (at(5), 0.0)


def test_a_muddle_of_claims_still_ends() -> None:
    muddle = [
        Sighting(not_before=at(0), observed=at(1000), earliest=at(500 - n), latest=at(501 - n))
        for n in range(0, 400, 2)
    ]
    assert max(one.error for one in date(muddle)) >= 499
    assert date([]) == []
