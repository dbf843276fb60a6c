"""What an assistant is told: the same answers, in few words, with their evidence and their limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from mcp.client.client import Client as McpClient
from mcp_types import CallToolResult, TextContent

from kubelapse import client
from kubelapse.cli.session import Session, Style, Surroundings
from kubelapse.mcpserver import make_server
from kubelapse.mcptools import Tools
from kubelapse.server import offline_app
from kubelapse.settings import load
from schema.chdb import ChdbStore
from tests.fakes.records import NOON
from tests.kubelapse.conftest import HOUR

TOOLS = {"changes", "object_at", "diff", "blame", "history", "drift", "rollouts", "search", "coverage"}


def clock() -> datetime:
    return NOON + timedelta(seconds=HOUR)


@asynccontextmanager
async def asking(store: ChdbStore) -> AsyncIterator[McpClient]:
    """A client of the server over the shop's hour, in this process."""
    style = Style(output="table", headers=True, color="never", timezone="UTC", require_complete=False)
    session = Session(Surroundings(environ={}, clock=clock), load({}, {}), style, data=None)
    async with (
        client.in_process(offline_app(store, clock), "here") as own,
        McpClient(make_server(Tools(session, own), sql=False)) as found,
    ):
        yield found


def text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_every_tool_says_that_it_only_reads(shop_store: ChdbStore) -> None:
    async with asking(shop_store) as assistant:
        tools = (await assistant.list_tools()).tools
    assert {each.name for each in tools} == TOOLS
    hints = [each.annotations for each in tools]
    assert all(each and each.read_only_hint and each.destructive_hint is False for each in hints)
    assert all(each.description for each in tools)


async def test_changes_name_who_what_and_their_event(shop_store: ChdbStore) -> None:
    async with asking(shop_store) as assistant:
        told = text(await assistant.call_tool("changes", {"kind": "deploy", "since": "2h"}))
    assert "update lab deployments.apps shop/web by kubectl-scale: spec.replicas [event lab:" in told
    assert "1 change hidden as noise" in told
    assert "--noise" not in told


async def test_an_event_that_was_cited_can_be_asked_for_by_its_object(shop_store: ChdbStore) -> None:
    async with asking(shop_store) as assistant:
        blamed = text(await assistant.call_tool("blame", {"kind": "deploy", "name": "web", "path": "spec.replicas"}))
        before = text(await assistant.call_tool("object_at", {"kind": "deploy", "name": "web", "at": "12:01"}))
    assert "spec.replicas = 5, was 2; since " in blamed
    assert "replicas: 2" in before


async def test_what_is_not_known_is_said_in_every_answer(shop_store: ChdbStore) -> None:
    async with asking(shop_store) as assistant:
        whole = text(await assistant.call_tool("changes", {"since": "12:00:01", "until": "12:59"}))
        early = text(await assistant.call_tool("changes", {"since": "2d", "namespace": "nowhere"}))
    assert "complete: everything was watched" in whole
    assert "this answer is not complete: " in early


async def test_what_cannot_be_answered_is_an_error_that_says_what_to_do(shop_store: ChdbStore) -> None:
    async with asking(shop_store) as assistant:
        unknown = await assistant.call_tool("object_at", {"kind": "frob", "name": "x"})
        twice = await assistant.call_tool("history", {"kind": "configmap", "name": "settings"})
    assert unknown.is_error
    assert "No recorded cluster serves a type 'frob'" in text(unknown)
    assert twice.is_error
    assert "known in several namespaces (shop, test)" in text(twice)


async def test_no_secret_value_is_told(shop_store: ChdbStore) -> None:
    async with asking(shop_store) as assistant:
        told = text(await assistant.call_tool("diff", {"kind": "secret", "name": "token", "since": "12:01:15"}))
    assert "~ data.b" in told
