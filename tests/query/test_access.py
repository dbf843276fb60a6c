"""Who may read namespace a alone meets a world in which b never was: bodies, counts, completions, errors.

Every route of the OpenAPI document is asked twice: before anything of b, of Secrets and of nodes is recorded, by
somebody who sees everything; and after it, by somebody who sees a. The answers are the same bytes. A route that is
added to the document is asked too; one with a parameter that is not known here fails until it is.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from query.access import CLOSED_TABLES, EVERYTHING, NOTHING, Grant, LimitedStore, Reach, filters
from query.app import create_app
from query.assets import Assets
from query.errors import NotAllowed
from query.settings import QuerySettings
from schema.canonical import JsonObject
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.fakes.history import KINDS, History, at, kind_info
from tests.fakes.logins import FakeLogins, within
from tests.query.asked import BESIDE, BODIES, FOR_EVERYBODY, QUERY, Place, operations, spelled, takes

CANARY = "canary-7f3a"
NOW = at(1000)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ChdbStore, History]]:
    path: Path = tmp_path_factory.mktemp("world")
    store = ChdbStore.open(path)
    migrate(store)
    history = History("lab", kinds=(*KINDS, kind_info("events", "Event")))
    history.watch(from_=0, to=999)
    a: JsonObject = {"spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}}}
    history.put("configmaps", "a/settings", {"data": {"k": "1"}}, at=5, by="helm", labels={"app": "web"})
    history.put("deployments.apps", "a/web", a, at=10, by="helm", labels={"app": "web"})
    history.put("configmaps", "a/settings", {"data": {"k": "2"}}, at=20, by="kubectl", labels={"app": "web"})
    history.put("deployments.apps", "a/web", {"spec": {"replicas": 3}}, at=30, by="hpa", labels={"app": "web"})
    history.put("configmaps", "a/gone", {"data": {}}, at=40, by="helm")
    history.delete("configmaps", "a/gone", at=50)
    history.store(store)
    yield store, history
    store.close()


def the_rest(history: History, store: ChdbStore) -> None:
    """Everything that a reader of namespace a may not see."""
    for number in range(7):
        name = f"bees/{CANARY}-{number}"
        history.put("configmaps", name, {"data": {CANARY: "1"}}, at=11, by=f"{CANARY}-manager", labels={"app": "web"})
        history.put("configmaps", name, {"data": {CANARY: "2"}}, at=21, by=f"{CANARY}-manager", noise="status")
    history.put("deployments.apps", "bees/web", {"spec": {"replicas": 1, "x": CANARY}}, at=12, origin="list")
    history.put("secrets", f"a/{CANARY}", {"data": {CANARY: "eA=="}}, at=22)
    history.put("nodes", f"{CANARY}-node", {"status": {"beat": 1}}, at=23)
    history.delete("configmaps", f"bees/{CANARY}-0", at=60)
    history.watch("pods", from_=100, to=200, namespace="bees")
    history.gap("configmaps", 300, 310, reason=f"{CANARY}", namespace="bees")
    history.store(store)
    columns = {"involved_kind": "ConfigMap", "involved_name": f"{CANARY}-0", "message": CANARY, "reason": CANARY}
    said: dict[str, Any] = {
        "cluster": "lab", "namespace": "bees", "involved_namespace": "bees", "uid": CANARY, "rv_order": 1,
        "observed_at": at(30), "ts": at(30), **columns,
    }  # fmt: skip
    store.insert("k8s_events", pa.table({name: [value] for name, value in said.items()}), token="said")
    pin = {"name": CANARY, "at": at(1), "text": CANARY, "created": at(1), "updated": at(1), "deleted": False}
    store.insert("pins", pa.table({name: [value] for name, value in pin.items()}), token="pin")


@asynccontextmanager
async def asking(store: ChdbStore, **callers: Reach) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    app = create_app(
        store=store,
        settings=QuerySettings(version="1.2.3", rate=0),
        registry=CollectorRegistry(),
        clock=lambda: NOW,
        logins=FakeLogins(**callers),
        ui=Assets({}),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield app, client


async def answers(
    app: FastAPI, client: httpx.AsyncClient, token: str, place: Place, *scopes: Mapping[str, str]
) -> dict[str, str]:
    """What every route says, by route and scope (where it takes one). Without a token it is the cookie's answer."""
    headers, found = {"Authorization": f"Bearer {token}"} if token else {"Origin": str(client.base_url)}, {}
    for method, path, operation in operations(app):
        for scope in scopes if "selector" in takes(operation) else scopes[:1]:
            url, query = spelled(path, operation, place, scope)
            body = BODIES.get(path, {}) if method == "post" else None
            answer = await client.request(method, url, params=query, json=body, headers=headers)
            found[f"{method} {path} {scope}"] = f"{answer.status_code} {_steady(answer.text)}"
    for path in BESIDE:
        answer = await client.get(path.format_map(place.path), headers=headers)
        found[path] = f"{answer.status_code} {_steady(answer.text)}"
    return found


