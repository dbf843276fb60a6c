"""Proof of stored history by an implementation that did not write it: the `jsonpatch` library (RFC 6902).

Per object and epoch, in seq order: seq has no hole, prev_rv names the version before, resourceVersions rise; each
patch, applied forwards to the state before, gives the state whose hash the row promises, and applied backwards gives
the state before; a state that stands on the row is the same state. The copies that answers read beside the history
have to agree with it (`kubelapse.copies`). Nothing of our own differ or patch code is used here; canonical form and
hash are, because they define what is promised.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jsonpatch
import orjson

from kubelapse import copies
from kubelapse.proofs import linked
from query.refs import known_kinds, resolve_kinds
from query.scope import Scope, where
from schema.canonical import Json, canonical, digest
from schema.objects import kind_id

if TYPE_CHECKING:
    from schema.store import Store

SHOWN = 20
Operation = dict[str, Json]
_COLUMNS = (
    "cluster",
    "namespace",
    "resource",
    "group",
    "name",
    "uid",
    "epoch",
    "seq",
    "rv",
    "prev_rv",
    "op",
    "origin",
    "patch",
    "promised",
    "object",
)
_SELECT = """
SELECT toString(cluster) AS cluster, toString(namespace) AS namespace, toString(resource) AS resource,
       toString(`group`) AS `group`, name, uid, epoch, seq, rv, prev_rv, toString(op) AS op, toString(origin) AS origin,
       patch, lower(hex(hash)) AS promised, object
