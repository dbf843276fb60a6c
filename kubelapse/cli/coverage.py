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
    "redaction-rules": "redaction rules were added, values before and after cannot be compared",
    "version-switched": "the server began to list another API version",
    "memory-lost": "the recorder had lost its memory of the objects",
    "checkpoint lost": "the recorder had lost its place",
    "unordered": "this API's versions are no numbers, so a restart cannot go on exactly where it was",
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
    session.window(answer.get("from"), answer.get("to"))
    entries = [each for each in listed(answer) if not gaps or each["state"] in MISSED]
    _print(session, {key: value for key, value in answer.items() if not gaps or key != "watched"}, entries)
    if not entries:
        session.note("no gap is known in this time")
    session.limits(answer)


def _dicts(value: "Json") -> "list[JsonObject]":
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def listed(answer: "JsonObject") -> "list[JsonObject]":
    """Watched intervals, gaps and late spans of each kind in order of time, then what is not watched, with `state`."""
    spans = [
        {"state": state, **item}
        for state, key in (("watched", "watched"), ("gap", "gaps"), ("late", "late"))
        for item in _dicts(answer.get(key))
    ]
    coverage = answer.get("coverage")
    unwatched = _dicts(coverage.get("unwatched")) if isinstance(coverage, dict) else []
    # In which namespaces a kind is watched can be seen from what is watched.
    off = [{"state": str(each.get("watching")), **each} for each in unwatched if each.get("watching") != "namespaces"]
    return sorted(spans, key=_order) + sorted(off, key=_order)


def _order(item: "JsonObject") -> tuple[str, ...]:
    return tuple(str(item.get(key, "")) for key in ("cluster", "resource", "namespace", "from"))


def _row(session: Session, item: "JsonObject") -> tuple[str, ...]:
    reason = str(item.get("reason") or "")
    meaning = _MEANING.get(reason)
    return (
        str(item.get("cluster", "")),
        str(item.get("resource", "")),
        str(item.get("namespace") or "(all)"),
        str(item["state"]),
        _time(session, item.get("from")),
        _time(session, item.get("to")),
        f"{reason}: {meaning}" if meaning else reason or "-",
    )


def _time(session: Session, text: "Json") -> str:
    """Local for people, RFC 3339 for programs."""
    return str(text or "") if session.style.output == "csv" else session.local(text) or "-"


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
