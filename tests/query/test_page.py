"""The page of recent changes: what changed from what to what, and how much of it is not known or not shown."""

from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry

from query import page
from query.app import create_app
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from schema.markers import marker
from tests.fakes.history import History, at


@pytest.fixture
async def browser(store: ChdbStore) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), clock=lambda: at(1000))
    headers = {"accept": "text/html,*/*"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost", headers=headers
    ) as client:
        yield client


async def shown(browser: httpx.AsyncClient, history: History, **params: str | list[str]) -> str:
    answer = await browser.get("/plain", params={"cluster": history.cluster, **params})
    assert answer.status_code == 200
    return answer.text


async def test_values_stand_beside_their_paths(browser: httpx.AsyncClient, store: ChdbStore, history: History) -> None:
    history.watch(from_=0, to=999)
    history.put("configmaps", "shop/a", {"data": {"url": "<old>", "gone": "1"}}, at=10)
    history.put("configmaps", "shop/a", {"data": {"url": "x" * 200, "list": ["a"]}}, at=20)
    history.store(store)
    text = await shown(browser, history)
    assert "<del>&lt;old&gt;</del> → <ins>" + "x" * 63 + "…</ins>" in text
    assert "<del>1</del> → <del>removed</del>" in text
    assert "[1 item]" in text


async def test_redacted_values_are_not_even_shown_as_hashes(
    browser: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    one, two = marker("k1", "0" * 16), marker("k1", "1" * 16)
    history.put("secrets", "shop/s", {"stringData": {"p": one}}, at=10)
    history.put("secrets", "shop/s", {"stringData": {"p": two}}, at=20)
    history.store(store)
    text = await shown(browser, history)
    assert "<del>(redacted)</del> → <ins>(redacted)</ins>" in text
    assert "hmac:" not in text


async def test_gaps_are_listed_and_what_is_hidden_can_be_shown_and_hidden_again(
    browser: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.watch("nodes", from_=0, to=100)
    history.watch("nodes", from_=200, to=999)
    history.put("nodes", "n", {"n": 1}, at=10, noise="heartbeat")
    history.store(store)
    text = await shown(browser, history, **{"from": "15m"})
    assert "There are gaps in this time (nodes)" in text
    assert "1 gap</summary>" in text
    assert "1 hidden as noise" in await shown(browser, history)
    assert "noise is shown" in await shown(browser, history, noise="off")


async def test_what_does_not_fit_on_a_page_is_one_link_away(
    browser: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    for number in range(page.SHOWN + 1):
        history.put("pods", f"shop/p{number}", {}, at=1 + number)
    history.store(store)
    text = await shown(browser, history, path=[])
    assert f"{page.SHOWN} newest shown" in text
    assert "Older changes" in text
    assert "Older changes" not in await shown(browser, history, to="2026-03-01T12:00:02Z")


async def test_a_form_keeps_what_it_does_not_ask_for(
    browser: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.store(store)
    text = await shown(browser, history, path=["spec", 'data["a"]'])
    assert '<input name="path" value="spec">' in text
    assert 'name="path" value="data[&quot;a&quot;]"' in text


@pytest.mark.parametrize(("name", "value"), [("kind", "<b>gadgets"), ("from", "noon-ish"), ("selector", "a=b=c")])
async def test_a_question_without_an_answer_gets_a_page_too(browser: httpx.AsyncClient, name: str, value: str) -> None:
    answer = await browser.get("/plain", params={name: value})
    assert (answer.status_code in (400, 404), answer.headers["content-type"]) == (True, "text/html; charset=utf-8")
    assert '<p class="empty" role="alert">' in answer.text
    assert "<b>gadgets" not in answer.text


async def test_the_state_behind_a_link_is_text_for_a_browser(
    browser: httpx.AsyncClient, store: ChdbStore, history: History
) -> None:
    history.put("pods", "shop/a", {}, at=1)
    history.store(store)
    answer = await browser.get(f"/api/v1/objects/{history.cluster}/pods/shop/a?output=yaml")
    assert answer.headers["content-type"].startswith("text/plain")
