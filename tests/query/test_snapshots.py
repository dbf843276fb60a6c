"""Diffs of snapshots: right for any two moments and scopes, with full states as the referee."""

import itertools
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query import diff_pages, snapshots
from query.diff_pages import Page
from query.errors import TooManyObjects
from query.models import Coverage
from query.models_compared import ObjectChange, SnapshotDiff
from query.scope import Scope
from query.selectors import parse as parse_selector
from query.semantics import Rules
from query.snapshot_items import Shown
from schema.canonical import Absent, canonical, same
from schema.chdb import ChdbStore
from schema.diff import diff
from schema.listkeys import heuristic
from schema.lookup import overlap, value_at
from schema.objects import split_kind_id
from schema.paths import parse, render
from tests.fakes.history import History, at
from tests.fakes.referee import questions
from tests.fakes.telling import Told, tell

NUMBERS = itertools.count(1)
COVERAGE = Coverage(
    complete=True, watched_since=None, watermark=None, confirmed=None, gaps=[], late=[], unwatched=[], why=[]
)
USUAL = Shown()
EVERYTHING = Shown(noise=True, first_sight=True)


def compared(
    store: ChdbStore, history: History, start: float, end: float, shown: Shown = USUAL, **scope: Any
) -> SnapshotDiff:
    where = Scope(clusters=(history.cluster,), **scope)
    return snapshots.over_time(store, where, at(start), at(end), shown, COVERAGE)


def names(items: Sequence[ObjectChange]) -> list[str]:
    return [f"{each.namespace}/{each.name}" for each in items]


def put(history: History, name: str, seconds: float, data: Any, by: str = "helm", **more: Any) -> Any:
    return history.put("configmaps", f"shop/{name}", {"data": data}, at=seconds, by=by, **more)


def test_added_removed_and_changed_with_who_when_and_by_which_event(store: ChdbStore, history: History) -> None:
    put(history, "kept", 10, {"a": "1"})
    put(history, "gone", 10, {"a": "1"})
    edited = put(history, "kept", 30, {"a": "2"}, by="kubectl-edit")
    put(history, "new", 40, {"a": "1"}, by="argocd")
    history.delete("configmaps", "shop/gone", at=50)
    history.store(store)
    answer = compared(store, history, 20, 60)
    assert (names(answer.added), names(answer.removed), names(answer.changed)) == (
        ["shop/new"],
        ["shop/gone"],
        ["shop/kept"],
    )
    (field,) = answer.changed[0].fields
    assert (field.path, field.before, field.after) == ("data.a", "1", "2")
    assert (field.by, field.when, field.event) == ("kubectl-edit", at(30), edited.id)
    assert (answer.added[0].by, answer.added[0].when, answer.removed[0].when) == ("argocd", at(40), at(50))
    assert [(each.kind, each.added, each.removed, each.changed) for each in answer.summary] == [("ConfigMap", 1, 1, 1)]


def test_another_life_under_the_same_name_is_told_as_recreated(store: ChdbStore, history: History) -> None:
    put(history, "a", 10, {"a": "1"})
    history.delete("configmaps", "shop/a", at=20)
    put(history, "a", 30, {"a": "2"}, by="argocd")
    history.store(store)
    (item,) = compared(store, history, 15, 40).changed
    assert item.recreated
    assert {each.path: each.by for each in item.fields} == {"data.a": "argocd", "metadata.uid": "argocd"}
    assert names(compared(store, history, 15, 25).removed) == ["shop/a"]
    assert names(compared(store, history, 25, 35).added) == ["shop/a"]


def test_what_was_changed_back_does_not_differ(store: ChdbStore, history: History) -> None:
    for seconds, value in ((10, "1"), (20, "2"), (30, "1")):
        put(history, "a", seconds, {"a": value})
    history.store(store)
    assert compared(store, history, 15, 40).changed == []


def test_noise_and_first_sight_are_counted_and_shown_on_request(store: ChdbStore, history: History) -> None:
    put(history, "a", 10, {"beat": "1", "b": "1"})
    put(history, "a", 20, {"beat": "2", "b": "1"}, noise="heartbeat")
    put(history, "old", 25, {}, origin="list")
    history.store(store)
    hidden = compared(store, history, 15, 40)
    assert (hidden.changed, hidden.added) == ([], [])
    assert (hidden.hidden.noise, hidden.hidden.first_sight) == (1, 1)
    whole = compared(store, history, 15, 40, EVERYTHING)
    assert [each.path for each in whole.changed[0].fields] == ["data.beat"]
    assert whole.added[0].first_seen


