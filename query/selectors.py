"""Label selectors as kubectl writes them: equality based and set based, joined by commas.

`app=web,tier!=db`, `env in (prod, canary)`, `env notin (dev)`, `release`, `!legacy`. A label that is absent satisfies
`!=` and `notin`, as in Kubernetes (apimachinery labels.Requirement.Matches). `sql` gives the same condition over stored
JSON.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from query.errors import BadSelector

Operator = Literal["in", "notin", "exists", "absent"]

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_HINT = "Write it like app=web, env in (prod,canary), tier!=db, release or !legacy, joined by commas."


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels satisfy it."""
        if self.operator == "exists":
            return self.key in labels
        if self.operator == "absent":
            return self.key not in labels
        return (labels.get(self.key) in self.values) == (self.operator == "in")


@dataclass(frozen=True, slots=True)
class Selector:
    """All of its requirements must hold; an empty one selects everything."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels are selected."""
        return all(each.matches(labels) for each in self.requirements)

    def sql(self, document: str, params: dict[str, object]) -> str:
        """The condition over a column of object JSON; values go into `params` as `sel<n>…`."""
        return " AND ".join(_sql(each, document, params, n) for n, each in enumerate(self.requirements)) or "true"


def parse(text: str) -> Selector:
    """Raises BadSelector, which repeats the part that could not be read."""
    return Selector(tuple(_requirement(part) for part in _parts(text)))


def _parts(text: str) -> list[str]:
    """Split at commas that stand outside of parentheses."""
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", text)]
    if parts == [""]:
        return []
    if "" in parts:
        raise BadSelector(f"The label selector {text!r} has an empty part.", _HINT)
    return parts


def _requirement(part: str) -> Requirement:
    if match := _EQUAL.fullmatch(part):
        return Requirement(key=match[1], operator="notin" if match[2] == "!=" else "in", values=(match[3],))
    if match := _SET.fullmatch(part):
        values = tuple(value.strip() for value in match[3].split(","))
        if all(re.fullmatch(_VALUE, value) for value in values):
            return Requirement(key=match[1], operator="in" if match[2] == "in" else "notin", values=values)
    elif match := _EXISTS.fullmatch(part):
        return Requirement(key=match[2], operator="absent" if match[1] else "exists")
    raise BadSelector(f"{part[:80]!r} is not part of a label selector.", _HINT)


def _sql(each: Requirement, document: str, params: dict[str, object], n: int) -> str:
    params[f"sel{n}"] = each.key
    key = f"'metadata', 'labels', {{sel{n}:String}}"
    if each.operator in ("exists", "absent"):
        return f"{'NOT ' if each.operator == 'absent' else ''}JSONHas({document}, {key})"
    params[f"sel{n}_values"] = list(each.values)
    found = (
        f"(JSONHas({document}, {key}) AND has({{sel{n}_values:Array(String)}}, JSONExtractString({document}, {key})))"
    )
    return found if each.operator == "in" else f"NOT {found}"
