"""Which kinds share an etcd is inferred from their versions, and only where chance can hardly have made them agree."""

from random import Random

import pytest

from collector.account import Account
from collector.etcds import Groups, Standing
from schema.events import Event, Op, Origin
from tests.fakes.served import NOON

BUSY = 5_000_000


def keep(groups: Groups, kind: str, moments: list[tuple[int, int, int]]) -> None:
    for low, value, high in moments:
        groups.judge(kind, low, value, high)


def made(*kinds: str) -> Groups:
    """The first is the anchor."""
    groups = Groups()
    for kind in kinds:
        groups.of(kind)
    return groups


def test_versions_that_keep_step_with_those_of_another_kind_show_one_etcd() -> None:
    groups = made("namespaces", "pods")
    keep(groups, "pods", [(BUSY + 50 * n, BUSY + 50 * n + 1, BUSY + 50 * n + 1) for n in range(6)])
    assert groups.peers("pods") == groups.peers("namespaces") == {"namespaces", "pods"}


def test_equal_versions_at_one_moment_show_nothing() -> None:
    groups = made("namespaces", "pods")
    keep(groups, "pods", [(BUSY, BUSY, BUSY)] * 100)
    assert groups.peers("pods") == frozenset()


def test_one_version_that_does_not_fit_parts_them_for_good() -> None:
    groups = made("namespaces", "leases")
    keep(groups, "leases", [(100 * n, 100 * n, 100 * n) for n in range(1, 20)])
    assert groups.peers("leases")
    keep(groups, "leases", [(2000, 1999, 2000), *((100 * n, 100 * n, 100 * n) for n in range(21, 40))])
    assert groups.peers("leases") == {"leases"}
    assert groups.peers("namespaces") == {"namespaces"}


@pytest.mark.parametrize("seed", range(20))
def test_a_counter_of_its_own_that_began_equal_and_is_as_busy_is_not_believed(seed: int) -> None:
    """A thousand twins, compared at every third write or so, until they part."""
    chance = Random(seed)
    assert sum(_believed(chance) for _ in range(1000)) <= 1


def _believed(chance: Random) -> bool:
    standing, mine, theirs = Standing(), 1000, 1000
    while standing.judge(mine, theirs, mine):
        if standing.proved:
            return True
        mine, theirs = mine + _written(chance), theirs + _written(chance)
    return False


def _written(chance: Random) -> int:
    return sum(chance.random() < 0.05 for _ in range(60))


def test_kinds_that_wrote_at_the_same_revision_contradict_one_another() -> None:
    account = Account()
    account.note("pods", [101, 102, 103])
    account.note("leases", [103, 104])
    account.note("secrets", [105])
    owners, torn = account.shared(["pods", "leases", "secrets"], 100, 104)
    assert (set(owners), torn) == ({101, 102, 103, 104}, {"pods", "leases"})


def test_an_anchor_that_contradicts_is_followed_by_another() -> None:
    groups = made("pods", "secrets", "nodes")
    moments = [(BUSY + 50 * n,) * 3 for n in range(8)]
    for kind in ("secrets", "nodes"):
        keep(groups, kind, moments)
    groups.tear(["pods"])
    assert groups.peers("pods") == frozenset()
    assert groups.peers("secrets") == {"secrets"}
    keep(groups, "nodes", moments)
    assert groups.peers("nodes") == {"secrets", "nodes"}


def test_what_is_long_ago_is_forgotten() -> None:
    account = Account()
    account.note("pods", range(1, 5000))
    account.note("pods", range(900_000, 905_000))
    assert not account.of("pods", 0, 10_000)
    assert len(account.of("pods", 0, 1_000_000)) == 5_000


@pytest.mark.parametrize(
    ("op", "origin", "known"), [("delete", "watch", 1), ("delete", "relist", 0), ("add", "list", 1)]
)
def test_only_versions_that_are_writes_count(op: Op, origin: Origin, known: int) -> None:
    account = Account()
    account.take("pods", [_event(op, origin)])
    assert len(account.of("pods", 0, 1000)) == known


def _event(op: Op, origin: Origin) -> Event:
    return Event(
        id="e",
        cluster="lab",
        cluster_uid="c-1",
        group="",
        version="v1",
        kind="Pod",
        resource="pods",
        namespace="shop",
        name="web",
        uid="u",
        op=op,
        origin=origin,
        epoch=1,
        seq=1,
        rv="101",
        observed_at=NOON,
        ts=NOON,
        hash="",
    )
