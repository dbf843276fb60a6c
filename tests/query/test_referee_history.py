"""Brute force is the referee: on a long random history, and on one recorded from a real control plane, every answer
equals a recomputation from full states.

How long the history is and how much is asked: `tests/fakes/referee.py`. A failure names the seed of its question.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from kubelapse.demo import loader
from query import baselines, blame, drift_rules, inventory, snapshots, timeline
from query.baselines import Question
from query.drift import Asked, drift
from query.models import Coverage
from query.models_compared import SnapshotDiff
from query.models_drift import DriftItem
from query.refs import known_kinds, object_ref
from query.scope import Scope
from query.selectors import parse as parse_selector
from query.snapshot_items import Shown
from query.times import EARLIEST, rfc3339
from schema.canonical import same
from schema.chdb import ChdbStore
from schema.diff import Edit, diff
from schema.events import Event
from schema.listkeys import heuristic
from schema.lookup import apart, value_at
from schema.objects import split_kind_id
from schema.paths import Path, parse
from tests.fakes import referee
from tests.fakes.history import History, at
from tests.fakes.telling import Told, tell

COVERAGE = Coverage(
    complete=True, watched_since=None, watermark=None, confirmed=None, gaps=[], late=[], unwatched=[], why=[]
)
EVERYTHING = Shown(noise=True, first_sight=True)
ASKED = referee.questions(2)
ask = given(seed=st.integers(0, 2**32))


class World:
    """A stored history and the truth about it. No dataclass: a failure would print all of it."""

    def __init__(self, store: ChdbStore, cluster: str, told: list[Told]) -> None:
        self.store = store
        self.cluster = cluster
        self.told = told
        self.versions = referee.by_name(told)
        self.kinds = sorted({each.event.kind_id for each in told})
        self.namespaces = sorted({each.event.namespace for each in told if each.event.namespace})

    def moment(self, chance: random.Random) -> datetime:
        """Any time of the history, often that of an event."""
        event = chance.choice([each for each in self.told if each.event.origin != "list"]).event
        return event.ts + timedelta(seconds=chance.choice((0, 0, -0.5, 5)))


@pytest.fixture(scope="module", params=["random", "recorded"])
def world(request: pytest.FixtureRequest, store: ChdbStore) -> World:
    return _random(store) if request.param == "random" else _recorded(store)


def _recorded(store: ChdbStore) -> World:
    """The demo's incident: lists, watches and a relist of a real API server, with the states as they were read."""
    loader.load(store, loader.bundled(), end=at(7200), registry=CollectorRegistry())
    events = [each for each in loader.moved(loader.lines(loader.bundled()), end=at(7200)) if isinstance(each, Event)]
    told = [Told(each, orjson.loads(bytes(each.object or b""))) for each in events]
    return World(store, events[0].cluster, told)


