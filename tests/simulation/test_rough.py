"""The same promise on rougher terrain (`tests.simulation.rough`): stale replicas, repeats, bursts, kinds of all sorts.

A failing seed is replayed by `python -m tests.simulation.rough --seeds SEED --verbose`.
"""

from typing import Final

import pytest

from schema.events import Event, Gap, KubeEvent, Late
from tests.simulation.rough import OPAQUE, ROUGH, rough

SEEDS: Final = range(60)

RECORD: Final = {
    23: "versions that are no numbers were dated as if they came in order",
    83: "a deletion that was told twice was recorded twice once its life had been forgotten",
    97: "of a backlog that a stale replica sent, what came behind a deletion was dated as new, with a wrong error",
    131: "a watch that resumed on a stale replica never took back what it had claimed while it stood still",
    297: "a kind whose versions are no numbers recorded again what it was told twice",
    2563: "the proof asked when a change was made that came late and in the same second as the one before it",
    1708: "what was told again set the resume point back behind memory, and an audit there found what was not missing",
    238: "a life that a stale list had given up for dead began its chain anew in the same epoch",
}
"""Seed → the bug that it found."""


@pytest.mark.parametrize("seed", [*SEEDS, *sorted(RECORD.keys() - set(SEEDS))])
def test_history_is_complete_or_says_where_it_is_not_on_rough_terrain(seed: int) -> None:
    run, complaints = rough(seed)
    assert not complaints, run.schedule


def test_every_kind_is_recorded_and_every_fault_is_drawn() -> None:
    runs = [rough(seed)[0] for seed in range(30)]
    records = [record for run in runs for record in run.kept.records]
    assert {type(one) for one in records} >= {Event, Gap, KubeEvent, Late}
    assert any(isinstance(one, Event) and one.kind_id == OPAQUE for one in records)
    assert {fault.name for run in runs for fault in run.schedule.faults} >= set(ROUGH) - {"crumbs"}


def test_an_event_that_is_missing_is_noticed() -> None:
    run, complaints = rough(27)
    assert not complaints
    heard = [number for number, one in enumerate(run.kept.records) if isinstance(one, KubeEvent)]
    broken = [one for number, one in enumerate(run.kept.records) if number != heard[-1]]
    assert dict(run.proved(broken))["heard"]
