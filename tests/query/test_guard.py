"""Requests without an end are not read, whoever sends them and whatever they say of their length."""

from collections.abc import AsyncIterator

import httpx
from prometheus_client import CollectorRegistry

from query import guard
from query.app import create_app
from query.settings import QuerySettings
from tests.fakes.store import FakeStore


async def test_a_request_that_is_too_large_is_refused_before_it_is_read() -> None:
    app = create_app(store=FakeStore(), settings=QuerySettings(), registry=CollectorRegistry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        said = await client.post("/api/v1/notes", headers={"Content-Length": str(guard.LARGEST + 1)})
        assert (said.status_code, said.json()["type"]) == (413, "urn:kubelapse:problem:too-large")


async def test_a_request_of_unknown_length_is_read_no_further_than_any_may_be() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10 * guard.LARGEST:
            sent += 1 << 20
            yield bytes(1 << 20)

    app = create_app(store=FakeStore(), settings=QuerySettings(), registry=CollectorRegistry())
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        refused = await client.post("/api/v1/drift", content=endless(), headers={"Content-Type": "application/json"})
    assert refused.status_code == 413
    assert sent <= guard.LARGEST + (2 << 20)
