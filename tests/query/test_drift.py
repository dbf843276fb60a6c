"""Drift from manifests, moments and peers: exactly the places that differ, and since when."""

import base64
import gzip
from typing import Any

import orjson
import pytest

from query import baselines, drift_rules
from query.baselines import Question
from query.drift import Asked, drift
from query.errors import BadReference
from query.manifests import LAST_APPLIED
from query.models_drift import Drift, DriftItem
from query.noise_rules import parse_rules
from query.refs import known_kinds
from query.scope import Scope
from schema.canonical import Json, JsonObject
from schema.chdb import ChdbStore
from schema.events import KindInfo
from schema.kindschema import KindSchema
from tests.fakes.history import LEASES, History, at


def ask(
    store: ChdbStore,
    history: History,
    words: str = "",
    *,
    manifests: Any = None,
    template: Any = None,
    scope: Scope | None = None,
    ended: bool = False,
    without: tuple[str, ...] = (),
    when: float = 2000,
    hide: tuple[str, ...] = (),
) -> Drift:
    scope = scope or Scope(clusters=(history.cluster,))
    question = Question(
        words=words,
        scope=scope,
        known=known_kinds(store, [history.cluster]),
        at=at(when),
        open_end=when == 2000,
        now=at(2000),
        manifests=manifests,
        template=template,
        default_namespace="shop",
    )
    asked = Asked(
        at=at(when),
        open_end=when == 2000,
        rules=drift_rules.rules(without),
        ended=ended,
        noise_rules=parse_rules(hide),
    )
    return drift(store, baselines.resolve(store, question), asked)


def web(history: History, seconds: float, spec: Any, by: str = "argocd", **more: Any) -> Any:
    return history.put(
        "deployments.apps", "shop/web", {"spec": spec, **more.pop("rest", {})}, at=seconds, by=by, **more
    )


def manifest(spec: Any, name: str = "web") -> Any:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def paths(found: Drift) -> dict[str, DriftItem]:
    return {each.path: each for each in found.items}


def test_the_onset_is_where_the_value_left_the_baseline_for_good(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1, "paused": False})
    left = web(history, 20, {"replicas": 2, "paused": False}, by="kubectl-edit")
    web(history, 30, {"replicas": 3, "paused": False}, by="hpa", rest={"status": {"seen": 1}})
    history.store(store)
    found = ask(store, history, manifests=[manifest({"replicas": 1, "paused": False})])
    (item,) = found.items
    assert (item.path, item.expected, item.actual, item.op) == ("spec.replicas", 1, 3, "changed")
    assert (item.since, item.by, item.event, item.basis) == (at(20), "kubectl-edit", left.id, "change")
    assert (item.writes, item.flaps, item.age) == (2, 0, 1980)
    assert (found.compared, found.drifted) == (1, 1)


def test_a_field_two_managers_fight_over_is_told_with_its_period(store: ChdbStore, history: History) -> None:
    for seconds in (10, 110, 210):
        web(history, seconds, {"replicas": 2})
        web(history, seconds + 50, {"replicas": 5}, by="hpa")
    history.store(store)
    item = paths(ask(store, history, manifests=[manifest({"replicas": 2})]))["spec.replicas"]
    assert (item.since, item.flaps, item.period, item.between) == (at(260), 2, 100, ["hpa", "argocd"])


def test_what_a_rule_of_the_operator_covers_is_hidden_until_somebody_else_writes_it(
    store: ChdbStore, history: History
) -> None:
    for seconds, replicas, by in ((10, 2, "argocd"), (20, 5, "hpa-web"), (30, 7, "hpa-web")):
        web(history, seconds, {"replicas": replicas}, by=by)
    history.store(store)
    rules = ("deployments.apps spec.replicas hpa-*",)
    hidden = ask(store, history, manifests=[manifest({"replicas": 2})], hide=rules)
    shown = ask(store, history, manifests=[manifest({"replicas": 2})], hide=("*.apps spec.repl other",))
    assert (hidden.items, hidden.hidden, hidden.drifted) == ([], 1, 0)
    assert [(each.path, each.by) for each in shown.items] == [("spec.replicas", "hpa-web")]
    web(history, 40, {"replicas": 9}, by="kubectl-edit")
    history.store(store)
    assert ask(store, history, manifests=[manifest({"replicas": 2})], hide=rules).drifted == 1
    assert ask(store, history, f"time:{at(15).isoformat()}", hide=rules).drifted == 1
    assert ask(store, history, f"time:{at(15).isoformat()}", hide=rules, when=35).items == []


