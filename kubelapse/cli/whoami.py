"""`kubelapse whoami`: whom the server takes the caller for, as `kubectl auth whoami` asks the cluster."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.errors import Failure
from kubelapse.cli.options import reading
from kubelapse.cli.session import Session
from kubelapse.cli.text import json_text, plain, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from schema.canonical import JsonObject

NAMED = 10
"""Namespaces that a line names."""


@click.command("whoami")
@reading(formats=("table", "json", "yaml", "name"), default="table")
async def whoami(session: Session) -> None:
    """Whom the server takes you for, by the token in KUBELAPSE_TOKEN_FILE, and what you see.

    \b
    KUBELAPSE_TOKEN_FILE=<(kubectl create token ann --audience kubelapse) kubelapse whoami --server URL
    """
    async with session.client() as client:
        answer = await client.get("/whoami")
    if answer.get("login") and not answer.get("user"):
        raise Failure(
            "the server takes you for nobody: put a token that holds into the file that KUBELAPSE_TOKEN_FILE names"
        )
    user = plain(str(answer.get("user") or ""))
    match session.style.output:
        case "json":
            session.out(json_text(answer) + "\n")
        case "yaml":
            session.out(yaml_text(answer))
        case "name":
            session.out(f"{user}\n" if user else "")
        case _:
            row = (user or "(nobody signs in there)", sees(answer))
            session.out(table(("USER", "SEES"), [row], headers=session.style.headers))


def sees(answer: "JsonObject") -> str:
    """In a few words; nothing tells of the rest."""
    spaces = answer.get("namespaces")
    if answer.get("everything"):
        return "everything"
    if not isinstance(spaces, list):
        return "what you may list in the cluster"
    if not spaces:
        return "nothing of what is recorded"
    more = f" and {len(spaces) - NAMED} more" if len(spaces) > NAMED else ""
    named = ", ".join(plain(str(each)) for each in spaces[:NAMED])
    return f"what you may list in {'namespace' if len(spaces) == 1 else 'namespaces'} {named}{more}"