def _steady(text: str) -> str:
    """Without what differs from one run of the same question to the next."""
    return re.sub(r'"(took|elapsed_ms|seconds|query_id)": ?("[^"]*"|[\d.]+)', "", text)


def place_a(history: History) -> Place:
    event = history.events[0].id if history.events else "none"
    return Place(cluster="lab", namespace="a", name="settings", uid="lab-0001", event=event)


@pytest.mark.timeout(400)
async def test_b_never_was(world: tuple[ChdbStore, History]) -> None:
    store, history = world
    here = Place(cluster="lab", namespace="a", name="settings", uid="lab-0001", event=_an_event(store, "a"))
    async with asking(store, boss=EVERYTHING, ann=within("lab", "a")) as (app, client):
        before = await answers(app, client, "boss", here, {}, {"selector": "app=web"})
        the_rest(history, store)
        whole = await client.get("/api/v1/changes", params=QUERY, headers={"Authorization": "Bearer boss"})
        assert CANARY in whole.text
        seen = await answers(app, client, "ann", here, {}, {"selector": "app=web"})
        await client.post("/auth/token", json={"token": "ann"})
        by_cookie = await answers(app, client, "", here, {})
    assert {key: text for key, text in by_cookie.items() if seen[key] != text} == {
        "get /api/v1/whoami {}": seen["get /api/v1/whoami {}"].replace('"session":false', '"session":true')
    }
    shared = {key for key in before if not _wants_everything(before[key], seen[key]) and "whoami" not in key}
    different = {key: (before[key][:2000], seen[key][:2000]) for key in shared if before[key] != seen[key]}
    assert '"rows":[[6, "web", 1]]' in seen["post /api/v1/sql {}"]
    assert not different
    assert not [key for key, text in seen.items() if CANARY in text]
    await _b_is_like_nowhere(store)
    await _secrets_and_nodes_are_not_there(store)
    await _the_feed_is_silent(store)


def _wants_everything(before: str, seen: str) -> bool:
    """Routes for whoever sees everything say so, whatever is recorded."""
    return seen.startswith("403 ") and CANARY not in before


def _an_event(store: ChdbStore, namespace: str) -> str:
    sql = "SELECT id FROM history WHERE namespace = {namespace:String} AND resource = 'configmaps' ORDER BY id LIMIT 1"
    return str(store.rows(sql, {"namespace": namespace})[0][0])


async def _b_is_like_nowhere(store: ChdbStore) -> None:
    """Asking for b by its names answers as asking for what never existed."""
    event = _an_event(store, "bees")
    uid = event.split(":")[3]
    there = Place(cluster="lab", namespace="bees", name=f"{CANARY}-1", uid=uid, event=event)
    other = Place(
        cluster="lab", namespace="zeds", name="nothing-at-1", uid="lab-9999", event=event.replace(uid, "lab-9999")
    )
    async with asking(store, ann=within("lab", "a")) as (app, client):
        hidden = await answers(app, client, "ann", there, {"namespace": "bees"})
        never = await answers(app, client, "ann", other, {"namespace": "zeds"})
    for key, text in hidden.items():
        assert _named(text, there) == _named(never[key.replace("'bees'", "'zeds'")], other), key


def _named(text: str, place: Place) -> str:
    """The answer without the words of the question."""
    for word in (place.event, place.uid, place.name):
        text = text.replace(word, "WORD")
    return text.replace(place.namespace, "NAMESPACE")


