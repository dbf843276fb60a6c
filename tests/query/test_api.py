"""The HTTP API as its users meet it: names, shapes, statuses, and sentences that say what to do."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import orjson
import pytest
import yaml
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.health import Check
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from schema.store import Params, Row, StoreUnavailable
from tests.fakes.history import History, at
from tests.fakes.store import FakeStore

NOW = at(1000)


@pytest.fixture
async def api(store: ChdbStore) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, one second after the newest watermark that tests write."""
    app = create_app(
        store=store, settings=QuerySettings(version="1.2.3"), registry=CollectorRegistry(), clock=lambda: NOW
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def shop(store: ChdbStore, history: History) -> History:
    """A Deployment that is created, scaled, and deleted; a ConfigMap from before; one noisy change."""
    history.watch(from_=0, to=999)
    history.put("configmaps", "shop/old", {"data": {"a": "1"}}, at=0, origin="list")
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 1}}, at=10, by="helm", labels={"app": "web"})
    history.put(
        "deployments.apps", "shop/web", {"spec": {"replicas": 3}}, at=20, by="kubectl-scale", labels={"app": "web"}
    )
    history.put("nodes", "node-1", {"status": {"beat": 1}}, at=30, noise="heartbeat")
    history.delete("deployments.apps", "shop/web", at=40)
    history.store(store)
    return history


def path(history: History, rest: str = "") -> str:
    return f"/api/v1/objects/{history.cluster}/deployments.apps/shop/web{rest}"


# Answers are mixed JSON; tests look into them freely.
async def get(api: httpx.AsyncClient, url: str, **params: str) -> Any:
    answer = await api.get(url, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(api: httpx.AsyncClient, url: str, **params: str) -> Any:
    answer = await api.get(url, params=params)
    assert answer.status_code == 404, answer.text
    return answer.json()


async def test_what_changed_says_what_it_hid_and_how_well_it_knows(api: httpx.AsyncClient, shop: History) -> None:
    answer = await get(api, "/api/v1/changes", cluster=shop.cluster, since="1h")
    items = answer["items"]
    assert isinstance(items, list)
    assert [(each["name"], each["op"]) for each in items] == [("web", "add"), ("web", "update"), ("web", "delete")]
    assert items[1]["paths"] == ["spec.replicas"]
    assert items[1]["managers"] == ["kubectl-scale"]
    assert "object" not in items[1]
    assert answer["hidden"] == {"noise": 1, "first_sight": 1}
    assert answer["to"] == "2026-03-01T12:16:40Z"


async def test_a_window_that_ends_now_is_complete_as_far_as_the_watermark(
    api: httpx.AsyncClient, shop: History
) -> None:
    live = await get(api, "/api/v1/changes", cluster=shop.cluster, since="10m")
    ahead = await get(api, "/api/v1/changes", cluster=shop.cluster, since="10m", to="now+1s")
    assert live["coverage"] == {
        "complete": True,
        "watched_since": "2026-03-01T12:00:00Z",
        "watermark": "2026-03-01T12:16:39Z",
        "confirmed": "2026-03-01T12:16:39Z",
        "gaps": [],
        "late": [],
        "unwatched": [],
        "why": [],
    }
    assert ahead["coverage"]["why"] == ["Known only up to 2026-03-01T12:16:39Z."]


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"kind": "deploy"}, ["web", "web", "web"]),
        ({"kind": "cm", "first_sight": "on"}, ["old"]),
        ({"kind": "Node", "noise": "off"}, ["node-1"]),
        ({"namespace": "_", "noise": "off"}, ["node-1"]),
        ({"path": "spec"}, ["web"]),
        ({"path": ".spec.replicas"}, ["web"]),
        ({"path": "spec.repl"}, []),
        ({"by": "kubectl*"}, ["web"]),
        ({"by": "helm"}, ["web"]),
        ({"selector": "app=web"}, ["web", "web", "web"]),
        ({"selector": "app!=web", "noise": "off", "first_sight": "on"}, ["old", "node-1"]),
        ({"name": "w*"}, ["web", "web", "web"]),
        ({"namespace": "other"}, []),
    ],
)
async def test_filters(api: httpx.AsyncClient, shop: History, params: dict[str, str], names: list[str]) -> None:
    answer = await get(api, "/api/v1/changes", cluster=shop.cluster, **params)
    assert [each["name"] for each in answer["items"]] == names


