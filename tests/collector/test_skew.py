"""How far the server's clock stands from ours is known as an interval that holds the truth."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from collector.skew import Skew
from tests.fakes.clock import FakeClock
from tests.fakes.served import at, exact_skew


def answer(skew: Skew, sent: datetime, *, offset: float, took: float = 0.1, written: float = 0.05) -> None:
    """One request: the server writes its Date header on the way."""
    date = (sent + timedelta(seconds=written + offset)).replace(microsecond=0)
    skew.observe(date, sent=sent, received=sent + timedelta(seconds=took))


def test_nothing_is_known_before_the_first_answer() -> None:
    assert Skew().interval is None
    assert Skew().bounds(at(0)) is None


@given(st.floats(-100, 100), st.lists(st.tuples(st.floats(0.001, 50), st.floats(0, 2), st.floats(0, 1)), min_size=1))
def test_the_true_offset_is_always_inside(offset: float, answers: list[tuple[float, float, float]]) -> None:
    skew, now = Skew(), at(0)
    for wait, took, part in answers:
        now += timedelta(seconds=wait)
        answer(skew, now, offset=offset, took=took, written=took * part)
    assert skew.interval is not None
    lo, hi = skew.interval
    assert lo - 1e-5 <= offset <= hi + 1e-5


def test_many_answers_know_it_better_than_their_whole_seconds() -> None:
    interval = exact_skew(2.5).interval
    assert interval is not None
    assert 2.45 <= interval[0] <= 2.5 <= interval[1] <= 2.55


def test_a_stamped_second_becomes_bounds_of_our_clock() -> None:
    bounds = exact_skew(10.0).bounds(at(60))
    assert bounds is not None
    assert abs((bounds[0] - at(50)).total_seconds()) < 0.1
    assert abs((bounds[1] - at(51.25)).total_seconds()) < 0.1


def test_a_stepped_clock_widens_first_and_narrows_later() -> None:
    skew = Skew()
    answer(skew, at(0), offset=0.0)
    answer(skew, at(1), offset=30.0)
    assert skew.interval is not None
    assert skew.interval[0] <= 0.0 <= 30.0 <= skew.interval[1]
    for seconds in range(2, 90):
        answer(skew, at(seconds + seconds / 100), offset=30.0)
    assert 29.8 <= skew.interval[0] <= 30.0 <= skew.interval[1] <= 30.2


def test_servers_with_different_clocks_are_all_inside() -> None:
    skew = Skew()
    for seconds in range(100):
        answer(skew, at(seconds), offset=0.0 if seconds % 2 else 5.0)
    assert skew.interval is not None
    assert skew.interval[0] <= 0.0 <= 5.0 <= skew.interval[1]


def test_what_is_known_grows_old() -> None:
    clock = FakeClock(at(0))
    skew = Skew(clock)
    answer(skew, at(0), offset=0.0)
    fresh = skew.interval
    clock.tick(3600)
    old = skew.interval
    assert fresh is not None
    assert old is not None
    assert old[0] < fresh[0] - 1
    assert old[1] > fresh[1] + 1


def test_an_answer_during_which_our_clock_was_set_back_says_nothing() -> None:
    skew = Skew()
    skew.observe(at(0), sent=at(10), received=at(5))
    assert skew.interval is None
