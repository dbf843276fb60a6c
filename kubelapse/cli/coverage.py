"""`kubelapse coverage`: what was watched, since when, with which gaps."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.options import reading
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from schema.canonical import Json, JsonObject

COLUMNS = ("KIND", "NAMESPACE", "STATE", "SINCE", "UNTIL", "REASON")
WIDE = ("CLUSTER", *COLUMNS)
MISSED = ("gap", "late", "forbidden")
# What the recorder's short reasons mean; others are sentences already.
_MEANING = {
    "expired": "the API server had forgotten the versions between",
    "rollback": "the cluster's store was set back to an earlier time",
    "redaction-key": "another redaction key, values before and after cannot be compared",
    "version-switched": "the server began to list another API version",
    "memory-lost": "the recorder had lost its memory of the objects",
    "checkpoint lost": "the recorder had lost its place",
    "unreadable": "the watch sent what could not be read",
    "resumed": "read late, times are estimates",
}


@click.command("coverage")
@click.option("--since", "--from", "start", metavar="TIME", help="Start of the window. Default: everything recorded.")
@click.option("--to", "--until", "end", metavar="TIME", help="End of the window. Default now.")
@click.option("-n", "--namespace", metavar="NS", help="Only what concerns this namespace.")
@click.option("--kind", metavar="TYPE", help="Only this type.")
@click.option("--gaps", is_flag=True, help="Only what was missed: gaps, spans read late, forbidden kinds.")
@reading(formats=("table", "wide", "json", "jsonl", "yaml", "csv"))
async def coverage(
    session: Session, start: str | None, end: str | None, namespace: str | None, kind: str | None, gaps: bool
) -> None:
    """What was watched, since when, with which gaps; also the kinds that are off, excluded or forbidden.

    \b
    kubelapse coverage --since 1d
    kubelapse coverage --gaps
    """
    query = {
        "from": session.instant(start) if start else None,
        "to": session.end(end),
        "cluster": session.cluster,
        "namespace": namespace,
        "kind": kind,
    }
    async with session.client() as client:
        answer = await client.get("/coverage", query)
        kinds = await client.get("/kinds", {"cluster": session.cluster, "kind": kind})
    session.window(answer.get("from"), answer.get("to"))
    entries = [each for each in listed(answer, _dicts(kinds.get("items"))) if not gaps or each["state"] in MISSED]
    _print(session, {key: value for key, value in answer.items() if not gaps or key != "watched"}, entries)
    if not entries:
        session.note("no gap is known in this time")
    session.limits(answer)


def _dicts(value: "Json") -> "list[JsonObject]":
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def listed(answer: "JsonObject", kinds: "list[JsonObject]") -> "list[JsonObject]":
    """Watched intervals, gaps and late spans of each kind in order of time, then what is not watched, with `state`."""
    spans = [
        {"state": state, **item}
        for state, key in (("watched", "watched"), ("gap", "gaps"), ("late", "late"))
        for item in _dicts(answer.get(key))
    ]
    seen = {(each.get("cluster"), kind_of(each)) for each in spans}
    off = [{"state": str(each.get("watching")), **each} for each in kinds if _told(each, seen)]
    return sorted(spans, key=_order) + sorted(off, key=_order)


def _told(kind: "JsonObject", seen: "set[tuple[Json, str]]") -> bool:
    """A kind that no span speaks of and that nobody watches."""
    return (kind.get("cluster"), kind_of(kind)) not in seen and kind.get("watching") not in ("yes", "", None)


def _order(item: "JsonObject") -> tuple[str, ...]:
    return (str(item.get("cluster", "")), kind_of(item), str(item.get("namespace", "")), str(item.get("from", "")))


def kind_of(item: "JsonObject") -> str:
    """`resource.group` of anything that has both; of a span, whose `resource` is that already."""
    return f"{item['resource']}.{item['group']}" if item.get("group") else str(item.get("resource", ""))


def _row(session: Session, item: "JsonObject") -> tuple[str, ...]:
    reason = str(item.get("reason") or "")
    meaning = _MEANING.get(reason)
    return (
        str(item.get("cluster", "")),
        kind_of(item),
        str(item.get("namespace") or "(all)"),
        str(item["state"]),
        session.local(item.get("from")) or "-",
        session.local(item.get("to")) or "-",
        f"{reason}: {meaning}" if meaning else reason or "-",
    )


def _print(session: Session, answer: "JsonObject", entries: "list[JsonObject]") -> None:
    output, headers = session.style.output, session.style.headers
    rows = [_row(session, each) for each in entries]
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "jsonl":
        session.out("".join(json_text(each, indent=False) + "\n" for each in entries))
    elif output == "csv":
        session.out(csv_text(WIDE, rows, headers=headers))
    elif output == "wide":
        session.out(table(WIDE, rows, headers=headers))
    else:
        session.out(table(COLUMNS, [row[1:] for row in rows], headers=headers))
