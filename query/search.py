"""Values across objects and time: which lives ever held one, from when to when, and who brought and ended it.

First the engine finds lives: by their first states and by patches that name the value (`query.needles`). Then, for a
page of lives, the few versions at which the value can have come or gone are read with their states, and what stood
between two of them is one run. A page is bounded in lives, a life in versions; the engine's own limits end what is too
much (the answer is then a problem that says so).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import orjson

from query import cursors, timeline, tracing
from query.errors import BadCursor, BadWindow
from query.models_search import Basis, Match, Period, Run
from query.needles import Needle
from query.owners import Owners
from query.scope import CLUSTER_SCOPE, Scope, where, window
from query.tracing import Step
from schema.canonical import Json, same
from schema.lookup import overlap
from schema.paths import Path, parse, render
from schema.store import Row, Store

MOST = 1000
VERSIONS = 200
"""Of one life that are looked at; who flips a value more often sees the newest."""
RUNS = 200
SECONDS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDENTITY = "cluster, namespace, resource, `group`, name, uid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Runs that touch (after, until]; `after` None: since the record begins. `by`: brought by this manager."""

    scope: Scope
    needle: Needle
    after: datetime | None
    until: datetime
    by: str = ""
    limit: int = 100

    def __post_init__(self) -> None:
        """Raises BadWindow."""
        if not 1 <= self.limit <= MOST:
            raise BadWindow(f"limit={self.limit} is out of range.", f"Ask for 1 to {MOST} objects at a time.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Lives with the newest match first."""

    items: list[Match]
    next: str


def search(store: Store, ask: Ask, cursor: str = "") -> Page:
    """One page."""
    found, more = _lives(store, ask, cursor)
    if not found:
        return Page(items=[], next="")
    matches = {}
    for uid, rows in _versions(store, ask, found).items():
        match = _match(store, ask, rows)
        if match.runs:
            matches[uid] = match
    last = found[-1]
    onward = cursors.write("search", [(last[6] - _EPOCH) // timedelta(microseconds=1), last[5]]) if more else ""
    return Page(items=[matches[row[5]] for row in found if row[5] in matches], next=onward)


def periods(items: Sequence[Match]) -> list[Period]:
    """All runs together: when it stood anywhere."""
    runs = sorted(((run, item.uid) for item in items for run in item.runs), key=lambda each: each[0].from_)
    joined: list[tuple[Period, set[str]]] = []
    for run, uid in runs:
        last = joined[-1][0] if joined else None
        if last is not None and (last.to is None or run.from_ <= last.to):
            last.to = None if last.to is None or run.to is None else max(last.to, run.to)
            joined[-1][1].add(uid)
        else:
            joined.append((Period(from_=run.from_, at_or_before=run.at_or_before, to=run.to, objects=0), {uid}))
    for period, uids in joined:
        period.objects = len(uids)
    return [period for period, _ in joined]


def _lives(store: Store, ask: Ask, cursor: str) -> tuple[Sequence[Row], bool]:
    """Identities with the time of their newest version that can matter, and whether there are more."""
    params: dict[str, object] = {}
    within = [*ask.scope.conditions(params), *window(params, None, ask.until)]
    state, change = ask.needle.of_state(params), ask.needle.of_change(params)
    beyond = ""
    if cursor:
        micros, uid = cursors.read("search", cursor, length=2)
        if not isinstance(micros, int):
            raise BadCursor(f"{cursor[:40]!r} is not a cursor that was given out here.", "Start again without it.")
        params |= {"last": _EPOCH + timedelta(microseconds=micros), "last_uid": uid}
        beyond = "HAVING (newest, uid) < ({last:DateTime64(6, 'UTC')}, {last_uid:String})"
    whole = "(op = 'add' OR origin = 'checkpoint')"
    sql = f"""
        SELECT cluster, any(namespace), any(resource), any(`group`), any(name), uid, max(ts) AS newest FROM (
            SELECT {_IDENTITY}, ts FROM events PREWHERE {" AND ".join([*within, whole])} WHERE {state}
            UNION ALL
            SELECT {_IDENTITY}, ts FROM events PREWHERE {" AND ".join(within)} WHERE {change})
        GROUP BY cluster, uid {beyond} ORDER BY newest DESC, uid DESC LIMIT {ask.limit + 1}
        SETTINGS max_execution_time = {SECONDS}"""
    found = store.rows(sql, params)
    return found[: ask.limit], len(found) > ask.limit


def _versions(store: Store, ask: Ask, lives: Sequence[Row]) -> dict[str, list[Row]]:
    """uid → the versions of the life at which the value can have come or gone, oldest first, with their states."""
    params: dict[str, object] = {"names": sorted({row[4] for row in lives}), "uids": sorted({row[5] for row in lives})}
    scope = Scope(
        clusters=tuple(sorted({row[0] for row in lives})),
        namespaces=tuple(sorted({row[1] or CLUSTER_SCOPE for row in lives})),
        kinds=tuple(sorted({(row[2], row[3]) for row in lives})),
    )
    within = [
        *scope.conditions(params), "name IN {names:Array(String)}", "uid IN {uids:Array(String)}",
        *window(params, None, ask.until),
    ]  # fmt: skip
    change = ask.needle.of_change(params)
    ends = "(op != 'update' OR seq = 1 OR origin = 'checkpoint')"
    sql = f"""
        SELECT * FROM (
            SELECT {tracing.COLUMNS}, kind, object, uid AS life FROM events
            {where([*within, f"({ends} OR ({change}))"])}
            ORDER BY uid, epoch DESC, seq DESC LIMIT 1 BY uid, epoch, seq)
        ORDER BY life, epoch DESC, seq DESC LIMIT {VERSIONS} BY life
        SETTINGS max_execution_time = {SECONDS}"""
    found: dict[str, list[Row]] = {}
    for row in reversed(store.rows(sql, params)):
        found.setdefault(row[-1], []).append(row)
    return found


def _match(store: Store, ask: Ask, rows: Sequence[Row]) -> Match:
    first = tracing.step_of(rows[0][:-3])
    runs = [run for run in _runs(store, ask.needle, rows, ask.scope) if _asked(run, ask)]
    return Match(
        cluster=first.cluster,
        namespace=first.namespace,
        resource=first.resource,
        group=first.group,
        kind=rows[0][-3],
        name=first.name,
        uid=first.uid,
        runs=runs[-RUNS:],
        more=len(runs) > RUNS or len(rows) >= VERSIONS,
    )


def _asked(run: Run, ask: Ask) -> bool:
    inside = run.from_ <= ask.until and (run.to is None or ask.after is None or run.to > ask.after)
    by = ask.by and not _like(run.by or "", ask.by)
    return inside and not by


def _like(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern.replace("[", "[[]")) if "*" in pattern else name == pattern


def _runs(store: Store, needle: Needle, rows: Sequence[Row], scope: Scope) -> Iterator[Run]:
    """What stood from which version to which, oldest first."""
    open_runs: dict[str, tuple[Run, Json]] = {}
    ended: list[Run] = []
    before: Step | None = None
    for row in rows:
        step = tracing.step_of(row[:-3])
        now = (
            {}
            if step.op == "delete"
            else {render(path): (path, v) for path, v in _found(store, needle, step, row, scope)}
        )
        for path, (run, value) in list(open_runs.items()):
            still = now.get(path)
            if still is None or not same(still[1], value):
                ended.append(_close(run, step))
                del open_runs[path]
        for name, (place, value) in now.items():
            if name not in open_runs:
                open_runs[name] = (_open(step, name, place, value, before), value)
        before = step
    yield from sorted([*ended, *(run for run, _ in open_runs.values())], key=lambda run: (run.from_, run.path))


def _found(store: Store, needle: Needle, step: Step, row: Row, scope: Scope) -> Iterable[tuple[Path, Json]]:
    state = row[-2] or bytes(timeline.version(store, step.ref, step.uid, step.epoch, step.seq).object or b"{}")
    document = orjson.loads(state)
    selector = scope.selector
    if selector is not None and selector.requirements:
        labels = (document.get("metadata") or {}).get("labels") or {}
        if not selector.matches(labels):
            return []
    return needle.found(document)


def _open(step: Step, name: str, path: Path, value: Json, before: Step | None) -> Run:
    basis: Basis = "change"
    if step.op == "add" or step.origin == "checkpoint" or step.seq == 1:
        known = step.op == "add" and step.origin not in ("list", "relist", "audit")
        basis = "creation" if known else "first-sight" if before is None else "gap"
    by, confidence = step.writer(path)
    sure = basis in ("change", "creation")
    if not sure:
        owner = Owners(step.managed).of(path)
        by, confidence = (owner.manager, "high") if owner else ("", "none")
    return Run(
        path=name, value=value, from_=step.since or step.ts, ts_error=step.ts_error, at_or_before=not sure, basis=basis,
        by=by or None, confidence=confidence, event=step.id,
        to=None, gone_by=None, gone_event=None, deleted=False,
    )  # fmt: skip


def _close(run: Run, step: Step) -> Run:
    run.to, run.gone_event, run.deleted = step.ts, step.id, step.op == "delete"
    if step.op == "update" and step.patch != "[]":
        run.gone_by = _ender(step, parse(run.path))
    return run


def _ender(step: Step, path: Path) -> str | None:
    """Who wrote over it, or the one writer of the change that removed it."""
    for spelled, manager in zip(step.paths, step.managers, strict=False):
        if overlap(parse(spelled), path):
            return manager or (step.actor if step.confidence == "high" else None) or None
    return None
