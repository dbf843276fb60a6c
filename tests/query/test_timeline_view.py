"""What the timeline draws: lanes with owners, states and notes, marks by class, bins, and where nobody was watching."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.noise_rules import parse_rules
from query.settings import QuerySettings
from query.timeline_columns import undeltas
from query.timeline_view import CLASSES, STATES
from schema.canonical import Json, JsonObject
from schema.chdb import ChdbStore
from schema.events import Involved
from schema.rows import kube_event_rows
from tests.fakes.history import History, at
from tests.fakes.records import kube_event

Answer = dict[str, Any]


@pytest.fixture
async def api(store: ChdbStore) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), clock=lambda: at(1000))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost/api/v1", headers={"accept-encoding": "gzip"}
    ) as client:
        yield client


async def drawn(api: httpx.AsyncClient, history: History, **params: str | int) -> Answer:
    asked = {"cluster": history.cluster, "from": at(0).isoformat(), "to": at(900).isoformat(), **params}
    answer = await api.get("/timeline", params=asked)
    assert answer.status_code == 200, answer.text
    found: Answer = answer.json()
    return found


def lane(answer: Answer, name: str) -> int:
    return next(n for n, word in enumerate(answer["lanes"]["name"]) if answer["strings"][word] == name)


def bars(answer: Answer, name: str) -> list[tuple[int, str, str]]:
    """(seconds, state, note) of the object of this name."""
    lives, marks, said = answer["lives"], answer["marks"], answer["said"]
    times = undeltas(marks["t"])
    found = [(0, life, each) for life, each in enumerate(lives["said"]) if each]
    found += zip(answer["bars"]["t"], answer["bars"]["life"], answer["bars"]["said"], strict=True)
    told = zip(undeltas(marks["said"]["mark"]), marks["said"]["said"], strict=True)
    found += [(times[mark], marks["life"][mark], each) for mark, each in told]
    return [
        (t // 1000, STATES[said["state"][each]], answer["strings"][said["note"][each]])
        for t, life, each in sorted(found)
        if lives["lane"][life] == lane(answer, name)
    ]


def marks(answer: Answer, name: str) -> list[tuple[int, str]]:
    """(seconds, class) of the changes of this name."""
    columns, lives = answer["marks"], answer["lives"]["lane"]
    return [
        (t // 1000, CLASSES[kind])
        for t, life, kind in zip(undeltas(columns["t"]), columns["life"], columns["class"], strict=True)
        if lives[life] == lane(answer, name)
    ]


def deployment(ready: int, *, image: str = "web:1", reason: str = "") -> JsonObject:
    stalled: list[Json] = [{"type": "Progressing", "status": "False", "reason": reason}] if reason else []
    spec: JsonObject = {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}
    return {"spec": spec, "status": {"readyReplicas": ready, "updatedReplicas": 2, "conditions": stalled}}


def pod(**status: Any) -> JsonObject:
    return {"status": {"phase": "Running", **status}}


async def test_a_rollout_that_gets_stuck_is_a_red_lane(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.put("deployments.apps", "shop/web", deployment(2), at=-50)
    history.put("deployments.apps", "shop/web", deployment(2, image="web:2"), at=100, by="kubectl-edit")
    history.put("deployments.apps", "shop/web", deployment(1, image="web:2"), at=110)
    history.put("deployments.apps", "shop/web", deployment(1, image="web:2", reason="ProgressDeadlineExceeded"), at=700)
    history.store(store)
    answer = await drawn(api, history)
    assert bars(answer, "web") == [
        (0, "ready", "2/2"),
        (110, "progressing", "1/2"),
        (700, "failing", "ProgressDeadlineExceeded"),
    ]
    assert marks(answer, "web") == [(100, "rollout"), (110, "status"), (700, "status")]
    assert answer["marks"]["human"] == [0]
    assert STATES[answer["lanes"]["worst"][lane(answer, "web")]] == "failing"


@pytest.mark.parametrize(
    ("status", "state", "note"),
    [
        ({"phase": "Pending"}, "progressing", "0/0"),
        ({"containerStatuses": [{"ready": False, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
         "failing", "CrashLoopBackOff"),
        ({"containerStatuses": [{"ready": False, "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]},
         "failing", "OOMKilled"),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
         "failing", "Unschedulable"),
        ({"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"ready": True}]}, "ready", "1/1"),
        ({"phase": "Succeeded"}, "ready", "Completed"),
        ({"phase": "Failed", "reason": "Evicted"}, "failing", "Evicted"),
        ({"phase": {"not": "text"}, "conditions": "nor a list"}, "progressing", "0/0"),
    ],
)  # fmt: skip
async def test_the_state_of_a_pod_is_what_kubectl_would_say(
    api: httpx.AsyncClient, store: ChdbStore, history: History, status: JsonObject, state: str, note: str
) -> None:
    history.put("pods", "shop/a", pod(**status), at=10)
    history.store(store)
    assert bars(await drawn(api, history), "a") == [(10, state, note)]


async def test_pods_hang_below_what_owns_them_and_a_name_keeps_its_lane_over_its_lives(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    owner = history.put("deployments.apps", "shop/web", deployment(2), at=5)
    owned: JsonObject = {"metadata": {"ownerReferences": [{"uid": owner.uid, "controller": True}]}}
    history.put("pods", "shop/web-1", {**pod(), **owned}, at=10)
    history.delete("pods", "shop/web-1", at=20)
    history.put("pods", "shop/web-1", {**pod(), **owned}, at=30)
    history.store(store)
    answer = await drawn(api, history)
    mine = lane(answer, "web-1")
    spans = [
        (answer["lives"]["from"][n], answer["lives"]["to"][n])
        for n, place in enumerate(answer["lives"]["lane"])
        if place == mine
    ]
    assert spans == [(10_000, 20_000), (30_000, None)]


async def test_above_the_limit_changes_are_counted_per_lane_and_bin(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    for n in range(40):
        history.put("configmaps", "shop/busy", {"data": {"n": str(n)}}, at=n * 10 + 1)
    history.store(store)
    answer = await drawn(api, history, most=10, width=50)
    assert (answer["mode"], answer["marks"], answer["total"]) == ("bins", None, 40)
    assert sum(answer["bins"]["count"]) == 40
    assert sum(answer["overview"]["loud"]) == 40


async def test_a_bin_tells_its_worst_state_and_the_last_one(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.put("deployments.apps", "shop/web", deployment(2), at=-50)
    history.put("deployments.apps", "shop/web", deployment(1, reason="Stalled"), at=100)
    history.put("deployments.apps", "shop/web", deployment(2), at=105)
    history.put("deployments.apps", "shop/web", deployment(1), at=500)
    history.store(store)
    answer = await drawn(api, history, most=0, width=50)
    said, bins = answer["said"]["state"], answer["bins"]
    assert [STATES[said[each]] for each in answer["lives"]["said"]] == ["ready"]
    assert [
        (STATES[said[worst]], STATES[said[final]]) for worst, final in zip(bins["worst"], bins["final"], strict=True)
    ] == [
        ("failing", "ready"),
        ("progressing", "progressing"),
    ]
    lanes = answer["lanes"]
    assert (STATES[lanes["worst"][0]], STATES[lanes["state"][0]]) == ("failing", "progressing")


async def test_hidden_changes_say_how_things_were_all_the_same(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.put("deployments.apps", "shop/web", deployment(2), at=10)
    history.put("deployments.apps", "shop/web", deployment(1, reason="Stalled"), at=20)
    history.store(store)
    answer = await drawn(api, history, **{"class": "create"})
    assert marks(answer, "web") == [(10, "create")]
    assert [state for _, state, _ in bars(answer, "web")] == ["ready", "failing"]


async def test_rules_of_the_operator_hide_on_the_timeline_what_they_hide_in_lists(
    store: ChdbStore, history: History
) -> None:
    history.put("configmaps", "shop/a", {"data": {"n": "1"}}, at=10)
    history.put("configmaps", "shop/a", {"data": {"n": "2"}}, at=20)
    history.store(store)
    ruled = QuerySettings(noise=parse_rules(("configmaps data.n",)))
    app = create_app(store=store, settings=ruled, registry=CollectorRegistry(), clock=lambda: at(1000))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost/api/v1", headers={"accept-encoding": "gzip"}
    ) as api:
        answer, whole = await drawn(api, history), await drawn(api, history, noise="off")
    assert (marks(answer, "a"), answer["hidden"]["noise"]) == ([(10, "create")], 1)
    assert (len(marks(whole, "a")), whole["marks"]["noise"]) == (2, [1])


async def test_gaps_are_spans_of_the_answer(api: httpx.AsyncClient, store: ChdbStore, history: History) -> None:
    history.watch("configmaps", from_=-10, to=100)
    history.watch("configmaps", from_=200, to=999)
    history.gap("configmaps", 100, 200, reason="expired")
    history.store(store)
    answer = await drawn(api, history, kind="configmaps")
    assert [(each["class"], each["from"], each["to"]) for each in answer["spans"]] == [("gap", 100_000, 200_000)]
    assert not answer["coverage"]["complete"]


async def test_the_change_behind_a_mark_can_be_asked_for(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    event = history.put("configmaps", "shop/a", {"data": {"x": "1"}}, at=10)
    history.store(store)
    params = {"cluster": history.cluster, "kind": "configmaps", "namespace": "shop", "name": "a", "uid": event.uid}
    answer = await api.get("/timeline/event", params={**params, "epoch": event.epoch, "seq": 1})
    assert answer.json()["id"] == event.id
    assert (await api.get("/timeline/event", params={**params, "epoch": event.epoch, "seq": 7})).status_code == 404


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"q": "WEB"}, {"web"}),
        ({"q": "/^we.$/ kubectl"}, {"web"}),
        ({"q": "/^we.$/ nobody"}, set()),
        ({"q": "data.y"}, {"other"}),
        ({"class": "create"}, {"other", "web"}),
        ({"class": "rollout,status"}, set()),
    ],
)
async def test_text_and_classes_narrow_changes_and_timeline_alike(
    api: httpx.AsyncClient, store: ChdbStore, history: History, asked: dict[str, str], found: set[str]
) -> None:
    history.put("configmaps", "shop/web", {"data": {"x": "1"}}, at=10, by="kubectl-edit")
    history.put("configmaps", "shop/other", {"data": {"x": "1"}}, at=20)
    history.put("configmaps", "shop/other", {"data": {"x": "1", "y": "1"}}, at=30)
    history.store(store)
    window = {"cluster": history.cluster, "from": at(0).isoformat(), "to": at(900).isoformat()}
    listed = (await api.get("/changes", params={**window, **asked})).json()
    assert {each["name"] for each in listed["items"]} == found
    assert (await drawn(api, history, **asked))["total"] == len(listed["items"])


async def test_a_bad_expression_or_class_is_said_to_be_one(api: httpx.AsyncClient, history: History) -> None:
    for asked in ({"q": "/(/"}, {"class": "worse"}):
        answer = await api.get("/changes", params={"cluster": history.cluster, **asked})
        assert answer.status_code == 400
        assert answer.json()["hint"]


async def test_what_was_said_of_a_workload_and_its_pods_is_found_by_name(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.put("deployments.apps", "shop/web", deployment(2), at=1)
    history.store(store)
    mine = {"kind": "Pod", "namespace": "shop"}
    pods = [
        msgspec.structs.replace(kube_event(n), cluster=history.cluster, involved=Involved(**mine, name=name))
        for n, name in enumerate(("web-1", "other"), 1)
    ]
    store.insert("k8s_events", kube_event_rows(pods), token=history.cluster)
    answer = await api.get(f"/objects/{history.cluster}/deployments.apps/shop/web/events")
    assert [(each["reason"], each["name"]) for each in answer.json()["items"]] == [("BackOff", "web-1")]
