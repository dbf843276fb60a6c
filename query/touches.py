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
from query.noise_rules import NONE, NoiseRules
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

_LIFE = "cityHash64(cluster, resource, `group`, uid)"
_ORDER = "bitOr(bitShiftLeft(toUInt128(epoch), 64), toUInt128(seq))"
"""(epoch, seq) as one number, and a life as one: what groups millions of paths must be small."""

_TOLD = (
    "ts", "ts_error", "toString(manager)", "toString(actor_name)", "toString(actor_confidence)", "rv", "toString(op)",
)  # fmt: skip
"""What is to be said of the newest change at a path."""

_WHOLE = "empty(paths) AND (op != 'update' OR seq = 1)"

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


def touches(
    store: Store,
    scope: Scope,
    after: datetime,
    until: datetime,
    *,
    names: Sequence[str] = (),
    rules: NoiseRules = NONE,
) -> dict[Life, list[Touch]]:
    """Every changed path of every life in the window, newest first; `names`: of objects with one of these names."""
    params: dict[str, object] = {}
    conditions = [*scope.conditions(params), *window(params, after, until)]
    table = "changes"
    if names:  # of a few objects the table that is sorted by them tells faster
        table, params["names"] = "events", sorted(set(names))
        conditions += ["name IN {names:Array(String)}", "origin != 'checkpoint'"]
    newest = ", ".join(f"argMax({each}, place)" for each in _TOLD)
    # Who creates or deletes touches everything; an update without paths (managedFields alone) nothing.
    sql = f"""
        SELECT any(cluster), any(uid), any(resource), any(`group`), any(cluster_uid), path, max(place), min(quiet),
            {newest}
        FROM (
            SELECT {_LIFE} AS change_life, cluster, uid, resource, `group`, cluster_uid, path, {_ORDER} AS place, ts,
                ts_error, manager, actor_name, actor_confidence, rv, op, {rules.hides(params)} AS quiet
            FROM {table}
            ARRAY JOIN if({_WHOLE}, [toLowCardinality('')], paths) AS path,
                if({_WHOLE}, [toLowCardinality('')], arrayResize(managers, length(paths))) AS manager
            {where(conditions)})
        GROUP BY change_life, path, path = '' AND op = 'delete'"""
    parsed: dict[str, Path] = {}
    found: dict[Life, list[Touch]] = defaultdict(list)
    for row in store.rows(sql, params):
        if (path := row[5]) not in parsed:
            parsed[path] = parse(path)
        found[row[0], row[1]].append(_touch(row, parsed[path]))
    for listed in found.values():
        listed.sort(key=lambda each: (each.epoch, each.seq), reverse=True)
    return found


def loud(store: Store, scope: Scope, after: datetime, until: datetime, *, rules: NoiseRules = NONE) -> set[Life]:
    """Lives with a change in the window that is no noise: nothing else can differ in more than noise."""
    params: dict[str, object] = {}
    conditions = [*scope.conditions(params), *window(params, after, until), f"NOT {rules.hides(params)}"]
    return {
        (cluster, uid)
        for cluster, uid in store.rows(f"SELECT DISTINCT cluster, uid FROM changes {where(conditions)}", params)
    }


def is_noise(path: Path, among: Sequence[Touch]) -> bool:
    """Whether nothing but machine noise ever wrote there."""
    if not any(each.noise for each in among):
        return False
    met = [each.noise for each in among if overlap(each.path, path)]
    return bool(met) and all(met)


def origin(path: Path, among: Sequence[Touch], pair: Pair) -> Origin | None:
    """The change that made the field what it is at the later end, where the paths alone leave no doubt.

    `among`: newest first.
    """
    for newest in among:
        if overlap(newest.path, path):
            break
        if not apart(newest.path, path):  # it may mean the same item under another spelling
            return None
    else:
        return None
    born = pair.recreated and pair.born is not None and newest.event == pair.born.id
    if not born and (len(newest.path) < len(path) or any(isinstance(token, Index) for token in path)):
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
    cluster, uid, resource, group, cluster_uid, _, order, noisy, ts, error, manager, actor, confidence, rv, op = row
    epoch, seq = order >> 64, order & (2**64 - 1)
    event = event_id(
        cluster=cluster, cluster_uid=cluster_uid, kind=kind_id(resource, group), uid=uid, epoch=epoch, rv=rv, op=op
    )
    return Touch(path, epoch, seq, ts, error, manager, actor, confidence, event, bool(noisy))
