"""Answers for assistants: few words, ids to ask further with, and always what is not known.

One line per thing, values cut to a length that tells them apart. Every answer ends with what was hidden and how
complete it is; an answer that had to be cut says so and how to go on.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from kubelapse.cli.limits import coverage_sentences, hidden_sentences

if TYPE_CHECKING:
    from schema.canonical import Json, JsonObject

MOST: Final = 40_000
"""Characters of one answer."""
_VALUE: Final = 160
_PATHS: Final = 12
_REMEDY: Final = re.compile(r", --\S+ shows \w+$")


def items(answer: "JsonObject", key: str = "items") -> "list[JsonObject]":
    """The objects of a list."""
    found = answer.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def told(lines: Iterable[str], answer: "JsonObject", *, nothing: str = "nothing found") -> str:
    """The lines and what must be known about them."""
    body = "\n".join(lines) or nothing
    cut = len(body) > MOST
    if cut:
        body = body[:MOST].rpartition("\n")[0] or body[:MOST]
        body += "\n… cut here: ask for a shorter time, one object or a smaller limit"
    return f"{body}\n---\n" + "\n".join(limits(answer))


def limits(answer: "JsonObject") -> list[str]:
    """Instants, what was hidden, where it goes on, and what is not known."""
    found = []
    if answer.get("to") is not None and not isinstance(answer["to"], dict):
        found.append(f"time: from {answer.get('from') or 'the beginning'} to {answer['to']}")
    elif answer.get("at") is not None:
        found.append(f"time: as of {answer['at']}")
    found += [_REMEDY.sub("", each) for each in hidden_sentences(answer.get("hidden"))]
    if answer.get("next"):
        found.append(f"there is more: cursor={answer['next']}")
    coverage = answer.get("coverage")
    if isinstance(coverage, dict):
        doubts = coverage_sentences(coverage)
        known = f" (known up to {coverage.get('watermark')})" if coverage.get("watermark") else ""
        found += doubts or [f"complete: everything was watched{known}"]
    return found


def name(item: "JsonObject") -> str:
    """`deployments.apps shop/web`, with its cluster."""
    group = f".{item['group']}" if item.get("group") else ""
    place = f"{item['namespace']}/{item.get('name')}" if item.get("namespace") else str(item.get("name"))
    return f"{item.get('cluster')} {item.get('resource')}{group} {place}"


def value(found: "Json") -> str:
    """On one line, cut."""
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\n", "\\n")
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def when(item: "JsonObject", key: str = "ts") -> str:
    """A time, `≈` before an estimate."""
    error = item.get("ts_error")
    return f"{'≈' if isinstance(error, int | float) and error > 0 else ''}{item.get(key)}"


def who(item: "JsonObject") -> str:
    """The best answer to "by whom"."""
    actor = item.get("actor")
    named = actor.get("name") if isinstance(actor, dict) else item.get("by")
    doubt = actor.get("confidence") if isinstance(actor, dict) else item.get("confidence")
    return f"by {named}{f' ({doubt} confidence)' if doubt in ('low', 'medium') else ''}" if named else "by nobody known"


def paths(found: "Json") -> str:
    """The first few of the changed paths."""
    listed = [str(each) for each in found] if isinstance(found, list) else []
    more = f" and {len(listed) - _PATHS} more" if len(listed) > _PATHS else ""
    return ", ".join(listed[:_PATHS]) + more


def change(item: "JsonObject") -> str:
    """One change of a list or history."""
    told_paths = paths(item.get("paths"))
    what = f": {told_paths}" if told_paths else ""
    seen = " (was there when the record began)" if item.get("origin") == "list" else ""
    return f"{when(item)} {item.get('op')}{seen} {name(item)} {who(item)}{what} [event {item.get('id')}]"


def field(item: "JsonObject") -> str:
    """One changed field with both values."""
    sides: Sequence[str] = ("before", "after") if "before" in item else ("old", "new")
    old, new = (value(item.get(side)) for side in sides)
    within = f" » {item['within']}" if item.get("within") else ""
    place = f"{item.get('path')}{within}"
    shown = {"add": f"+ {place} = {new}", "remove": f"- {place} (was {old})"}
    line = shown.get(str(item.get("op")), f"~ {place}: {old} → {new}")
    made = f" {who(item)} at {when(item, 'when')} [event {item['event']}]" if item.get("event") else ""
    return line + made + ("" if item.get("comparable", True) else " (redacted: nobody can compare)")
