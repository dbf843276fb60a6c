"""When a value that is not written like the expected one is no drift all the same: named rules, each with a switch.

What values mean (quantities, durations, documents inside strings, …) is decided by `query.semantics`. The rules here
are about what only drift knows: what nobody wrote down, what the server leaves out, what admission adds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, get_args

from query import semantics
from query.errors import BadReference
from query.semantics import Rule
from schema.canonical import Absent, Json
from schema.kindschema import KindSchema
from schema.paths import Field, Path

Value = Json | Absent

OWN: Final[Mapping[str, str]] = {
    "unmentioned": "fields that the baseline does not name are not compared",
    "server-set": "uid, times, generation, resourceVersion and managedFields are left out",
    "status": "status is left out",
    "order": "the order of a set of plain values does not count, save for args and command",
    "admission": "what admission adds to every Pod (service account volume and mount, two tolerations) is left out",
    "controlled": "what a controller owns, and Endpoints, are not compared with moments and peers: their owner is",
    "allocated": "addresses, nodes and volumes that a cluster hands out are not compared with peers",
    "default": "what the server fills in by the kind's schema or the API's own rules is the same as nothing there",
    "zero": "false, 0 and an empty text are the same as a field that the server left out",
}
_TEXT_MAPS: Final = frozenset(("data", "binaryData", "stringData", "labels", "annotations", "matchLabels"))
"""Maps whose values are free text: there "" is a value like any other."""
_MEANING: Final = frozenset(get_args(Rule)) - {"unmentioned", "server-owned", "default", "set", "list-map"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`rule`: by which both mean the same. Else `inside`: what differs within documents that the texts hold."""

    rule: str | None
    inside: tuple[semantics.Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one question; `off`: those that the asker switched off."""

    off: frozenset[str] = frozenset()
    meaning: semantics.Rules = field(default_factory=lambda: semantics.Rules(only=_MEANING))

    def on(self, name: str) -> bool:
        """Whether this rule is applied."""
        return name not in self.off

    def informed(self, schemas: Mapping[str, KindSchema]) -> "Rules":
        """The same rules, with what is known of the kinds: list keys, quantities, defaults."""
        return replace(self, meaning=self.meaning.informed(schemas))

    def judge(self, kind: str, expected: Value, actual: Value, path: Path) -> Verdict:
        """Two values (or one and nothing) at one place of a `resource.group` that are written differently."""
        found = self.meaning.between(kind, path, expected, actual, partial=True)
        left = [each for each in found if each.rule is None]
        if not left:
            return Verdict(rule=found[0].rule if found else "number")
        if self.on("zero") and _zero(expected, actual, path):
            return Verdict(rule="zero")
        return Verdict(rule=None, inside=tuple(each for each in left if each.within))


def known() -> tuple[str, ...]:
    """The name of every rule."""
    return (*OWN, *sorted(_MEANING))


def rules(off: Iterable[str] = ()) -> Rules:
    """Without these. Raises BadReference for a name that is no rule."""
    names = frozenset(each.strip() for each in off if each.strip())
    if wrong := sorted(names - {*known()}):
        raise BadReference(f"{wrong[0][:80]!r} is not a rule of comparison.", f"Known: {', '.join(known())}.")
    return Rules(off=names, meaning=semantics.Rules(only=[each for each in _MEANING if each not in names]))


def _zero(expected: Value, actual: Value, path: Path) -> bool:
    if not isinstance(actual, Absent) or isinstance(expected, dict | list | Absent) or expected is None:
        return False
    parent = path[-2] if len(path) > 1 else None
    return not expected and not (isinstance(parent, Field) and parent.name in _TEXT_MAPS)
