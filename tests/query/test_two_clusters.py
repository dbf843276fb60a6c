"""Two clusters of 300 objects each that differ in twelve known places; all else is at most written otherwise."""

import copy
import itertools
from typing import Any

import pytest

from query import snapshots
from query.models import Coverage
from query.scope import Scope
from query.semantics import Rules
from query.snapshot_items import Shown
from schema.chdb import ChdbStore
from schema.lookup import value_at
from schema.paths import Field, parse
from tests.fakes.history import History, at

COVERAGE = Coverage(
    complete=True, watched_since=None, watermark=None, confirmed=None, gaps=[], late=[], unwatched=[], why=[]
)
NUMBERS = itertools.count(1)
WEB = "spec.template.spec.containers[name=web]"
PLACES: dict[str, tuple[str, Any]] = {
    "deployments/web-0": (f"{WEB}.image", "web:2"),
    "deployments/web-1": ("spec.replicas", 5),
    "deployments/web-2": (f"{WEB}.resources.limits.memory", "2Gi"),
    "deployments/web-3": ("metadata.labels.team", "other"),
    "deployments/web-4": (f"{WEB}.env[name=B].value", "other"),
    "deployments/web-5": ("spec.paused", True),
    "configmaps/settings-0": ("data.plain", "other"),
    "configmaps/settings-1": ('data["app.json"]', '{"port": 81, "hosts": ["a"]}'),
}
"""Object → (place, value in the second cluster). Beside them: two objects in the one only, two in the other only."""


def deployment(number: int) -> Any:
    container = {
        "name": "web",
        "image": "web:1",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}},
        "ports": [{"containerPort": 80 + number % 3, "protocol": "TCP"}],
    }
    return {"spec": {"replicas": 1, "paused": False, "template": {"spec": {"containers": [container, {"name": "b"}]}}}}


def otherwise(body: Any) -> Any:
    """Another spelling of the same."""
    made = copy.deepcopy(body)
    if "data" in made:
        made["data"]["app.json"] = '{ "hosts": ["a"], "port": 80 }'
        return made
    containers = made["spec"]["template"]["spec"]["containers"]
    containers[0]["resources"]["limits"] |= {"cpu": "1", "memory": "1024Mi"}
    containers[0]["imagePullPolicy"] = "IfNotPresent"
    containers.reverse()
    made["spec"]["revisionHistoryLimit"] = 10
    return made


def bodies() -> dict[tuple[str, str], Any]:
    config = {"data": {"plain": "1", "app.json": '{"port":80,"hosts":["a"]}'}}
    found: dict[tuple[str, str], Any] = {
        ("deployments.apps", f"web-{number}"): deployment(number) for number in range(150)
    }
    return found | {("configmaps", f"settings-{number}"): config for number in range(148)}


@pytest.fixture
def clusters(store: ChdbStore) -> tuple[str, str]:
    number = next(NUMBERS)
    names = f"one-{number}", f"two-{number}"
    for name in names:
        second = name == names[1]
        history = History(name)
        for (kind, object_name), body in bodies().items():
            place = PLACES.get(f"{kind.partition('.')[0]}/{object_name}") if second else None
            labels = {"team": "shop"}
            if place and place[0].startswith("metadata"):
                labels, place = {"team": place[1]}, None
            told = otherwise(body) if second else body
            history.put(kind, f"shop/{object_name}", _with(told, place), at=10, labels=labels)
        for extra in ("x", "y"):
            history.put("configmaps", f"shop/only-{name}-{extra}", {"data": {}}, at=10)
        history.store(store)
    return names


def _with(body: Any, place: tuple[str, Any] | None) -> Any:
    if place is None:
        return body
    made = copy.deepcopy(body)
    *above, last = parse(place[0])
    holder = value_at(made, tuple(above))
    assert isinstance(holder, dict)
    assert isinstance(last, Field)
    holder[last.name] = place[1]
    return made


def test_all_twelve_differences_are_found_and_nothing_else(store: ChdbStore, clusters: tuple[str, str]) -> None:
    one, two = (Scope(clusters=(name,)) for name in clusters)
    rules = Rules(without=["server-owned"])
    answer = snapshots.over_places(store, one, two, at(20), at(20), Shown(rules=rules), COVERAGE)
    found = {f"{each.resource}/{each.name}": [field.path for field in each.fields] for each in answer.changed}
    assert found == {name: [place] for name, (place, _) in PLACES.items()}
    assert {each.name for each in answer.added} == {f"only-{clusters[1]}-{extra}" for extra in ("x", "y")}
    assert {each.name for each in answer.removed} == {f"only-{clusters[0]}-{extra}" for extra in ("x", "y")}
    assert {"quantity", "default", "list-map", "embedded-document"} <= answer.equal.keys()
    exact = snapshots.over_places(store, one, two, at(20), at(20), Shown(), COVERAGE)
    assert len(exact.changed) == 298
