"""What a watch has lost is told again as the watch would have told it, and what cannot be told is declared."""

import asyncio
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from collector.account import Account
from collector.clock import Capture, numeric
from collector.cluster import Busy, ClusterError, Forbidden
from collector.concert import Concert
from collector.etcds import Etcds
from collector.healing import Healer
from collector.metrics import Metrics
from collector.recorder import TrackerPolicy
from collector.recovery import SHORT_LIVES, RecoveringTracker
from collector.redact import Redactor
from collector.settings import CollectorSettings, HealingLimits
from collector.skew import Skew
from schema.events import Event, Gap, Record
from schema.objects import Scope
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.fakes.past import FakePast
from tests.fakes.served import CONFIG_MAPS, KEY, NOON, at, events, gaps

LIMITS = HealingLimits()


def tracker_at(past: FakePast, rv: int) -> RecoveringTracker:
    """A tracker whose watch has told it everything up to this version, by noon."""
    made = RecoveringTracker(
        origin=Capture(cluster="lab", cluster_uid="c-1"),
        kind=CONFIG_MAPS,
        scope=Scope("configmaps"),
        redactor=Redactor(KEY),
        policy=TrackerPolicy(),
        skew=Skew(),
        clock=FakeClock(NOON),
    )
    made.restore([], None)
    made.replace([], rv=str(past.first), at=NOON, reason="")
    made.observe(past.told(past.first, rv), at=NOON, not_before=None)
    return made


@dataclass
class Outcome:
    """What healing gave out, and what a watch without a break would have."""

    records: list[Record]
    watched: list[Event]
    tracker: RecoveringTracker
    requests: int

    @property
    def healed(self) -> list[Event]:
        return [one for one in events(self.records) if one.origin == "healed"]

    @property
    def missing(self) -> list[Event]:
        """What only the watch would have told."""
        ids = {one.id for one in events(self.records)}
        return [one for one in self.watched if one.id not in ids]

    @property
    def gaps(self) -> list[Gap]:
        return gaps(self.records)


def heal(
    past: FakePast, checkpoint: int, limits: HealingLimits = LIMITS, cluster: FakeCluster | None = None
) -> Outcome:
    """A watch that broke at `checkpoint`, and the way up to the newest version."""
    return asyncio.run(_heal(past, checkpoint, limits, cluster or FakeCluster(CONFIG_MAPS)))


async def _heal(past: FakePast, checkpoint: int, limits: HealingLimits, cluster: FakeCluster) -> Outcome:
    cluster.past = past
    settings = CollectorSettings(cluster="lab", redaction_key=KEY, instance="i", healing=limits, page_size=2)
    account = Account()
    etcds = Etcds(cluster, account, lambda: {CONFIG_MAPS.id: (CONFIG_MAPS, Scope(CONFIG_MAPS.id))})
    concert = Concert(cluster, account=account, etcds=etcds, settings=settings)
    healer = Healer(cluster, settings=settings, metrics=Metrics(CollectorRegistry()), concert=concert)
    broken, whole = tracker_at(past, checkpoint), tracker_at(past, checkpoint)
    watched = events(whole.observe(past.told(checkpoint, past.newest), at=at(60), not_before=None))
    fresh, asked = past.list_at(past.newest), len(cluster.asked)
    healed = await healer.heal(CONFIG_MAPS, Scope("configmaps"), broken, str(checkpoint), fresh)
    if healed is None:
        records = broken.replace(fresh.items, rv=fresh.rv, at=at(60), reason="expired")
    else:
        records = await healed.take_up(rv=fresh.rv, at=at(60))
    assert broken.known() == whole.known()
    assert broken.position is not None
    assert broken.position.rv == fresh.rv
    return Outcome(records, watched, broken, len(cluster.asked) - asked)


def told(one: Event) -> tuple[object, ...]:
    """Everything that must not depend on how it was learnt."""
    return (one.id, one.op, one.seq, one.prev_rv, one.hash, one.paths, one.patch, one.object, one.actor)


def history(*writes: str) -> FakePast:
    """`a` writes, `-a` deletes, `.` is a write to another kind."""
    past = FakePast()
    for number, one in enumerate(writes):
        if one == ".":
            past.write_elsewhere()
        elif one.startswith("-"):
            past.delete(one[1:])
        else:
            past.write(one, number)
    return past


@st.composite
def histories(draw: st.DrawFn) -> FakePast:
    """Few names that live, change, die and come back; most writes are elsewhere."""
    past, chance = FakePast(), Random(draw(st.integers(0, 2**32)))
    for number in range(draw(st.integers(1, 60))):
        name = chance.choice("abcd......")
        if name == ".":
            past.write_elsewhere()
        elif past.has(name) and chance.random() < 0.4:
            past.delete(name)
        else:
            past.write(name, number)
    return past


checkpoints = st.floats(0, 1)


def between(past: FakePast, part: float) -> int:
    return past.first + int(part * (past.newest - past.first))


@given(histories(), checkpoints)
def test_with_all_of_etcd_it_is_as_if_the_watch_had_never_broken(past: FakePast, part: float) -> None:
    outcome = heal(past, between(past, part))
    assert outcome.gaps == []
    assert [told(one) for one in events(outcome.records)] == [told(one) for one in outcome.watched]
    assert {one.origin for one in events(outcome.records)} <= {"healed"}


