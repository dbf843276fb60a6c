"""What is watched is what the user asked for, and what is not says why."""

from collections.abc import Sequence

import pytest

from collector.selection import choose
from schema.objects import Kind
from tests.fakes.cluster import kind

KINDS = [
    kind("pods"),
    kind("endpoints"),
    kind("events"),
    kind("events", "events.k8s.io"),
    kind("deployments", "apps"),
    kind("leases", "coordination.k8s.io"),
    Kind(group="", version="v1", resource="bindings", kind="Binding", namespaced=True, verbs=frozenset({"create"})),
]
USUAL = {"pods", "events", "deployments.apps"}


def watched(only: Sequence[str] = (), include: Sequence[str] = (), exclude: Sequence[str] = ()) -> set[str]:
    choice = choose(KINDS, only=only, include=include, exclude=exclude)
    return {name for name, info in choice.kinds.items() if info.watching == "yes"}


def test_by_default_everything_but_what_only_costs() -> None:
    assert watched() == USUAL


@pytest.mark.parametrize(
    ("only", "include", "exclude", "expected"),
    [
        (["pods"], [], [], {"pods"}),
        (["deployment", "po*"], [], [], {"pods", "deployments.apps"}),
        (["*"], [], [], USUAL),
        (["leases.coordination.k8s.io"], [], [], {"leases.coordination.k8s.io"}),
        ([], ["leases.*"], [], USUAL | {"leases.coordination.k8s.io"}),
        (["pods"], ["endpoints"], [], {"pods", "endpoints"}),
        ([], [], ["*.apps"], {"pods", "events"}),
        ([], ["endpoints"], ["endpoints"], USUAL),
        (["bindings"], ["bindings"], [], set()),
        (["events"], [], [], {"events"}),
    ],
)
def test_patterns(only: list[str], include: list[str], exclude: list[str], expected: set[str]) -> None:
    assert watched(only, include, exclude) == expected


def test_every_kind_says_why_it_is_not_watched() -> None:
    choice = choose(KINDS, exclude=["pods"])
    verdicts = {name: info.watching for name, info in choice.kinds.items()}
    assert verdicts["pods"] == "excluded"
    assert verdicts["endpoints"] == "off"
    assert verdicts["bindings"] == "unwatchable"
    assert all(info.reason for info in choice.kinds.values() if info.watching != "yes")


def test_a_pattern_that_fits_nothing_is_named() -> None:
    assert list(choose(KINDS, only=["pods", "pdos"], exclude=["x.y"]).unmatched) == ["pdos", "x.y"]