def _random(store: ChdbStore) -> World:
    history = History("referee")
    told = tell(history, random.Random(referee.SEED), objects=max(12, referee.CHANGES // 25), changes=referee.CHANGES)
    history.watch(from_=0, to=(told[-1].event.ts - at(0)).total_seconds() + 60)
    history.store(store)
    return World(store, history.cluster, told)


@dataclass(frozen=True, slots=True)
class Asking:
    """A random scope, as the store and as the referee understand it."""

    scope: Scope
    chosen: referee.Chosen


def asking(world: World, chance: random.Random) -> Asking:
    kind = chance.choice((None, None, *world.kinds))
    namespace = chance.choice((None, *world.namespaces))
    text = chance.choice((None, None, "app=web", "tier", "app notin (web)"))
    name = chance.choice(world.told).event.name if chance.random() < 0.2 else ""

    def chosen(event: Event) -> bool:
        return (
            (kind is None or event.kind_id == kind)
            and namespace in (None, event.namespace)
            and name in ("", event.name)
        )

    scope = Scope(
        clusters=(world.cluster,),
        namespaces=(namespace,) if namespace else (),
        kinds=(split_kind_id(kind),) if kind else (),
        selector=parse_selector(text) if text else None,
        name=name,
    )
    return Asking(scope, chosen)


@ASKED
@ask
def test_every_state_at_a_moment_is_the_one_that_stood_there(world: World, seed: int) -> None:
    chance = random.Random(seed)
    moment, asked = world.moment(chance), asking(world, chance)
    note(f"at {rfc3339(moment)} in {asked.scope}")
    selector = asked.scope.selector
    expected = {}
    for versions in world.versions.values():
        last = referee.at_moment(versions, moment)
        if last is None or not asked.chosen(last.event):
            continue
        if selector is None or selector.matches(last.state["metadata"].get("labels", {})):
            expected[last.event.uid] = last.state
    states = [orjson.loads(state) for state in inventory.snapshot(world.store, asked.scope, moment)]
    found = {state["metadata"]["uid"]: state for state in states}
    assert (len(states), found.keys()) == (len(expected), expected.keys())
    assert all(same(found[uid], state) for uid, state in expected.items())


@ASKED
@ask
def test_a_snapshot_diff_is_the_difference_of_both_snapshots(world: World, seed: int) -> None:
    chance = random.Random(seed)
    start, end = sorted((world.moment(chance), world.moment(chance)))
    asked = asking(world, chance)
    note(f"{rfc3339(start)} to {rfc3339(end)} in {asked.scope}")
    answer = snapshots.over_time(world.store, asked.scope, start, end, EVERYTHING, COVERAGE)
    assert _told(answer) == referee.differences(world.told, start, end, asked.chosen, asked.scope.selector)


def _told(answer: SnapshotDiff) -> dict[referee.Name, tuple[str, referee.Fields]]:
    found: dict[referee.Name, tuple[str, referee.Fields]] = {}
    for sort, items in (("added", answer.added), ("removed", answer.removed), ("changed", answer.changed)):
        for each in items:
            fields: referee.Fields = {one.path: (one.event, one.before, one.after) for one in each.fields}
            found[each.resource, each.namespace, each.name] = ("recreated" if each.recreated else sort, fields)
    return found


@ASKED
@ask
def test_blame_names_the_event_after_which_a_field_kept_its_value(world: World, seed: int) -> None:
    chance = random.Random(seed)
    moment = world.moment(chance)
    there = [each for versions in world.versions.values() if (each := referee.at_moment(versions, moment))]
    for last in chance.sample(there, min(6, len(there))):
        event = last.event
        note(f"{event.kind_id} {event.namespace}/{event.name} at {rfc3339(moment)}")
        ref = object_ref(world.cluster, (event.resource, event.group), event.namespace, event.name)
        found = timeline.version(world.store, ref, event.uid, event.epoch, event.seq)
        life = referee.lifetime(world.versions[event.resource, event.namespace, event.name], last)
        answer = {each.path: (each.event, each.previous) for each in blame.blame(world.store, found)}
        assert answer == referee.blamed(life)


@ASKED
@ask
def test_drift_from_a_moment_has_the_onset_and_the_flaps_of_a_walk_over_all_states(world: World, seed: int) -> None:
    chance = random.Random(seed)
    floor, moment = sorted((world.moment(chance), world.moment(chance)))
    namespace = chance.choice(world.namespaces)
    note(f"from {rfc3339(floor)} at {rfc3339(moment)} in {namespace}")
    items: dict[referee.Name, list[DriftItem]] = {}
    for each in _drift(world, namespace, f"time:{rfc3339(floor)}", moment):
        items.setdefault((each.resource, each.namespace, each.name), []).append(each)
    for name, versions in world.versions.items():
        if name[1] == namespace:
            _judge(items.get(name, []), versions, floor, moment)


@ASKED
@ask
def test_drift_from_manifests_is_what_a_walk_over_all_states_finds(world: World, seed: int) -> None:
    chance = random.Random(seed)
    written, moment = world.moment(chance), world.moment(chance)
    namespace = chance.choice(world.namespaces)
    note(f"as at {rfc3339(written)}, at {rfc3339(moment)} in {namespace}")
    # A manifest of a Secret is not compared by value: what it holds is never kept.
    names = [name for name in world.versions if name[0] != "secrets" and name[1] == namespace]
    chosen = {}
    for name in chance.sample(names, min(12, len(names))):
        last = referee.at_moment(world.versions[name], written)
        if last is not None:
            chosen[name] = last.state
    items: dict[referee.Name, list[DriftItem]] = {}
    for each in _drift(world, namespace, "", moment, [*chosen.values()]) if chosen else []:
        items.setdefault((each.resource, each.namespace, each.name), []).append(each)
    for name, state in chosen.items():
        _judge_one(items.get(name, []), world.versions[name], state, moment)


def _judge_one(items: list[DriftItem], versions: list[Told], state: Any, moment: datetime) -> None:
    """One object against a manifest, over the whole life that it has now."""
    last = referee.at_moment(versions, moment)
    assert [each.op for each in items if not each.path] == ([] if last else ["missing"])
    if last is None:
        return
    for item in items:
        path = parse(item.path)
        told = referee.onset(referee.lifetime(versions, last), path, value_at(state, path), EARLIEST)
        assert (item.path, item.event, item.flaps) == (item.path, told.event, told.flaps)
    edits = diff(state, last.state, heuristic)
    paths = [parse(each.path) for each in items]
    assert all(any(_may_meet(edit.path, path) for path in paths) for edit in edits if not _only_moved(edit))


@pytest.fixture(scope="module")
def twin(store: ChdbStore) -> tuple[World, World]:
    """Two clusters with many names in common and nothing else."""
    worlds = []
    for number in (1, 2):
        history = History(f"twin-{number}")
        told = tell(history, random.Random(referee.SEED + number), objects=40, changes=min(referee.CHANGES, 1500))
        history.watch(from_=0, to=(told[-1].event.ts - at(0)).total_seconds() + 60)
        history.store(store)
        worlds.append(World(store, history.cluster, told))
    return worlds[0], worlds[1]


@ASKED
@ask
def test_drift_from_a_peer_began_when_both_histories_parted(twin: tuple[World, World], seed: int) -> None:
    mine, theirs = twin
    moment = mine.moment(random.Random(seed))
    note(f"at {rfc3339(moment)}")
    items: dict[referee.Name, list[DriftItem]] = {}
    for each in _drift(mine, "shop", f"cluster:{theirs.cluster}", moment):
        items.setdefault((each.resource, each.namespace, each.name), []).append(each)
    for name, versions in mine.versions.items():
        here = referee.at_moment(versions, moment)
        there = referee.at_moment(theirs.versions.get(name, []), moment)
        if name[1] == "shop" and here and there:
            lives = referee.lifetime(theirs.versions[name], there), referee.lifetime(versions, here)
            paths = [parse(each.path) for each in items[name]]
            edits = diff(there.state, here.state, heuristic)
            assert all(any(_may_meet(one.path, path) for path in paths) for one in edits if not _only_moved(one))
            for item, path in zip(items[name], paths, strict=True):
                told = referee.apart_since(*lives, path)
                assert (item.path, item.event, item.flaps) == (item.path, told.event, told.flaps)


def _drift(
    world: World, namespace: str, words: str, moment: datetime, manifests: list[Any] | None = None
) -> list[DriftItem]:
    question = Question(
        words=words,
        scope=Scope(clusters=(world.cluster,), namespaces=(namespace,)),
        known=known_kinds(world.store, [world.cluster]),
        at=moment,
        open_end=False,
        now=moment,
        manifests=manifests,
        template=None,
        default_namespace=namespace,
    )
    off = drift_rules.rules(drift_rules.known())
    return drift(
        world.store, baselines.resolve(world.store, question), Asked(at=moment, open_end=False, rules=off, noise=True)
    ).items


def _judge(items: list[DriftItem], versions: list[Told], floor: datetime, moment: datetime) -> None:
    """One object against the truth: the same places, the same values, the same stories."""
    before, after = referee.at_moment(versions, floor), referee.at_moment(versions, moment)
    whole = [each.op for each in items if not each.path]
    if before is None or after is None:
        assert whole == ([] if before is after else ["missing"] if before else ["extra"])
        return
    edits = diff(before.state, after.state, heuristic)
    paths = [parse(each.path) for each in items]
    assert all(any(_may_meet(edit.path, path) for path in paths) for edit in edits if not _only_moved(edit))
    for item, path in zip(items, paths, strict=True):
        expected: Any = value_at(before.state, path)
        assert any(_may_meet(edit.path, path) for edit in edits)
        told = referee.onset(referee.lifetime(versions, after), path, expected, floor)
        assert (item.path, item.event, item.flaps) == (item.path, told.event, told.flaps)


def _only_moved(edit: Edit) -> bool:
    """Items that are known by a key, in another order: that is never drift."""
    return edit.op == "replace" and same(referee.unordered(edit.old), referee.unordered(edit.new))


def _may_meet(one: Path, other: Path) -> bool:
    """The two comparisons may know the items of a list by different fields."""
    return not apart(one, other)