def test_defaults_status_and_what_means_the_same_are_no_drift(store: ChdbStore, history: History) -> None:
    container = {"name": "web", "image": "web:1", "imagePullPolicy": "Always", "resources": {"limits": {"cpu": "1"}}}
    ports = {"ports": [{"containerPort": 80, "protocol": "TCP"}]}
    spec = {
        "replicas": 1,
        "strategy": {"type": "RollingUpdate"},
        "template": {"spec": {"containers": [container | ports]}},
    }
    web(history, 10, spec, rest={"status": {"replicas": 1}})
    history.store(store)
    written = {
        "name": "web",
        "image": "web:1",
        "resources": {"limits": {"cpu": "1000m"}},
        "ports": [{"containerPort": 80}],
    }
    wanted = manifest(
        {"template": {"metadata": {"creationTimestamp": None}, "spec": {"containers": [written], "hostNetwork": False}}}
    )
    found = ask(store, history, manifests=[wanted])
    assert not found.items
    assert {"quantity", "zero", "status", "unmentioned"} <= {each.rule for each in found.rules}
    strict = ask(store, history, manifests=[wanted], without=("quantity",))
    assert [each.path for each in strict.items] == ["spec.template.spec.containers[name=web].resources.limits.cpu"]


def test_an_injected_sidecar_is_added_and_has_its_beginning(store: ChdbStore, history: History) -> None:
    one = {"name": "web", "image": "web:1"}
    web(history, 10, {"containers": [one]})
    web(history, 40, {"containers": [one, {"name": "proxy", "image": "p:1"}]}, by="injector")
    web(history, 60, {"containers": [one, {"name": "proxy", "image": "p:2"}]}, by="injector")
    history.store(store)
    (item,) = ask(store, history, manifests=[manifest({"containers": [one]})]).items
    assert (item.path, item.op, item.by, item.since) == ("spec.containers[name=proxy]", "added", "injector", at(40))
    assert item.writes == 2


def test_what_ended_by_itself_is_told_on_request(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1})
    web(history, 20, {"replicas": 4}, by="kubectl-edit")
    web(history, 30, {"replicas": 1})
    history.store(store)
    wanted = [manifest({"replicas": 1})]
    assert not ask(store, history, manifests=wanted).items
    (item,) = ask(store, history, manifests=wanted, ended=True).items
    (span,) = item.spans
    assert (item.lasts, span.from_, span.to, span.by, span.ended_by, span.actual) == (
        False, at(20), at(30), "kubectl-edit", "argocd", 4,
    )  # fmt: skip


def test_objects_that_nobody_wrote_since_the_baseline_have_no_past_drift(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1})
    history.store(store)
    assert not ask(store, history, f"time:{at(15).isoformat()}", ended=True).items


def test_what_rests_on_less_than_a_live_watch_has_an_interval(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1}, origin="list")
    web(history, 20, {"replicas": 2}, by="x", error=3.0)
    history.gap("deployments.apps", 30, 50)
    history.put("configmaps", "shop/settings", {"data": {"a": "1"}}, at=10, origin="list")
    gap = history.gap("configmaps", 30, 50)
    history.put("configmaps", "shop/settings", {"data": {"a": "2"}}, at=50, origin="relist", gap=gap)
    history.store(store)
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
    found = ask(store, history, manifests=[manifest({"replicas": 1}), settings])
    late, relist = paths(found)["spec.replicas"], paths(found)["data.a"]
    assert (late.basis, late.after, late.since) == ("late", at(17), at(20))
    assert (relist.basis, relist.after, relist.since) == ("relist", at(30), at(50))
    first = paths(ask(store, history, manifests=[manifest({"replicas": 9})]))["spec.replicas"]
    assert (first.basis, first.after) == ("first-sight", None)


def test_objects_that_are_not_there_and_kinds_nobody_knows(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1})
    history.delete("deployments.apps", "shop/web", at=20)
    history.store(store)
    strange = {"apiVersion": "example.org/v1", "kind": "Strange", "metadata": {"name": "x"}}
    found = ask(store, history, manifests=[manifest({"replicas": 1}), manifest({}, "never"), strange])
    gone, never = sorted(found.items, key=lambda each: each.name, reverse=True)
    assert (gone.op, gone.since, gone.path) == ("missing", at(20), "")
    assert (gone.by, [each.manager for each in gone.candidates]) == (None, ["argocd"])
    assert (never.op, never.since, never.basis, never.candidates) == ("missing", None, "unknown", [])
    assert [each.what for each in found.not_compared] == ["Strange/x (document 3)"]


