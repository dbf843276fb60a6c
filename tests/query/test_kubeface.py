"""The history as an API server: what a Kubernetes client asks, and that it can tell the past from the unknown."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from tests.fakes.history import KINDS, LEASES, History, at, kind_info

NOW = at(1000)
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
Json = Any  # answers are mixed JSON; tests look into them freely
Api = httpx.AsyncClient


@pytest.fixture
async def api(store: ChdbStore) -> AsyncIterator[Api]:
    """A client of the application."""
    settings = QuerySettings(version="1.2.3", feed_poll=0.01, feed_heartbeat=0.05)
    app = create_app(store=store, settings=settings, registry=CollectorRegistry(), clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def shop(store: ChdbStore) -> History:
    """Two deployments, one of which is scaled, relabelled and deleted; a node; pods of two phases; a gap."""
    told = History(f"kube{id(store)}-{len(_MADE)}", kinds=(*KINDS, LEASES))
    _MADE.append(told)
    told.put("deployments.apps", "shop/web", {"spec": {"replicas": 1}}, at=10, labels={"app": "web"})
    told.put("deployments.apps", "shop/api", {"spec": {"replicas": 1}}, at=11, labels={"app": "api"})
    told.put("deployments.apps", "shop/web", {"spec": {"replicas": 3}}, at=20, labels={"app": "web"})
    told.put("deployments.apps", "shop/web", {"spec": {"replicas": 3}}, at=25, labels={"app": "old"})
    told.put("nodes", "node-1", {}, at=30)
    told.put("pods", "shop/a", {"status": {"phase": "Running"}, "spec": {"nodeName": "n"}}, at=31)
    told.put("pods", "shop/b", {"status": {"phase": "Failed"}}, at=32)
    told.delete("deployments.apps", "shop/web", at=40)
    told.watch(from_=0, to=999)
    told.gap("pods", 500, 600)
    told.store(store)
    return told


_MADE: list[History] = []


def url(shop: History, path: str, seconds: float | None = None) -> str:
    moment = "now" if seconds is None else at(seconds).isoformat().replace("+00:00", "Z")
    return f"/kube/{shop.cluster}/{moment}{path}"


async def get(api: Api, path: str, *, accept: str = "application/json", **params: str) -> Json:
    answer = await api.get(path, params=params, headers={"accept": accept})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(api: Api, path: str, method: str = "GET", **params: str) -> Json:
    answer = await api.request(method, path, params=params)
    assert answer.json()["kind"] == "Status"
    assert answer.json()["code"] == answer.status_code
    return answer.json()


def names(answer: Json) -> list[str]:
    return [each["metadata"]["name"] for each in answer["items"]]


async def test_a_list_is_what_stood_there_with_resource_versions_put_back(api: Api, shop: History) -> None:
    then = await get(api, url(shop, DEPLOYMENTS, 22))
    assert names(then) == ["api", "web"]
    assert then["kind"] == "DeploymentList"
    assert [each["metadata"]["resourceVersion"] for each in then["items"]] == ["102", "103"]
    assert then["metadata"]["resourceVersion"] == "103"
    assert names(await get(api, url(shop, DEPLOYMENTS))) == ["api"]


async def test_an_object_that_is_not_there_is_missing_for_a_reason(api: Api, shop: History) -> None:
    gone = await refused(api, url(shop, f"{DEPLOYMENTS}/web"))
    early = await refused(api, url(shop, f"{DEPLOYMENTS}/web", 5))
    assert (gone["reason"], gone["code"]) == ("NotFound", 404)
    assert gone["message"].startswith('deployments.apps "web" not found (it was deleted at ')
    assert "it was created later, at" in early["message"]


async def test_selectors_choose_by_the_state_of_the_moment(api: Api, shop: History) -> None:
    assert names(await get(api, url(shop, DEPLOYMENTS, 22), labelSelector="app=web")) == ["web"]
    assert names(await get(api, url(shop, DEPLOYMENTS, 26), labelSelector="app=web")) == []
    pods = "/api/v1/pods"
    assert names(await get(api, url(shop, pods), fieldSelector="status.phase!=Running")) == ["b"]
    assert names(await get(api, url(shop, pods), fieldSelector="spec.nodeName=n,metadata.namespace=shop")) == ["a"]
    wrong = await refused(api, url(shop, pods), fieldSelector="spec.frob=1")
    assert wrong["message"] == "field label not supported: spec.frob"


async def test_pages_are_all_of_the_moment_of_the_first(api: Api, shop: History) -> None:
    first = await get(api, url(shop, DEPLOYMENTS, 22), limit="1")
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["api"], 1)
    second = await get(api, url(shop, DEPLOYMENTS), limit="1", **{"continue": first["metadata"]["continue"]})
    assert names(second) == ["web"]
    assert "continue" not in second["metadata"]
    assert (await refused(api, url(shop, DEPLOYMENTS), limit="1", **{"continue": "x"}))["code"] == 400


async def test_a_table_has_the_columns_of_kubectl_and_ages_of_the_moment(api: Api, shop: History) -> None:
    table = await get(api, url(shop, DEPLOYMENTS, 22), accept=TABLE)
    columns = [each["name"] for each in table["columnDefinitions"] if not each["priority"]]
    assert columns == ["Name", "Ready", "Up-to-date", "Available", "Age"]
    assert [row["cells"][:2] for row in table["rows"]] == [["api", "0/1"], ["web", "0/3"]]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_what_is_not_known_is_a_warning(api: Api, shop: History) -> None:
    whole = await api.get(url(shop, "/api/v1/pods", 40))
    within = await api.get(url(shop, "/api/v1/pods", 550))
    assert "warning" not in whole.headers
    assert within.headers["warning"].startswith('299 kubelapse "')
    assert "gap" in within.headers["warning"]


async def test_discovery_lists_what_was_served_and_verbs_of_what_was_recorded(api: Api, shop: History) -> None:
    listed = {each["name"]: each for each in (await get(api, url(shop, "/api/v1")))["resources"]}
    assert listed["pods"]["verbs"] == ["get", "list", "watch"]
    assert listed["pods"]["shortNames"] == ["po"]
    whole = await get(
        api, url(shop, "/apis"), accept="application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    )
    groups = {each["metadata"]["name"]: each for each in whole["items"]}
    assert groups["coordination.k8s.io"]["versions"][0]["resources"][0]["verbs"] == []
    leases = await refused(api, url(shop, "/apis/coordination.k8s.io/v1/leases"))
    assert (leases["reason"], "not recorded by default" in leases["message"]) == ("Forbidden", True)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_written(api: Api, shop: History, method: str) -> None:
    said = await refused(api, url(shop, f"{DEPLOYMENTS}/api", 22), method)
    assert (said["code"], said["reason"]) == (405, "MethodNotAllowed")
    assert "this is the past" in said["message"]


async def test_a_dry_run_says_what_the_write_would_have_made(api: Api, shop: History) -> None:
    answer = await api.patch(
        url(shop, f"{DEPLOYMENTS}/web", 22),
        params={"dryRun": "All"},
        content=orjson.dumps({"spec": {"replicas": 9}}),
        headers={"content-type": "application/strategic-merge-patch+json"},
    )
    assert answer.json()["spec"]["replicas"] == 9
    assert (await get(api, url(shop, f"{DEPLOYMENTS}/web", 22)))["spec"]["replicas"] == 3


async def watched(api: Api, path: str, **params: str) -> list[tuple[str, str, str]]:
    answer = await api.get(path, params={"watch": "true", "timeoutSeconds": "1", **params})
    assert answer.status_code == 200, answer.text
    events = [orjson.loads(line) for line in answer.content.splitlines()]
    return [(each["type"], *_version(each["object"])) for each in events]


def _version(one: Json) -> tuple[str, str]:
    return one["metadata"].get("name", ""), one["metadata"]["resourceVersion"]


async def test_a_watch_replays_what_followed_a_list(api: Api, shop: History) -> None:
    seen = await watched(api, url(shop, DEPLOYMENTS, 15), resourceVersion="102")
    assert seen == [("MODIFIED", "web", "103"), ("MODIFIED", "web", "104"), ("DELETED", "web", "108")]


async def test_a_watch_with_a_selector_sees_objects_come_and_go(api: Api, shop: History) -> None:
    path = url(shop, DEPLOYMENTS, 15)
    assert await watched(api, path, labelSelector="app=web", resourceVersion="102") == [
        ("MODIFIED", "web", "103"),
        ("DELETED", "web", "104"),
    ]
    assert await watched(api, path, labelSelector="app=old", resourceVersion="102") == [
        ("ADDED", "web", "104"),
        ("DELETED", "web", "108"),
    ]


async def test_whoever_keeps_a_copy_stays_at_the_moment(api: Api, shop: History) -> None:
    seen = await watched(api, url(shop, DEPLOYMENTS, 15), resourceVersion="102", allowWatchBookmarks="true")
    assert set(seen) == {("BOOKMARK", "", "102")}


async def test_custom_columns_are_those_of_the_definition_at_the_moment(api: Api, store: ChdbStore) -> None:
    told = History(f"crd{id(store)}", kinds=(CRDS, WIDGETS))
    columns: list[Json] = [{"name": "Size", "type": "integer", "jsonPath": ".spec.sizes[1]"}]
    version: Json = {"name": "v1", "additionalPrinterColumns": columns}
    name = "customresourcedefinitions.apiextensions.k8s.io"
    told.put(name, "widgets.example.org", {"spec": {"versions": [version]}}, at=1)
    told.put("widgets.example.org", "shop/one", {"spec": {"sizes": [1, 7]}}, at=2)
    told.watch(from_=0, to=999)
    told.store(store)
    table = await get(api, url(told, "/apis/example.org/v1/widgets"), accept=TABLE)
    assert [each["name"] for each in table["columnDefinitions"]] == ["Name", "Size"]
    assert table["rows"][0]["cells"] == ["one", 7]


CRDS = kind_info("customresourcedefinitions.apiextensions.k8s.io", "CustomResourceDefinition", namespaced=False)
WIDGETS = kind_info("widgets.example.org", "Widget")


async def test_a_client_learns_that_it_may_read_and_not_write(api: Api, shop: History) -> None:
    async def allowed(verb: str, resource: str) -> bool:
        asked = {"spec": {"resourceAttributes": {"verb": verb, "resource": resource}}}
        path = url(shop, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        answer = (await api.post(path, json=asked)).json()
        return bool(answer["status"]["allowed"])

    assert [await allowed("list", "pods"), await allowed("delete", "pods"), await allowed("get", "frobs")] == [
        True,
        False,
        False,
    ]


async def test_an_unknown_cluster_moment_or_path_is_a_status(api: Api, shop: History) -> None:
    assert (await refused(api, "/kube/nobody/now/api/v1/pods"))["code"] == 400
    assert (await refused(api, f"/kube/{shop.cluster}/someday/api/v1/pods"))["code"] == 400
    assert (await refused(api, url(shop, "/apis/nothing/v1/frobs")))["code"] == 404
    assert (await refused(api, url(shop, "/api/v1/namespaces/shop/pods/a/log")))["code"] == 404
