"""Rollouts: a change of a workload's template, followed to its end, as one answer.

Work grows with what changed: the starts come from `changes`, time first; templates, progress and pods are each read
with one statement for all rollouts of a page. A rollout that began before the window and was not complete then is
found by the workloads' states at the window's start: a stuck one changes nothing any more.

A rollout ends with the next change of the template. Who brings the template before back has rolled back what stood
between; a Job is a rollout of its own, for its template cannot change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from query import rollout_pods
from query.errors import BadReference
from query.models import FieldDiff
from query.models_rollouts import Result, Rollout, RolloutRevision
from query.refs import KnownKind
from query.revisions import Holder, Life, Version, about, holders, templates
from query.rollout_starts import SMALL, Ask, Place, begun, cursor_after, under_way
from query.scope import Scope, where, window
from query.workloads import JOB, KINDS, Standing, fingerprint, images, standing
from schema.canonical import Json
from schema.diff import diff
from schema.listkeys import heuristic
from schema.paths import render
from schema.store import Row, Store

PROGRESS = 300
"""Versions of one life that are read at once to follow a rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Newest first. `next`: the cursor of older ones, "" = none."""

    items: list[Rollout]
    next: str
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One rollout as it lies in its life: from `start` (after `before`) to the next change of the template."""

    life: Life
    before: Version | None
    start: Version
    after: Version | None
    earlier: tuple[Version, ...]
    until: datetime

    @property
    def end(self) -> datetime:
        """Where its revision stops, as far as the question goes."""
        return self.after.ts if self.after else self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How it went: `completed` when it first was complete, `deleted` when the workload ended before that."""

    completed: datetime | None
    deleted: datetime | None
    last: Standing | None


def workload_scope(scope: Scope, known: Sequence[KnownKind]) -> Scope:
    """The scope's workloads. Raises BadReference for kinds that roll nothing out."""
    served = {(each.resource, each.group) for each in known}
    wrong = [kind for kind in scope.kinds if kind not in KINDS]
    if wrong:
        raise BadReference(
            f"{'.'.join(filter(None, wrong[0]))} has no rollouts.",
            "Ask for deployments, statefulsets, daemonsets, jobs or Argo rollouts.",
        )
    return replace(scope, kinds=scope.kinds or tuple(kind for kind in KINDS if kind in served or not served))


def rollouts(store: Store, ask: Ask, cursor: str = "") -> Page:
    """One page."""
    if not ask.scope.kinds:
        return Page(items=[], next="", truncated=False)
    found, more = begun(store, ask, cursor)
    waiting = [] if more else under_way(store, ask)
    lives = list({life.uid: life for life, _ in [*found, *waiting]}.values())
    if not lives:
        return Page(items=[], next="", truncated=False)
    versions = templates(store, lives, ask.until)
    spans = [
        span
        for life, place in [*found, *waiting]
        if (span := _span(life, place, versions.get(life.uid, []), ask.until)) is not None
    ]
    progress = _follow(store, spans, ask.until)
    late = {id(span) for span in spans if span.start.ts <= ask.after or span.start.origin == "list"}
    shown = [span for span in spans if id(span) not in late or _unfinished(progress[id(span)], ask.after)]
    kept = holders(store, lives, ask.until)
    seen = rollout_pods.look(store, [_look(span, kept.get(span.life.uid, []), progress[id(span)]) for span in shown])
    items = [
        _rollout(span, progress[id(span)], kept.get(span.life.uid, []), seen.of[n], ask) for n, span in enumerate(shown)
    ]
    return Page(items=items, next=cursor_after(found[-1]) if more else "", truncated=seen.truncated)


def _span(life: Life, place: Place | None, versions: Sequence[Version], until: datetime) -> Span | None:
    """The rollout that this version began; without a place the last one of the life. None: the template is the same."""
    if place is None:
        at = len(versions) - 1
    else:
        at = next((n for n, each in enumerate(versions) if each.place == place[:2]), -1)
    if at < 0:
        return None
    return Span(
        life=life,
        before=versions[at - 1] if at else None,
        start=versions[at],
        after=versions[at + 1] if at + 1 < len(versions) else None,
        earlier=tuple(versions[:at]),
        until=until,
    )


def _follow(store: Store, spans: Sequence[Span], until: datetime) -> dict[int, Progress]:
    """How each went, from the versions between its start and its end."""
    if not spans:
        return {}
    lives = list({span.life.uid: span.life for span in spans}.values())
    params: dict[str, object] = {"first": min(span.start.ts for span in spans)}
    conditions = [*about(lives, params), *window(params, None, until), "ts >= {first:DateTime64(6, 'UTC')}"]
    rows = _steps(store, conditions, params, f"LIMIT {PROGRESS} BY uid")
    by_life: dict[str, list[Row]] = {}
    for row in rows:
        by_life.setdefault(row[0], []).append(row)
    return {id(span): _progress(span, _versions(store, span, by_life.get(span.life.uid, []), until)) for span in spans}


def _steps(store: Store, conditions: Sequence[str], params: dict[str, object], limit: str) -> Sequence[Row]:
    sql = f"""
        SELECT * FROM (
            SELECT uid, epoch, seq, ts, op, if(object = '', '', {SMALL}) FROM events {where(conditions)}
            ORDER BY uid, epoch, seq LIMIT 1 BY uid, epoch, seq)
        ORDER BY uid, epoch, seq {limit}"""
    return store.rows(sql, params)


