"""One object at two moments: readable fields, the RFC 6902 patch between them, and both documents as they were.

Unified text is made where it is shown (CLI, browser). Redacted Secret values are markers; two markers made with
different keys say nothing about their values: such a field is marked as not comparable, never passed off as a change.
"""

from datetime import datetime

import orjson
from msgspec import Raw

from query import timeline
from query.meaning import Judged, judge
from query.models import Coverage, FieldDiff, ObjectDiff, Result, Side, change
from query.refs import ObjectRef
from query.semantics import Rules
from query.timeline import BeforeHorizon, Deleted, Found, NeverSeen, NotRecorded, NotYet, Outcome
from query.times import RvRef
from schema.canonical import Json
from schema.diff import Edit, diff
from schema.events import Event
from schema.listkeys import heuristic
from schema.markers import comparable
from schema.patch import to_patch
from schema.store import Store


def compare(
    store: Store, ref: ObjectRef, first: datetime | RvRef, second: datetime | RvRef, *, now: datetime, uid: str = ""
) -> tuple[Outcome, Outcome]:
    """The object on both sides; `between` tells what differs."""
    one = timeline.state_at(store, ref, first, now=now, uid=uid)
    return one, timeline.state_at(store, ref, second, now=now, uid=uid)


def unknown(before: Outcome, after: Outcome) -> Outcome | None:
    """The side of which nothing is known, if there is one: an object that nobody watched is not an absent object."""
    for kind in (NeverSeen, BeforeHorizon, NotRecorded):
        for outcome in (before, after):
            if isinstance(outcome, kind):
                return outcome
    return None


def between(before: Outcome, after: Outcome, coverage: Coverage, rules: Rules | None = None) -> ObjectDiff:
    """The answer of `…/diff`; `rules`: what counts as the same."""
    old, new = _event(before), _event(after)
    edits, judged = _compared(old, new, rules) if old and new else ([], Judged())
    sure = [each for each in edits if _comparable(each.old, each.new)]
    certain = any(_comparable(each.before, each.after) for each in judged.places)
    return ObjectDiff(
        result="not-comparable" if judged.places and not certain else _result(old, new, bool(judged.places)),
        from_=side(before),
        to=side(after),
        fields=[
            FieldDiff(
                path=each.path,
                op=each.op,
                old=each.before,
                new=each.after,
                comparable=_comparable(each.before, each.after),
                within=each.within,
            )
            for each in judged.places
        ],
        patch=[dict(op) for op in to_patch(sure)],
        before=_raw(old),
        after=_raw(new),
        coverage=coverage,
        equal=dict(sorted(judged.equal.items())),
        rules=sorted(rules.on) if rules else [],
    )


def _compared(old: Event, new: Event, rules: Rules | None) -> tuple[list[Edit], Judged]:
    documents = _document(old), _document(new)
    edits = diff(*documents, heuristic)
    return edits, judge(edits, new.kind_id, *documents, rules)


def side(outcome: Outcome) -> Side:
    """What is known of one side."""
    match outcome:
        case Found(event=event, at=at):
            return Side(at=at, state="present", event=change(event))
        case Deleted(deleted_at=deleted_at, last=last, at=at):
            return Side(at=at, state="deleted", event=change(last), deleted_at=deleted_at)
        case NotYet(at=at):
            return Side(at=at, state="not-created")
        case NeverSeen(at=at):
            return Side(at=at, state="never-seen")
        case NotRecorded(at=at):
            return Side(at=at, state="not-recorded")
        case BeforeHorizon(at=at):
            return Side(at=at, state="before-horizon")


def _result(old: Event | None, new: Event | None, differ: bool) -> Result:
    if old is None or new is None:
        return "added" if new else "removed" if old else "absent"
    if old.uid != new.uid:
        return "replaced"
    return "changed" if differ else "same"


def _event(outcome: Outcome) -> Event | None:
    return outcome.event if isinstance(outcome, Found) else None


def _raw(event: Event | None) -> Raw | None:
    return event.object if event else None


def _document(event: Event) -> Json:
    document: Json = orjson.loads(bytes(event.object or b"null"))
    return document


def _comparable(old: Json, new: Json) -> bool:
    return not isinstance(old, str) or not isinstance(new, str) or comparable(old, new)
