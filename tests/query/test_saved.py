"""Queries and searches that are kept under a name: by whoever may see everything, for whoever may see everything."""

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from prometheus_client import CollectorRegistry

from query import userdata
from query.access import EVERYTHING
from query.app import create_app
from query.settings import QuerySettings
from query.userdata import LARGEST_QUERY, Question, TooMuchToKeep
from schema.chdb import ChdbStore
from tests.fakes.history import at
from tests.fakes.logins import FakeLogins, within

SQL = {"kind": "sql", "text": "SELECT name FROM objects WHERE namespace = {ns:String}", "params": {"ns": "shop"}}


@pytest.fixture
async def api(store: ChdbStore) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), clock=lambda: at(1000))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
        yield client


async def test_a_query_is_kept_listed_asked_for_and_forgotten(api: httpx.AsyncClient) -> None:
    made = (await api.put("/saved/kept", json=SQL)).json()
    assert SQL.items() <= made.items()
    assert (await api.get("/saved/kept")).json() == made
    assert "kept" in {each["name"] for each in (await api.get("/saved")).json()["items"]}
    assert (await api.delete("/saved/kept")).status_code == 200
    assert (await api.get("/saved/kept")).status_code == 404


async def test_searches_and_queries_are_listed_apart(api: httpx.AsyncClient) -> None:
    await api.put("/saved/apart-sql", json=SQL)
    await api.put("/saved/apart-search", json={"kind": "search", "params": {"value": "db", "kind": "deploy"}})
    names = {each["name"] for each in (await api.get("/saved", params={"kind": "search"})).json()["items"]}
    assert "apart-search" in names
    assert "apart-sql" not in names


async def test_what_was_kept_later_replaces_it_and_keeps_its_first_day(store: ChdbStore) -> None:
    first = userdata.put_saved(store, "twice", Question(kind="sql", text="SELECT 1", params={}), by="ann", now=at(1))
    second = userdata.put_saved(store, "twice", Question(kind="sql", text="SELECT 2", params={}), by="bob", now=at(2))
    assert (second.created, second.updated, second.by) == (first.created, at(2), "bob")
    assert userdata.saved_question(store, "twice") == second


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "sql", "text": "  "},
        {"kind": "shell", "text": "ls"},
        {"text": "SELECT 1"},
        {"kind": "search", "params": {"value": {"nested": 1}}},
        {"kind": "search", "params": [1]},
        {"kind": "sql", "text": "SELECT 1", "parms": {}},
        {"kind": "sql", "text": 7},
    ],
)
async def test_what_is_no_question_is_refused(api: httpx.AsyncClient, body: object) -> None:
    assert (await api.put("/saved/wrong", json=body)).status_code == 400


@pytest.mark.parametrize(
    ("text", "params", "place", "sentence"),
    [
        ("SELECT name\nFROM frobs", {}, (2, 10), "There is no view 'frobs'"),
        ("SELECT name FROM objects\nWHERE (name = 'x'", {}, (2, 17), "not understood"),
        ("SELECT file('/etc/passwd')", {}, (1, 11), "file() cannot be used"),
        ("SELECT count() FROM states_at('someday')", {}, (0, 0), "someday"),
        ("SELECT count() FROM objects", {"ns": "shop"}, (0, 0), "no parameter ns"),
        ("SELECT 1; SELECT 2", {}, (0, 0), "2 statements"),
        ("DROP TABLE events", {}, (0, 0), "Only SELECT"),
    ],
)
async def test_sql_that_could_never_be_asked_is_not_kept_and_its_fault_is_shown(
    api: httpx.AsyncClient, text: str, params: dict[str, str], place: tuple[int, int], sentence: str
) -> None:
    answer = await api.put("/saved/faulty", json={"kind": "sql", "text": text, "params": params})
    told = answer.json()
    assert (answer.status_code, told.get("line", 0), told.get("column", 0)) == (400, *place)
    assert sentence in told["detail"]
    assert (await api.get("/saved/faulty")).status_code == 404


async def test_values_may_be_left_for_who_asks_it(api: httpx.AsyncClient) -> None:
    text = "SELECT name FROM states_at({at:String}) WHERE namespace = {ns:String}"
    answer = await api.put("/saved/open", json={"kind": "sql", "text": text, "params": {"ns": "shop"}})
    assert answer.status_code == 200


async def test_a_question_is_bounded(store: ChdbStore) -> None:
    with pytest.raises(TooMuchToKeep):
        userdata.put_saved(store, "long", Question(kind="sql", text="x" * LARGEST_QUERY, params={}), now=at(1))


async def test_a_search_that_was_kept_before_there_were_queries_is_read(store: ChdbStore) -> None:
    userdata._write(store, "saved", {"name": "old", "query": '{"path":"spec.image"}', "created": at(1)}, at(1))
    found = userdata.saved_question(store, "old")
    assert (found.kind, found.params) == ("search", {"path": "spec.image"})


async def test_it_is_told_who_saved_it_and_who_sees_a_part_sees_and_keeps_none(store: ChdbStore) -> None:
    logins = FakeLogins(ann=EVERYTHING, bob=within("lab", "shop"))
    ann, bob = ({"Authorization": f"Bearer {name}"} for name in ("ann", "bob"))
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), logins=logins)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as api:
        made = await api.put("/saved/shared", json=SQL, headers=ann)
        listed = await api.get("/saved", headers=bob)
        one = await api.get("/saved/shared", headers=bob)
        never = await api.get("/saved/never", headers=bob)
        written = await api.put("/saved/mine", json=SQL, headers=bob)
    assert made.json()["by"] == "ann"
    assert (listed.json()["items"], one.status_code, written.status_code) == ([], 404, 403)
    assert orjson.loads(never.content)["type"] == one.json()["type"]
