"""While nobody asks changes may wait for a larger flush; a question is expected after a question."""

from ingest.demand import LASTING, Demand


def test_a_question_ends_the_calm_and_a_while_after_it_nobody_asks_again() -> None:
    now = [0.0]
    demand = Demand(now=lambda: now[0])
    calm = [demand.calm]
    with demand.asking():
        now[0] += 1000.0
        calm.append(demand.calm)  # a stream lasts as long as it is followed
    for seconds in (LASTING - 1, 1.0):
        now[0] += seconds
        calm.append(demand.calm)
    assert calm == [True, False, False, True]


def test_only_the_first_question_finds_the_calm() -> None:
    demand = Demand(now=lambda: 0.0)
    with demand.asking() as first, demand.asking() as second:
        assert (first, second) == (True, False)


def test_who_is_sent_every_change_asks_all_the_time() -> None:
    assert not Demand(steady=True).calm


def test_a_flush_that_is_wanted_is_wanted_once() -> None:
    demand = Demand()
    demand.hurry()
    assert [demand.take_hurry(), demand.take_hurry()] == [True, False]
