"""`/diff` of sets and `/blame` as their users meet them: names, shapes, and what is said when something is missing."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.settings import QuerySettings
from schema.canonical import Json
from schema.chdb import ChdbStore
from tests.fakes.history import LEASES, History, at


@pytest.fixture
async def api(store: ChdbStore) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, one second after the newest watermark that tests write."""
    settings = QuerySettings(version="1.2.3")
    app = create_app(store=store, settings=settings, registry=CollectorRegistry(), clock=lambda: at(1000))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def shop(store: ChdbStore, history: History) -> History:
    """A Deployment scaled, a ConfigMap created, and a namespace beside it with the same Deployment."""
    history.watch(from_=0, to=999)
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 1}}, at=10, by="helm", labels={"app": "web"})
    history.put("deployments.apps", "test/web", {"spec": {"replicas": 5}}, at=10, by="helm")
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 3}}, at=20, by="scale", labels={"app": "web"})
    history.put("configmaps", "shop/new", {"data": {}}, at=30, by="helm")
    history.store(store)
    return history


async def ask(api: httpx.AsyncClient, url: str, params: dict[str, str], status: int = 200) -> Any:
    answer = await api.get(url, params=params)
    assert answer.status_code == status, answer.text
    return answer.json()


NOW = "2026-03-01T12:16:40Z"


async def test_a_diff_of_a_scope_is_a_whole_answer(api: httpx.AsyncClient, shop: History) -> None:
    window = {"from": "2026-03-01T12:00:15Z", "to": "now"}
    answer = await ask(api, "/api/v1/diff", {"cluster": shop.cluster, "namespace": "shop", **window})
    (changed,) = answer["changed"]
    assert {key: changed["fields"][0][key] for key in ("path", "op", "before", "after", "by", "when")} == {
        "path": "spec.replicas",
        "op": "replace",
        "before": 1,
        "after": 3,
        "by": "scale",
        "when": "2026-03-01T12:00:20Z",
    }
    assert [each["name"] for each in answer["added"]] == ["new"]
    assert answer["coverage"]["complete"]
    assert (answer["from"], answer["to"]) == (window["from"], NOW)
    assert "selector" not in answer
    narrow = {"cluster": shop.cluster, "selector": "app=web", "states": "on"}
    only = await ask(api, "/api/v1/diff", narrow | window)
    assert only["added"] == []
    assert only["changed"][0]["after"]["spec"] == {"replicas": 3}


async def test_a_diff_comes_in_pages_or_as_a_stream(api: httpx.AsyncClient, shop: History) -> None:
    window = {"cluster": shop.cluster, "from": "2026-03-01T12:00:15Z", "to": "now"}
    one = await ask(api, "/api/v1/diff", {**window, "limit": "1"})
    two = await ask(api, "/api/v1/diff", {**window, "limit": "1", "cursor": one["next"]})
    assert ([each["name"] for each in one["added"]], [each["name"] for each in two["changed"]]) == (["new"], ["web"])
    assert (one["unjudged"], two["unjudged"], two["next"]) == (1, 0, None)
    stream = await api.get("/api/v1/diff", params=window, headers={"accept": "application/jsonl"})
    lines = [json.loads(line) for line in stream.text.splitlines()]
    assert [(each["result"], each["name"]) for each in lines] == [("added", "new"), ("changed", "web")]
    assert lines[1] == {**two["changed"][0], "result": "changed"}
    assert stream.headers["kubelapse-complete"] == "true"
    assert "out of range" in (await ask(api, "/api/v1/diff", {**window, "limit": "-1"}, 422))["detail"]
    assert "not a cursor" in (await ask(api, "/api/v1/diff", {**window, "cursor": "x"}, 400))["detail"]


async def test_two_places_come_in_pages_too(api: httpx.AsyncClient, shop: History) -> None:
    places = {"cluster": shop.cluster, "namespace": "shop", "to_namespace": "test", "limit": "1"}
    one = await ask(api, "/api/v1/diff", places)
    two = await ask(api, "/api/v1/diff", {**places, "cursor": one["next"]})
    assert ([each["name"] for each in one["removed"]], [each["name"] for each in two["changed"]]) == (["new"], ["web"])
    assert (one["summary"], one["from"]) == (two["summary"], two["from"])
    stream = await api.get("/api/v1/diff", params=places, headers={"accept": "application/jsonl"})
    assert len(stream.text.splitlines()) == 2


async def test_two_namespaces_are_compared_now_unless_said_otherwise(api: httpx.AsyncClient, shop: History) -> None:
    places = {"cluster": shop.cluster, "namespace": "shop", "to_namespace": "test", "kind": "deploy"}
    answer = await ask(api, "/api/v1/diff", places)
    paths = {each["path"] for each in answer["changed"][0]["fields"]}
    assert paths == {"spec.replicas", "metadata.labels"}
    assert (answer["from"], answer["to"]) == (NOW, NOW)
    assert "metadata.uid" in answer["ignored"]
    assert answer["coverage"]["complete"]


