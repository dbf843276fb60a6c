"""The same promise where the log is Kafka (`tests.simulation.logged`): outages, lost answers, a rival, a full disk.

A failing seed is replayed by `python -m tests.simulation.logged --seeds SEED --verbose`.
"""

from typing import Final

import pytest

from tests.simulation.logged import Logged, logged

SEEDS: Final = range(20)
RECORD: Final = {
    1810: "the same, for evidence that a cluster in which nothing was written could not give",
    829: "a kind waited for what others might know of 20 versions, longer than two rivals let one another live",
}
"""Seed → the bug that it found."""
TAKEN_OVER: Final = (1, 6, 14)
"""Seeds in which a second collector takes the slot over while the first is at work."""


@pytest.mark.parametrize("seed", [*SEEDS, *RECORD])
def test_history_is_complete_or_says_where_it_is_not_through_kafka(seed: int) -> None:
    run, complaints = logged(seed)
    assert not complaints, run.schedule


def test_every_kind_of_trouble_comes_about() -> None:
    runs = [logged(seed)[0] for seed in (1, 11, 12)]
    for trouble in ("transaction_failures_total", "fenced_total", "spilled_bytes_total"):
        assert any(counted(run, trouble) for run in runs), trouble


@pytest.mark.parametrize("seed", TAKEN_OVER)
def test_a_broker_that_does_not_fence_is_noticed(seed: int) -> None:
    run, complaints = logged(seed, fencing=False)
    assert run.schedule.has("take-over")
    assert any(one.startswith("unique") for one in complaints)


def counted(run: object, trouble: str) -> float:
    """How often it came about."""
    assert isinstance(run, Logged)
    return run.registry.get_sample_value(f"kubelapse_collector_log_{trouble}") or 0.0
