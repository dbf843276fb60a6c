"""`kubelapse rollouts`: what was rolled out, by whom, how it went, and what failed meanwhile."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.options import ScopeArgs, reading, scope_options
from kubelapse.cli.rows import UNKNOWN, object_name
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from kubelapse.client import Value
    from schema.canonical import Json, JsonObject

HEADER = ("STARTED", "NAMESPACE", "OBJECT", "REVISION", "BY", "RESULT", "TOOK", "CHANGED", "FAILURES")
MOST = 500


@click.command("rollouts")
@click.option("--since", metavar="TIME", help="Start of the window: 1h, 14:05, yesterday 14:00. Default 1h.")
@click.option("--from", "start", metavar="TIME", help="Start of the window (not with --since).")
@click.option("--to", "--until", "end", metavar="TIME", help="End of the window. Default now.")
@scope_options
@click.option("--name", metavar="NAME", help="Only workloads of this name.")
@click.option("--unfinished", is_flag=True, help="Only what is not complete at the end of the window.")
@click.option("--limit", type=click.IntRange(1, MOST), metavar="N", default=100, help="At most the newest N rollouts.")
@reading(formats=("table", "wide", "json", "jsonl", "yaml", "csv", "name"))
async def rollouts(
    session: Session,
    since: str | None,
    start: str | None,
    end: str | None,
    scope: ScopeArgs,
    name: str | None,
    unfinished: bool,
    limit: int,
) -> None:
    """What was rolled out between two moments, newest last: Deployments, StatefulSets, DaemonSets, Jobs, Argo Rollouts.

    A rollout that began earlier and was not complete when the window began is among them.

    \b
    kubelapse rollouts --since 1d -n shop
    kubelapse rollouts --unfinished
    """
    if since and start:
        raise click.UsageError("--since and --from exclude one another")
    query: dict[str, Value] = {
        "from": session.instant(since or start or "1h"),
        "to": session.end(end),
        "cluster": session.cluster,
        "namespace": scope.namespace,
        "kind": scope.kind,
        "selector": scope.selector,
        "name": name,
        "limit": limit,
    }
    async with session.client() as client:
        answer = await client.get("/rollouts", query)
    items = [each for each in _list(answer.get("items")) if not unfinished or each.get("result") == "incomplete"][::-1]
    answer["items"] = list(items)
    session.window(answer.get("from"), answer.get("to"))
    _print(session, answer, items)
    if not items:
        session.note("no rollouts are known in this window" if not unfinished else "every known rollout is complete")
    if answer.get("next"):
        session.note(f"there are older ones than these {limit}: ask for a shorter time, or with --limit")
    if answer.get("truncated"):
        session.doubt(["there are more pods than one answer looks at: failures may be missing"])
    session.limits(answer)


def _list(value: "Json") -> "list[JsonObject]":
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _print(session: Session, answer: "JsonObject", items: "list[JsonObject]") -> None:
    output = session.style.output
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "jsonl":
        session.out("".join(json_text(each, indent=False) + "\n" for each in items))
    elif output == "name":
        session.out("".join(f"{name}\n" for name in dict.fromkeys(plain(object_name(each)) for each in items)))
    else:
        rows = [_row(session, each, whole=output != "table") for each in items]
        session.out((csv_text if output == "csv" else table)(HEADER, rows, headers=session.style.headers))


def _row(session: Session, item: "JsonObject", *, whole: bool) -> tuple[str, ...]:
    started = session.local(item.get("started"), error=item.get("ts_error"))
    doubt = "?" if item.get("confidence") == "low" else ""
    return (
        f"≤{started}" if item.get("first_seen") else started,
        str(item.get("namespace") or ""),
        object_name(item),
        _revisions(item),
        f"{item.get('by') or UNKNOWN}{doubt}",
        _result(item),
        _took(item.get("duration")),
        _changed(item, whole=whole),
        _failures(item, whole=whole),
    )


def _revisions(item: "JsonObject") -> str:
    """`1 → 2`, and which earlier one it equals."""
    before, after = item.get("from"), item.get("to")
    numbers = [_number(each) for each in (before, after) if isinstance(each, dict)]
    same = f" (= {item['equals']})" if item.get("equals") is not None else " (rollback)" if item.get("rollback") else ""
    return " → ".join(numbers) + same


def _number(revision: "JsonObject") -> str:
    number = revision.get("number")
    return "?" if number is None else str(number)


def _result(item: "JsonObject") -> str:
    waiting = str(item.get("waiting") or "")
    shown = item.get("result") in ("incomplete", "failed")
    return f"{item.get('result')}: {waiting}" if waiting and shown else str(item.get("result"))


def _took(seconds: "Json") -> str:
    if not isinstance(seconds, int | float):
        return ""
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _changed(item: "JsonObject", *, whole: bool) -> str:
    fields = _list(item.get("fields"))
    if not fields:
        return "" if item.get("from") else "(first seen)" if item.get("first_seen") else "(created)"
    told = [_field(each) for each in fields]
    return "; ".join(told) if whole or len(told) < 3 else f"{told[0]} +{len(told) - 1} more"


def _field(field: "JsonObject") -> str:
    path = str(field.get("path")).removeprefix("spec.template.").removeprefix("spec.")
    old, new = (_short(field.get(side)) for side in ("old", "new"))
    return {"add": f"{path} + {new}", "remove": f"{path} - {old}"}.get(str(field.get("op")), f"{path}: {old} → {new}")


def _short(value: "Json") -> str:
    text = value if isinstance(value, str) else json_text(value, indent=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _failures(item: "JsonObject", *, whole: bool) -> str:
    told = [f"{each.get('reason')} ×{each.get('count')}" for each in _list(item.get("failures"))]
    return ", ".join(told) if whole or len(told) < 4 else f"{', '.join(told[:3])} +{len(told) - 3} more"
