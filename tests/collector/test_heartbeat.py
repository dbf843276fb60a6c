"""A frozen process and a clock that was set are noticed, and told apart."""

from datetime import UTC, datetime, timedelta

from collector.heartbeat import Heartbeat, Stamps

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clocks:
    """A wall clock and a ruler that a test moves."""

    def __init__(self) -> None:
        self.wall, self.ruler = NOON, 1000.0

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ruler += seconds


def beating() -> tuple[Clocks, Heartbeat, list[datetime], list[float]]:
    clocks = Clocks()
    heart = Heartbeat(clock=lambda: clocks.wall, ruler=lambda: clocks.ruler)
    freezes: list[datetime] = []
    steps: list[float] = []
    heart.on_freeze(freezes.append)
    heart.on_step(lambda _, seconds: steps.append(seconds))
    return clocks, heart, freezes, steps


def test_ticks_on_time_move_what_is_known_to_be_current() -> None:
    clocks, heart, freezes, _ = beating()
    for _ in range(3):
        clocks.pass_(0.15)
        heart.tick()
    assert heart.last_on_time == clocks.wall
    assert freezes == []


def test_a_freeze_is_told_with_the_last_moment_before_it() -> None:
    clocks, heart, freezes, steps = beating()
    clocks.pass_(0.1)
    heart.tick()
    before = clocks.wall
    clocks.pass_(85)
    heart.tick()
    assert freezes == [before]
    assert heart.last_on_time == before
    assert steps == []


def test_a_reader_that_wakes_up_first_notices_the_freeze_itself_and_once() -> None:
    clocks, heart, freezes, _ = beating()
    clocks.pass_(10)
    heart.check()
    heart.check()
    heart.tick()
    assert freezes == [NOON]
    assert heart.frozen_seconds == 10


def test_a_clock_that_was_set_is_a_step_and_no_freeze() -> None:
    clocks, heart, freezes, steps = beating()
    clocks.pass_(0.1)
    clocks.wall += timedelta(hours=1)
    heart.tick()
    assert [round(step) for step in steps] == [3600]
    assert freezes == []


def test_who_does_not_listen_any_more_is_not_told() -> None:
    clocks = Clocks()
    heart = Heartbeat(clock=lambda: clocks.wall, ruler=lambda: clocks.ruler)
    freezes: list[datetime] = []
    heart.on_freeze(freezes.append)()
    clocks.pass_(10)
    heart.tick()
    assert freezes == []


def test_no_two_moments_of_reading_are_the_same_even_when_the_clock_goes_back() -> None:
    times = iter([NOON, NOON, NOON - timedelta(seconds=5)])
    stamps = Stamps(lambda: next(times))
    taken = [stamps.next() for _ in range(3)]
    assert taken == sorted(set(taken))