async def test_pages_continue_where_the_last_one_ended(api: httpx.AsyncClient, shop: History) -> None:
    seen: list[str] = []
    cursor = ""
    for _ in range(5):
        more = {"cursor": cursor} if cursor else {}
        page = await get(api, "/api/v1/changes", cluster=shop.cluster, limit="2", noise="off", first_sight="on", **more)
        seen += [each["id"] for each in page["items"]]
        cursor = str(page["next"] or "")
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 5


async def test_a_streamed_change_says_who_made_it_as_a_listed_one_does(api: httpx.AsyncClient, shop: History) -> None:
    params = {"cluster": shop.cluster, "noise": "off", "first_sight": "on"}
    listed = (await api.get("/api/v1/changes", params=params)).json()["items"]
    streamed = await api.get("/api/v1/changes", params=params, headers={"accept": "application/jsonl"})
    assert [orjson.loads(line) for line in streamed.content.splitlines()] == listed
    assert all(each["who"] for each in listed)


async def test_jsonl_streams_everything_and_tells_the_rest_in_headers(api: httpx.AsyncClient, shop: History) -> None:
    answer = await api.get("/api/v1/changes", params={"cluster": shop.cluster}, headers={"accept": "application/jsonl"})
    assert [orjson.loads(line)["op"] for line in answer.content.splitlines()] == ["add", "update", "delete"]
    assert answer.headers["kubelapse-hidden"] == "noise=1, first_sight=1"
    assert answer.headers["kubelapse-complete"] == "false"


async def test_an_object_at_a_moment(api: httpx.AsyncClient, shop: History) -> None:
    answer = await get(api, path(shop), at=NOW.replace(minute=0, second=25).isoformat())
    assert answer["object"]["spec"] == {"replicas": 3}
    assert answer["event"]["actor"]["name"] == "kubectl-scale"
    assert answer["coverage"]["complete"] is True


async def test_the_bare_object_as_yaml_is_cacheable_when_it_cannot_change(
    api: httpx.AsyncClient, shop: History
) -> None:
    url = f"{path(shop)}?at=rv:103&output=yaml"
    answer = await api.get(url)
    assert answer.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(answer.text)["spec"] == {"replicas": 3}
    assert "immutable" in answer.headers["cache-control"]
    for known in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', "*"):
        assert (await api.get(url, headers={"if-none-match": known})).status_code == 304
    assert (await api.get(url, headers={"if-none-match": '"other"'})).status_code == 200


async def test_what_depends_on_now_is_never_cached_as_immutable(api: httpx.AsyncClient, shop: History) -> None:
    for text in ("16m15s", "now-975s", "2026-03-01T12:00:25Z"):
        answer = await api.get(path(shop), params={"at": text, "output": "json"})
        assert answer.json()["spec"] == {"replicas": 3}
        assert ("immutable" in answer.headers["cache-control"]) == text.startswith("2026")


async def test_what_is_not_there_says_why(api: httpx.AsyncClient, shop: History) -> None:
    deleted = await refused(api, path(shop))
    assert (deleted["state"], deleted["deleted_at"]) == ("deleted", "2026-03-01T12:00:40Z")
    unknown = await refused(api, path(shop).replace("/web", "/nobody"))
    assert unknown["state"] == "never-seen"
    early = await refused(api, path(shop), at="2026-02-01")
    assert (early["state"], early["watched_since"]) == ("not-recorded", "2026-03-01T12:00:00Z")
    before = await refused(api, path(shop), at="2026-03-01T12:00:05Z")
    assert before["state"] == "not-created"
    assert all(each["hint"] for each in (deleted, unknown, early, before))


