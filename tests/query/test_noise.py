"""Noise rules of one's own: what they hide, what they leave, and which ones would be worth having."""

from typing import Any

import pytest

from query import noise
from query.actors import classify
from query.changes import Ask, changes
from query.changes import history as changes_of
from query.noise_rules import NoiseRules, parse_rules, split_rules
from query.refs import object_ref
from query.scope import ChangeFilter, Scope
from schema.chdb import ChdbStore
from tests.fakes.history import History, at


def told(history: History) -> None:
    """Two Deployments scaled by a program every 30 s, a person's edit among it, and a recorded heartbeat."""
    for name in ("web", "api"):
        for step in range(20):
            spec: Any = {"spec": {"replicas": 2 + step % 2, "image": "v1" if step < 10 else "v2"}}
            by = "kubectl-edit" if step == 10 else "hpa-controller"
            history.put("deployments.apps", f"shop/{name}", spec, at=10 + 30 * step, by=by)
    for step in range(3):
        beat: Any = {"status": {"seen": step}}
        history.put("nodes", "n1", beat, at=100 + step, by="kubelet", noise="heartbeat" if step else "")


def chosen(history: History, *rules: str, **more: Any) -> ChangeFilter:
    return ChangeFilter(scope=Scope(clusters=(history.cluster,)), rules=parse_rules(rules), **more)


def shown(store: ChdbStore, wanted: ChangeFilter) -> tuple[int, int]:
    """(shown, hidden) changes."""
    page = changes(store, Ask(filter=wanted, after=at(0), until=at(9999)))
    return len(page.items), page.hidden.noise


def test_a_rule_hides_what_it_covers_and_counts_it(store: ChdbStore, history: History) -> None:
    told(history)
    history.store(store)
    assert shown(store, chosen(history)) == (41, 2)
    assert shown(store, chosen(history, "deployments.apps spec.replicas hpa-*")) == (5, 38)
    assert shown(store, chosen(history, "deployments.apps spec.replicas kubectl-*")) == (41, 2)
    assert shown(store, chosen(history, "deployments.apps spec.replicas hpa-*", noise=True)) == (43, 0)
    assert shown(store, chosen(history, "*.apps spec")) == (3, 40)
    assert shown(store, chosen(history, "show heartbeat")) == (43, 0)


def test_a_change_that_touches_more_than_noise_stays(store: ChdbStore, history: History) -> None:
    history.put("configmaps", "shop/a", {"data": {"x": "1", "y": "1"}}, at=10, by="bot")
    history.put("configmaps", "shop/a", {"data": {"x": "2", "y": "2"}}, at=20, by="bot")
    history.store(store)
    assert shown(store, chosen(history, "configmaps data.x")) == (2, 0)
    assert shown(store, chosen(history, "configmaps data.x", "configmaps data.y")) == (1, 1)


def test_the_history_of_one_object_knows_the_rules_too(store: ChdbStore, history: History) -> None:
    told(history)
    history.store(store)
    ref = object_ref(history.cluster, ("deployments", "apps"), "shop", "web")
    wanted = ChangeFilter(rules=parse_rules(("deployments.apps spec.replicas",)), first_sight=True)
    page = revisions(store, ref, wanted)
    assert (len(page.items), page.hidden.noise) == (2, 18)


def revisions(store: ChdbStore, ref: Any, wanted: ChangeFilter) -> Any:
    return changes_of(store, ref, Ask(filter=wanted, after=at(-1), until=at(9999)))


def test_what_is_hidden_is_told_by_rule(store: ChdbStore, history: History) -> None:
    told(history)
    history.store(store)
    wanted = chosen(history, "deployments.apps spec.replicas hpa-*", "configmaps data")
    rules, every, hidden = noise.hidden_by(store, wanted, at(0), at(9999))
    assert [(each.rule, each.source, each.changes, each.objects) for each in rules] == [
        ("heartbeat", "recorded", 2, 1),
        ("deployments.apps spec.replicas hpa-*", "setting", 36, 2),
        ("configmaps data", "setting", 0, 0),
    ]
    assert (every, hidden) == (43, 38)


def churning(history: History) -> None:
    for step in range(60):
        status: Any = {"status": {"load": step}, "metadata_note": "x"}
        history.put("pods", "shop/a", status, at=10 + 10 * step, by="metrics-controller")
        if step % 10 == 0:
            scaled: Any = {"spec": {"replicas": step}, "status": {"notes": {"a.b/c": str(step)}}}
            history.put("deployments.apps", "shop/web", scaled, at=11 + 10 * step, by="kubectl-scale")


def test_churn_is_proposed_as_rules_with_their_effect(store: ChdbStore, history: History) -> None:
    churning(history)
    history.store(store)
    (load,) = noise.suggestions(store, chosen(history), at(0), at(620))
    assert (load.rule, load.writes, load.objects) == ("pods status.load metrics-controller", 59, 1)
    assert (load.hides, load.hides_with_all) == (59, 59)
    before = shown(store, chosen(history))
    after = shown(store, chosen(history, load.rule))
    assert before[0] - after[0] == load.hides
    assert noise.suggestions(store, chosen(history, load.rule), at(0), at(620)) == []


def test_rules_are_read_as_they_are_written() -> None:
    text = 'pods status.conditions[type=Ready].x, *.apps metadata.annotations["a.b,c/d"] argo*, show lease'
    texts = split_rules(text)
    assert len(texts) == 3
    rules = parse_rules(texts)
    assert [(each.kind, each.path, each.manager) for each in rules.rules] == [
        ("pods", "status.conditions[type=Ready].x", "*"),
        ("*.apps", 'metadata.annotations["a.b,c/d"]', "argo*"),
    ]
    assert rules.shown == ("lease",)
    assert parse_rules(()) == NoiseRules()


@pytest.mark.parametrize("wrong", ["pods", "pods spec[ x", "a b c d", ""])
def test_what_is_no_rule_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_rules((wrong,))


@pytest.mark.parametrize(
    ("manager", "operation", "user", "sort", "confidence"),
    [
        ("kubectl-edit", "Update", "", "human", "high"),
        ("kubectl", "Apply", "", "human", "medium"),
        ("argocd-controller", "Apply", "", "gitops", "high"),
        ("kustomize-controller", "Apply", "", "gitops", "high"),
        ("kube-controller-manager", "Update", "", "controller", "high"),
        ("my-operator", "Update", "", "controller", "medium"),
        ("", "", "", "unknown", "none"),
        ("curl", "Update", "", "unknown", "none"),
        ("curl", "Update", "jane@example.org", "human", "high"),
        ("kubectl-edit", "Update", "system:serviceaccount:ci:deployer", "controller", "high"),
        ("kubelet", "Update", "system:node:n1", "controller", "high"),
    ],
)
def test_writers_are_told_apart_with_their_confidence(
    manager: str, operation: str, user: str, sort: str, confidence: str
) -> None:
    found = classify(manager, operation, user=user)
    assert (found.sort, found.confidence) == (sort, confidence)