def _versions(store: Store, span: Span, first: Sequence[Row], until: datetime) -> Iterator[Row]:
    """The life's versions from the start on, page by page."""
    page = [row for row in first if row[1:3] >= span.start.place]
    full = len(first) >= PROGRESS
    place = span.start.place if not page else page[-1][1:3]
    yield from page
    while full:
        params: dict[str, object] = {"epoch": place[0], "seq": place[1]}
        conditions = [*about([span.life], params), *window(params, None, until)]
        conditions.append("(epoch, seq) > ({epoch:UInt64}, {seq:UInt64})")
        rows = _steps(store, conditions, params, f"LIMIT {PROGRESS}")
        yield from rows
        full = len(rows) >= PROGRESS
        place = rows[-1][1:3] if rows else place


def _progress(span: Span, versions: Iterator[Row]) -> Progress:
    last: Standing | None = None
    for _, epoch, seq, ts, op, small in versions:
        if span.after is not None and (epoch, seq) >= span.after.place:
            break
        if op == "delete":
            return Progress(completed=None, deleted=ts, last=last)
        if small:
            last = standing(span.life.kind, small.encode())
            if last.done:
                return Progress(completed=ts, deleted=None, last=last)
    return Progress(completed=None, deleted=None, last=last)


def _unfinished(progress: Progress, after: datetime) -> bool:
    end = progress.completed or progress.deleted
    return end is None or end > after


def _look(span: Span, kept: Sequence[Holder], progress: Progress) -> rollout_pods.Look:
    own = _holder(span.start, kept)
    return rollout_pods.Look(
        life=span.life,
        start=span.start.ts,
        settled=progress.completed or progress.deleted or span.end,
        end=span.end,
        hash=own.hash if own else progress.last.hash if progress.last else "",
    )


def _holder(version: Version, kept: Sequence[Holder]) -> Holder | None:
    wanted = fingerprint(version.template)
    return next((each for each in kept if fingerprint(each.template) == wanted), None)


def _rollout(span: Span, progress: Progress, kept: list[Holder], seen: rollout_pods.Seen, ask: Ask) -> Rollout:
    life, start = span.life, span.start
    first_seen = start.origin == "list" and span.before is None
    equal = _equal(span, kept)
    result, waiting, ended = _result(span, progress)
    end = progress.completed or ended or span.until
    return Rollout(
        cluster=life.ref.cluster, namespace=life.ref.namespace, resource=life.ref.resource, group=life.ref.group,
        kind=_KIND_NAMES[life.kind], name=life.ref.name, uid=life.uid,
        from_=_revision(span.before, kept) if span.before else None,
        to=_revision(start, kept),
        fields=_fields(span.before, start),
        rollback=equal is not None,
        equals=equal[0] if equal else None, rolled_back_to=equal[1] if equal else None,
        by=None if first_seen else start.by or None,
        confidence="none" if first_seen or not start.by else start.confidence,
        operation="" if first_seen else start.operation,
        started=start.ts, ts_error=start.ts_error, event=start.event,
        result=result, waiting=waiting, completed_at=progress.completed, ended=ended,
        duration=max((end - start.ts).total_seconds(), 0.0),
        replicas=progress.last.replicas if progress.last else None,
        pods=seen.pods, failures=seen.failures,
        first_seen=first_seen,
        under_way_before=start.ts <= ask.after,
    )  # fmt: skip


_KIND_NAMES = dict(zip(KINDS, ("Deployment", "StatefulSet", "DaemonSet", "Job", "Rollout"), strict=True))


def _result(span: Span, progress: Progress) -> tuple[Result, str, datetime | None]:
    """(result, what it waited for, when its revision ended)."""
    waiting = progress.last.waiting if progress.last and progress.completed is None else ""
    if progress.deleted is not None:
        return "deleted", waiting, progress.deleted
    ended = span.after.ts if span.after else None
    if span.after and span.before and fingerprint(span.after.template) == fingerprint(span.before.template):
        return "rolled-back", waiting, ended
    if progress.completed is not None:
        return "complete", "", ended
    if ended is not None:
        return "superseded", waiting, ended
    failed = progress.last is not None and progress.last.failed
    return ("failed" if failed and span.life.kind == JOB else "incomplete"), waiting, None


def _equal(span: Span, kept: Sequence[Holder]) -> tuple[int | None, str | None] | None:
    """The earlier revision with the very same template: its number as it was then, and the version that brought it."""
    wanted = fingerprint(span.start.template)
    same = [each for each in span.earlier if fingerprint(each.template) == wanted]
    if same:
        newest = same[-1]
        return newest.number, newest.event
    # A holder that is older than this version was made for an earlier revision, from before the record.
    old = _holder(span.start, [each for each in kept if each.made is not None and each.made < span.start.ts - _SLACK])
    return (old.before, None) if old and span.before else None


_SLACK = timedelta(seconds=2)  # creation times are whole seconds


def _revision(version: Version, kept: Sequence[Holder]) -> RolloutRevision:
    holder = _holder(version, kept)
    number = version.number if version.number is not None else holder.number if holder else None
    name = holder.name if holder else ""
    return RolloutRevision(number=number, name=name, images=images(version.template), event=version.event)


def _fields(before: Version | None, start: Version) -> list[FieldDiff]:
    """What changed in the template; nothing where there was none before."""
    if before is None:
        return []
    old: Json = {"spec": {"template": before.template}}
    new: Json = {"spec": {"template": start.template}}
    return [
        FieldDiff(path=render(each.path), op=each.op, old=each.old, new=each.new) for each in diff(old, new, heuristic)
    ]


def seen_through(scope: Scope, known: Sequence[KnownKind]) -> Scope:
    """The kinds that an answer about these workloads rests on: they, and the pods in which they are seen to work."""
    served = [
        (each.resource, each.group) for each in known if (each.resource, each.group) in (*scope.kinds, ("pods", ""))
    ]
    return replace(scope, kinds=tuple(dict.fromkeys(served)) or scope.kinds)
