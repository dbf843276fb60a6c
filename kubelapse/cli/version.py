"""`kubelapse version`: of this program, and of the server it would ask."""

import platform

import click

from kubelapse import __version__
from kubelapse.cli.options import reading
from kubelapse.cli.session import Session
from kubelapse.cli.text import json_text


@click.command("version")
@click.option("--client", "client_only", is_flag=True, help="Only this program; ask no server.")
@reading(formats=("table", "json", "yaml"))
async def version(session: Session, client_only: bool) -> None:
    """Versions of this program and of the server it would ask."""
    found = {"client": __version__, "python": platform.python_version()}
    if not client_only and session.data is None:
        found["server"] = await _server(session)
    if session.style.output == "table":
        session.out("".join(f"{name}: {value}\n" for name, value in found.items()))
    else:
        session.out(json_text(found) + "\n")


async def _server(session: Session) -> str:
    from kubelapse.client import AnswerError

    try:
        async with session.client() as client:
            return await client.version()
    except AnswerError:
        return "none answers"
