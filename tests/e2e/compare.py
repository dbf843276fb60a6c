"""What the store must say, given the truth: pure checks that give back complaints, one sentence each."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jsonpatch

from schema.store import Store
from tests.e2e.truth import Seen

# JSON of any shape: only the check that asked knows it.
Json = Any

SLACK = 0.05  # seconds: clocks of two processes on one machine
READ = 0.75  # between a commit and the first who reads of it, on a machine that runs the control plane beside the tests
LIVE = 1.5  # of a live event there: what a stream may be behind without its giving itself away
TYPES = {"add": "ADDED", "update": "MODIFIED", "delete": "DELETED"}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
COLUMNS = """
    resource, group, uid, epoch, seq, op, origin, rv, prev_rv, ts, ts_error, patch, object, namespace, name, observed_at
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of `events` as it lies there, duplicates included."""

    resource: str
    group: str
    uid: str
    epoch: int
    seq: int
    op: str
    origin: str
    rv: str
    prev_rv: str
    ts: datetime
    ts_error: float
    patch: str
    object: str
    namespace: str
    name: str
    observed_at: datetime

    @property
    def kind(self) -> str:
        """`resource.group`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def key(self) -> tuple[str, str, int, str]:
        """As `Seen.key`."""
        return (self.kind, self.uid, int(self.rv), TYPES[self.op])


def stored(store: Store, cluster: str = "") -> list[Stored]:
    """Every row (of this cluster), in chain order."""
    where = "WHERE cluster = {cluster:String} OR {cluster:String} = ''"
    sql = f"SELECT {COLUMNS} FROM events {where} ORDER BY resource, group, uid, epoch, seq"
    rows = store.rows(sql, {"cluster": cluster})
    return [Stored(*row) for row in rows]


def completeness(truth: Iterable[Seen], rows: Sequence[Stored], start: Mapping[str, int]) -> list[str]:
    """Every (uid, resourceVersion, type) exactly once, and nothing that never was."""
    wanted = {seen.key for seen in truth}
    recorded: dict[tuple[str, str, int, str], int] = defaultdict(int)
    for row in rows:
        recorded[row.key] += 1
    complaints = [f"missing: {key}" for key in sorted(wanted - recorded.keys())]
    complaints += [f"recorded {count} times: {key}" for key, count in recorded.items() if count > 1]
    invented = [
        row
        for row in rows
        if row.origin == "watch" and int(row.rv) > start.get(row.kind, 1 << 62) and row.key not in wanted
    ]
    return complaints + [f"invented: {row.key} {row.namespace}/{row.name}" for row in invented]


def chains(rows: Sequence[Stored]) -> list[str]:
    """`seq` counts from 1 without a hole and each `prev_rv` is the one before, per (uid, epoch)."""
    complaints = []
    before: Stored | None = None
    for row in rows:
        fresh = before is None or (before.uid, before.epoch, before.kind) != (row.uid, row.epoch, row.kind)
        if row.seq != (1 if fresh or before is None else before.seq + 1):
            complaints.append(f"seq {row.seq} after {0 if fresh or before is None else before.seq}: {row.key}")
        if row.prev_rv != ("" if fresh or before is None else before.rv):
            complaints.append(f"prev_rv {row.prev_rv!r} does not follow {before.rv if before else ''!r}: {row.key}")
        before = row
    return complaints


def patches(rows: Sequence[Stored]) -> list[str]:
    """The `jsonpatch` library takes each state to the next one and back."""
    complaints = []
    before: Stored | None = None
    for row in rows:
        if row.op == "update" and before is not None and before.uid == row.uid and before.object and row.object:
            old, new, ops = json.loads(before.object), json.loads(row.object), json.loads(row.patch)
            was, is_now = strict(old), strict(new)
            if strict(jsonpatch.apply_patch(old, ops, in_place=True)) != is_now:
                complaints.append(f"the patch does not lead to the state: {row.key}")
            if strict(jsonpatch.apply_patch(new, inverse(ops), in_place=True)) != was:
                complaints.append(f"the patch does not lead back: {row.key}")
        before = row
    return complaints


