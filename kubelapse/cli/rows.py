"""Change events as rows: the same columns wherever changes are listed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from schema.canonical import Json, JsonObject

SHOWN_PATHS = 3
NARROW = ("TIME", "NAMESPACE", "OBJECT", "OP", "BY", "CHANGED")
WIDE = (
    "TIME",
    "TS_ERROR",
    "CLUSTER",
    "NAMESPACE",
    "OBJECT",
    "OP",
    "BY",
    "REVISION",
    "ORIGIN",
    "RV",
    "NOISE",
    "CHANGED",
)
UNKNOWN = "<unknown>"
# A counter of the server comes with every change of a spec and tells nothing; `-o wide` has it all the same.
_COUNTERS = ("metadata.generation",)
_COLORS = {"add": "green", "delete": "red"}


def object_name(item: "JsonObject") -> str:
    """`deployment.apps/web`, as kubectl -o name writes it."""
    group = f".{item['group']}" if item.get("group") else ""
    kind = str(item.get("kind") or item.get("resource") or "").lower()
    return f"{kind}{group}/{item.get('name', '')}"


def who(item: "JsonObject") -> str:
    """The user of an audit log, else the actor's name; `?` behind a doubtful one, UNKNOWN where there is none."""
    about = item.get("who")
    audited = about.get("audit") if isinstance(about, dict) else None
    if isinstance(audited, dict) and audited.get("user"):
        return f"{audited['user']}{'?' if audited.get('confidence') != 'high' else ''}"
    actor = item.get("actor")
    if not isinstance(actor, dict) or not actor.get("name"):
        return UNKNOWN
    doubt = "?" if actor.get("confidence") == "low" else ""
    return f"{actor['name']}{doubt}"


def sort_of(item: "JsonObject") -> str:
    """`kubectl-edit (human)`; of nobody, who it may have been: `<unknown> (gitops or kubectl-edit?)`."""
    about = item.get("who")
    if not isinstance(about, dict):
        return who(item)
    if listed := suspects(about):
        return f"{who(item)}{listed}"
    sort = about.get("sort")
    return who(item) if sort == "unknown" else f"{who(item)} ({sort})"


def suspects(about: "JsonObject") -> str:
    """Who it may have been, where nobody is known: ` (gitops or kubectl-edit?)`, or nothing."""
    listed = about.get("candidates")
    names = [str(each.get("manager")) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return f" ({' or '.join(names[:3])}?)" if names else ""


def changed(item: "JsonObject", most: int = SHOWN_PATHS) -> str:
    """The changed paths, the first few; of an add or delete that there is nothing to compare."""
    paths = _paths(item)
    if not paths:
        return {"add": "(created)", "delete": "(deleted)"}.get(str(item.get("op")), "")
    told = [path for path in map(str, paths) if path not in _COUNTERS] or list(map(str, paths))
    shown = ", ".join(told[:most])
    return f"{shown} +{len(told) - most} more" if len(told) > most else shown


def _paths(item: "JsonObject") -> "list[Json]":
    paths = item.get("paths")
    return paths if isinstance(paths, list) else []


def revision(session: Session, event: "JsonObject") -> str:
    """`revision 2, last changed 2026-11-22 03:12:40+00:00 by kubectl-edit`."""
    estimate = "≈" if event.get("ts_error") else ""
    since = session.spoken(event.get("since") or event.get("ts"))
    verb = "last changed" if event.get("origin") != "list" else "recorded anew" if event.get("cause") else "first seen"
    actor = who(event)
    return f"revision {event.get('seq')}, {verb} {estimate}{since}{'' if actor == UNKNOWN else f' by {actor}'}"


def narrow(session: Session, item: "JsonObject") -> tuple[str, ...]:
    """One row of NARROW."""
    return (
        session.local(item.get("ts"), error=item.get("ts_error")),
        str(item.get("namespace") or ""),
        object_name(item),
        str(item.get("op", "")),
        who(item),
        first_sight(item) or changed(item),
    )


def wide(session: Session, item: "JsonObject") -> tuple[str, ...]:
    """One row of WIDE."""
    return (
        session.local(item.get("ts"), error=item.get("ts_error"), precise=True),
        _seconds(item.get("ts_error")),
        str(item.get("cluster", "")),
        str(item.get("namespace") or ""),
        object_name(item),
        str(item.get("op", "")),
        sort_of(item),
        str(item.get("seq", "")),
        str(item.get("origin", "")),
        str(item.get("rv", "")),
        str(item.get("noise") or ""),
        first_sight(item) or ", ".join(map(str, _paths(item))) or changed(item),
    )


def first_sight(item: "JsonObject") -> str:
    """What is no change: an object as it was found, or found again where a chain of versions had to begin anew."""
    if item.get("origin") != "list" or item.get("op") != "add":
        return ""
    return f"(recorded anew: {item['cause']})" if item.get("cause") else "(first seen)"


def _seconds(error: "Json") -> str:
    return f"{error:.3g}s" if isinstance(error, int | float) and error else ""


def print_changes(session: Session, answer: "JsonObject", items: "Sequence[JsonObject]") -> None:
    """The list in the session's format."""
    output = session.style.output
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "jsonl":
        session.out("".join(json_text(item, indent=False) + "\n" for item in items))
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "patch":
        session.out("".join(json_text(item.get("patch") or [], indent=False) + "\n" for item in items))
    elif output == "name":
        session.out("".join(f"{name}\n" for name in dict.fromkeys(plain(object_name(item)) for item in items)))
    elif output == "csv":
        session.out(csv_text(WIDE, [_machine(session, item) for item in items], headers=session.style.headers))
    else:
        _print_table(session, items)


def _machine(session: Session, item: "JsonObject") -> tuple[str, ...]:
    """A CSV row: times as RFC 3339, nothing abbreviated."""
    row = wide(session, item)
    return (str(item.get("ts", "")), str(item.get("ts_error", "")), *row[2:])


def _print_table(session: Session, items: "Sequence[JsonObject]") -> None:
    is_wide = session.style.output == "wide"
    header, row = (WIDE, wide) if is_wide else (NARROW, narrow)
    text = table(header, [row(session, item) for item in items], headers=session.style.headers)
    session.out(_colored(text, items) if session.colored else text)


def _colored(text: str, items: "Sequence[JsonObject]") -> str:
    lines = text.splitlines(keepends=True)
    first = len(lines) - len(items)
    body = [
        click.style(line.rstrip("\n"), fg=_COLORS.get(str(item.get("op")))) + "\n"
        for line, item in zip(lines[first:], items, strict=True)
    ]
    head = [click.style(line.rstrip("\n"), bold=True) + "\n" for line in lines[:first]]
    return "".join(head + body)