async def _secrets_and_nodes_are_not_there(store: ChdbStore) -> None:
    headers = {"Authorization": "Bearer ann"}
    async with asking(store, ann=within("lab", "a")) as (_, client):
        for path in (f"secrets/a/{CANARY}", f"nodes/_/{CANARY}-node"):
            answer = await client.get(f"/api/v1/objects/lab/{path}", headers=headers)
            assert (answer.status_code, answer.json()["state"]) == (404, "never-seen")


async def _the_feed_is_silent(store: ChdbStore) -> None:
    """From the first change on: those of a, and a position that does not tell of the newest change of b."""
    async with asking(store, boss=EVERYTHING, ann=within("lab", "a")) as (app, _):
        feed = app.state.context.feed
        limited = feed.limited(LimitedStore(store, within("lab", "a")))
        assert await limited.newest_behind(0) < await feed.newest_behind(0)


async def test_without_a_token_there_is_only_the_health(world: tuple[ChdbStore, History]) -> None:
    async with asking(world[0], boss=EVERYTHING) as (app, client):
        for method, path, operation in operations(app):
            url, query = spelled(path, operation, place_a(world[1]), {})
            answer = await client.request(method, url, params=query)
            if path in FOR_EVERYBODY:
                assert answer.status_code == (200 if path == "/api/v1/whoami" else 403), url
                continue
            assert answer.status_code == 401, url
            assert answer.headers["content-type"] == "application/problem+json"
            assert "Bearer" in answer.headers["www-authenticate"]
        open_ones = [path for path in ("/livez", "/readyz", "/version", "/", "/metrics") if await _ok(client, path)]
        assert open_ones == ["/livez", "/readyz", "/version"]


async def _ok(client: httpx.AsyncClient, path: str) -> bool:
    return (await client.get(path)).status_code == 200


def test_every_table_has_a_rule(world: tuple[ChdbStore, History]) -> None:
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    tables = {row[0] for row in world[0].rows(sql)}
    assert tables == set(filters(within("lab", "a")))


def test_who_sees_nothing_reads_no_row_of_any_table(world: tuple[ChdbStore, History]) -> None:
    limited = LimitedStore(world[0], NOTHING)
    for table in filters(NOTHING):
        assert limited.rows(f"SELECT count() FROM {table}") == [(0,)], table


def test_who_sees_a_part_writes_nothing(world: tuple[ChdbStore, History]) -> None:
    limited = LimitedStore(world[0], within("lab", "a"))
    with pytest.raises(NotAllowed, match="right to read everything"):
        limited.command("OPTIMIZE TABLE events")
    assert "pins" in CLOSED_TABLES


@pytest.mark.parametrize("name", ["it's", "a\\", "a') OR ('1' = '1", "ä`\n{x:String}"])
def test_strange_names_are_no_sql(world: tuple[ChdbStore, History], name: str) -> None:
    grant = Grant(clusters=frozenset({name}), namespaces=frozenset({name}), kinds=frozenset({(name, name)}))
    limited = LimitedStore(world[0], Reach(grants=(grant,)))
    for sql in ("SELECT count() FROM events", "SELECT count() FROM events FINAL SETTINGS max_execution_time = 5"):
        assert limited.rows(sql) == [(0,)]


def test_secrets_are_not_among_all_kinds_unless_said() -> None:
    reach, more = Reach(grants=(Grant(),)), Reach(grants=(Grant(secrets=True),))
    assert not reach.allows("lab", ("secrets", ""), "a")
    assert more.allows("lab", ("secrets", ""), "a")
    assert reach.allows("lab", ("secrets", "example.org"), "a")


def test_of_a_namespace_made_anew_only_what_happened_since_is_seen(world: tuple[ChdbStore, History]) -> None:
    grant = Grant(clusters=frozenset({"lab"}), namespaces=frozenset({"a"}), since=at(25))
    limited = LimitedStore(world[0], Reach(grants=(grant,)))
    assert limited.rows("SELECT DISTINCT name FROM events ORDER BY name") == [("gone",), ("web",)]
    assert limited.rows("SELECT name FROM objects FINAL ORDER BY name") == [("gone",), ("web",)]
    for table in filters(Reach(grants=(grant,))):
        limited.rows(f"SELECT count() FROM {table}")
