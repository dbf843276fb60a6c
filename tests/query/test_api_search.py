"""Searching over HTTP: a saved search by its name, with what is given beside it counting."""

import httpx
from prometheus_client import CollectorRegistry

from query import userdata
from query.app import create_app
from query.settings import QuerySettings
from query.userdata import Question
from schema.canonical import Json
from schema.chdb import ChdbStore
from tests.fakes.history import History, at


async def test_a_saved_search_is_asked_by_its_name(store: ChdbStore, history: History) -> None:
    for name in ("a", "b"):
        history.put("configmaps", f"shop/{name}", {"data": {"url": "db.staging"}}, at=10, by="helm")
    history.watch(from_=0, to=999)
    history.store(store)
    wanted: dict[str, Json] = {"value": "db.staging", "cluster": history.cluster}
    userdata.put_saved(store, "staging", Question(kind="search", params=wanted), now=at(20))
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), clock=lambda: at(1000))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        found = (await client.get("/api/v1/search", params={"saved": "staging"})).json()
        narrow = (await client.get("/api/v1/search", params={"saved": "staging", "name": "b"})).json()
        unknown = await client.get("/api/v1/search", params={"saved": "nothing"})
    assert sorted(each["name"] for each in found["items"]) == ["a", "b"]
    assert [each["name"] for each in narrow["items"]] == ["b"]
    assert found["coverage"]["complete"]
    assert unknown.status_code == 404
