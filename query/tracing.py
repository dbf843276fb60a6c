"""Which change gave a field its value: one life is walked backwards, patch by patch, until the value was another.

Patches lead both ways, so that walking back needs one state, the newest, and touches only what changed. A field is
looked at again only by a change that wrote at, above or below its place; up to the first list on the way, for within
lists the same item may have had another index or name. What is found rests on values, never on how a path was spelled.

A chain of versions begins with a row that has a state and no patch: the creation, the first sight, or a new epoch of a
life that was known before. There the state before is read whole.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

from query.refs import ObjectRef
from query.scope import window
from schema.canonical import ABSENT, Absent, Json, JsonObject, same
from schema.events import Op, event_id
from schema.lookup import overlap, value_at
from schema.markers import comparable
from schema.objects import kind_id
from schema.patch import Patcher, invert
from schema.paths import Field, Path, parse
from schema.store import Row, Store

PAGE = 500

Basis = Literal["change", "creation", "first-sight", "gap"]
"""change: a recorded change wrote it. creation: it came with the object. first-sight: it was there when the record
begins. gap: it differs from before a stretch that nobody recorded."""

COLUMNS = """cluster, cluster_uid, namespace, resource, `group`, name, uid, epoch, seq, rv, op, origin, ts, ts_error,
    since, patch, paths, managers, managed, actor_name, actor_confidence, noise, gap"""


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded version of a life, without its state."""

    cluster: str
    cluster_uid: str
    namespace: str
    resource: str
    group: str
    name: str
    uid: str
    epoch: int
    seq: int
    rv: str
    op: Op
    origin: str
    ts: datetime
    ts_error: float
    since: datetime | None
    patch: str
    paths: tuple[str, ...]
    managers: tuple[str, ...]
    managed: str
    actor: str
    confidence: str
    noise: str = ""
    gap: str = ""

    @property
    def id(self) -> str:
        """Of the event."""
        return event_id(
            cluster=self.cluster,
            cluster_uid=self.cluster_uid,
            kind=kind_id(self.resource, self.group),
            uid=self.uid,
            epoch=self.epoch,
            rv=self.rv,
            op=self.op,
        )

    @property
    def ref(self) -> ObjectRef:
        """The object's name."""
        return ObjectRef(
            cluster=self.cluster, resource=self.resource, group=self.group, namespace=self.namespace, name=self.name
        )

    def writer(self, path: Path) -> tuple[str, str]:
        """(manager, confidence) of the value at this path; the actor where no path names it; ("", "none") if nobody."""
        found = [
            (len(tokens), manager)
            for spelled, manager in zip(self.paths, self.managers, strict=False)
            if overlap(tokens := parse(spelled), path)
        ]
        manager = max(found)[1] if found else ""
        if manager:
            return manager, self.confidence if manager == self.actor else "medium"
        return self.actor, self.confidence if self.actor else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`step` is the first version with the value; `previous` is what stood there before, as far as that is known.

    `after`: with basis gap the last version that is known to have had another value.
    """

    step: Step
    basis: Basis
    previous: Json | Absent = ABSENT
    after: datetime | None = None


Older = Callable[[Step], JsonObject]
"""The whole state of a version that is known to exist."""


def trace(
    state: JsonObject, steps: Iterable[Step], wanted: Iterable[Path], older: Older, *, whole: bool = True
) -> dict[Path, Finding]:
    """Since when each wanted path has the value (or absence) it has in `state`.

    `steps`: versions of one life, newest first; the first of them has this state. `whole`: they are all there are;
    otherwise a value that is older than they are is missing from the answer. Raises PatchConflict.
    """
    walk = _Walk(state, wanted)
    last: Step | None = None
    for step in steps:
        if last is not None and (last.epoch != step.epoch or (last.patch == "[]" and _begins(last))):
            walk.resume(last, older(step), step)
        if not walk.pending:
            return walk.found
        if step.patch != "[]":
            walk.back(step)
        last = step
    if last is not None and (whole or _begins(last)):
        walk.origin(last)
    return walk.found


def steps_of(
    store: Store, ref: ObjectRef, uid: str, *, until: tuple[int, int], after: datetime | None = None
) -> Iterator[Step]:
    """Versions of one life from (epoch, seq) `until` backwards, by pages: who has found everything reads no more."""
    key: dict[str, object] = {
        "cluster": ref.cluster, "namespace": ref.namespace, "resource": ref.resource, "group": ref.group,
        "name": ref.name, "uid": uid,
    }  # fmt: skip
    compare = "<="
    while True:
        params = key | {"epoch": until[0], "seq": until[1]}
        late = "".join(f" AND {each}" for each in window(params, after, None))
        sql = f"""
            SELECT {COLUMNS} FROM events
            WHERE cluster = {{cluster:String}} AND namespace = {{namespace:String}} AND resource = {{resource:String}}
                AND `group` = {{group:String}} AND name = {{name:String}} AND uid = {{uid:String}}
                AND (epoch, seq) {compare} ({{epoch:UInt64}}, {{seq:UInt64}}){late}
            ORDER BY epoch DESC, seq DESC LIMIT 1 BY epoch, seq LIMIT {PAGE}"""
        rows = store.rows(sql, params)
        yield from map(step_of, rows)
        if len(rows) < PAGE:
            return
        compare, until = "<", (rows[-1][7], rows[-1][8])


def steps_of_many(
    store: Store, conditions: Iterable[str], params: Mapping[str, object], uids: Iterable[str]
) -> dict[tuple[str, str], list[Step]]:
    """Versions of these lives within the conditions, newest first, by (cluster, uid): one statement for all of them."""
    sql = f"""
        SELECT {COLUMNS} FROM events
        WHERE {" AND ".join([*conditions, "uid IN {uids:Array(String)}"])}
        ORDER BY cluster, uid, epoch DESC, seq DESC LIMIT 1 BY cluster, uid, epoch, seq"""
    found: dict[tuple[str, str], list[Step]] = {}
    for row in store.rows(sql, {**params, "uids": list(uids)}):
        step = step_of(row)
        found.setdefault((step.cluster, step.uid), []).append(step)
    return found


def _begins(step: Step) -> bool:
    """Whether the version before is not what its patch leads back to."""
    return step.op == "add" or step.seq == 1 or step.origin == "checkpoint"


class _Walk:
    """Values still to be explained, in groups by the part of their path that lies before any list."""

    def __init__(self, state: JsonObject, wanted: Iterable[Path]) -> None:
        self.found: dict[Path, Finding] = {}
        self.pending: dict[tuple[str, ...], dict[Path, Json | Absent]] = {}
        self._patcher = Patcher(state)
        self._cuts: dict[str, tuple[str, ...]] = {}  # the same few places are written again and again
        for path in wanted:
            self.pending.setdefault(_stem(path), {})[path] = value_at(state, path)

    def back(self, step: Step) -> None:
        """Take one change back and see which values it had made."""
        ops: list[JsonObject] = orjson.loads(step.patch)
        self._patcher.apply(invert(ops))
        stems = {self._cut(str(op["path"])) for op in ops}
        for stem in [each for each in self.pending if any(_meet(each, other) for other in stems)]:
            self._settle(stem, lambda previous: Finding(step=step, basis="change", previous=previous))

    def resume(self, begun: Step, state: JsonObject, before: Step) -> None:
        """A new epoch of a life that was known before: what is the same on both sides is followed further back."""
        self._patcher = Patcher(state)
        for stem in list(self.pending):
            self._settle(
                stem, lambda previous: Finding(step=begun, basis="gap", previous=previous, after=before.ts), unsure=True
            )

    def origin(self, first: Step) -> None:
        """Nothing older is recorded: what is left came with the object, or was there when it was first seen."""
        basis: Basis = "creation" if first.op == "add" and first.origin != "list" else "first-sight"
        for group in self.pending.values():
            self.found |= {path: Finding(step=first, basis=basis) for path in group}
        self.pending.clear()

    def _cut(self, pointer: str) -> tuple[str, ...]:
        found = self._cuts.get(pointer)
        if found is None:
            found = self._cuts[pointer] = _cut(pointer)
        return found

    def _settle(self, stem: tuple[str, ...], finding: Callable[[Json | Absent], Finding], unsure: bool = False) -> None:
        group = self.pending[stem]
        for path, value in list(group.items()):
            previous = value_at(self._patcher.doc, path)
            if _same(previous, value):
                continue
            # Markers of two keys say nothing about each other: no previous value, and no earlier one either.
            hidden = unsure and isinstance(previous, str) and isinstance(value, str) and not comparable(previous, value)
            # A copy: the walk goes on writing to the containers it has made its own.
            self.found[path] = finding(
                ABSENT if hidden else previous if isinstance(previous, Absent) else copy.deepcopy(previous)
            )
            del group[path]
        if not group:
            del self.pending[stem]


def _same(one: Json | Absent, other: Json | Absent) -> bool:
    if isinstance(one, Absent) or isinstance(other, Absent):
        return isinstance(one, Absent) and isinstance(other, Absent)
    return same(one, other)


def _stem(path: Path) -> tuple[str, ...]:
    names = []
    for token in path:
        if not isinstance(token, Field):
            break
        names.append(token.name)
    return tuple(names)


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


def step_of(row: Row) -> Step:
    """The version of a row that was selected with COLUMNS."""
    *before, paths, managers, managed, actor, confidence, noise, gap = row
    return Step(*before, tuple(paths), tuple(managers), managed, actor, confidence, noise, gap)  # type: ignore[call-arg]  # as COLUMNS
