"""`kubelapse sql`: SQL over the documented views of the history."""

import sys
from typing import TYPE_CHECKING

import click

from kubelapse.cli import text
from kubelapse.cli.fields import objects
from kubelapse.cli.options import reading
from kubelapse.cli.session import Session

if TYPE_CHECKING:
    from kubelapse.client import Client
    from schema.canonical import Json, JsonObject


@click.command("sql")
@click.argument("query", metavar="[QUERY]", required=False)
@click.option("--schema", is_flag=True, help="Print the views with their columns, and end.")
@click.option("--param", "params", metavar="NAME=VALUE", multiple=True, help="Value of {NAME:Type} in the query.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N rows.")
@click.option("--saved", metavar="NAME", help="Ask a saved query; --param counts more than what was saved.")
@click.option("--save", metavar="NAME", help="Keep the query under this name, for everybody, once it has answered.")
@click.option("--list", "listed", is_flag=True, help="Print the saved queries, and end.")
@reading(formats=("table", "json", "jsonl", "csv"))
async def sql(
    session: Session,
    query: str | None,
    schema: bool,
    params: tuple[str, ...],
    limit: int | None,
    saved: str | None,
    save: str | None,
    listed: bool,
) -> None:
    """Ask the history in SQL (ClickHouse's), read-only; `-` reads the query from stdin.

    \b
    kubelapse sql "SELECT ts, name, before, after FROM field_changes WHERE path = 'spec.replicas'"
    kubelapse sql 'SELECT kind, name FROM states_at({at:String}) WHERE namespace = {ns:String}' \\
        --param at=2h --param ns=shop
    kubelapse sql --saved scaled --param ns=shop
    kubelapse sql --schema
    """
    async with session.client() as client:
        if schema:
            _views(session, await client.get("/sql/schema"))
            return
        if listed:
            _saved(session, await client.get("/saved", {"kind": "sql"}))
            return
        statement, given = await _asked(client, query, saved)
        values = {**given, **dict(map(_named, params))}
        body: JsonObject = {"query": statement, "params": values}
        if limit is not None:
            body["limit"] = limit
        answer = await client.post("/sql", body=body, patient=True)
        if save:
            await client.put(f"/saved/{_segment(save)}", body={"kind": "sql", "text": statement, "params": values})
            session.note(f"saved as {save}: kubelapse sql --saved {save}")
    _print(session, answer)
    if answer.get("truncated"):
        session.note(f"only the first {limit} rows: there are more")
    session.limits(answer)


async def _asked(client: "Client", query: str | None, saved: str | None) -> "tuple[str, JsonObject]":
    """The statement and the values that were saved with it."""
    if bool(query) == bool(saved):
        raise click.UsageError("give a query or --saved NAME, --list or --schema")
    if not saved:
        return (sys.stdin.read() if query == "-" else query or ""), {}
    found = await client.get(f"/saved/{_segment(saved)}")
    if found["kind"] != "sql":
        raise click.UsageError(f"{saved} is a saved search: kubelapse search --saved {saved}")
    params = found["params"]
    assert isinstance(params, dict)
    return str(found["text"]), params


def _segment(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="@")


def _saved(session: Session, answer: "JsonObject") -> None:
    items = objects(answer["items"])
    if session.style.output == "json":
        session.out(text.json_text(answer) + "\n")
        return
    rows = [[str(each["name"]), str(each["by"]), " ".join(str(each["text"]).split())] for each in items]
    session.out(text.table(("NAME", "BY", "QUERY"), rows, headers=session.style.headers))


def _named(text: str) -> "tuple[str, Json]":
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--param {text}: expected NAME=VALUE")
    return name, value


def _views(session: Session, answer: "JsonObject") -> None:
    if session.style.output == "json":
        session.out(text.json_text(answer) + "\n")
        return
    views = answer["views"]
    assert isinstance(views, list)
    for view in views:
        assert isinstance(view, dict)
        arguments = view["arguments"]
        assert isinstance(arguments, list)
        asked = f"({', '.join(map(str, arguments))})" if arguments else ""
        session.out(f"{view['name']}{asked}: {view['comment']}\n")
        columns = view["columns"]
        assert isinstance(columns, list)
        rows = [[f"  {c['name']}", str(c["type"]), str(c["comment"])] for c in columns if isinstance(c, dict)]
        session.out(text.table(("", "", ""), rows, headers=False) + "\n")


def _print(session: Session, answer: "JsonObject") -> None:
    columns, rows = answer["columns"], answer["rows"]
    assert isinstance(columns, list)
    assert isinstance(rows, list)
    names = [str(each["name"]) for each in columns if isinstance(each, dict)]
    match session.style.output:
        case "json":
            session.out(text.json_text(answer) + "\n")
        case "jsonl":
            for row in rows:
                assert isinstance(row, list)
                session.out(text.json_text(dict(zip(names, row, strict=True)), indent=False) + "\n")
        case "csv":
            session.out(_csv(names if session.style.headers else None, rows))
        case _:
            session.out(text.table([name.upper() for name in names], map(_cells, rows), headers=session.style.headers))


def _csv(names: list[str] | None, rows: "list[Json]") -> str:
    """As the server writes it, without terminal control characters."""
    from query.sql.forms import csv_line

    lines = [csv_line(row) for row in rows if isinstance(row, list)]
    return text.plain(b"".join([csv_line(list(names)), *lines] if names else lines).decode())


def _cells(row: "Json") -> list[str]:
    assert isinstance(row, list)
    return [_cell(value) for value in row]


def _cell(value: "Json") -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else text.json_text(value, indent=False)