def test_too_many_objects_are_refused_with_what_to_do(
    store: ChdbStore, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MOST", 2)
    for number in range(3):
        put(history, f"o{number}", 10, {})
    history.store(store)
    with pytest.raises(TooManyObjects, match="3 configmaps"):
        compared(store, history, 0, 20)
    assert len(compared(store, history, 0, 20, name="o1").added) == 1


def page_by_page(
    store: ChdbStore, scope: Scope, start: datetime, end: datetime, limit: int, shown: Shown = USUAL
) -> list[SnapshotDiff]:
    pages = [snapshots.over_time(store, scope, start, end, shown, COVERAGE, Page(limit=limit))]
    while following := pages[-1].next:
        place, span = diff_pages.page(limit, following)
        assert span == (start, end)
        pages.append(snapshots.over_time(store, scope, start, end, shown, COVERAGE, place))
    return pages


def test_pages_give_every_object_once_and_count_the_whole_scope_on_each(store: ChdbStore, history: History) -> None:
    for number in range(5):
        put(history, f"o{number}", 10, {"a": "1"})
        put(history, f"o{number}", 30, {"a": "2"})
    put(history, "new", 40, {})
    history.store(store)
    pages = page_by_page(store, Scope(clusters=(history.cluster,)), at(20), at(60), 2)
    assert [names([*each.added, *each.changed]) for each in pages] == [
        ["shop/new", "shop/o0"],
        ["shop/o1", "shop/o2"],
        ["shop/o3", "shop/o4"],
    ]
    assert [(each.summary[0].added, each.summary[0].changed, each.unjudged) for each in pages] == [
        (1, 5, 4),
        (1, 5, 2),
        (1, 5, 0),
    ]


def test_what_turns_out_to_mean_the_same_is_passed_over_and_no_longer_counted(
    store: ChdbStore, history: History
) -> None:
    for name, after in (("a", "1000m"), ("b", "2"), ("c", "1000m"), ("d", "3")):
        history.put("pods", f"shop/{name}", {"spec": {"resources": {"limits": {"cpu": "1"}}}}, at=10)
        history.put("pods", f"shop/{name}", {"spec": {"resources": {"limits": {"cpu": after}}}}, at=30)
    history.store(store)
    shown = Shown(rules=Rules(without=["server-owned"]))
    pages = page_by_page(store, Scope(clusters=(history.cluster,)), at(20), at(60), 1, shown)
    assert [names(each.changed) for each in pages] == [["shop/b"], ["shop/d"]]
    assert [(each.summary[0].changed, each.unjudged) for each in pages] == [(3, 2), (2, 0)]


def test_two_namespaces_are_compared_by_name_without_what_tells_places_apart(
    store: ChdbStore, history: History
) -> None:
    for namespace, value in (("shop", "1"), ("test", "2")):
        history.put("configmaps", f"{namespace}/a", {"data": {"a": value}}, at=10)
        history.put("configmaps", f"{namespace}/same", {"data": {"a": "1"}}, at=10)
    history.put("configmaps", "test/more", {"data": {}}, at=10)
    history.store(store)
    here, there = (Scope(clusters=(history.cluster,), namespaces=(each,)) for each in ("shop", "test"))
    answer = snapshots.over_places(store, here, there, at(20), at(20), Shown(), COVERAGE)
    assert (names(answer.added), names(answer.removed), names(answer.changed)) == (["test/more"], [], ["shop/a"])
    assert [(each.path, each.before, each.after) for each in answer.changed[0].fields] == [("data.a", "1", "2")]
    assert "metadata.namespace" in answer.ignored


# --- the referee: full states, no store

Answer = dict[tuple[str, str, str], tuple[str, dict[str, tuple[str | None, object, object]]]]
"""(kind, namespace, name) → (sort, path → (event, before, after))."""


def naive(told: list[Told], start: datetime, end: datetime, chosen: Any, selector: Any) -> Answer:
    """The same by walking over all states."""
    result: Answer = {}
    grouped: dict[tuple[str, str, str], list[Told]] = {}
    for each in told:
        grouped.setdefault((each.event.resource, each.event.namespace, each.event.name), []).append(each)
    for name, versions in grouped.items():
        one, other = (_at(versions, moment) for moment in (start, end))
        if not chosen(versions[0].event) or (one is None and other is None):
            continue
        sides = [each for each in (one, other) if each is not None]
        if selector and not any(selector.matches(each.state["metadata"].get("labels", {})) for each in sides):
            continue
        if one is None or other is None:
            result[name] = ("removed" if other is None else "added", {})
        elif one.event.uid != other.event.uid or not same(one.state, other.state):
            fields: dict[str, tuple[str | None, object, object]] = {
                render(edit.path): (_origin(versions, other, edit.path, start).event.id, edit.old, edit.new)
                for edit in diff(one.state, other.state, heuristic)
            }
            result[name] = ("recreated" if one.event.uid != other.event.uid else "changed", fields)
    return result


def _at(versions: list[Told], moment: datetime) -> Told | None:
    """The state at T: the newest version of the one life that is not over."""
    newest: dict[str, Told] = {}
    for each in versions:
        if each.event.ts <= moment:
            newest[each.event.uid] = each
    living = [each for each in newest.values() if each.event.op != "delete"]
    return living[-1] if living else None


def _origin(versions: list[Told], last: Told, path: Any, start: datetime) -> Told:
    """The version after which the value at this path was always that of `last`."""
    life = [each for each in versions if each.event.uid == last.event.uid and each.event.seq <= last.event.seq]
    place = len(life) - 1
    while place and _equal(value_at(life[place - 1].state, path), value_at(last.state, path)):
        place -= 1
    return life[place]


def _equal(one: Any, other: Any) -> bool:
    return one is other if isinstance(one, Absent) or isinstance(other, Absent) else same(one, other)


@questions(2)
@given(seed=st.integers(0, 2**32))
def test_a_diff_is_what_a_comparison_of_full_snapshots_finds(store: ChdbStore, seed: int) -> None:
    chance = random.Random(seed)
    history = History(f"diff-{next(NUMBERS)}")
    told = tell(history, chance)
    history.store(store)
    last = (told[-1].event.ts - at(0)).total_seconds()
    for _ in range(4):
        start, end = sorted(chance.uniform(0, last + 5) for _ in range(2))
        kind = chance.choice((None, "configmaps", "deployments.apps"))
        namespace = chance.choice((None, "shop"))
        text = chance.choice((None, "app=web", "tier", "app notin (web)"))
        scope = Scope(
            clusters=(history.cluster,),
            namespaces=(namespace,) if namespace else (),
            kinds=(split_kind_id(kind),) if kind else (),
            selector=parse_selector(text) if text else None,
        )
        answer = snapshots.over_time(store, scope, at(start), at(end), EVERYTHING, COVERAGE)

        def chosen(event: Any, kind: str | None = kind, namespace: str | None = namespace) -> bool:
            return (kind is None or event.kind_id == kind) and namespace in (None, event.namespace)

        assert _told(answer) == naive(told, at(start), at(end), chosen, scope.selector)
        pages = page_by_page(store, scope, at(start), at(end), 3, EVERYTHING)
        assert {name: item for page in pages for name, item in _told(page).items()} == _told(answer)
        assert all(page.summary == answer.summary for page in pages)


def _told(answer: SnapshotDiff) -> Answer:
    found: Answer = {}
    for sort, items in (("added", answer.added), ("removed", answer.removed), ("changed", answer.changed)):
        for each in items:
            fields = {field.path: (field.event, field.before, field.after) for field in each.fields}
            found[each.resource, each.namespace, each.name] = ("recreated" if each.recreated else sort, fields)
    return found


@questions(2)
@given(seed=st.integers(0, 2**32))
def test_the_states_at_both_ends_and_the_patch_between_them_fit(store: ChdbStore, seed: int) -> None:
    chance = random.Random(seed)
    history = History(f"patch-{next(NUMBERS)}")
    told = tell(history, chance, objects=6, changes=60)
    history.store(store)
    states = {(each.event.uid, each.event.seq): canonical(each.state) for each in told}
    answer = compared(store, history, 100, 400, Shown(noise=True, first_sight=True, states=True))
    for item in (*answer.added, *answer.removed, *answer.changed):
        for side, document in ((item.from_, item.before), (item.to, item.after)):
            assert (side is None) == (document is None)
            assert side is None or document is None or states[side.uid, side.seq] == bytes(document)


@questions(2)
@given(seed=st.integers(0, 2**32))
def test_a_field_is_noise_when_nothing_else_wrote_it(store: ChdbStore, seed: int) -> None:
    chance = random.Random(seed)
    history = History(f"noise-{next(NUMBERS)}")
    told = tell(history, chance, objects=5, changes=60)
    history.store(store)
    start, end = at(100), at(400)
    for item in compared(store, history, 100, 400, EVERYTHING).changed:
        assert item.to is not None
        wrote = [
            each.event
            for each in told
            if each.event.uid == item.to.uid and start < each.event.ts <= end and each.event.op != "delete"
        ]
        for field in item.fields:
            met = [
                event.noise
                for event in wrote
                if event.op == "add" or any(overlap(parse(path), parse(field.path)) for path in event.paths)
            ]
            assert field.noise == (bool(met) and all(met))
