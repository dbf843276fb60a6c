"""`kubelapse search`: where a value stood, and when."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.fields import RUNS, dump, objects, row, runs_of
from kubelapse.cli.options import ScopeArgs, reading, scope_options
from kubelapse.cli.rows import object_name
from kubelapse.cli.session import Session

if TYPE_CHECKING:
    from kubelapse.client import Value
    from schema.canonical import JsonObject

HEADER = ("FROM", "TO", "NAMESPACE", "OBJECT", *RUNS[2:])
MOST = 1000


@click.command("search")
@click.argument("value", required=False, default="")
@click.option("--image", metavar="IMAGE", default="", help="When was this image in the containers of pods, anywhere?")
@click.option("--path", "paths", metavar="PATH", multiple=True, help="Only at or below this path. Several: repeat.")
@click.option("--by", metavar="WHO", default="", help="Only what this manager wrote.")
@click.option("--exact", is_flag=True, help="The whole value, not a part of it.")
@click.option("--saved", metavar="NAME", default="", help="Ask a saved search; what is given beside it counts.")
@click.option("--since", "--from", "start", metavar="TIME", help="Only what stood after this time. Default: all of it.")
@click.option("--to", "--until", "end", metavar="TIME", help="End of the window. Default now.")
@scope_options
@click.option("--name", metavar="NAME", help="Only objects of this name.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), metavar="N", default=100, help="At most N objects, newest first."
)
@reading(formats=("table", "json", "jsonl", "csv", "name"))
async def search(
    session: Session,
    value: str,
    image: str,
    paths: tuple[str, ...],
    by: str,
    exact: bool,
    saved: str,
    start: str | None,
    end: str | None,
    scope: ScopeArgs,
    name: str | None,
    limit: int,
) -> None:
    """Every object that ever held a value: from when to when, who brought it and who ended it.

    A value matches where a field holds it as a part; `*` matches anything. Redacted values cannot be found.

    \b
    kubelapse search db.staging.svc
    kubelapse search --image registry.example/shop/web:1.9.0
    kubelapse search --path spec.replicas --kind deploy -n shop
    """
    if not (value or image or paths or saved):
        raise click.UsageError("say what to search for: a VALUE, --image, --path or --saved")
    query: dict[str, Value] = {
        "value": value, "image": image, "path": paths, "by": by, "exact": "on" if exact else "", "saved": saved,
        "from": session.instant(start) if start else None, "to": session.end(end), "cluster": session.cluster,
        "namespace": scope.namespace, "kind": scope.kind, "selector": scope.selector, "name": name, "limit": limit,
    }  # fmt: skip
    async with session.client() as client:
        answer = await client.get("/search", query)
    items = objects(answer.get("items"))
    session.window(answer.get("from"), answer.get("to"))
    dump(session, answer, items, HEADER, _rows(session, items))
    for period in objects(answer.get("periods")) if items else ():
        session.note(_period(session, period))
    if not items:
        session.note("it is not known to have been anywhere")
    if answer.get("next"):
        session.note(f"there are more than these {limit} objects: narrow it, or use --limit")
    session.limits(answer)


def _rows(session: Session, items: "list[JsonObject]") -> list[tuple[str, ...]]:
    """Oldest run first, whatever object it is of."""
    found = []
    for item in items:
        for run in runs_of(item):
            since, ended, *rest = row(session, run)
            place = (str(item.get("namespace") or ""), object_name(item))
            found.append((str(run.get("from")), (since, ended, *place, *rest)))
    return [cells for _, cells in sorted(found, key=lambda each: each[0])]


def _period(session: Session, period: "JsonObject") -> str:
    """`somewhere from … to … (12 objects)`."""
    bound = "at or before " if period.get("at_or_before") else ""
    until = f"to {session.spoken(period['to'])}" if period.get("to") else "until now"
    count = period.get("objects")
    return f"somewhere from {bound}{session.spoken(period.get('from'))} {until} ({count} object{'s' * (count != 1)})"
