"""`kubelapse coverage`: what was watched, since when, with which gaps."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.options import reading
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, table
from kubelapse.cli.yamltext import yaml_text

if TYPE_CHECKING:
    from schema.canonical import Json, JsonObject

WATCHED = ("KIND", "NAMESPACE", "WATCHED", "SINCE", "UNTIL", "GAPS", "LATE", "REASON")
WIDE = ("CLUSTER", *WATCHED)


@click.command("coverage")
@click.option("--since", "--from", "start", metavar="TIME", help="Start of the window. Default: everything recorded.")
@click.option("--to", "--until", "end", metavar="TIME", help="End of the window. Default now.")
@click.option("-n", "--namespace", metavar="NS", help="Only what concerns this namespace.")
@click.option("--kind", metavar="TYPE", help="Only this type.")
@reading(formats=("table", "wide", "json", "jsonl", "yaml", "csv"))
async def coverage(
    session: Session, start: str | None, end: str | None, namespace: str | None, kind: str | None
) -> None:
    """What was watched, since when, with which gaps; also the kinds that are off, excluded or forbidden."""
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
    _print(session, answer, rows(session, answer, _dicts(kinds.get("items"))))
    for gap in _dicts(answer.get("gaps")):
        session.note(_gap(session, gap))
    session.limits(answer)


def _dicts(value: "Json") -> "list[JsonObject]":
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def rows(session: Session, answer: "JsonObject", kinds: "list[JsonObject]") -> list[tuple[str, ...]]:
    """One row per watched scope, then one per kind that is not watched, with the reason."""
    watched = _dicts(answer.get("watched"))
    gaps, late = _counted(answer.get("gaps")), _counted(answer.get("late"))
    listed = [_watched(session, scope, gaps, late) for scope in watched]
    seen = {(str(scope.get("cluster", "")), kind_of(scope)) for scope in watched}
    off = [_unwatched(kind) for kind in kinds if (str(kind.get("cluster", "")), kind_of(kind)) not in seen]
    return sorted(listed) + sorted(row for row in off if row[3] not in ("yes", "True", ""))


def kind_of(item: "JsonObject") -> str:
    """`resource.group` of anything that has both, or a scope's `kind`."""
    if not item.get("resource"):
        return str(item.get("kind", ""))
    return f"{item['resource']}.{item['group']}" if item.get("group") else str(item["resource"])


def _counted(value: "Json") -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for item in _dicts(value):
        key = (kind_of(item), str(item.get("namespace") or ""))
        counts[key] = counts.get(key, 0) + 1
    return counts


def _watched(
    session: Session, scope: "JsonObject", gaps: dict[tuple[str, str], int], late: dict[tuple[str, str], int]
) -> tuple[str, ...]:
    key = (kind_of(scope), str(scope.get("namespace") or ""))
    return (
        str(scope.get("cluster", "")),
        key[0],
        key[1] or "(all)",
        "yes",
        session.local(scope.get("from") or scope.get("since")),
        session.local(scope.get("to") or scope.get("watermark")),
        str(gaps.get(key, 0)),
        str(late.get(key, 0)),
        str(scope.get("reason") or "-"),
    )


def _unwatched(kind: "JsonObject") -> tuple[str, ...]:
    watching = str(kind.get("watching", ""))
    return (
        str(kind.get("cluster", "")),
        kind_of(kind),
        "(all)",
        watching,
        "-",
        "-",
        "-",
        "-",
        str(kind.get("reason") or "-"),
    )


def _gap(session: Session, gap: "JsonObject") -> str:
    where = f"{kind_of(gap)}{'/' + str(gap['namespace']) if gap.get('namespace') else ''}"
    return f"gap: {where} from {session.spoken(gap['from'])} to {session.spoken(gap['to'])}: {gap.get('reason', '')}"


def _print(session: Session, answer: "JsonObject", listed: list[tuple[str, ...]]) -> None:
    output = session.style.output
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "jsonl":
        session.out("".join(json_text(scope, indent=False) + "\n" for scope in _dicts(answer.get("watched"))))
    elif output == "csv":
        session.out(csv_text(WIDE, listed, headers=session.style.headers))
    elif output == "wide":
        session.out(table(WIDE, listed, headers=session.style.headers))
    else:
        session.out(table(WATCHED, [row[1:] for row in listed], headers=session.style.headers))
