"""The Model Context Protocol over the tools: stdio for a program that starts us, streamable HTTP on loopback.

Every tool only reads and says so in its hints. What cannot be answered is raised, so that the client learns that the
call failed and why.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from kubelapse import __version__
from kubelapse.mcptools import CannotAnswer, Tools

if TYPE_CHECKING:
    from starlette.applications import Starlette

P = ParamSpec("P")

INSTRUCTIONS: Final = """Kubelapse recorded every change of every object of these Kubernetes clusters. Ask `changes` for
what happened in a time, `rollouts` for deployments, `blame` for who set a field, `object_at` for how an object was.
Every answer ends with what it does not know: repeat that when it matters, and never take "nothing found" for "nothing
happened" unless the answer says complete. Event ids are evidence: cite them."""

_TITLES: Final = {
    "changes": "What changed",
    "object_at": "An object as it was",
    "history": "Revisions of an object",
    "diff": "What differs between two moments",
    "blame": "Who set each field, and when",
    "drift": "What is not as it should be",
    "rollouts": "What was rolled out",
    "search": "Where a value ever stood",
    "coverage": "What is recorded",
    "sql": "Ask the history in SQL",
    "sql_schema": "Views for SQL",
}


def make_server(tools: Tools, *, sql: bool) -> "MCPServer[None]":
    """The server with its tools; `sql`: whether the history can be asked in SQL."""
    server: MCPServer[None] = MCPServer(
        name="kubelapse", title="Kubelapse", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    for name, title in _TITLES.items():
        if sql or not name.startswith("sql"):
            hints = ToolAnnotations(
                title=title, read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
            )
            server.add_tool(_raising(getattr(tools, name)), name=name, title=title, annotations=hints)
    return server


def http_app(server: "MCPServer[None]") -> "Starlette":
    """The endpoint /mcp; only requests to loopback names are taken."""
    return server.streamable_http_app(stateless_http=True, json_response=True, host="127.0.0.1")


def _raising(tool: Callable[P, Awaitable[str]]) -> Callable[P, Awaitable[str]]:
    @wraps(tool)
    async def asked(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return await tool(*args, **kwargs)
        except CannotAnswer as error:
            raise ToolError(str(error)) from None

    return asked
