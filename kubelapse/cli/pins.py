"""`kubelapse pins`: the named moments."""

import click

from kubelapse.cli.drift import items
from kubelapse.cli.options import reading
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table
from query.yamltext import yaml_text

COLUMNS = ("NAME", "AT", "TEXT")


@click.command("pins")
@reading(formats=("table", "json", "jsonl", "yaml", "csv", "name"), default="table")
async def pins(session: Session) -> None:
    """Named moments, oldest first."""
    async with session.client() as client:
        answer = await client.get("/pins")
    output, found = session.style.output, items(answer)
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "jsonl":
        session.out("".join(json_text(each, indent=False) + "\n" for each in found))
    elif output == "name":
        session.out("".join(f"pin:{plain(str(each.get('name')))}\n" for each in found))
    else:
        rows = [(str(each.get("name")), session.local(each.get("at")), str(each.get("text") or "")) for each in found]
        session.out((csv_text if output == "csv" else table)(COLUMNS, rows, headers=session.style.headers))
    if not found:
        session.note("no moment has a name yet: kubelapse pin NAME gives it one")
