"""Whoever may read one namespace only sees no more of the others through the API server's face than anywhere else."""

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


async def test_a_list_of_everything_holds_what_may_be_seen(api: httpx.AsyncClient) -> None:
    whole = await get(api, PODS)
    assert [each["metadata"]["name"] for each in whole["items"]] == ["one"]
    assert whole["metadata"]["resourceVersion"] == "101"
    page = await get(api, PODS, limit="1")
    assert "continue" not in page["metadata"]


async def test_what_may_not_be_seen_is_missing_like_what_never_was(api: httpx.AsyncClient) -> None:
    told = [(await get(api, f"/api/v1/namespaces/b/pods/{name}"))["message"] for name in ("two", "three", "never")]
    assert [each.replace(name, "X") for each, name in zip(told, ("two", "three", "never"), strict=True)] == [
        'pods "X" not found'
    ] * 3


async def test_a_watch_tells_only_of_what_may_be_seen(api: httpx.AsyncClient) -> None:
    answer = await api.get(PODS, params={"watch": "true", "timeoutSeconds": "1"})
    assert [b'"two"' in answer.content, b'"three"' in answer.content, b'"one"' in answer.content] == [
        False,
        False,
        True,
    ]


async def test_without_a_token_there_is_nothing(api: httpx.AsyncClient) -> None:
    assert (await api.get(PODS, headers={"Authorization": ""})).status_code == 401
