"""Routes about one object: as it was, its history, and what differs between two moments."""

from datetime import UTC, datetime
from typing import Literal

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from query import blame as blaming
from query import changes, coverage, diffing, people, problems, timeline
from query.changes import Ask
from query.coverage import Window
from query.models import Coverage, History, ObjectAt, ObjectDiff, Problem, change
from query.models_compared import Blame
from query.problems import Refused
from query.refs import ObjectRef, object_ref
from query.scope import CLUSTER_SCOPE, ChangeFilter, Scope
from query.timeline import Found
from query.times import RvRef, fixed, zone
from query.web import (
    JSON,
    YAML,
    Context,
    Here,
    Meant,
    Moment,
    Time,
    Toggle,
    Tz,
    Windowed,
    answer,
    content,
    kind_in_path,
    moment_or_version,
    wants,
    write,
)
from query.yamltext import yaml_text
from schema.events import Event
from schema.objects import KUBE_EVENTS

router = APIRouter(prefix="/objects/{cluster}/{kind}/{namespace}/{name}", tags=["one object"])

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
IMMUTABLE = "private, max-age=31536000, immutable"


@router.get("")
async def show(
    here: Here,
    request: Request,
    cluster: str,
    kind: str,
    namespace: str,
    name: str,
    at: Time = "",
    tz: Tz = "UTC",
    uid: str = "",
    output: Literal["", "yaml", "json"] = "",
) -> Response:
    """The object as it was. `output=yaml` (or Accept: application/yaml), `output=json`: the bare object."""
    now = here.clock()
    when = moment_or_version(at, now=now, tz=tz)

    def question() -> ObjectAt:
        ref = object_asked(here, cluster, kind, namespace, name)
        found = timeline.state_at(here.store, ref, _instant(when), now=now, uid=uid)
        if not isinstance(found, Found):
            raise Refused(problems.of_outcome(found, ref, uid))
        assert found.event.object is not None  # `state_at` gives it, proved
        shown = found.event.ts if isinstance(when, RvRef) else found.at
        return ObjectAt(
            object=found.event.object,
            event=change(found.event),
            at=shown,
            coverage=_coverage(here, ref, shown, shown, open_end=isinstance(when, Moment) and when.open_end),
        )

    state = await here.readers.run(question)
    here.metrics.rows.labels("/objects/one").inc()
    cache = _cache(state) if fixed(at, now=now, tz=zone(tz)) else "no-cache"
    if output == "yaml" or (not output and wants(request, YAML)):
        text = await here.readers.run(lambda: yaml_text(orjson.loads(bytes(state.object))).encode())
        media_type = "text/plain" if wants(request, "text/html") else YAML  # a browser would only save it
        return content(text, media_type, request, cache=cache, etag=f"{state.event.hash}-yaml")
    if output == "json":
        return content(bytes(state.object), JSON, request, cache=cache, etag=state.event.hash)
    return write(state, request)


@router.get("/history")
async def history(
    here: Here,
    request: Request,
    cluster: str,
    kind: str,
    namespace: str,
    name: str,
    window: Windowed,
    uid: str = "",
    noise: Toggle = "on",
    limit: int = 500,
    cursor: str = "",
) -> Response:
    """Revisions of every life under this name (or of one, by `uid`), oldest first."""
    after, end = window.resolve(here.clock(), default=None)

    def question() -> History:
        ref = object_asked(here, cluster, kind, namespace, name)
        lives = timeline.lives(here.store, ref, uid)
        if not lives:
            raise Refused(_never(here, ref, end, uid))
        chosen = ChangeFilter(noise=noise == "off", first_sight=True, rules=here.settings.noise)
        ask = Ask(filter=chosen, after=after or BEGINNING, until=end.at, limit=limit)
        page = changes.history(here.store, ref, ask, uid=uid, cursor=cursor)
        people.introduce(here.store, page.items, audited=here.settings.audit_log)
        begin = after or min(each.first_seen for each in lives)
        return History(
            items=page.items,
            lives=lives,
            next=page.next or None,
            hidden=page.hidden,
            from_=after,
            to=page.until,
            coverage=_coverage(here, ref, min(begin, page.until), page.until, open_end=end.open_end),
        )

    return await answer(here, question, request=request)


