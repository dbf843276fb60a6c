"""Whoever may read one namespace only sees no more of the others through the API server's face than anywhere else."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from tests.fakes.history import History, at
from tests.fakes.logins import FakeLogins, within

PODS = "/api/v1/pods"
A = "/api/v1/namespaces/a/pods"
REVIEWS = "/apis/authorization.k8s.io/v1"


@pytest.fixture
async def api(store: ChdbStore, history: History) -> AsyncIterator[httpx.AsyncClient]:
    """As ann, the pods of two namespaces."""
    for seconds, name in enumerate(("a/one", "b/two", "b/three"), 1):
        history.put("pods", name, {"status": {"phase": "Running"}}, at=seconds)
    history.delete("pods", "b/three", at=5)
    history.watch(from_=0, to=999)
    history.store(store)
    app = create_app(
        store=store,
        settings=QuerySettings(feed_poll=0.01, feed_heartbeat=0.05),
        registry=CollectorRegistry(),
        clock=lambda: at(999),
        logins=FakeLogins(ann=within(history.cluster, "a")),
    )
    headers = {"Authorization": "Bearer ann"}
    url = f"http://localhost/kube/{history.cluster}/now"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url, headers=headers) as client:
        yield client


async def get(api: httpx.AsyncClient, path: str, **params: str) -> Any:
    return (await api.get(path, params=params)).json()


async def test_a_list_of_everything_is_forbidden_and_not_cut_in_silence(api: httpx.AsyncClient) -> None:
    refused = await api.get(PODS)
    assert refused.status_code == 403
    assert refused.json()["reason"] == "Forbidden"
    assert refused.json()["message"] == (
        'pods is forbidden: User "ann" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert (await api.get("/api/v1/nodes")).status_code == 403


async def test_the_own_namespace_is_listed_as_if_there_were_no_other(api: httpx.AsyncClient) -> None:
    whole = await get(api, A)
    assert [each["metadata"]["name"] for each in whole["items"]] == ["one"]
    assert whole["metadata"]["resourceVersion"] == "101"
    assert "continue" not in (await get(api, A, limit="1"))["metadata"]


@pytest.mark.parametrize("query", [{}, {"watch": "true"}, {"limit": "1"}, {"fieldSelector": "metadata.name=two"}])
async def test_what_may_not_be_seen_is_forbidden_like_what_never_was(
    api: httpx.AsyncClient, query: dict[str, str]
) -> None:
    told = []
    for place in ("b/pods", "b/pods/two", "never/pods", "never/pods/two"):
        answer = await api.get(f"/api/v1/namespaces/{place}", params=query)
        told.append((answer.status_code, answer.text.replace("never", "b"), set(answer.headers)))
    assert told[:2] == told[2:]
    assert [code for code, _, _ in told] == [403] * 4


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_a_dry_run_tells_no_more(api: httpx.AsyncClient, method: str) -> None:
    path = "/api/v1/namespaces/b/pods" + ("" if method == "POST" else "/two")
    answer = await api.request(method, path, params={"dryRun": "All"}, json={})
    assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden")


async def test_a_watch_tells_only_of_the_own_namespace(api: httpx.AsyncClient) -> None:
    answer = await api.get(A, params={"watch": "true", "timeoutSeconds": "1"})
    told = [json.loads(line)["object"]["metadata"]["name"] for line in answer.text.splitlines()]
    assert told == ["one"]


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ({"verb": "list", "resource": "pods", "namespace": "a"}, True),
        ({"verb": "get", "resource": "pods", "namespace": "b"}, False),
        ({"verb": "list", "resource": "pods"}, False),
        ({"verb": "list", "resource": "secrets", "namespace": "a"}, False),
        ({"verb": "list", "resource": "nodes", "namespace": "a"}, False),
        ({"verb": "delete", "resource": "pods", "namespace": "a"}, False),
        ({"verb": "list", "resource": "*", "namespace": "a"}, False),
    ],
)
async def test_who_asks_what_they_may_is_told_so(api: httpx.AsyncClient, asked: dict[str, str], allowed: bool) -> None:
    answer = await api.post(f"{REVIEWS}/selfsubjectaccessreviews", json={"spec": {"resourceAttributes": asked}})
    assert answer.json()["status"]["allowed"] is allowed


async def test_rules_and_name_are_the_callers_own(api: httpx.AsyncClient) -> None:
    rules = []
    for namespace in ("a", "b"):
        answer = await api.post(f"{REVIEWS}/selfsubjectrulesreviews", json={"spec": {"namespace": namespace}})
        rules.append({each for rule in answer.json()["status"]["resourceRules"] for each in rule["resources"]})
    assert rules == [{"configmaps", "deployments", "pods"}, set()]
    me = await api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json={})
    assert me.json()["status"]["userInfo"]["username"] == "ann"


@pytest.mark.parametrize("header", ["Impersonate-User", "impersonate-group", "Impersonate-Extra-x"])
async def test_nobody_is_impersonated(api: httpx.AsyncClient, header: str) -> None:
    answer = await api.get(A, headers={header: "system:admin"})
    assert (answer.status_code, "cannot impersonate" in answer.json()["message"]) == (403, True)


async def test_without_a_token_there_is_nothing(api: httpx.AsyncClient) -> None:
    assert (await api.get(PODS, headers={"Authorization": ""})).status_code == 401