@pytest.mark.parametrize(
    ("params", "status", "word"),
    [
        ({"from": "5m", "to": "10m"}, 422, "before it begins"),
        ({"to_namespace": "test"}, 400, "Which namespace"),
        ({"namespace": "shop", "to_namespace": "shop"}, 400, "the same place"),
        ({"to_cluster": "nope"}, 400, "No cluster 'nope'"),
    ],
)
async def test_what_cannot_be_compared_is_refused_in_words(
    api: httpx.AsyncClient, shop: History, params: dict[str, str], status: int, word: str
) -> None:
    problem = await ask(api, "/api/v1/diff", {"cluster": shop.cluster, **params}, status)
    assert word in problem["detail"]
    assert problem["hint"]


async def test_blame_of_one_path(api: httpx.AsyncClient, shop: History) -> None:
    url = f"/api/v1/objects/{shop.cluster}/deployments.apps/shop/web/blame"
    answer = await ask(api, url, {"path": "spec.replicas"})
    (field,) = answer["fields"]
    assert (field["value"], field["previous"], field["by"], field["basis"]) == (3, 1, "scale", "change")
    assert answer["coverage"]["complete"]
    assert "is not a path" in (await ask(api, url, {"path": "a[[b"}, 400))["detail"]


async def test_what_means_the_same_is_counted_by_its_rule_and_shown_on_request(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.watch(from_=0, to=999)
    for second, cpu, text in ((10, "1000m", '{"a":1,"b":2}'), (20, "1", '{"b": 2, "a": 3}')):
        limits: Json = {"resources": {"limits": {"cpu": cpu}}}
        history.put("pods", "shop/web", {"spec": limits}, at=second)
        history.put("configmaps", "shop/settings", {"data": {"app.json": text}}, at=second)
    history.store(store)
    window = {"cluster": history.cluster, "from": "2026-03-01T12:00:15Z", "to": "now"}
    answer = await ask(api, "/api/v1/diff", window)
    (changed,) = answer["changed"]
    assert [(each["path"], each["within"], each["after"]) for each in changed["fields"]] == [
        ('data["app.json"]', "a", 3)
    ]
    assert answer["equal"] == {"quantity": 1}
    for exact in ({"semantic": "off"}, {"without": "quantity,embedded-document"}):
        assert len((await ask(api, "/api/v1/diff", window | exact))["changed"]) == 2
    one = await ask(api, f"/api/v1/objects/{history.cluster}/pods/shop/web/diff", window)
    assert (one["result"], one["fields"], one["equal"]) == ("same", [], {"quantity": 1})
    problem = await ask(api, "/api/v1/diff", window | {"without": "nonsense"}, 400)
    assert "no rule 'nonsense'" in problem["detail"]


@pytest.mark.parametrize(
    ("when", "kind", "word"),
    [
        ({"from": "2026-03-01T11:00:00Z", "to": "2026-03-01T12:00:30Z"}, "configmaps", "before 2026-03-01T12:00:00"),
        ({"from": "2026-03-01T12:00:15Z", "to": "now"}, "leases", "off"),
        ({"from": "2026-03-01T12:00:15Z", "to": "2026-03-01T12:05:00Z"}, "pods", "expired"),
    ],
)
async def test_a_diff_that_cannot_know_everything_says_what_it_does_not_know(
    api: httpx.AsyncClient, store: ChdbStore, shop: History, when: dict[str, str], kind: str, word: str
) -> None:
    shop.serve(LEASES, since=5)
    shop.gap("pods", 100, 130)
    shop.store(store)
    answer = await ask(api, "/api/v1/diff", {"cluster": shop.cluster, "kind": kind, **when})
    assert not answer["coverage"]["complete"]
    assert word in str(answer["coverage"]), answer["coverage"]


async def test_what_was_there_before_the_horizon_is_not_called_added(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.watch(from_=0, to=999)
    history.put("configmaps", "shop/old", {"data": {"a": "1"}}, at=100, origin="checkpoint")
    history.put("configmaps", "shop/old", {"data": {"a": "2"}}, at=110, by="helm")
    history.store(store)
    window = {"cluster": history.cluster, "from": at(50).isoformat(), "to": at(200).isoformat()}
    answer = await ask(api, "/api/v1/diff", window)
    assert (answer["added"], answer["hidden"]["first_sight"]) == ([], 1)
    (seen,) = (await ask(api, "/api/v1/diff", window | {"first_sight": "on"}))["added"]
    assert (seen["name"], seen["first_seen"]) == ("old", True)


async def test_a_kind_that_nobody_ever_served_is_named(api: httpx.AsyncClient, shop: History) -> None:
    problem = await ask(api, "/api/v1/diff", {"cluster": shop.cluster, "kind": "widgets"}, 404)
    assert "widgets" in problem["detail"]
    assert problem["hint"]
