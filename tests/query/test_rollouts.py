"""Rollouts as answers: from what to what, by whom, how they went, and which never ended."""

from typing import Any

import pytest

from query.errors import BadReference, BadWindow
from query.models_rollouts import Rollout
from query.refs import known_kinds
from query.rollout_starts import Ask
from query.rollouts import rollouts, workload_scope
from query.scope import Scope
from schema.chdb import ChdbStore
from schema.events import Involved, KubeEvent
from schema.rows import kube_event_rows
from tests.fakes.history import KINDS, History, at, kind_info

SERVED = (
    *KINDS,
    kind_info("replicasets.apps", "ReplicaSet"),
    kind_info("statefulsets.apps", "StatefulSet"),
    kind_info("daemonsets.apps", "DaemonSet"),
    kind_info("jobs.batch", "Job"),
    kind_info("rollouts.argoproj.io", "Rollout"),
    kind_info("controllerrevisions.apps", "ControllerRevision"),
)


@pytest.fixture
def history(history: History) -> History:
    """With the kinds that roll out."""
    return History(history.cluster, kinds=SERVED)


def template(image: str) -> Any:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}


class Web:
    """A Deployment of two replicas, told step by step."""

    def __init__(self, history: History, name: str = "shop/web") -> None:
        self.history, self.name = history, name
        self.generation = 0
        self.image = ""

    def roll(self, image: str, seconds: float, by: str = "helm", **more: Any) -> None:
        self.generation += 1
        self.image = image
        self._put(seconds, by, {"observedGeneration": self.generation - 1}, **more)

    def done(self, seconds: float, *, updated: int = 2, total: int = 2, available: int = 2, **more: Any) -> None:
        counts = {"updatedReplicas": updated, "replicas": total, "availableReplicas": available}
        self._put(seconds, "kube-controller-manager", {"observedGeneration": self.generation, **counts, **more})

    def _put(self, seconds: float, by: str, status: Any, **more: Any) -> None:
        body: Any = {"spec": {"replicas": 2, "template": template(self.image)}, "status": status}
        meta: Any = {"generation": self.generation}
        self.history.put("deployments.apps", self.name, body, at=seconds, by=by, meta=meta, **more)


def asked(store: ChdbStore, history: History, after: float = 0, until: float = 1000, **more: Any) -> list[Rollout]:
    known = known_kinds(store, [history.cluster])
    scope = workload_scope(Scope(clusters=(history.cluster,)), known)
    return rollouts(store, Ask(scope=scope, after=at(after), until=at(until), **more)).items


def test_a_rollout_tells_what_changed_who_did_it_and_how_long_it_took(store: ChdbStore, history: History) -> None:
    web = Web(history)
    web.roll("web:1", 10)
    web.done(12)
    web.roll("web:2", 20, by="deploy-bot")
    web.done(21, updated=1, total=3, available=2)
    web.done(26)
    history.store(store)
    newest, first = asked(store, history)
    (field,) = newest.fields
    assert (field.path, field.old, field.new) == ("spec.template.spec.containers[name=web].image", "web:1", "web:2")
    assert (newest.by, newest.result, newest.duration, newest.replicas) == ("deploy-bot", "complete", 6.0, 2)
    assert (first.from_, first.to.images, first.completed_at) == (None, ["web=web:1"], at(12))


def test_who_brings_the_template_before_back_has_rolled_back(store: ChdbStore, history: History) -> None:
    web = Web(history)
    for number, image in enumerate(("web:1", "web:2", "web:1")):
        web.roll(image, 10 + 10 * number)
        web.done(12 + 10 * number)
    history.store(store)
    back, undone, first = asked(store, history)
    assert (back.rollback, back.rolled_back_to, back.result) == (True, first.event, "complete")
    assert (undone.result, undone.completed_at, undone.ended) == ("rolled-back", at(22), at(30))
    assert not undone.rollback


def test_a_rollout_that_the_next_one_overtakes_is_superseded(store: ChdbStore, history: History) -> None:
    web = Web(history)
    web.roll("web:1", 10)
    web.done(12)
    web.roll("web:2", 20)
    web.done(21, updated=1, available=1)
    web.roll("web:3", 25)
    web.done(30)
    history.store(store)
    results = [(each.result, each.to.images[0][-1]) for each in asked(store, history)]
    assert results == [("complete", "3"), ("superseded", "2"), ("complete", "1")]


def test_a_stuck_rollout_is_found_long_after_its_last_change(store: ChdbStore, history: History) -> None:
    web = Web(history)
    web.roll("web:1", 10)
    web.done(12)
    web.roll("web:2", 20, by="ops")
    progressing = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    web.done(25, updated=1, total=3, conditions=progressing)
    Web(history, "shop/idle").roll("idle:1", 30)
    history.store(store)
    (idle, stuck) = sorted(asked(store, history, after=500), key=lambda each: each.name)
    assert (stuck.started, stuck.by, stuck.result, stuck.under_way_before) == (at(20), "ops", "incomplete", True)
    assert stuck.waiting == "exceeded its progress deadline"
    assert (idle.name, idle.result) == ("idle", "incomplete")


def test_what_was_under_way_when_recording_began_started_then_or_earlier(store: ChdbStore, history: History) -> None:
    Web(history).roll("web:1", 10, by="", origin="list")
    history.put("deployments.apps", "shop/calm", _settled("calm:1"), at=11, origin="list")
    history.store(store)
    (only,) = asked(store, history)
    assert (only.name, only.first_seen, only.by, only.confidence) == ("web", True, None, "none")


