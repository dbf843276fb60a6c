"""`kubelapse mcp`: the history for assistants, over the Model Context Protocol."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.options import reading
from kubelapse.cli.session import Session

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from kubelapse.client import Client


@click.command("mcp")
@click.option(
    "--http", "port", type=click.IntRange(0, 65535), metavar="PORT", help="Serve /mcp on this port of 127.0.0.1."
)
@reading(formats=("table",))
async def mcp(session: Session, port: int | None) -> None:
    """The history for assistants: a server of the Model Context Protocol, read-only, on stdin and stdout.

    \b
    kubelapse mcp
    kubelapse mcp --http 7118
    """
    async with session.client() as client:
        from kubelapse.mcpserver import http_app, make_server
        from kubelapse.mcptools import Tools

        server = make_server(Tools(session, client), sql=await _knows_sql(client))
        if port is None:
            await server.run_stdio_async()
        else:
            await _serve(session, http_app(server), port)


async def _knows_sql(client: "Client") -> bool:
    from kubelapse.client import AnswerError

    try:
        await client.get("/sql/schema")
    except AnswerError:
        return False
    return True


async def _serve(session: Session, app: "Starlette", port: int) -> None:
    """Until a signal."""
    import uvicorn

    from kubelapse.server import listen, url_of

    with listen("127.0.0.1", port) as bound:
        session.note(f"serving {url_of(bound)}/mcp (Ctrl-C ends)")
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=1
        )
        await uvicorn.Server(config).serve(sockets=[bound])