@pytest.mark.parametrize(
    ("url", "status", "name"),
    [
        ("/changes?since=never", 400, "bad-time"),
        ("/changes?selector=a+b", 400, "bad-selector"),
        ("/changes?cursor=abc", 400, "bad-cursor"),
        ("/changes?from=1h&to=2h", 422, "bad-window"),
        ("/changes?from=1h&since=1h", 422, "bad-window"),
        ("/changes?limit=99999", 422, "bad-window"),
        ("/changes?noise=maybe", 422, "bad-parameter"),
        ("/changes?tz=Mars", 400, "bad-time"),
        ("/feed?after=abc", 400, "bad-cursor"),
        ("/events/abc", 404, "never-seen"),
        ("/nonsense", 404, "http"),
        ("/coverage?kind=foo", 404, "unknown-kind"),
        ("/objects/lab/deploy/shop/web?output=xml", 422, "bad-parameter"),
    ],
)
async def test_a_bad_question_gets_a_problem_with_advice(
    api: httpx.AsyncClient, shop: History, url: str, status: int, name: str
) -> None:
    answer = await api.get(f"/api/v1{url}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:kubelapse:problem:{name}"
    assert answer.json()["hint"]


async def test_a_method_that_is_not_allowed_is_told_which_are(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/v1/changes")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert (await api.head("/livez")).status_code == (await api.head("/readyz")).status_code == 200


async def test_an_unknown_type_says_what_was_probably_meant(api: httpx.AsyncClient, shop: History) -> None:
    problem = await refused(api, "/api/v1/changes", cluster=shop.cluster, kind="deploymints")
    assert "deployment" in str(problem["hint"])


async def test_history_spans_lives(api: httpx.AsyncClient, store: ChdbStore, shop: History) -> None:
    shop.put("deployments.apps", "shop/web", {"spec": {"replicas": 7}}, at=50)
    shop.store(store)
    answer = await get(api, path(shop, "/history"))
    assert [each["op"] for each in answer["items"]] == ["add", "update", "delete", "add"]
    assert [each["deleted"] for each in answer["lives"]] == [True, False]
    only = await get(api, path(shop, "/history"), uid=answer["lives"][1]["uid"])
    assert len(only["items"]) == 1


async def test_a_diff_names_fields_and_gives_both_documents(api: httpx.AsyncClient, shop: History) -> None:
    answer = await get(api, path(shop, "/diff"), **{"from": "rv:102", "to": "rv:103"})
    assert answer["result"] == "changed"
    field = {"path": "spec.replicas", "op": "replace", "old": 1, "new": 3, "comparable": True, "within": ""}
    assert answer["fields"] == [field]
    assert answer["after"]["spec"] == {"replicas": 3}
    gone = await get(api, path(shop, "/diff"), **{"from": "rv:103", "to": "now"})
    assert (gone["result"], gone["to"]["state"]) == ("removed", "deleted")


async def test_an_event_by_its_id_is_whole_and_immutable(api: httpx.AsyncClient, shop: History) -> None:
    changes = await get(api, "/api/v1/changes", cluster=shop.cluster)
    identity = changes["items"][1]["id"]
    answer = await api.get(f"/api/v1/events/{identity}")
    assert answer.json()["object"]["spec"] == {"replicas": 3}
    assert "immutable" in answer.headers["cache-control"]


async def test_inventory_and_snapshot_at_a_moment(api: httpx.AsyncClient, shop: History) -> None:
    then = {"cluster": shop.cluster, "at": "2026-03-01T12:00:25Z"}
    assert [each["name"] for each in (await get(api, "/api/v1/objects", **then))["items"]] == ["old", "web"]
    now = await get(api, "/api/v1/objects", cluster=shop.cluster)
    assert [each["name"] for each in now["items"]] == ["old", "node-1"]
    ended = await get(api, "/api/v1/objects", cluster=shop.cluster, deleted="only")
    assert [each["name"] for each in ended["items"]] == ["web"]
    chosen = await get(api, "/api/v1/objects", **then, selector="app=web")
    assert [each["name"] for each in chosen["items"]] == ["web"]
    lines = (await api.get("/api/v1/snapshot", params=then)).content.splitlines()
    assert {orjson.loads(line)["metadata"]["name"] for line in lines} == {"old", "web"}


async def test_clusters_kinds_and_namespaces(api: httpx.AsyncClient, shop: History) -> None:
    clusters = (await get(api, "/api/v1/clusters"))["items"]
    assert {"objects": 2, "events": 5}.items() <= next(c for c in clusters if c["cluster"] == shop.cluster).items()
    kinds = (await get(api, "/api/v1/kinds", cluster=shop.cluster))["items"]
    deploy = next(each for each in kinds if each["resource"] == "deployments")
    assert (deploy["short_names"], deploy["events"], deploy["watching"]) == (["deploy"], 3, "yes")
    (namespace,) = (await get(api, "/api/v1/namespaces", cluster=shop.cluster))["items"]
    assert (namespace["namespace"], namespace["objects"], namespace["deleted"]) == ("shop", 1, 1)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1@evil", "evil:80#127.0.0.1", "\u00e9vil", "", "[::2]"])
async def test_a_foreign_or_malformed_host_name_is_refused(api: httpx.AsyncClient, host: str) -> None:
    answer = await api.get("/api/v1/clusters", headers={b"host": host.encode("latin-1")})
    assert answer.status_code == 421
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_request_with_two_lengths_is_refused_and_its_connection_closed(api: httpx.AsyncClient) -> None:
    headers = {"Content-Length": "2", "Transfer-Encoding": "chunked"}
    answer = await api.post("/api/v1/sql", content=b"{}", headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (400, "close")


@pytest.mark.parametrize("host", ["LOCALHOST:7117", "localhost.", "127.0.0.1", "[::1]:7117"])
async def test_its_own_names_are_welcome(api: httpx.AsyncClient, host: str) -> None:
    assert (await api.get("/livez", headers={"host": host})).status_code == 200


async def test_the_page_escapes_everything(api: httpx.AsyncClient, store: ChdbStore, history: History) -> None:
    history.put("configmaps", "shop/<script>alert(1)</script>", {}, at=900, by='"><img src=x>')
    history.store(store)
    answer = await api.get("/plain", params={"cluster": history.cluster, "by": '"><b>'})
    empty = await api.get("/plain", params={"cluster": history.cluster, "name": "nobody"})
    assert answer.status_code == empty.status_code == 200
    shown = (await api.get("/plain", params={"cluster": history.cluster})).text
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown + answer.text
    assert "<img" not in shown
    assert '"><b>' not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_health_version_metrics_and_openapi(api: httpx.AsyncClient) -> None:
    assert (await api.get("/livez")).text == "ok"
    assert "[+]store ok" in (await api.get("/readyz?verbose")).text
    assert (await api.get("/version")).json() == {"version": "1.2.3"}
    assert "kubelapse_http_requests_total" in (await api.get("/metrics")).text
    document = (await api.get("/openapi.json")).json()
    assert document["components"]["schemas"]["ChangePage"]["properties"]["items"]
    assert "/api/v1/objects/{cluster}/{kind}/{namespace}/{name}/history" in document["paths"]


class AwayStore(FakeStore):
    def rows(self, sql: str, params: Params | None = None) -> Sequence[Row]:  # noqa: ARG002
        raise StoreUnavailable("The store at example:8123 does not answer.")


async def test_when_the_store_is_away_answers_say_so() -> None:
    app = create_app(
        store=AwayStore(),
        settings=QuerySettings(),
        registry=CollectorRegistry(),
        health=lambda: [Check(name="watches", ok=False, detail="3 of 40 kinds are not synced")],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/api/v1/clusters")
        ready = await client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "does not answer" in answer.json()["detail"]
    assert "[-]watches failed: 3 of 40 kinds are not synced" in ready.text
