"""`kubelapse history`: the revisions of one object."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.options import object_options, reading
from kubelapse.cli.references import find
from kubelapse.cli.rows import changed, first_sight, print_changes, who
from kubelapse.cli.session import Session
from kubelapse.cli.text import table

if TYPE_CHECKING:
    from schema.canonical import JsonObject

NARROW = ("REVISION", "TIME", "OP", "BY", "CHANGED")


@click.command("history")
@object_options
@click.option("--since", "--from", "start", metavar="TIME", help="Only revisions after this time.")
@click.option("--to", "--until", "end", metavar="TIME", help="Only revisions up to this time.")
@click.option("--noise", type=click.Choice(["on", "off"]), default="on", help="off: nothing is hidden as noise.")
@reading()
async def history(
    session: Session,
    reference: tuple[str, ...],
    namespace: str | None,
    uid: str | None,
    start: str | None,
    end: str | None,
    noise: str,
) -> None:
    """The revisions of one object, oldest first, across delete and recreate.

    \b
    kubelapse history deploy/web -n shop
    kubelapse history pod web-7d9c -o jsonl
    """
    query = {
        "uid": uid,
        "from": session.instant(start) if start else None,
        "to": session.end(end),
        "noise": noise,
    }
    async with session.client() as client:
        found = await find(session, client, reference, namespace, uid)
        answer = await client.get(f"{found.path}/history", query)
        items = answer["items"]
        page = answer
        assert isinstance(items, list)
        while page.get("next"):
            page = await client.get(f"{found.path}/history", {**query, "cursor": str(page["next"])})
            items.extend(page["items"])  # type: ignore[arg-type]
    answer["next"] = None
    session.note(f"{found} of cluster {found.cluster}{_lives(items)}")  # type: ignore[arg-type]
    session.window(answer.get("from"), answer.get("to"))
    _print(session, answer, items)  # type: ignore[arg-type]
    session.limits(answer)
    if items:
        _suggest(session, str(found.kind), found.name, found.namespace, items[-1])  # type: ignore[arg-type]


def _lives(items: "list[JsonObject]") -> str:
    lives = len({str(item.get("uid")) for item in items})
    return f", {lives} lives" if lives > 1 else ""


def _print(session: Session, answer: "JsonObject", items: "list[JsonObject]") -> None:
    if session.style.output == "table":
        session.out(table(NARROW, [_row(session, item) for item in items], headers=session.style.headers))
    else:
        print_changes(session, answer, items)


def _row(session: Session, item: "JsonObject") -> tuple[str, ...]:
    return (
        str(item.get("seq", "")),
        session.local(item.get("ts"), error=item.get("ts_error")),
        str(item.get("op", "")),
        who(item),
        first_sight(item) or changed(item),
    )


def _suggest(session: Session, kind: str, name: str, namespace: str, item: "JsonObject") -> None:
    where = f" -n {namespace}" if namespace else ""
    session.hint(f"show {kind}/{name}{where} --at rv:{item.get('rv')}")