@router.get("/diff")
async def diff(
    here: Here,
    request: Request,
    cluster: str,
    kind: str,
    namespace: str,
    name: str,
    window: Windowed,
    meant: Meant,
    uid: str = "",
) -> Response:
    """What differs between two moments or resourceVersions (default: an hour ago and now)."""
    now = here.clock()
    first = moment_or_version(window.start or "1h", now=now, tz=window.tz)
    second = moment_or_version(window.end, now=now, tz=window.tz)

    def question() -> ObjectDiff:
        ref = object_asked(here, cluster, kind, namespace, name)
        before, after = diffing.compare(here.store, ref, _instant(first), _instant(second), now=now, uid=uid)
        if (unknown := diffing.unknown(before, after)) is not None:
            raise Refused(problems.of_outcome(unknown, ref, uid))
        edges = sorted((_shown(before, first), _shown(after, second)))
        open_end = isinstance(second, Moment) and second.open_end
        covered = _coverage(here, ref, edges[0], edges[1], open_end=open_end)
        return diffing.between(before, after, covered, meant.rules(here.store, [ref.cluster], edges[1]))

    return await answer(here, question, request=request)


@router.get("/blame")
async def blame(
    here: Here,
    request: Request,
    cluster: str,
    kind: str,
    namespace: str,
    name: str,
    path: str = "",
    at: Time = "",
    tz: Tz = "UTC",
    uid: str = "",
) -> Response:
    """Each field of the object (or those at and below `path`): since when it has its value, by whom, what it was."""
    now = here.clock()
    when = moment_or_version(at, now=now, tz=tz)

    def question() -> Blame:
        ref = object_asked(here, cluster, kind, namespace, name)
        found = timeline.state_at(here.store, ref, _instant(when), now=now, uid=uid)
        if not isinstance(found, Found):
            raise Refused(problems.of_outcome(found, ref, uid))
        fields = blaming.blame(here.store, found.event, path)
        shown = _shown(found, when)
        begin = min([shown, *(each.since for each in fields)])
        open_end = isinstance(when, Moment) and when.open_end
        event = change(found.event)
        people.introduce(here.store, [event], audited=here.settings.audit_log)
        ids = [each.event for each in fields] if here.settings.audit_log else []
        return Blame(
            fields=fields,
            event=event,
            at=shown,
            coverage=_coverage(here, ref, begin, shown, open_end=open_end),
            audited=people.requests(here.store, event, ids) if ids else {},
        )

    return await answer(here, question, request=request)


def object_asked(here: Context, cluster: str, kind: str, namespace: str, name: str) -> ObjectRef:
    """The object that a URL names. Raises Refused for Kubernetes Events, QueryErrors."""
    ref = object_ref(cluster, kind_in_path(here.store, cluster, kind), namespace, name)
    if ref.kind_id in KUBE_EVENTS:
        raise Refused(
            problems.problem(
                404,
                "not-recorded",
                "Not recorded",
                "Kubernetes Events are recorded as a class of their own, not as objects with a history.",
                hint="Ask for the object that they are about.",
                state="not-recorded",
            )
        )
    return ref


def _instant(when: Moment | RvRef) -> datetime | RvRef:
    return when if isinstance(when, RvRef) else when.at


def _shown(outcome: timeline.Outcome, when: Moment | RvRef) -> datetime:
    """The instant of a side; that of a resourceVersion is the time of its event."""
    if isinstance(when, Moment):
        return when.at
    event: Event | None = (
        outcome.event if isinstance(outcome, Found) else outcome.last if isinstance(outcome, timeline.Deleted) else None
    )
    return event.ts if event else outcome.at


def _coverage(here: Context, ref: ObjectRef, after: datetime, until: datetime, *, open_end: bool) -> Coverage:
    scope = Scope(
        clusters=(ref.cluster,),
        namespaces=(ref.namespace or CLUSTER_SCOPE,),
        kinds=((ref.resource, ref.group),),
    )
    return coverage.assess(here.store, scope, Window(after=after, until=until, open_end=open_end))


def _never(here: Context, ref: ObjectRef, end: Moment, uid: str) -> Problem:
    outcome = timeline.state_at(here.store, ref, end.at, now=end.at, uid=uid)
    return problems.of_outcome(outcome, ref, uid)


def _cache(state: ObjectAt) -> str:
    """A past state in watched time will not change; what is not sure yet must be asked again, and so must "2h"."""
    sure = state.coverage.complete and not state.coverage.late and state.coverage.watermark is not None
    return IMMUTABLE if sure and state.coverage.watermark and state.at <= state.coverage.watermark else "no-cache"
