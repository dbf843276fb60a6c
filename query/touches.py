"""Which change of a window gave a field its value, for many objects at once.

One statement gives, per object and changed path, the newest change that wrote there. Mostly this is the answer: the
newest change at or below a field's place. Where it lies above (a list written as a whole need not have changed this
field) or where a newer one may mean the same item under another spelling, the object's changes are walked backwards
instead (`query.tracing`), so that every answer rests on values.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from query import tracing
from query.blame import state_of
from query.ends import Pair
from query.scope import Scope, where, window
from schema.events import event_id
from schema.lookup import apart, overlap
from schema.objects import kind_id
from schema.patch import PatchConflict
from schema.paths import Index, Path, parse, render
from schema.store import Row, Store

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Objects whose changes are walked with one statement."""

Life = tuple[str, str]
"""(cluster, uid)."""


@dataclass(frozen=True, slots=True)
class Touch:
    """The newest change of the window that wrote at this path; () = it gave or took the whole object."""

    path: Path
    epoch: int
    seq: int
    ts: datetime
    ts_error: float
    manager: str
    actor: str
    confidence: str
    event: str
    noise: bool

    @property
    def by(self) -> tuple[str, str]:
        """Who wrote it, and how sure that is."""
        if self.manager:
            return self.manager, self.confidence if self.manager == self.actor else "medium"
        return self.actor, self.confidence if self.actor else "none"


@dataclass(frozen=True, slots=True)
class Origin:
    """The change behind one field of an answer."""

    by: str
    confidence: str
    ts: datetime
    ts_error: float
    event: str


def touches(store: Store, scope: Scope, after: datetime, until: datetime) -> dict[Life, list[Touch]]:
    """Every changed path of every life in the window."""
    params: dict[str, object] = {}
    conditions = [*scope.conditions(params), *window(params, after, until)]
    # Who creates or deletes touches everything; an update without paths (managedFields alone) nothing.
    whole = "empty(paths) AND (op != 'update' OR seq = 1)"
    sql = f"""
        SELECT cluster, uid, resource, `group`, path, n.1, n.2, n.3, n.4, n.5, n.6, n.7, n.8, n.9, n.10, noisy FROM (
            SELECT cluster, uid, resource, `group`, path,
                max((epoch, seq, ts, ts_error, toString(manager), toString(actor_name), toString(actor_confidence),
                    rv, toString(op), toString(cluster_uid))) AS n,
                min(noise != '') AS noisy
            FROM changes
            ARRAY JOIN
                if({whole}, [''], arrayMap(p -> toString(p), paths)) AS path,
                if({whole}, [''], arrayMap(m -> toString(m), managers)) AS manager
            {where(conditions)}
            GROUP BY cluster, uid, resource, `group`, path, op)"""
    parsed: dict[str, Path] = {}
    found: dict[Life, list[Touch]] = defaultdict(list)
    for row in store.rows(sql, params):
        if row[4] not in parsed:
            parsed[row[4]] = parse(row[4])
        found[row[0], row[1]].append(_touch(row, parsed[row[4]]))
    return found


def is_noise(path: Path, among: Sequence[Touch]) -> bool:
    """Whether nothing but machine noise ever wrote there."""
    if not any(each.noise for each in among):
        return False
    met = [each.noise for each in among if overlap(each.path, path)]
    return bool(met) and all(met)


def origin(path: Path, among: Sequence[Touch], pair: Pair) -> Origin | None:
    """The change that made the field what it is at the later end, where the paths alone leave no doubt."""
    newest = max(
        (each for each in among if overlap(each.path, path)), key=lambda each: (each.epoch, each.seq), default=None
    )
    if newest is None:
        return None
    born = pair.recreated and pair.born is not None and newest.event == pair.born.id
    if not born and (len(newest.path) < len(path) or any(isinstance(token, Index) for token in path)):
        return None
    rivals = (each for each in among if (each.epoch, each.seq) > (newest.epoch, newest.seq))
    if not all(apart(each.path, path) for each in rivals):
        return None
    return Origin(*newest.by, newest.ts, newest.ts_error, newest.event)


def walked(
    store: Store,
    scope: Scope,
    after: datetime,
    until: datetime,
    wanted: Sequence[tuple[Pair, bytes, Sequence[Path]]],
) -> dict[tuple[Life, str], Origin]:
    """The same for fields in doubt, each object with its later state: (life, path) → origin."""
    found: dict[tuple[Life, str], Origin] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        params: dict[str, object] = {}
        conditions = [*scope.conditions(params), *window(params, after, until)]
        params["names"] = sorted({pair.either.ref.name for pair, _, _ in some})
        conditions.append("name IN {names:Array(String)}")
        steps = tracing.steps_of_many(store, conditions, params, [pair.either.uid for pair, _, _ in some])
        for pair, state, paths in some:
            life = pair.either.ref.cluster, pair.either.uid
            try:
                origins = dict(_walk(store, state, steps.get(life, []), paths))
            except PatchConflict as error:  # both states are proved all the same: only who and when stay unknown
                log.warning("the history of %s does not fit together, run kubelapse verify: %s", pair.either.ref, error)
                continue
            found |= {(life, render(path)): each for path, each in origins.items()}
    return found


def _walk(
    store: Store, state: bytes, steps: Sequence[tracing.Step], paths: Iterable[Path]
) -> Iterable[tuple[Path, Origin]]:
    traced = tracing.trace(orjson.loads(state), steps, paths, lambda step: state_of(store, step), whole=False)
    for path, finding in traced.items():
        step = finding.step
        yield path, Origin(*step.writer(path), step.ts, step.ts_error, step.id)


def _touch(row: Row, path: Path) -> Touch:
    cluster, uid, resource, group, _, epoch, seq, ts, error, manager, actor, confidence, rv, op, cluster_uid, noisy = (
        row
    )
    event = event_id(
        cluster=cluster, cluster_uid=cluster_uid, kind=kind_id(resource, group), uid=uid, epoch=epoch, rv=rv, op=op
    )
    return Touch(path, epoch, seq, ts, error, manager, actor, confidence, event, bool(noisy))