FROM events FINAL {where}
ORDER BY cluster, namespace, resource, `group`, name, uid, epoch, seq, rv_order
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is read of one event."""

    cluster: str
    namespace: str
    resource: str
    group: str
    name: str
    uid: str
    epoch: int
    seq: int
    rv: str
    prev_rv: str
    op: str
    origin: str
    patch: str
    promised: str
    object: str

    @property
    def chain(self) -> tuple[str, str, str, str, str, str, int]:
        """What belongs together."""
        return self.cluster, self.namespace, self.resource, self.group, self.name, self.uid, self.epoch


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong with it (the first few in words, all of them counted)."""

    objects: int = 0
    chains: int = 0
    events: int = 0
    forward: int = 0
    backward: int = 0
    states: int = 0
    wrong: int = 0
    failures: list[dict[str, Json]] = field(default_factory=list)
    seconds: float = 0.0

    def fail(self, row: Row, problem: str) -> None:
        """Count a failure of an event. The problem is a sentence without values."""
        place: dict[str, Json] = {
            "cluster": row.cluster,
            "kind": kind_id(row.resource, row.group),
            "namespace": row.namespace,
        }
        version: dict[str, Json] = {
            "name": row.name,
            "uid": row.uid,
            "epoch": row.epoch,
            "seq": row.seq,
            "rv": row.rv,
        }
        self.add({**place, **version, "problem": problem})

    def add(self, failure: dict[str, Json]) -> None:
        """Count a failure; keep the first ones."""
        self.wrong += 1
        if len(self.failures) < SHOWN:
            self.failures.append(failure)

    def answer(self) -> dict[str, Json]:
        """As JSON."""
        counts: dict[str, Json] = {name: getattr(self, name) for name in self.__slots__ if name != "failures"}
        return {"ok": self.wrong == 0, **counts, "failures": list(self.failures)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to verify; empty = everything. `sample`: fraction of the objects, chosen by their uid."""

    cluster: str = ""
    namespace: str = ""
    kind: str = ""
    name: str = ""
    sample: float = 1.0

    @classmethod
    def read(cls, body: Mapping[str, object]) -> "Wanted":
        """From a JSON body; raises ValueError with a sentence."""
        unknown = set(body) - set(cls.__slots__)
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(cls.__slots__)}")
        sample = body.get("sample", 1.0)
        if not isinstance(sample, int | float) or not 0 < sample <= 1:
            raise ValueError("sample is a fraction of the objects: above 0, at most 1")
        words = {name: str(body.get(name) or "") for name in ("cluster", "namespace", "kind", "name")}
        return cls(**words, sample=float(sample))


def verify(store: "Store", wanted: Wanted) -> Report:
    """Re-apply history and report; raises UnknownKind for a type that no cluster served."""
    report = Report()
    begun = time.monotonic()
    chain: Chain | None = None
    lives: set[tuple[str, str]] = set()
    for row in _rows(store, wanted):
        if chain is None or chain.key != row.chain:
            chain = Chain(row, report)
            report.chains += 1
            if (life := (row.cluster, row.uid)) not in lives:
                lives = {life}  # rows of one life stand together
                report.objects += 1
        chain.take(row)
    for failure in copies.differences(store, *_scope(store, wanted)):
        report.add(failure)
    report.seconds = round(time.monotonic() - begun, 3)
    return report


def _rows(store: "Store", wanted: Wanted) -> Iterator[Row]:
    conditions, params = _scope(store, wanted)
    for batch in store.stream(_SELECT.replace("{where}", where(conditions)), params):
        columns = [[_plain(value) for value in batch.column(name).to_pylist()] for name in _COLUMNS]
        for values in zip(*columns, strict=True):
            yield Row(**dict(zip(_COLUMNS, values, strict=True)))


def _scope(store: "Store", wanted: Wanted) -> tuple[list[str], dict[str, object]]:
    """Conditions and parameters; the columns they need are those of `events`, `changes` and `objects` alike."""
    params: dict[str, object] = {}
    kinds = resolve_kinds(wanted.kind, known_kinds(store)) if wanted.kind else ()
    scope = Scope(
        clusters=(wanted.cluster,) if wanted.cluster else (),
        namespaces=(wanted.namespace,) if wanted.namespace else (),
        kinds=kinds,
        name=wanted.name,
    )
    conditions = scope.conditions(params)
    if wanted.sample < 1:
        params["sample"] = max(1, round(wanted.sample * 10_000))
        conditions.append("cityHash64(uid) % 10000 < {sample:UInt32}")
    return conditions, params


def _plain(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


class Chain:
    """One object in one epoch, as it is walked through."""

    def __init__(self, first: Row, report: Report) -> None:
        self.key = first.chain
        self._report = report
        self._before: Row | None = None
        self._state: Json = None
        self._known = False

    def take(self, row: Row) -> None:
        """Check the next event."""
        self._report.events += 1
        self._order(row)
        state, known = self._after(row)
        if known:
            self._report.states += 1
            if _hash(state) != row.promised:
                self._report.fail(row, "the state does not have the hash that the event promises")
        self._before, self._state, self._known = row, state, known

    def _order(self, row: Row) -> None:
        before = self._before
        if before is None and row.origin == "checkpoint":
            return
        for problem in linked(row.seq, row.prev_rv, (before.seq, before.rv) if before is not None else None):
            self._report.fail(row, problem)
        if before is None:
            return
        if row.rv.isdecimal() and before.rv.isdecimal() and int(row.rv) < int(before.rv):
            self._report.fail(row, f"resourceVersion {row.rv} is older than the one before it, {before.rv}")

    def _after(self, row: Row) -> tuple[Json, bool]:
        """The state after this event, proved from the one before where there is a patch, and whether it is known."""
        stored = _parsed(row.object, self._report, row) if row.object else None
        operations = self._operations(row)
        if operations is None:
            return stored, stored is not None
        if row.op != "update" or (not operations and stored is not None):
            if stored is None and row.object == "":
                self._report.fail(row, f"an event of op {row.op} without a patch carries no state")
            return stored, stored is not None
        if not self._known:
            if self._before is None and row.origin == "checkpoint":
                return stored, stored is not None
            self._report.fail(row, "there is no state to apply the patch to")
            return stored, stored is not None
        return self._applied(row, operations, stored)

    def _operations(self, row: Row) -> list[Operation] | None:
        try:
            operations = orjson.loads(row.patch or "[]")
        except orjson.JSONDecodeError:
            operations = None
        if isinstance(operations, list) and all(isinstance(each, dict) for each in operations):
            return operations
        self._report.fail(row, "the patch is no list of operations")
        return None

    def _applied(self, row: Row, operations: list[Operation], stored: Json) -> tuple[Json, bool]:
        after = self._apply(row, self._state, operations, "forwards")
        if after is None:
            return stored, stored is not None
        self._report.forward += 1
        if stored is not None and canonical(stored) != canonical(after):
            self._report.fail(row, "the patch leads to another state than the one that is stored")
        back = self._back(row, after, operations)
        if back is not None:
            self._report.backward += 1
            if canonical(back) != canonical(self._state):
                self._report.fail(row, "the patch applied backwards does not give the state before")
        return after, True

    def _back(self, row: Row, after: Json, operations: Sequence[Operation]) -> Json:
        try:
            back = inverted(operations)
        except (KeyError, TypeError, ValueError) as error:
            self._report.fail(row, f"the patch cannot be inverted: {error}")
            return None
        return self._apply(row, after, back, "backwards")

    def _apply(self, row: Row, state: Json, operations: Sequence[Operation], way: str) -> Json:
        try:
            result: Json = jsonpatch.apply_patch(deepcopy(state), deepcopy(list(operations)), in_place=True)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, KeyError, TypeError, ValueError) as error:
            self._report.fail(row, f"the patch cannot be applied {way} ({type(error).__name__})")
            return None
        return result


def _parsed(text: str, report: Report, row: Row) -> Json:
    try:
        parsed: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        report.fail(row, "the stored state is no JSON")
        return None
    return parsed


def _hash(state: Json) -> str:
    return digest(canonical(state))


def inverted(operations: Sequence[Operation]) -> list[Operation]:
    """The patch that leads back: each `replace` and `remove` is preceded by a `test` that holds the old value."""
    back: list[Operation] = []
    tested: dict[Json, Json] = {}
    for operation in operations:
        path, op = operation["path"], operation["op"]
        if op == "test":
            tested = {path: operation["value"]}
        elif op == "add":
            back.append({"op": "remove", "path": path})
        elif path not in tested:
            raise ValueError(f"{op} without a test before it")
        elif op == "replace":
            back.append({"op": "replace", "path": path, "value": tested[path]})
        else:
            back.append({"op": "add", "path": path, "value": tested[path]})
    return back[::-1]
