"""Values across objects and lives: from when to when, by whom, whatever the object became of."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.errors import BadReference, BadWindow
from query.last_touched import last_touched
from query.models_search import Match
from query.needles import IMAGES, Needle
from query.scope import ChangeFilter, Scope
from query.search import Ask, periods, search
from schema.chdb import ChdbStore
from schema.lookup import leaves
from tests.fakes.history import History, at
from tests.fakes.referee import questions
from tests.fakes.telling import Told, tell

NUMBERS = itertools.count(1)


def seconds(moment: Any) -> float | None:
    return None if moment is None else float((moment - at(0)).total_seconds())


def found(store: ChdbStore, history: History, until: float = 9999, **more: Any) -> list[Match]:
    after = at(more.pop("after")) if "after" in more else None
    scope = more.pop("scope", Scope(clusters=(history.cluster,)))
    by = more.pop("by", "")
    ask = Ask(scope=scope, needle=Needle(**more), after=after, until=at(until), by=by)
    return search(store, ask).items


def lines(match: Match) -> list[tuple[Any, ...]]:
    return [(run.value, seconds(run.from_), seconds(run.to), run.by, run.gone_by) for run in match.runs]


def test_a_value_is_found_in_every_life_that_held_it(store: ChdbStore, history: History) -> None:
    history.put("configmaps", "shop/a", {"data": {"url": "db.prod"}}, at=10, by="helm")
    history.put("configmaps", "shop/a", {"data": {"url": "db.staging"}}, at=20, by="kubectl-edit")
    history.put("configmaps", "shop/a", {"data": {"url": "db.prod"}}, at=30, by="helm")
    history.put("configmaps", "shop/b", {"data": {"note": "see db.staging, please"}}, at=25, by="ops", origin="list")
    history.delete("configmaps", "shop/b", at=40)
    history.put("configmaps", "shop/c", {"data": {"url": "db.prod"}}, at=50)
    history.store(store)
    a, b = found(store, history, value="db.staging")
    assert lines(a) == [("db.staging", 20, 30, "kubectl-edit", "helm")]
    assert (a.name, b.name, b.runs[0].deleted, b.runs[0].at_or_before, b.runs[0].gone_by) == (
        "a",
        "b",
        True,
        True,
        None,
    )
    assert [each.name for each in found(store, history, value="db.staging", exact=True)] == ["a"]
    assert found(store, history, value="db.staging", after=41) == []
    assert [each.name for each in found(store, history, value="db.*ing", by="kubectl-*")] == ["a"]
    assert [(seconds(each.from_), seconds(each.to), each.objects) for each in periods([a, b])] == [(20, 40, 2)]


def test_when_was_an_image_running_anywhere(store: ChdbStore, history: History) -> None:
    def pod(name: str, image: str, seconds: float) -> None:
        spec: Any = {"spec": {"containers": [{"name": "proxy", "image": "p:1"}, {"name": "web", "image": image}]}}
        history.put("pods", f"shop/{name}", spec, at=seconds, by="kubelet")

    pod("web-1", "registry/web:1", 10)
    pod("web-2", "registry/web:2", 20)
    pod("web-1", "registry/web:2", 30)
    history.delete("pods", "shop/web-2", at=40)
    history.store(store)
    ones = found(store, history, value="web:1", paths=IMAGES, last="image")
    assert [lines(each) for each in ones] == [[("registry/web:1", 10, 30, "kubelet", "kubelet")]]
    twos = found(store, history, value="registry/web:2", exact=True, paths=IMAGES, last="image")
    assert {each.name: lines(each)[0][1:3] for each in twos} == {"web-1": (30, None), "web-2": (20, 40)}


def test_a_path_alone_gives_its_values_over_delete_and_recreate(store: ChdbStore, history: History) -> None:
    for when, replicas in ((10, 1), (20, 3), (30, 3)):
        body: Any = {"spec": {"replicas": replicas, "paused": when == 30}}
        history.put("deployments.apps", "shop/web", body, at=when, by="helm")
    history.delete("deployments.apps", "shop/web", at=40)
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 5}}, at=50, by="helm")
    history.store(store)
    second, first = found(store, history, paths=("spec.replicas",))
    assert [each[:3] for each in lines(first)] == [(1, 10, 20), (3, 20, 40)]
    assert [each[:3] for each in lines(second)] == [(5, 50, None)]
    assert found(store, history, paths=("spec.replicas",), value="3")[0].runs[0].value == 3


def test_values_of_large_objects_are_found_where_the_state_was_left_out(store: ChdbStore, history: History) -> None:
    history.put("configmaps", "shop/big", {"data": {"a": "one"}}, at=10)
    history.put("configmaps", "shop/big", {"data": {"a": "needle"}}, at=20, left_out=True)
    history.put("configmaps", "shop/big", {"data": {"a": "three"}}, at=30, left_out=True)
    history.store(store)
    (match,) = found(store, history, value="needle")
    assert lines(match)[0][1:3] == (20, 30)


def test_quotes_and_backslashes_are_searched_for_as_they_are_written(store: ChdbStore, history: History) -> None:
    history.put("configmaps", "shop/a", {"data": {"json": '{"host": "db\\\\x"}'}}, at=10)
    history.store(store)
    assert len(found(store, history, value='"host": "db\\\\x"')) == 1


def test_pages_hold_every_object_once(store: ChdbStore, history: History) -> None:
    for number in range(7):
        history.put("configmaps", f"shop/c{number}", {"data": {"x": "haystack"}}, at=10)
    history.store(store)
    ask = Ask(
        scope=Scope(clusters=(history.cluster,)), needle=Needle(value="haystack"), after=None, until=at(99), limit=3
    )
    cursor, names = "", []
    while True:
        page = search(store, ask, cursor)
        names += [each.name for each in page.items]
        if not (cursor := page.next):
            break
    assert sorted(names) == [f"c{number}" for number in range(7)]


@pytest.mark.parametrize("wrong", [{}, {"value": "ab"}, {"paths": ("spec[",)}, {"value": "x" * 2000}])
def test_what_would_match_everything_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadReference):
        Needle(**wrong)


def test_a_limit_out_of_range_is_refused() -> None:
    with pytest.raises(BadWindow):
        Ask(scope=Scope(), needle=Needle(value="abc"), after=None, until=at(0), limit=0)


def test_who_last_touched_a_path_per_object(store: ChdbStore, history: History) -> None:
    web: Any = {"spec": {"replicas": 1}, "status": {"ready": 0}}
    history.put("deployments.apps", "shop/web", web, at=10, by="helm")
    history.put("deployments.apps", "shop/web", web | {"spec": {"replicas": 2}}, at=20, by="kubectl-scale")
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 2}, "status": {"ready": 2}}, at=30, by="kcm")
    history.put("deployments.apps", "shop/old", web, at=5, origin="list")
    history.put("deployments.apps", "shop/gone", web, at=6)
    history.delete("deployments.apps", "shop/gone", at=7)
    history.store(store)
    chosen = ChangeFilter(scope=Scope(clusters=(history.cluster,)), paths=("spec",))
    items, more = last_touched(store, chosen, at(100), limit=10)
    assert [(each.name, each.by, each.basis, seconds(each.when)) for each in items] == [
        ("web", "kubectl-scale", "change", 20),
        ("old", None, "first-sight", 5),
    ]
    assert (items[0].paths, more) == (["spec.replicas"], False)


@questions(3)
@given(seed=st.integers(0, 2**32))
def test_a_search_finds_what_a_walk_over_full_states_finds(store: ChdbStore, seed: int) -> None:
    chance = random.Random(seed)
    history = History(f"search-{next(NUMBERS)}")
    told = tell(history, chance, objects=4, changes=60)
    history.store(store)
    strings = sorted({v for each in told for _, v in leaves(each.state) if isinstance(v, str) and len(v) >= 3})
    if not strings:
        return
    value = chance.choice(strings)
    items = found(store, history, until=99_999, value=value, exact=True)
    spans = {each.uid: [(seconds(span.from_), seconds(span.to)) for span in periods([each])] for each in items}
    assert spans == _naive(told, value)


def _naive(told: list[Told], value: str) -> dict[str, list[tuple[float | None, float | None]]]:
    """uid → when its states held the value, wherever."""
    spans: dict[str, list[tuple[float | None, float | None]]] = {}
    since: dict[str, float | None] = {}
    for each in told:
        uid, now = each.event.uid, seconds(each.event.ts)
        holds = each.event.op != "delete" and any(leaf == value for _, leaf in leaves(each.state))
        if holds:
            if uid not in since and (ended := spans.get(uid, [])) and ended[-1][1] == now:
                since[uid] = ended.pop()[0]  # gone for no time at all
            since.setdefault(uid, now)
        elif uid in since:
            spans.setdefault(uid, []).append((since.pop(uid), now))
    for uid, begun in since.items():
        spans.setdefault(uid, []).append((begun, None))
    return spans