def _settled(image: str) -> Any:
    status = {"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}
    return {"spec": {"replicas": 2, "template": template(image)}, "status": status}


def test_scaling_and_crashing_are_no_rollouts(store: ChdbStore, history: History) -> None:
    web = Web(history)
    web.roll("web:1", 10)
    web.done(12)
    web.done(20, available=0)
    history.store(store)
    assert asked(store, history, after=15) == []


def test_a_workload_deleted_meanwhile_and_a_failed_job_say_so(store: ChdbStore, history: History) -> None:
    Web(history).roll("web:1", 10)
    history.delete("deployments.apps", "shop/web", at=15)
    body: Any = {"spec": {"template": template("job:1")}}
    history.put("jobs.batch", "shop/load", body, at=20, by="cron")
    failed = {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}}
    history.put("jobs.batch", "shop/load", body | failed, at=30, by="kube-controller-manager")
    history.store(store)
    job, web = asked(store, history)
    assert (web.result, web.ended) == ("deleted", at(15))
    assert (job.result, job.waiting, job.kind) == ("failed", "BackoffLimitExceeded", "Job")


def test_a_stateful_set_is_complete_when_its_revisions_meet(store: ChdbStore, history: History) -> None:
    def put(seconds: float, image: str, current: str, update: str) -> None:
        status: Any = {"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 1}
        status |= {"currentRevision": current, "updateRevision": update}
        body: Any = {"spec": {"replicas": 1, "template": template(image)}, "status": status}
        history.put("statefulsets.apps", "shop/db", body, at=seconds, by="helm")

    put(10, "db:1", "db-a", "db-a")
    put(20, "db:2", "db-a", "db-b")
    put(40, "db:2", "db-b", "db-b")
    for number, (name, image) in enumerate((("db-a", "db:1"), ("db-b", "db:2")), start=1):
        data: Any = {"spec": {"template": template(image) | {"$patch": "replace"}}}
        body = {"revision": number, "data": data}
        meta = owned("db", f"{history.cluster}-0001")
        history.put("controllerrevisions.apps", f"shop/{name}", body, at=15, meta=meta)
    history.store(store)
    newest = asked(store, history)[0]
    assert (newest.result, newest.completed_at) == ("complete", at(40))
    assert newest.from_ is not None
    assert (newest.from_.number, newest.to.number, newest.to.name) == (1, 2, "db-b")


def owned(name: str, uid: str) -> Any:
    return {"ownerReferences": [{"controller": True, "name": name, "uid": uid}]}


def pod(history: History, name: str, hashed: str, seconds: float, status: Any = None) -> None:
    body: Any = {"status": status or {"phase": "Running"}}
    meta, labels = owned(f"web-{hashed}", "rs"), {"pod-template-hash": hashed}
    history.put("pods", f"shop/{name}", body, at=seconds, by="kubelet", meta=meta, labels=labels)


def test_pods_replaced_and_what_failed_meanwhile(store: ChdbStore, history: History) -> None:
    web = Web(history)
    web.roll("web:1", 10)
    web.done(12)
    for number in (1, 2):
        pod(history, f"web-aaa-{number}", "aaa", 11)
    web.roll("web:2", 20)
    uid = f"{history.cluster}-0001"
    body: Any = {"spec": {"template": template("web:2")}}
    labels = {"pod-template-hash": "bbb"}
    history.put("replicasets.apps", "shop/web-bbb", body, at=20.5, meta=owned("web", uid), labels=labels)
    waiting = {"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    for number in (1, 2):
        pod(history, f"web-bbb-{number}", "bbb", 21)
        pod(history, f"web-bbb-{number}", "bbb", 22 + number, {"containerStatuses": [waiting]})
    history.delete("pods", "shop/web-aaa-1", at=24)
    history.store(store)
    store.insert("k8s_events", kube_event_rows([_warning(history, uid)]), token=f"w-{history.cluster}")
    newest = asked(store, history)[0]
    assert (newest.pods.created, newest.pods.removed) == (2, 1)
    pulls, missing = newest.failures
    assert (pulls.reason, pulls.count, pulls.container, pulls.first) == ("ImagePullBackOff", 2, "web", at(23))
    assert (missing.reason, missing.source, missing.count) == ("ReplicaSetCreateError", "event", 3)
    assert not pulls.after_completion


def _warning(history: History, uid: str) -> KubeEvent:
    about = Involved(
        kind="Deployment", namespace="shop", name="web", uid=uid, group="apps", version="v1", field_path=""
    )
    return KubeEvent(
        cluster=history.cluster, cluster_uid=history.cluster_uid, namespace="shop", name="web.1", uid="e1", rv="9",
        involved=about, event_type="Warning", reason="ReplicaSetCreateError", message="quota", count=3,
        first_seen=at(25), last_seen=at(25), component="", host="", observed_at=at(25), ts=at(25), ts_error=0.0,
    )  # fmt: skip


def test_pages_go_back_in_time_and_hold_every_rollout_once(store: ChdbStore, history: History) -> None:
    web = Web(history)
    for number in range(7):
        web.roll(f"web:{number}", 10 * number + 1)
        web.done(10 * number + 2)
    history.store(store)
    scope = workload_scope(Scope(clusters=(history.cluster,)), known_kinds(store, [history.cluster]))
    ask, cursor, seen = Ask(scope=scope, after=at(0), until=at(1000), limit=3), "", []
    while True:
        page = rollouts(store, ask, cursor)
        seen += [each.to.images[0] for each in page.items]
        if not (cursor := page.next):
            break
    assert seen == [f"web=web:{number}" for number in reversed(range(7))]


def test_what_cannot_be_asked_is_refused_in_a_sentence(store: ChdbStore, history: History) -> None:
    with pytest.raises(BadReference, match="configmaps has no rollouts"):
        workload_scope(Scope(kinds=(("configmaps", ""),)), [])
    with pytest.raises(BadWindow):
        Ask(scope=Scope(), after=at(0), until=at(1), limit=0)
