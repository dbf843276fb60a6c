from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ingest.holes import LIFE, place, wanted
from ingest.positions import Hole, Standing
from schema.rows_log import Span

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_new_log_is_read_from_its_beginning_and_lacks_nothing() -> None:
    going = place(None, begin=0, end=10, other_log=False, now=NOW)
    assert (going.position, going.exact, going.lost) == (0, None, "")


def test_reading_goes_on_behind_what_is_done() -> None:
    going = place(Standing(done=Span(0, 6), intent=Span(4, 6)), begin=0, end=10, other_log=False, now=NOW)
    assert (going.position, going.exact, going.lost) == (7, None, "")


def test_an_open_intent_is_read_again_as_it_was() -> None:
    going = place(Standing(done=Span(0, 3), intent=Span(4, 6)), begin=0, end=10, other_log=False, now=NOW)
    assert (going.position, going.exact) == (4, Span(4, 6))


def test_of_an_open_intent_that_is_half_deleted_the_rest_is_read() -> None:
    going = place(Standing(done=Span(0, 3), intent=Span(4, 9)), begin=6, end=10, other_log=False, now=NOW)
    assert (going.position, going.exact, going.lost_span) == (6, Span(4, 9), Span(4, 6))


def test_a_log_that_was_cut_off_is_read_anew_under_new_numbers() -> None:
    going = place(Standing(done=Span(0, 99)), begin=0, end=10, other_log=False, now=NOW)
    assert (going.position, going.life, going.until) == (0, 1, NOW)
    again = place(Standing(done=Span(LIFE, LIFE + 4)), begin=0, end=10, other_log=False, now=NOW)
    assert (again.position, again.life) == (5, 1)


def test_a_hole_is_told_again_under_its_name_to_whoever_reads_next() -> None:
    standing = Standing(done=Span(6, 7), hole=Hole(Span(3, 6), NOW))
    going = place(standing, begin=6, end=10, other_log=False, now=NOW)
    assert (going.position, going.lost_span, going.until) == (8, Span(3, 6), NOW)


@given(done=st.integers(0, 50), begin=st.integers(0, 60), length=st.integers(0, 60))
def test_nothing_is_jumped_over_in_silence(done: int, begin: int, length: int) -> None:
    standing = Standing(done=Span(0, done))
    going = place(standing, begin=begin, end=begin + length, other_log=False, now=NOW)
    assert going.position == wanted(standing) or going.lost
