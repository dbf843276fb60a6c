"""Stored baselines are evaluated as objects change, and what drifted when is kept; pins and notes beside them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.drift_watch import Watcher, timeline
from query.settings import QuerySettings
from query.userdata import Content, put_baseline
from schema.chdb import ChdbStore
from tests.fakes.history import History, at

HERE = "/api/v1"


def manifest(replicas: int) -> Any:
    spec = {"replicas": replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


@pytest.fixture
async def api(store: ChdbStore) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, on this machine."""
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), clock=lambda: at(1000))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


def test_a_drift_is_kept_from_its_onset_to_its_end(store: ChdbStore, history: History) -> None:
    def put(replicas: int, seconds: float) -> None:
        history.put("deployments.apps", "shop/web", {"spec": {"replicas": replicas}}, at=seconds, by="x")
        history.store(store)

    now = [100.0]
    watcher = Watcher(store=store, clock=lambda: at(now[0]), busy=lambda: 0.0)
    put(1, 10)
    name = f"kept-{history.cluster}"
    put_baseline(
        store, name, Content(sort="manifests", documents=[manifest(1)], scope={"cluster": history.cluster}), now=at(11)
    )
    assert watcher.look() >= 1
    assert timeline(store, name).items == []
    put(3, 20)
    watcher.look()
    (lasting,) = timeline(store, name).items
    assert (lasting.path, lasting.begun, lasting.ended, lasting.by, lasting.actual) == (
        "spec.replicas",
        at(20),
        None,
        "x",
        3,
    )
    put(1, 30)
    now[0] = 200.0
    watcher.look()
    (ended,) = timeline(store, name).items
    assert (ended.begun, ended.ended) == (at(20), at(30))
    assert timeline(store, name).evaluated == at(200)
    assert watcher.look() == 0


def test_drifts_that_came_and_went_between_two_looks_are_kept_whole(store: ChdbStore, history: History) -> None:
    def put(replicas: int, seconds: float) -> None:
        history.put("deployments.apps", "shop/web", {"spec": {"replicas": replicas}}, at=seconds, by=f"m{replicas}")

    now = [100.0]
    watcher = Watcher(store=store, clock=lambda: at(now[0]), busy=lambda: 0.0)
    put(1, 10)
    history.store(store)
    name = f"between-{history.cluster}"
    content = Content(sort="manifests", documents=[manifest(1)], scope={"cluster": history.cluster})
    put_baseline(store, name, content, now=at(90))
    watcher.look()
    for replicas, seconds in ((2, 110), (1, 120), (3, 130), (1, 140), (4, 150)):
        put(replicas, seconds)
    history.store(store)
    now[0] = 200.0
    watcher.look()
    history.delete("deployments.apps", "shop/web", at=210)
    history.store(store)
    now[0] = 300.0
    watcher.look()
    put(1, 320)
    history.store(store)
    now[0] = 400.0
    watcher.look()
    told = [(each.actual, each.by, each.begun, each.ended, each.op) for each in timeline(store, name).items]
    assert told == [
        (2, "m2", at(110), at(120), "changed"),
        (3, "m3", at(130), at(140), "changed"),
        (4, "m4", at(150), at(210), "changed"),
        (None, None, at(210), at(320), "missing"),
    ]


def test_what_one_server_has_evaluated_another_leaves_alone(store: ChdbStore, history: History) -> None:
    one, other = (Watcher(store=store, clock=lambda: at(100), busy=lambda: 0.0) for _ in range(2))
    for each in (one, other):
        each.look()  # at what other tests have stored
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 3}}, at=10)
    history.store(store)
    name = f"shared-{history.cluster}"
    content = Content(sort="manifests", documents=[manifest(1)], scope={"cluster": history.cluster})
    put_baseline(store, name, content, now=at(11))
    assert one.look() >= 1
    assert other.look() == 0
    put_baseline(store, name, content, now=at(12))
    assert (other.look(), one.look()) == (1, 0)
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 4}}, at=20)
    history.store(store)
    assert (one.look(), other.look()) == (1, 0)
    assert [each.actual for each in timeline(store, name).items] == [4]


async def test_pins_are_put_read_and_deleted(api: httpx.AsyncClient) -> None:
    made = (await api.put(f"{HERE}/pins/before", json={"at": "2026-03-01T12:00:00Z", "text": "good"})).json()
    assert (made["name"], made["at"], made["text"]) == ("before", "2026-03-01T12:00:00Z", "good")
    assert "before" in {each["name"] for each in (await api.get(f"{HERE}/pins")).json()["items"]}
    assert (await api.delete(f"{HERE}/pins/before")).status_code == 200
    gone = await api.get(f"{HERE}/pins/before")
    assert (gone.status_code, gone.json()["type"]) == (404, "urn:kubelapse:problem:unknown-name")


async def test_notes_are_listed_by_time(api: httpx.AsyncClient) -> None:
    note = (
        await api.post(f"{HERE}/notes", json={"text": "deploy", "at": "2026-03-01T12:00:00Z", "cluster": "lab"})
    ).json()
    listed = (await api.get(f"{HERE}/notes", params={"from": "2026-03-01T11:00:00Z"})).json()["items"]
    assert [(each["id"], each["text"], each["cluster"]) for each in listed] == [(note["id"], "deploy", "lab")]
    assert (await api.delete(f"{HERE}/notes/{note['id']}")).status_code == 200


async def test_a_baseline_with_a_secret_keeps_none_of_its_values(
    api: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.store(store)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db"},
        "stringData": {"password": "plain-value"},
    }
    body = {"manifests": [secret], "cluster": history.cluster, "namespace": "shop"}
    assert (await api.put(f"{HERE}/baselines/db", json=body)).json()["objects"] == 1
    whole = await api.get(f"{HERE}/baselines/db", params={"documents": "true"})
    assert whole.json()["documents"][0]["data"] == {"password": "***"}
    rows = store.rows("SELECT count() FROM baselines WHERE position(content, 'plain-value') > 0")
    assert rows[0][0] == 0


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"origin": "https://evil.example"}, b"{}", 403),
        ({"sec-fetch-site": "cross-site"}, b"{}", 403),
        ({"origin": "null"}, b"{}", 403),
        ({"origin": "http://localhost", "content-type": "application/json"}, b"{}", 200),
        ({"content-type": "text/plain"}, b"{}", 415),
        ({"content-type": "application/json"}, b"[]", 400),
        ({"content-type": "application/json"}, b"x" * (2 << 20), 413),
    ],
)
async def test_who_may_write_and_what(
    api: httpx.AsyncClient, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = await api.put(f"{HERE}/pins/x", content=body, headers=headers)
    assert answer.status_code == status, answer.text


async def test_writing_is_for_this_machine(store: ChdbStore) -> None:
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), clock=lambda: at(1000))
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as far:
        assert (await far.put(f"{HERE}/pins/x", json={})).status_code == 403
        assert (await far.get(f"{HERE}/pins")).status_code == 200
