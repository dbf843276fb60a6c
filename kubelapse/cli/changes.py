"""`kubelapse changes`: what changed between two moments."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.options import ScopeArgs, reading, scope_options
from kubelapse.cli.rows import print_changes
from kubelapse.cli.session import Session

if TYPE_CHECKING:
    from kubelapse.client import Client, Value
    from schema.canonical import JsonObject

PAGE = 5000  # of at most 10,000 that a server gives at once


@click.command("changes")
@click.option("--since", metavar="TIME", help="Start of the window: 1h, 14:05, yesterday 14:00. Default 1h.")
@click.option("--from", "start", metavar="TIME", help="Start of the window (not with --since).")
@click.option("--to", "--until", "end", metavar="TIME", help="End of the window. Default now.")
@scope_options
@click.option("--name", metavar="NAME", help="Only objects of this name.")
@click.option(
    "--path",
    "paths",
    metavar="PATH",
    multiple=True,
    help="Only changes at or below this path: spec.replicas. Several: repeat.",
)
@click.option("--by", metavar="WHO", help="Only changes by this manager or user.")
@click.option("--noise", type=click.Choice(["on", "off"]), default="on", help="off: nothing is hidden as noise.")
@click.option("--first-sight", is_flag=True, help="Also what was there before recording began.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most the newest N changes.")
@reading()
async def changes(session: Session, **kwargs: object) -> None:
    """What changed between two moments, newest last.

    \b
    kubelapse changes --since 30m -n shop
    kubelapse changes --from 14:00 --to 14:20 --kind deploy --path spec.replicas
    """
    limit = kwargs.pop("limit")
    query = _query(session, **kwargs)  # type: ignore[arg-type]
    async with session.client() as client:
        answer = await all_pages(client, query, limit=limit)  # type: ignore[arg-type]
    items = answer["items"]
    assert isinstance(items, list)
    session.window(answer.get("from"), answer.get("to"))
    print_changes(session, answer, items)  # type: ignore[arg-type]
    if not items:
        session.note("no changes are known in this window")
    session.limits(answer)
    if items:
        _suggest(session, items[-1])  # type: ignore[arg-type]


def _query(
    session: Session,
    *,
    since: str | None,
    start: str | None,
    end: str | None,
    scope: ScopeArgs,
    name: str | None,
    paths: tuple[str, ...],
    by: str | None,
    noise: str,
    first_sight: bool,
) -> "dict[str, Value]":
    if since and start:
        raise click.UsageError("--since and --from exclude one another")
    return {
        "from": session.instant(since or start or "1h"),
        "to": session.end(end),
        "cluster": session.cluster,
        "namespace": scope.namespace,
        "kind": scope.kind,
        "selector": scope.selector,
        "name": name,
        "path": paths,
        "by": by,
        "noise": noise,
        "first_sight": "on" if first_sight else "off",
    }


async def all_pages(client: "Client", query: "dict[str, Value]", *, limit: int | None) -> "JsonObject":
    """Follow the cursor to the end, or take the newest `limit`; coverage and counts are those of the first page."""
    if limit is not None:
        query = {**query, "order": "desc"}
    answer = await client.get("/changes", {**query, "limit": min(PAGE, limit or PAGE)})
    items = answer["items"]
    assert isinstance(items, list)
    page = answer
    while page.get("next") and (limit is None or len(items) < limit):
        page = await client.get("/changes", {**query, "limit": PAGE, "cursor": str(page["next"])})
        more = page["items"]
        assert isinstance(more, list)
        items.extend(more)
    if limit is not None:
        answer["items"] = items[:limit][::-1]
    answer["next"] = None
    return answer


def _suggest(session: Session, item: "JsonObject") -> None:
    where = f" -n {item['namespace']}" if item.get("namespace") else ""
    session.hint(f"diff {item.get('resource')}/{item.get('name')}{where} --from {session.local(item.get('ts'))}")
