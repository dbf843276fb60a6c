"""What one kind's versions say of another's: believed where both share an etcd, never where that only looks so."""

from typing import Final

import pytest

from collector.account import Account
from collector.etcds import Groups
from schema.events import Gap
from tests.simulation.twins import idle, twins

SEEDS: Final = range(6)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_etcds_that_keep_step_are_never_taken_for_one(seed: int) -> None:
    _, complaints = twins(seed)
    assert complaints == []


def test_in_one_etcd_everything_is_healed_without_a_gap() -> None:
    runs = [twins(seed, one_etcd=True) for seed in range(2)]
    assert [complaints for _, complaints in runs if complaints] == []
    assert not any(isinstance(one, Gap) for run, _ in runs for one in run.kept.records)


def test_a_kind_in_which_nothing_happened_hardly_asks_where_another_explains_every_revision() -> None:
    run, complaints = idle(1)
    assert complaints == []
    assert not any(isinstance(one, Gap) for one in run.kept.records)
    assert run.asked["configmaps"] > 60
    assert run.asked["widgets.example.org"] < 20


def test_who_takes_every_kind_for_the_same_etcd_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def everybody(self: Groups, kind: str) -> frozenset[str]:
        return frozenset({*self.standings, kind})

    def credulous(self: Account, kinds: frozenset[str], low: int, high: int) -> tuple[dict[int, str], set[str]]:
        return {revision: kind for kind in kinds for revision in self.of(kind, low, high)}, set()

    monkeypatch.setattr(Groups, "peers", everybody)
    monkeypatch.setattr(Account, "shared", credulous)
    complaints = [complaint for seed in range(3) for complaint in twins(seed)[1]]
    assert any(one.startswith("complete: missing") for one in complaints)
