"""Blame: since when each field has its value, and by whom, proved against a walk over full states."""

import itertools
import random
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from query.blame import blame
from query.errors import BadReference
from query.models_compared import BlamedField
from query.refs import object_ref
from query.timeline import Found, state_at, version
from schema.canonical import ABSENT, Absent, same
from schema.chdb import ChdbStore
from schema.events import Event
from schema.lookup import leaves, value_at
from schema.paths import render
from tests.fakes.history import History, at
from tests.fakes.referee import questions
from tests.fakes.telling import Told, tell

NUMBERS = itertools.count(1)


def blamed(store: ChdbStore, history: History, *, when: float = 9999, path: str = "") -> dict[str, BlamedField]:
    ref = object_ref(history.cluster, ("deployments", "apps"), "shop", "web")
    found = state_at(store, ref, at(when), now=at(9999))
    assert isinstance(found, Found)
    return {each.path: each for each in blame(store, found.event, path)}


def web(history: History, seconds: float, spec: Any, by: str = "helm", **more: Any) -> Event:
    return history.put("deployments.apps", "shop/web", {"spec": spec}, at=seconds, by=by, **more)


def test_a_field_names_its_last_change_and_what_it_was(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1, "paused": False})
    scaled = web(history, 20, {"replicas": 3, "paused": False}, by="kubectl-scale")
    web(history, 30, {"replicas": 3, "paused": True}, by="kubectl-edit", error=2.5)
    history.store(store)
    fields = blamed(store, history)
    replicas = fields["spec.replicas"]
    assert (replicas.value, replicas.previous, replicas.by, replicas.since) == (3, 1, "kubectl-scale", at(20))
    assert (replicas.event, replicas.basis, replicas.at_or_before) == (scaled.id, "change", False)
    assert fields["spec.paused"].ts_error == 2.5
    assert (fields["metadata.name"].basis, fields["metadata.name"].since) == ("creation", at(10))
    assert blamed(store, history, when=15)["spec.replicas"].value == 1


def test_what_was_there_at_first_sight_is_that_old_or_older_and_its_owner_is_known(
    store: ChdbStore, history: History
) -> None:
    first = web(history, 10, {"replicas": 1, "paused": False}, by="", origin="list")
    entry = {
        "manager": "argocd",
        "operation": "Apply",
        "time": "2026-02-28T10:00:00Z",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    first.managed = Raw(orjson.dumps([entry]))
    history.store(store)
    fields = blamed(store, history)
    replicas, paused = fields["spec.replicas"], fields["spec.paused"]
    assert (replicas.by, replicas.since.isoformat()) == ("argocd", "2026-02-28T10:00:00+00:00")
    assert (paused.by, paused.since, paused.confidence) == (None, at(10), "none")
    assert replicas.at_or_before
    assert paused.at_or_before


def test_an_item_of_a_list_keeps_its_past_where_it_moves(store: ChdbStore, history: History) -> None:
    def containers(*names: str) -> Any:
        return {"containers": [{"name": name, "image": f"{name}:1"} for name in names]}

    web(history, 10, containers("web"))
    web(history, 20, containers("proxy", "web"), by="injector")
    history.store(store)
    fields = blamed(store, history, path="spec.containers")
    assert fields["spec.containers[name=web].image"].since == at(10)
    assert (fields["spec.containers[name=proxy].image"].since, fields["spec.containers[name=proxy].image"].by) == (
        at(20),
        "injector",
    )


def test_a_path_may_be_spelled_in_any_way_and_what_is_none_is_refused(store: ChdbStore, history: History) -> None:
    web(history, 10, {"ports": [{"name": "http", "port": 80}]})
    history.store(store)
    assert set(blamed(store, history, path=".spec.ports[#0].port")) == {"spec.ports[#0].port"}
    assert blamed(store, history, path="spec.nothing") == {}
    with pytest.raises(BadReference):
        blamed(store, history, path="spec[")


def naive(life: list[Told]) -> dict[str, tuple[str, object]]:
    """(event, previous value) of every leaf of the last state, from full states alone."""
    found: dict[str, tuple[str, object]] = {}
    for path, value in leaves(life[-1].state):
        since = len(life) - 1
        while since and _equal(value_at(life[since - 1].state, path), value):
            since -= 1
        before = value_at(life[since - 1].state, path) if since else ABSENT
        found[render(path)] = (life[since].event.id, None if isinstance(before, Absent) else before)
    return found


def _equal(one: Any, other: Any) -> bool:
    return not isinstance(one, Absent) and same(one, other)


@questions(4)
@given(seed=st.integers(0, 2**32))
@example(seed=189)  # a list emptied, then filled: the value before must not change while the walk goes on
def test_blame_is_what_a_walk_over_full_states_finds(store: ChdbStore, seed: int) -> None:
    chance = random.Random(seed)
    history = History(f"blame-{next(NUMBERS)}")
    told = tell(history, chance, objects=4, changes=60)
    history.store(store)
    lives: dict[str, list[Told]] = {}
    for each in told:
        if each.event.op != "delete":
            lives.setdefault(each.event.uid, []).append(each)
    for life in lives.values():
        lived = life[: chance.randrange(len(life)) + 1]
        last = lived[-1].event
        ref = object_ref(history.cluster, (last.resource, last.group), last.namespace, last.name)
        event = version(store, ref, last.uid, last.epoch, last.seq)
        assert {each.path: (each.event, each.previous) for each in blame(store, event)} == naive(lived)
