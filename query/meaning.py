"""Edits between two states, judged by the rules of `query.semantics`: what is left to show, how much means the same.

The edits themselves stay what they are, for the patch needs them all. An edit that means the same on both sides is
counted under its rule; one that differs inside a document is shown at its places within.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from query.semantics import Difference, Rules
from schema.canonical import ABSENT, Absent, Json, JsonObject
from schema.diff import Edit
from schema.lookup import value_at
from schema.paths import Path, render


@dataclass(frozen=True, slots=True)
class Place:
    """One place to show, for people. `edit`: what it is a part of, by which it is attributed, and `key`, its path."""

    edit: Edit
    key: str
    path: str
    within: str
    op: Literal["add", "remove", "replace"]
    before: Json
    after: Json


@dataclass(slots=True)
class Judged:
    """What is left of some edits; `equal`: differences that mean the same, counted by rule."""

    places: list[Place] = field(default_factory=list)
    equal: Counter[str] = field(default_factory=Counter)


def judge(edits: Sequence[Edit], kind: str, before: Json, after: Json, rules: Rules | None) -> Judged:
    """The edits between two states of `resource.group`; without rules all of them are shown."""
    judged = Judged()
    for edit in edits:
        key = render(edit.path)
        found = [] if rules is None else _differences(edit, kind, before, after, rules)
        judged.equal.update(each.rule for each in found if each.rule is not None)
        if any(each.rule is not None or each.within for each in found):
            judged.places.extend(_place(edit, key, each) for each in found if each.rule is None)
        else:
            judged.places.append(Place(edit, key, key, "", edit.op, edit.old, edit.new))
    return judged


def _differences(edit: Edit, kind: str, before: Json, after: Json, rules: Rules) -> list[Difference]:
    old: Json | Absent = ABSENT if edit.op == "add" else edit.old
    new: Json | Absent = ABSENT if edit.op == "remove" else edit.new
    around = None if edit.op == "replace" else _around(before if edit.op == "remove" else after, edit.path)
    return rules.between(kind, edit.path, old, new, around=around)


def _around(document: Json, path: Path) -> JsonObject:
    holder = value_at(document, path[:-1])
    return holder if isinstance(holder, dict) else {}


def _place(edit: Edit, key: str, found: Difference) -> Place:
    old = None if isinstance(found.expected, Absent) else found.expected
    new = None if isinstance(found.actual, Absent) else found.actual
    return Place(edit, key, render(found.path), render(found.within), found.op, old, new)
