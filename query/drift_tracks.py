"""The values that stood at some places of an object, oldest first: what the beginning of a drift is read from.

One life is walked backwards from its newest state (as `query.tracing` does for blame), with only those changes that
wrote at, above or below the places asked for: patches of other places cannot meet them. So the price is that of the
changes that matter, however long the history of the object is.

A chain of versions begins with a row that has a state and no patch: the creation, the first sight, a checkpoint of
retention, or a new epoch of a life that was known before. There the state before is read whole.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import orjson

from query import tracing
from query.blame import state_of
from query.ends import Version
from query.scope import Scope, window
from query.tracing import Step
from schema.canonical import Absent, Json, JsonObject, same
from schema.lookup import value_at
from schema.patch import PatchConflict, Patcher, invert
from schema.paths import Field, Path, render
from schema.store import Store

MOST_STEPS: Final = 2000
"""Versions of one object that are walked; what is older is told to be older."""

AT_ONCE: Final = 500
"""Objects whose changes are read with one statement."""

Value = Json | Absent
Basis = Literal["change", "creation", "first-sight", "gap", "horizon", "before"]
"""As in `query.tracing`; horizon: retention (or `MOST_STEPS`) ends the record there; before: older than was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """From `step` on the place held `value`. `step` is None where the record asked for begins (basis before).

    `after`: with basis gap, the last version that is known to have had another value.
    """

    step: Step | None
    value: Value
    basis: Basis
    after: datetime | None = None


Track = list[Point]
"""Oldest first; neighbours have different values."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One version with its state, and the places whose past is asked for."""

    version: Version
    state: JsonObject
    paths: Sequence[Path]


def tracks(store: Store, scope: Scope, wanted: Sequence[Wanted], after: datetime | None) -> list[dict[Path, Track]]:
    """For each of them, its places' tracks within (after, …]; an object whose history is damaged has none."""
    found: list[dict[Path, Track]] = []
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        steps = _steps(store, scope, some, after)
        found += [_walk(store, each, steps.get((each.version.ref.cluster, each.version.uid), [])) for each in some]
    return found


def _steps(
    store: Store, scope: Scope, some: Sequence[Wanted], after: datetime | None
) -> Mapping[tuple[str, str], list[Step]]:
    params: dict[str, object] = {}
    refs = [each.version.ref for each in some]
    narrow = Scope(
        clusters=tuple(sorted({each.cluster for each in refs})),
        kinds=tuple(sorted({(each.resource, each.group) for each in refs})) if not scope.kinds else scope.kinds,
    )
    conditions = [*narrow.conditions(params), *window(params, after, None)]
    params["namespaces"] = sorted({each.namespace for each in refs})
    params["names"] = sorted({each.name for each in refs})
    params["stems"] = sorted({render(stem_of(path)) for each in some for path in each.paths})
    conditions += [
        "namespace IN {namespaces:Array(String)}",
        "name IN {names:Array(String)}",
        # What begins a chain is needed all the same.
        """(op != 'update' OR seq = 1 OR origin = 'checkpoint' OR arrayExists(p -> arrayExists(
            s -> startsWith(p, s) OR startsWith(s, p), {stems:Array(String)}), paths))""",
    ]
    return tracing.steps_of_many(store, conditions, params, sorted({each.version.uid for each in some}))


def stem_of(path: Path) -> Path:
    """The part of a path that lies before any list."""
    for at, token in enumerate(path):
        if not isinstance(token, Field):
            return path[:at]
    return path


def _walk(store: Store, wanted: Wanted, steps: Sequence[Step]) -> dict[Path, Track]:
    newest = wanted.version.epoch, wanted.version.seq
    walk = _Walk(wanted.state, wanted.paths)
    try:
        walk.through(store, [each for each in steps if (each.epoch, each.seq) <= newest])
    except PatchConflict:  # the states are proved all the same: only since when stays unknown
        return {}
    return {path: points[::-1] for path, points in walk.points.items()}


class _Walk:
    """Backwards through one life; points are collected newest first."""

    def __init__(self, state: JsonObject, paths: Iterable[Path]) -> None:
        self._patcher = Patcher(state)
        self._stems = {path: tuple(token.name for token in stem_of(path) if isinstance(token, Field)) for path in paths}
        self._values = {path: _copied(value_at(state, path)) for path in self._stems}
        self.points: dict[Path, list[Point]] = {path: [] for path in self._stems}

    def through(self, store: Store, steps: Sequence[Step]) -> None:
        """Every step, newest first, and then what the record begins with."""
        last: Step | None = None
        for step in steps[:MOST_STEPS]:
            if last is not None and (last.epoch != step.epoch or _whole(last)):
                self._patcher = Patcher(state_of(store, step))
                self._settle(last, "gap", list(self._stems), after=step.ts)
            if not _whole(step):
                self._back(step)
            last = step
        self._begin(last, cut=len(steps) > MOST_STEPS)

    def _back(self, step: Step) -> None:
        """Take one change back, as far as it is about the places asked for."""
        ops: list[JsonObject] = orjson.loads(step.patch)
        cuts = [_cut(str(op["path"])) for op in ops]
        touched = [path for path, stem in self._stems.items() if any(_meet(stem, cut) for cut in cuts)]
        stems = {self._stems[path] for path in touched}
        mine = [op for op, cut in zip(ops, cuts, strict=True) if any(_meet(stem, cut) for stem in stems)]
        self._patcher.apply(invert(mine))
        self._settle(step, "change", touched)

    def _settle(self, step: Step, basis: Basis, paths: Iterable[Path], after: datetime | None = None) -> None:
        """Which of these places held something else before this step."""
        for path in paths:
            before = value_at(self._patcher.doc, path)
            if not _same(before, self._values[path]):
                self.points[path].append(Point(step=step, value=self._values[path], basis=basis, after=after))
                self._values[path] = _copied(before)

    def _begin(self, first: Step | None, *, cut: bool) -> None:
        """The oldest value known of each place."""
        basis: Basis = "before"
        if cut:
            basis = "horizon"
        elif first is not None and _whole(first):
            basis = "horizon" if first.origin == "checkpoint" else _sight(first)
        for path, value in self._values.items():
            known = None if basis == "before" else first
            self.points[path].append(Point(step=known, value=value, basis=basis))


def _whole(step: Step) -> bool:
    """Whether the version before is not what its patch leads back to."""
    return step.op == "add" or step.origin == "checkpoint" or (step.seq == 1 and step.patch == "[]")


def _sight(first: Step) -> Basis:
    return "creation" if first.op == "add" and first.origin not in ("list", "relist", "audit") else "first-sight"


def _copied(value: Value) -> Value:
    """The walk goes on writing to the containers it has made its own."""
    return value if isinstance(value, Absent) else copy.deepcopy(value)


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, Absent) or isinstance(other, Absent):
        return one is other
    return same(one, other)


def _cut(pointer: str) -> tuple[str, ...]:
    """The steps of a pointer up to the first that may be an index."""
    names = []
    for step in pointer.split("/")[1:]:
        if step.isdigit() or step == "-":
            break
        names.append(step.replace("~1", "/").replace("~0", "~"))
    return tuple(names)


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