def test_a_moment_is_a_baseline_that_also_knows_what_is_extra(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1})
    history.put("configmaps", "shop/old", {"data": {}}, at=10)
    web(history, 40, {"replicas": 2}, by="kubectl-edit")
    history.put("configmaps", "shop/new", {"data": {}}, at=50, by="helm")
    history.delete("configmaps", "shop/old", at=60)
    history.store(store)
    found = ask(store, history, "time:2026-03-01T12:00:30Z")
    told = {(each.name, each.op, each.path): each.since for each in found.items}
    assert told == {
        ("web", "changed", "spec.replicas"): at(40),
        ("new", "extra", ""): at(50),
        ("old", "missing", ""): at(60),
    }


WIDGETS = KindInfo(
    resource="widgets",
    group="lab",
    version="v1",
    kind="Widget",
    namespaced=True,
    watching="yes",
    schema=KindSchema(
        keys={"/spec/routes": ["path", "verb"]}, quantities=["/spec/budget"], defaults={"/spec/mode": "auto"}
    ),
)


def widget(history: History, seconds: float, **spec: Any) -> None:
    routes: list[Json] = [{"path": "/", "verb": "GET", "to": "a"}, {"path": "/", "verb": "PUT", "to": "b"}]
    history.put("widgets.lab", "shop/w", {"spec": {"routes": routes, "budget": "1k", **spec}}, at=seconds, by="helm")


def test_a_custom_resource_is_compared_as_its_recorded_schema_says(store: ChdbStore, history: History) -> None:
    history.serve(WIDGETS, since=1)
    widget(history, 10)
    routes: list[Json] = [{"path": "/", "verb": "PUT", "to": "c"}, {"path": "/", "verb": "GET", "to": "a"}]
    widget(history, 40, routes=routes, budget="1000", mode="auto")
    history.store(store)
    found = ask(store, history, "time:2026-03-01T12:00:30Z")
    assert [(each.path, each.expected, each.actual, each.since) for each in found.items] == [
        ("spec.routes[path=/,verb=PUT].to", "b", "c", at(40))
    ]
    applied = {each.rule: each.applied for each in found.rules}
    assert (applied["quantity"], applied["default"]) == (1, 1)


def test_a_manifest_of_a_kind_that_is_not_watched_is_not_called_missing(store: ChdbStore, history: History) -> None:
    history.serve(LEASES, since=1)
    web(history, 10, {"replicas": 1})
    history.store(store)
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "leader"}, "spec": {}}
    found = ask(store, history, manifests=[manifest({"replicas": 1}), lease])
    assert (found.items, found.compared) == ([], 1)
    (told,) = found.not_compared
    assert "is not watched (off): not recorded by default" in told.reason


def test_another_life_under_the_same_name_drifts_since_its_own_beginning(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1})
    web(history, 20, {"replicas": 2}, by="kubectl-edit")
    history.delete("deployments.apps", "shop/web", at=30)
    web(history, 40, {"replicas": 2}, by="restore")
    web(history, 50, {"replicas": 2, "paused": True}, by="kubectl-edit")
    history.store(store)
    found = ask(store, history, manifests=[manifest({"replicas": 1, "paused": False})])
    told = {each.path: (each.since, each.by, each.basis) for each in found.items}
    assert told == {
        "spec.replicas": (at(40), "restore", "creation"),
        "spec.paused": (at(50), "kubectl-edit", "change"),
    }


def test_a_moment_before_the_record_claims_nothing(store: ChdbStore, history: History) -> None:
    history.watch(from_=20, to=1999)
    web(history, 20, {"replicas": 1}, origin="list")
    history.store(store)
    found = ask(store, history, "time:2026-03-01T12:00:05Z")
    assert not found.items
    assert [each.what for each in found.not_compared] == ["1 object was first seen later"]
    assert not found.coverage.complete


def test_two_clusters_differ_in_just_the_places_that_were_changed(store: ChdbStore, history: History) -> None:
    other = History(f"{history.cluster}-b")

    def put(cluster: History, number: int, image: str, seconds: float) -> None:
        body: JsonObject = {"spec": {"replicas": number, "containers": [{"name": "c", "image": image}]}}
        cluster.put("deployments.apps", f"shop/d{number}", body, at=seconds)

    for number in range(300):
        put(history, number, f"i:{number}", 10)
        put(other, number, f"i:{number}", 10)
    for number in range(12):
        put(other, number * 7, "other", 30)
    history.store(store)
    other.store(store)
    found = ask(store, history, f"cluster:{other.cluster}")
    places = {(each.name, each.path) for each in found.items}
    assert places == {(f"d{number * 7}", "spec.containers[name=c].image") for number in range(12)}
    assert {(each.since, each.of) for each in found.items} == {(at(30), "peer")}
    assert found.compared == 300


