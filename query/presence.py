"""Every object that is there at a moment, with the version that stands and its state.

Now is read from `objects` (one row per life), a past moment from the history itself; states follow in one stream, each
proved by its hash. As everywhere an object is there when one of its lives is, and of several the youngest.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from query import ends, records, timeline
from query.ends import Version
from query.errors import TooManyObjects
from query.refs import ObjectRef
from query.scope import Scope, where
from schema.store import Row, Store

MOST: Final = 20_000
"""Objects of one question."""

_NAME = "cluster, namespace, resource, `group`, name"
_NEWEST = f"""{_NAME}, uid, last.epoch, last.seq, last.ts, last.ts_error, last.op, last.origin, last.rv, cluster_uid,
        last.kind, last.version"""


@dataclass(frozen=True, slots=True)
class Present:
    """One object that is there."""

    version: Version
    state: bytes


def present(store: Store, scope: Scope, at: datetime | None) -> dict[ObjectRef, Present]:
    """By name, those that the scope means. `at` None = now. Raises TooManyObjects, DamagedHistory."""
    found = _now(store, scope) if at is None else _then(store, scope, at)
    if scope.selector is None or not scope.selector.requirements:
        return found
    return {ref: each for ref, each in found.items() if scope.selector.matches(records.labels(each.state))}


def _then(store: Store, scope: Scope, at: datetime) -> dict[ObjectRef, Present]:
    versions = ends.alive(store, scope, at)
    _bounded(len(versions))
    states = ends.states(store, versions)
    return {each.ref: Present(each, states[each]) for each in versions}


def _now(store: Store, scope: Scope) -> dict[ObjectRef, Present]:
    params: dict[str, object] = {}
    conditions = scope.conditions(params)
    living = where([*conditions, "last.op != 'delete'"])
    rows = store.rows(f"SELECT {_NEWEST} FROM objects FINAL {living}", params)
    _bounded(len(rows))
    youngest: dict[tuple[str, ...], Row] = {}
    for row in rows:
        known = youngest.get(row[:5])
        if known is None or (row[8], row[6], row[7]) > (known[8], known[6], known[7]):
            youngest[row[:5]] = row
    states = _states(store, conditions, living, params)
    return {each.version.ref: each for each in (_present(store, row, states) for row in youngest.values())}


def _states(
    store: Store, conditions: list[str], living: str, params: dict[str, object]
) -> dict[tuple[str, str], tuple[int, int, bytes, bytes]]:
    """(cluster, uid) → (epoch, seq, hash, state) of the newest versions."""
    within = " AND ".join(
        [*conditions, f"(uid, epoch, seq) IN (SELECT uid, last.epoch, last.seq FROM objects FINAL {living})"]
    )
    sql = f"SELECT cluster, uid, epoch, seq, hash, object FROM events PREWHERE {within} LIMIT 1 BY cluster, uid"
    found: dict[tuple[str, str], tuple[int, int, bytes, bytes]] = {}
    for batch in store.stream(sql, params):
        columns = [*batch.columns[:-1], batch.columns[-1].cast("binary")]
        for cluster, uid, epoch, seq, promised, state in zip(*(each.to_pylist() for each in columns), strict=True):
            found[cluster, uid] = (epoch, seq, promised, state)
    return found


def _present(store: Store, row: Row, states: dict[tuple[str, str], tuple[int, int, bytes, bytes]]) -> Present:
    cluster, namespace, resource, group, name, uid, epoch, seq, ts, error, op, origin, rv, cluster_uid, kind, served = (
        row
    )
    ref = ObjectRef(cluster=cluster, resource=resource, group=group, namespace=namespace, name=name)
    known = states.get((cluster, uid))
    if known is None or known[:2] != (epoch, seq) or not known[3]:  # left out, or one newer has come in between
        whole = timeline.version(store, ref, uid, epoch, seq)
        promised, state = bytes.fromhex(whole.hash), bytes(whole.object or b"")
    else:
        promised = known[2]
        state = records.checked(known[3], promised.hex(), f"{ref} (uid {uid})")
    version = Version(ref, uid, epoch, seq, ts, error, op, origin, promised, rv, cluster_uid, kind, served)
    return Present(version, state)


def _bounded(count: int) -> None:
    if count > MOST:
        raise TooManyObjects(
            f"{count} objects are to be compared, {MOST} are the most in one answer.",
            "Narrow it to a namespace, a kind or a selector.",
        )
