"""Values over time as rows: a field through all lives of an object, and who last touched a path in a scope."""

from typing import TYPE_CHECKING

from kubelapse.cli.markers import masked
from kubelapse.cli.references import find
from kubelapse.cli.rows import UNKNOWN, object_name
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schema.canonical import Json, JsonObject

RUNS = ("FROM", "TO", "PATH", "VALUE", "BY", "ENDED BY")
TOUCHED = ("WHEN", "NAMESPACE", "OBJECT", "BY", "CHANGED")
SHOWN = 3
WIDTH = 60


async def field_history(
    session: Session, reference: tuple[str, ...], namespace: str | None, uid: str | None, path: str, at: str
) -> None:
    """`kubelapse blame TYPE/NAME --history`."""
    async with session.client() as client:
        found = await find(session, client, reference, namespace, uid)
        answer = await client.get(f"{found.path}/fields", {"path": path, "uid": uid, "to": session.end(at)})
    lives = objects(answer.get("lives"))
    session.note(f"{found}{f', {len(lives)} lives' if len(lives) > 1 else ''}")
    if not lives:
        session.note(f"it never had a field {path}" if path else "it was never seen")
    rows = [row(session, run) for life in lives for run in runs_of(life)]
    dump(session, answer, lives, RUNS, rows)
    session.limits(answer)


async def touched(session: Session, *, namespace: str | None, kind: str | None, path: str, by: str, at: str) -> None:
    """`kubelapse blame` without a name."""
    query = {
        "cluster": session.cluster, "namespace": namespace, "kind": kind, "path": path, "by": by, "at": session.end(at),
    }  # fmt: skip
    async with session.client() as client:
        answer = await client.get("/blame", query)
    items = objects(answer.get("items"))
    session.note(f"as of {session.spoken(answer.get('at'))}")
    if not items:
        session.note("no objects are known here")
    dump(session, answer, items, TOUCHED, [_touched(session, each) for each in items])
    if answer.get("more"):
        session.note("there are more objects: ask for one namespace or kind")
    session.limits(answer)


def objects(value: "Json") -> "list[JsonObject]":
    """The objects of a list in an answer."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def runs_of(match: "JsonObject") -> "list[JsonObject]":
    """The runs of a life, oldest first."""
    return objects(match.get("runs"))


def row(session: Session, run: "JsonObject") -> tuple[str, ...]:
    """One row of RUNS."""
    bound = "≤" if run.get("at_or_before") else ""
    doubt = "?" if run.get("confidence") == "low" else ""
    since = f"{bound}{session.local(run.get('from'), error=run.get('ts_error'))}"
    ended = "" if run.get("to") is None else session.local(run.get("to"))
    gone = "(deleted)" if run.get("deleted") else str(run.get("gone_by") or UNKNOWN) if ended else ""
    return since, ended, str(run.get("path")), short(run.get("value")), f"{run.get('by') or UNKNOWN}{doubt}", gone


def short(value: "Json") -> str:
    """A value in a table: redacted ones masked, long ones cut."""
    shown = masked(value, value)[0]
    text = shown if isinstance(shown, str) else json_text(shown, indent=False)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def dump(
    session: Session, answer: "JsonObject", items: "list[JsonObject]", header: "Sequence[str]",
    rows: "Sequence[tuple[str, ...]]",
) -> None:  # fmt: skip
    """The answer in the session's format."""
    output = session.style.output
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "jsonl":
        session.out("".join(json_text(each, indent=False) + "\n" for each in items))
    elif output == "name":
        session.out("".join(f"{name}\n" for name in dict.fromkeys(plain(object_name(each)) for each in items)))
    else:
        render = csv_text if output == "csv" else table
        session.out(render(header, rows, headers=session.style.headers))


def _touched(session: Session, item: "JsonObject") -> tuple[str, ...]:
    bound = "≤" if item.get("basis") == "first-sight" else ""
    doubt = "?" if item.get("confidence") == "low" else ""
    paths = [str(each) for each in item["paths"]] if isinstance(item.get("paths"), list) else []  # type: ignore[union-attr]
    more = f" +{len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    basis = {"creation": "(created)", "first-sight": "(first seen)"}.get(str(item.get("basis")), "")
    return (
        f"{bound}{session.local(item.get('when'), error=item.get('ts_error'))}",
        str(item.get("namespace") or ""),
        object_name(item),
        f"{item.get('by') or UNKNOWN}{doubt}",
        basis or ", ".join(paths[:SHOWN]) + more,
    )
