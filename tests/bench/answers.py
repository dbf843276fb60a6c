"""What rollouts, searches, blame and lists of changes cost on the long history of `questions`, with rollouts in it."""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from msgspec import Raw

from query import blame, timeline
from query.changes import Ask as ChangesAsk
from query.changes import changes
from query.last_touched import last_touched
from query.needles import IMAGES, Needle
from query.refs import ObjectRef
from query.rollout_starts import Ask as RolloutsAsk
from query.rollouts import rollouts
from query.scope import ChangeFilter, Scope
from query.search import Ask as SearchAsk
from query.search import search
from query.workloads import DEPLOYMENT
from schema.canonical import canonical, digest
from schema.events import Actor, Event, event_id
from schema.rows import event_rows
from schema.store import Store
from tests.bench.report import figure, median, quantile, say

WORKLOADS, ROLLOUTS = 500, 4
BENCH = Scope(clusters=("bench",))
WINDOW = timedelta(minutes=30)


def run(store: Store, *, events: int, objects: int, end: Any, span: timedelta, namespace: Callable[[int], str]) -> None:
    """Each figure is of calls without HTTP."""
    chance = random.Random(5)

    def moment() -> Any:
        return end - span * chance.random() * 0.9

    def listed(scope: Scope) -> None:
        until = moment()
        chosen = ChangeFilter(scope=scope)
        changes(store, ChangesAsk(filter=chosen, after=until - WINDOW, until=until, limit=100))

    def blamed() -> None:
        number = chance.randrange(objects)
        ref = ObjectRef(
            cluster="bench", resource="pods", group="", namespace=namespace(number), name=f"object-{number}"
        )
        found = timeline.state_at(store, ref, end, now=end)
        assert isinstance(found, timeline.Found)
        blame.blame(store, found.event)

    def rolled(hours: float, **more: Any) -> int:
        scope = Scope(clusters=("bench",), kinds=(DEPLOYMENT,), **more)
        until = moment()
        return len(rollouts(store, RolloutsAsk(scope=scope, after=until - timedelta(hours=hours), until=until)).items)

    def sought(scope: Scope = BENCH, **needle: Any) -> int:
        return len(search(store, SearchAsk(scope=scope, needle=Needle(**needle), after=None, until=end)).items)

    size = {"events": events, "objects": objects}
    _ask("changes of 30 minutes, first 100", lambda: listed(BENCH), 40, **size)
    _ask(
        "changes of 30 minutes in one namespace, first 100", lambda: listed(Scope(namespaces=("crowded",))), 40, **size
    )
    _ask("object at T with blame of every field", blamed, 40, **size)
    _ask("rollouts of an hour", lambda: rolled(1), 20, **size, workloads=WORKLOADS)
    _ask("rollouts of a day, newest 50", lambda: rolled(24), 10, **size, workloads=WORKLOADS)
    _ask("search for a value that nothing has", lambda: sought(value="nothing-has-this"), 10, **size)
    _ask("search for a value of one object", lambda: sought(value="object-12345", exact=True), 10, **size)
    pods = Scope(clusters=("bench",), kinds=(("pods", ""),))
    image = {"paths": IMAGES, "last": "image"}
    _ask("search for an image of every pod, first 100", lambda: sought(pods, value="registry", **image), 10, **size)
    spec = ChangeFilter(scope=BENCH, paths=("status",))
    _ask("who last touched a path, newest 500", lambda: last_touched(store, spec, end, limit=500), 10, **size)


def add(store: Store, *, end: Any, span: timedelta) -> None:
    """Deployments, for rollouts."""
    store.insert("events", event_rows(_workloads(end, span)), token="bench-workloads")


def _ask(name: str, question: Callable[[], object], times: int, **parameters: Any) -> None:
    took, cpu = [], []
    question()
    for _ in range(times):
        began, spent = time.monotonic(), time.process_time()
        question()
        took.append(time.monotonic() - began)
        cpu.append(time.process_time() - spent)
    figure(f"{name}, CPU, median", median(cpu) * 1000, "ms", **parameters)
    figure(f"{name}, p50", median(took) * 1000, "ms", **parameters)
    figure(f"{name}, p95", quantile(took, 0.95) * 1000, "ms", **parameters)


def _workloads(end: Any, span: timedelta) -> list[Event]:
    """Deployments that are rolled out now and then: each time a new image, then two statuses."""
    say(f"{WORKLOADS} Deployments with {ROLLOUTS} rollouts each")
    chance, found, rv = random.Random(6), list[Event](), 50_000_000
    for number in range(WORKLOADS):
        starts = sorted(chance.random() for _ in range(ROLLOUTS))
        for revision, place in enumerate(starts, start=1):
            for step in range(3):
                rv += 1
                ts = end - span * (1 - place) + timedelta(seconds=20 * step)
                state = _deployment(number, revision, step)
                found.append(_event(number, 3 * (revision - 1) + step + 1, rv, ts, state))
    return found


def _deployment(number: int, revision: int, step: int) -> dict[str, Any]:
    name = f"service-{number}"
    status = {"observedGeneration": revision - (step == 0), "replicas": 3, "updatedReplicas": 3 if step else 0}
    template = {"spec": {"containers": [{"name": "web", "image": f"registry/web:{revision}"}]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 3, "template": template},
        "metadata": {"name": name, "namespace": f"team-{number % 50}", "uid": f"d-{number}", "generation": revision},
        "status": status | {"availableReplicas": 3 if step == 2 else 0},
    }  # fmt: skip


def _event(number: int, seq: int, rv: int, ts: Any, state: dict[str, Any]) -> Event:
    first, begins = seq == 1, seq % 3 == 1
    body, pointer = canonical(state), "/spec" if begins else "/status"
    patch = [] if first else [{"op": "replace", "path": pointer, "value": state[pointer[1:]]}]
    path = "spec.template.spec.containers[name=web].image" if begins else "status.updatedReplicas"
    key: dict[str, Any] = {"cluster": "bench", "cluster_uid": "u", "uid": f"d-{number}", "epoch": 1, "rv": str(rv)}
    op: Any = "add" if first else "update"
    by = "deploy-bot" if begins else "kube-controller-manager"
    return Event(
        **key, id=event_id(**key, kind="deployments.apps", op=op), group="apps", version="v1", kind="Deployment",
        resource="deployments", namespace=f"team-{number % 50}", name=f"service-{number}", op=op, origin="watch",
        seq=seq, prev_rv="" if first else str(rv - 1), observed_at=ts, ts=ts, hash=digest(body), object=Raw(body),
        actor=Actor(name=by, operation="Update", source="managedFields", confidence="high"),
        patch=Raw(orjson.dumps(patch)), paths=[] if first else [path], managers=[] if first else [by],
    )  # fmt: skip