def inverse(ops: Sequence[Json]) -> list[Json]:
    """A patch read backwards: each replace and remove is preceded by a test that holds the old value."""
    back: list[Json] = []
    for place, op in enumerate(ops):
        if op["op"] == "add":
            back.append({"op": "remove", "path": op["path"]})
        elif op["op"] in ("replace", "remove"):
            old = ops[place - 1]
            assert old["op"] == "test", "a replace or remove must follow the test of its base"
            assert old["path"] == op["path"]
            back.append(
                {"op": "replace" if op["op"] == "replace" else "add", "path": op["path"], "value": old["value"]}
            )
    return back[::-1]


def strict(value: Json) -> str:
    """Equal exactly when the JSON is: 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


@dataclass(slots=True)
class Expected:
    """What may be stored of an object as served; learns which marker stands for which Secret value."""

    markers: dict[str, str]
    values: dict[str, str]

    @classmethod
    def fresh(cls) -> "Expected":
        """Nothing learnt yet."""
        return cls({}, {})

    def complaint(self, served: Json, kept: Json) -> str:
        """Empty when `kept` is `served` less envelope and documented redactions."""
        served, kept = json.loads(json.dumps(served)), json.loads(json.dumps(kept))
        served["metadata"].pop("resourceVersion", None)
        served["metadata"].pop("managedFields", None)
        if served.get("kind") == "Secret":
            problem = self._markers(served.pop("data", {}), kept.pop("data", {}))
            served["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
            kept["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
            if problem:
                return problem
        return (
            ""
            if strict(served) == strict(kept)
            else f"state differs: {strict(kept)[:200]} is not {strict(served)[:200]}"
        )

    def _markers(self, values: Mapping[str, str], markers: Mapping[str, str]) -> str:
        if values.keys() != markers.keys():
            return f"keys {sorted(markers)} instead of {sorted(values)}"
        for key, value in values.items():
            marker = markers[key]
            if self.markers.setdefault(value, marker) != marker or self.values.setdefault(marker, value) != value:
                return f"the marker of {key} does not stand for one value"
        return ""


def moments(truth: Iterable[Seen], rows: Sequence[Stored]) -> dict[tuple[str, str, int, str], float]:
    """When each change happened, as well as can be known: before the witness and before Kubelapse read of it."""
    read = {row.key: row.observed_at.timestamp() for row in rows}
    return {seen.key: min(seen.at, read.get(seen.key, seen.at)) for seen in truth}


def dates(truth: Iterable[Seen], rows: Sequence[Stored]) -> tuple[list[str], list[float]]:
    """No `ts_error` smaller than the real error (live: the way of the bytes), and the errors of the late ones."""
    real = moments(truth, rows)
    complaints, errors = [], []
    for row in rows:
        if row.key in real:
            off = row.ts.timestamp() - real[row.key]
            allowed = (row.ts_error or LIVE) + (READ if off < 0 else SLACK)
            if row.ts_error:
                errors.append(abs(off))
            if abs(off) > allowed:
                complaints.append(f"dated {off:+.3f} s wrong, said {row.ts_error:.3f}: {row.key} {row.origin}")
    return complaints, errors


def states_in_between(truth: Iterable[Seen], rows: Sequence[Stored], chance: random.Random) -> list[str]:
    """State at random moments, wherever the moment is further from the object's changes than their `ts_error`."""
    real: dict[str, list[Seen]] = defaultdict(list)
    kept: dict[str, list[Stored]] = defaultdict(list)
    for seen in truth:
        real[seen.uid].append(seen)
    for row in rows:
        kept[row.uid].append(row)
    happened = moments(truth, rows)
    complaints = []
    for uid, lived in real.items():
        lived.sort(key=lambda seen: seen.rv)
        for _ in range(5):
            moment = chance.uniform(happened[lived[0].key] - 1, happened[lived[-1].key] + 1)
            if any(abs(moment - row.ts.timestamp()) <= (row.ts_error or LIVE) + READ for row in kept[uid]):
                continue
            true = [seen.rv for seen in lived if happened[seen.key] <= moment]
            told = [int(row.rv) for row in kept[uid] if row.ts.timestamp() <= moment and int(row.rv) >= lived[0].rv]
            if true[-1:] != told[-1:]:
                complaints.append(f"at {moment:.3f} {uid} was at {true[-1:]}, recorded {told[-1:]}")
    return complaints