@given(histories(), checkpoints, checkpoints, st.integers(1, 60), st.integers(0, 200))
def test_what_is_missing_is_inside_a_declared_gap(
    past: FakePast, part: float, compacted: float, requests: int, objects: int
) -> None:
    past.kept = between(past, compacted)
    outcome = heal(past, between(past, part), replace(LIMITS, requests=requests, objects=objects))
    spans = [(numeric(gap.from_rv), numeric(gap.to_rv)) for gap in outcome.gaps]
    for one in outcome.missing:
        assert any(low < numeric(one.rv) <= high for low, high in spans), one
    assert {one.id for one in outcome.healed} <= {one.id for one in outcome.watched}


@given(histories(), checkpoints, st.integers(0, 40))
def test_only_lives_that_neither_end_shows_may_be_missing_between_looks(
    past: FakePast, part: float, objects: int
) -> None:
    checkpoint = between(past, part)
    outcome = heal(past, checkpoint, replace(LIMITS, objects=objects))
    ends = tracker_at(past, checkpoint).known().keys() | outcome.tracker.known().keys()
    assert {gap.reason for gap in outcome.gaps} <= {SHORT_LIVES}
    assert not ends & {one.uid for one in outcome.missing}


@given(histories(), checkpoints, checkpoints)
def test_times_are_bounded_and_rise_with_the_versions(past: FakePast, part: float, compacted: float) -> None:
    past.kept = between(past, compacted)
    outcome = heal(past, between(past, part))
    times = [one.ts for one in outcome.healed]
    assert times == sorted(times)
    for one in events(outcome.records):
        assert NOON <= one.ts <= at(60)
        assert one.ts_error >= min((one.ts - NOON).total_seconds(), 0.001) or one.ts == NOON


@given(histories(), checkpoints, checkpoints)
def test_chains_stay_whole_over_compacted_versions(past: FakePast, part: float, compacted: float) -> None:
    past.kept = between(past, compacted)
    before = {one.uid: one for one in events(outcome_start(past, between(past, part)))}
    for one in events(heal(past, between(past, part)).records):
        known = before.get(one.uid)
        assert (one.seq, one.prev_rv) == ((known.seq + 1, known.rv) if known else (1, ""))
        before[one.uid] = one


def outcome_start(past: FakePast, checkpoint: int) -> list[Record]:
    """The events up to the checkpoint."""
    return list(tracker_at(past, past.first).observe(past.told(past.first, checkpoint), at=NOON, not_before=None))


def test_a_kind_in_which_nothing_happened_has_no_gap() -> None:
    outcome = heal(history("a", "b", *"." * 50), checkpoint=102)
    assert outcome.records == []
    assert outcome.requests < 110


def test_a_life_that_began_and_ended_between_two_lists_is_told() -> None:
    outcome = heal(history(".", "a", "a", "-a", "."), checkpoint=100)
    assert [(one.op, one.rv) for one in outcome.healed] == [("add", "102"), ("update", "103"), ("delete", "104")]


def test_a_single_unexplained_revision_hides_nothing_and_needs_no_look() -> None:
    outcome = heal(history("a", ".", "a"), checkpoint=101)
    assert (outcome.gaps, outcome.requests) == ([], 2)


def test_where_the_looks_do_not_suffice_the_gap_names_its_versions_and_the_newest_part_is_proved() -> None:
    past = history("a", *"." * 200, "a")
    outcome = heal(past, 101, replace(LIMITS, requests=100))
    (gap,) = outcome.gaps
    assert gap.reason == SHORT_LIVES
    assert numeric(gap.from_rv) <= 102
    assert 200 < numeric(gap.to_rv) < 250


def test_compacted_versions_are_a_gap_up_to_the_oldest_that_is_kept() -> None:
    past = history("a", "a", "b", "a", "-b", "a", "a")
    past.kept = 104
    outcome = heal(past, 101)
    (gap,) = outcome.gaps
    assert (gap.from_rv, gap.to_rv, gap.reason) == ("101", "104", "expired")
    assert [(one.op, one.rv, one.origin, one.gap) for one in events(outcome.records)] == [
        ("update", "104", "relist", gap.id),
        ("add", "103", "relist", gap.id),
        ("delete", "105", "healed", None),
        ("update", "106", "healed", None),
        ("update", "107", "healed", None),
    ]


def test_when_requests_run_out_the_newest_is_healed() -> None:
    past = history("a", *"a" * 40)
    outcome = heal(past, 101, replace(LIMITS, requests=10))
    assert [numeric(one.rv) for one in outcome.healed] == [*range(132, 142)]
    (gap,) = outcome.gaps
    assert (gap.from_rv, gap.to_rv) == ("101", "131")


class Troubled(FakeCluster):
    """Refuses the first exact lists."""

    def __init__(self, *errors: ClusterError) -> None:
        super().__init__(CONFIG_MAPS)
        self.errors = [*errors]

    async def exact(self, *args: object, **more: object) -> object:  # type: ignore[override]
        if self.errors:
            raise self.errors.pop(0)
        return await super().exact(*args, **more)  # type: ignore[arg-type]


def test_a_server_that_is_busy_is_asked_again() -> None:
    outcome = heal(history("a", "a", "a"), 101, cluster=Troubled(Busy("429", retry_after=0.001)))
    assert [one.rv for one in outcome.healed] == ["102", "103"]


def test_a_server_that_keeps_no_exact_lists_leaves_the_ordinary_comparison() -> None:
    outcome = heal(history("a", "a", "a"), 101, cluster=Troubled(Forbidden("no")))
    assert [(one.rv, one.origin) for one in events(outcome.records)] == [("103", "relist")]
    assert [gap.reason for gap in outcome.gaps] == ["expired"]


@pytest.mark.parametrize("requests", [0])
def test_it_can_be_switched_off(requests: int) -> None:
    outcome = heal(history("a", "a", "a"), 101, replace(LIMITS, requests=requests))
    assert (outcome.requests, len(outcome.gaps)) == (0, 1)
