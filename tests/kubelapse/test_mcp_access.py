"""Assistants see what their caller may see: no tool tells of another namespace, neither by name nor by count."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from mcp.client.client import Client as McpClient
from mcp_types import TextContent
from prometheus_client import CollectorRegistry

from kubelapse.cli.session import Session, Style, Surroundings
from kubelapse.client import IN_PROCESS, Client
from kubelapse.mcpserver import make_server
from kubelapse.mcptools import Tools
from kubelapse.settings import load
from query.app import create_app
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from tests.fakes.history import History, at
from tests.fakes.logins import FakeLogins, within

CANARY = "canary-7f3a"
HIDDEN = {"kind": "configmaps", "name": f"{CANARY}-1", "namespace": "bees"}
NEVER = {"kind": "configmaps", "name": "never-was", "namespace": "nowhere"}


@asynccontextmanager
async def asking(store: ChdbStore, token: str) -> AsyncIterator[McpClient]:
    """The tools, over an application that asks who calls."""
    logins = FakeLogins(ann=within("lab", "a"), nobody=within("lab"))
    app = create_app(
        store=store,
        settings=QuerySettings(rate=0),
        registry=CollectorRegistry(),
        clock=lambda: at(1000),
        logins=logins,
    )
    style = Style(output="table", headers=True, color="never", timezone="UTC", require_complete=False)
    session = Session(Surroundings(environ={}, clock=lambda: at(1000)), load({}, {}), style, data=None)
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url=IN_PROCESS, transport=transport, headers=headers, timeout=None) as http,
        McpClient(make_server(Tools(session, Client(http, "here")), sql=True)) as found,
    ):
        yield found


@pytest.fixture
def two(store: ChdbStore) -> ChdbStore:
    """A namespace that ann may read, and one that she may not."""
    history = History("lab")
    history.watch(from_=0, to=999)
    history.put("configmaps", "a/settings", {"data": {"k": "1"}}, at=5, by="helm")
    history.put("configmaps", "a/settings", {"data": {"k": "2"}}, at=20, by="kubectl")
    for number in range(3):
        history.put("configmaps", f"bees/{CANARY}-{number}", {"data": {CANARY: CANARY}}, at=11, by=CANARY)
        history.put("configmaps", f"bees/{CANARY}-{number}", {"data": {CANARY: "2"}}, at=21, by=CANARY)
    history.store(store)
    return store


async def said(assistant: McpClient, tool: str, **arguments: object) -> str:
    result = await assistant.call_tool(tool, arguments)
    return "\n".join(each.text for each in result.content if isinstance(each, TextContent))


async def everything(assistant: McpClient, about: dict[str, str]) -> dict[str, str]:
    """What each tool says, of one object where it takes one."""
    found = {}
    for tool in (await assistant.list_tools()).tools:
        takes = tool.input_schema.get("properties", {})
        arguments: dict[str, object] = {name: value for name, value in about.items() if name in takes}
        given = {"since": "1h", "value": "2", "query": "SELECT count(), max(name) FROM changes", "path": "data.k"}
        arguments |= {name: value for name, value in given.items() if name in takes}
        told = await said(assistant, tool.name, **arguments)
        found[tool.name] = re.sub(r'"?(took|elapsed_ms|seconds)"?: ?[\d.]+', "", told)
    return found


async def test_no_tool_tells_of_what_may_not_be_seen(two: ChdbStore) -> None:
    async with asking(two, "ann") as assistant:
        seen = await everything(assistant, {})
        hidden, never = await everything(assistant, HIDDEN), await everything(assistant, NEVER)
    assert "a/settings" in seen["changes"]
    assert not [tool for tool, text in seen.items() if CANARY in text]
    for tool, text in hidden.items():
        assert text.replace(HIDDEN["name"], "X").replace("bees", "N") == never[tool].replace(
            NEVER["name"], "X"
        ).replace("nowhere", "N"), tool


async def test_who_may_see_nothing_is_told_nothing_and_strangers_are_refused(two: ChdbStore) -> None:
    async with asking(two, "nobody") as assistant:
        found = await everything(assistant, {})
        assert not [tool for tool, text in found.items() if CANARY in text or "a/settings" in text]
    async with asking(two, "stranger") as assistant:
        result = await assistant.call_tool("changes", {"since": "1h"})
    assert result.is_error
