"""What a browser gets: the interface under a strict policy, files that last, or how to build it where there is none."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.assets import Assets
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from tests.fakes.history import at

BUILT = {"index.html": b"<!doctype html><title>Kubelapse</title>", "assets/index-a1b2.js": b"let a = 1;\n" * 99}
Open = Callable[[dict[str, bytes]], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def browser(store: ChdbStore) -> Open:
    @asynccontextmanager
    async def opened(files: dict[str, bytes]) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(
            store=store,
            settings=QuerySettings(),
            registry=CollectorRegistry(),
            clock=lambda: at(1000),
            ui=Assets(files),
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost", headers={"accept": "text/html"}
        ) as client:
            yield client

    return opened


@pytest.mark.parametrize("path", ["/", "/timeline", "/changes", "/object"])
async def test_every_page_is_the_same_document_under_a_strict_policy(browser: Open, path: str) -> None:
    async with browser(BUILT) as client:
        answer = await client.get(path)
    assert answer.content == BUILT["index.html"]
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-cache"


async def test_hashed_files_are_kept_for_ever_and_sent_compressed(browser: Open) -> None:
    async with browser(BUILT) as client:
        answer = await client.get("/assets/index-a1b2.js")
        again = await client.get("/assets/index-a1b2.js", headers={"if-none-match": answer.headers["etag"]})
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == BUILT["assets/index-a1b2.js"]
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/assets/none.js", "/index.html", "/../pyproject.toml", "/api/v1/nothing", "/a.b"])
async def test_what_is_not_there_is_a_problem_and_not_a_page(browser: Open, path: str) -> None:
    async with browser(BUILT) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_an_interface_the_plain_page_says_how_to_build_it(browser: Open) -> None:
    async with browser({}) as client:
        assert "make ui" in (await client.get("/")).text
        assert "make ui" not in (await client.get("/plain")).text