def test_helm_s_record_is_read_where_it_is_no_secret(store: ChdbStore, history: History) -> None:
    text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n"
    release = {"name": "shop", "namespace": "shop", "version": 3, "manifest": text}
    packed = base64.b64encode(gzip.compress(orjson.dumps(release))).decode()
    name, labels = "sh.helm.release.v1.shop.v3", {"owner": "helm", "status": "deployed", "version": "3"}
    history.put("configmaps", f"shop/{name}", {"data": {"release": packed}}, at=5, labels=labels)
    web(history, 10, {"replicas": 5}, by="kubectl-scale")
    history.store(store)
    found = ask(store, history, "helm-release:shop")
    assert [(each.path, each.expected, each.by) for each in found.items] == [("spec.replicas", 2, "kubectl-scale")]


def test_a_peer_differs_since_either_side_moved_away(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 1})
    history.put("deployments.apps", "test/web", {"spec": {"replicas": 1}}, at=10)
    there = history.put("deployments.apps", "test/web", {"spec": {"replicas": 2}}, at=30, by="kubectl-scale")
    web(history, 40, {"replicas": 3})
    history.store(store)
    scope = Scope(clusters=(history.cluster,), namespaces=("shop",))
    (item,) = ask(store, history, "namespace:test", scope=scope).items
    assert (item.expected, item.actual, item.since, item.event, item.of) == (2, 3, at(30), there.id, "peer")


def test_last_applied_is_a_baseline_of_each_object(store: ChdbStore, history: History) -> None:
    applied = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"a":"1"}}'
    metadata: Json = {"name": "settings", "namespace": "shop", "annotations": {LAST_APPLIED: applied}}
    history.put("configmaps", "shop/settings", {"metadata": metadata, "data": {"a": "5", "b": "2"}}, at=20)
    history.put("configmaps", "shop/other", {"data": {"a": "1"}}, at=20)
    history.store(store)
    found = ask(store, history, "last-applied")
    assert [(each.path, each.expected, each.actual) for each in found.items] == [("data.a", "1", "5")]
    assert found.compared == 1


def test_a_template_allows_variance(store: ChdbStore, history: History) -> None:
    web(history, 10, {"replicas": 3, "image": "web:1.2", "policy": "Always"})
    history.put("deployments.apps", "shop/api", {"spec": {"replicas": 30, "image": "api"}}, at=10)
    history.store(store)
    spec = {
        "replicas": {"$range": [1, 5]},
        "image": {"$regex": r"\w+:\d.*"},
        "policy": {"$optional": {"$oneOf": ["Always"]}},
    }
    found = ask(store, history, template=[manifest(spec, "*")])
    assert {(each.name, each.path) for each in found.items} == {("api", "spec.replicas"), ("api", "spec.image")}
    with pytest.raises(BadReference, match="no variance"):
        ask(store, history, template=[manifest({"replicas": {"$between": [1, 2]}}, "*")])


def test_secret_values_are_never_compared_nor_shown(store: ChdbStore, history: History) -> None:
    history.put("secrets", "shop/token", {"data": {"a": "aG1hYzprMTowMDAwMDAwMDAwMDAwMDAx"}}, at=10)
    history.store(store)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "data": {"a": "cGxhaW4="}}
    found = ask(store, history, manifests=[secret])
    assert not found.items
    assert [(each.path, each.expected) for each in found.not_comparable] == [("data.a", "***")]


@pytest.mark.parametrize(
    ("words", "manifests", "word"),
    [
        ("nonsense", None, "no baseline"),
        ("pin:nowhere", None, "no pin"),
        ("", ["text"], "no Kubernetes object"),
        ("", [], "nothing in the manifests"),
        ("cluster:other", None, "No cluster 'other'"),
        ("helm-release:web", None, "Helm keeps releases in Secrets"),
        ("time:2030-01-01T00:00:00Z", None, "later than"),
    ],
)
def test_what_is_no_baseline_is_refused_in_words(
    store: ChdbStore, history: History, words: str, manifests: Any, word: str
) -> None:
    history.store(store)
    with pytest.raises(Exception, match=word):
        ask(store, history, words, manifests=manifests)
