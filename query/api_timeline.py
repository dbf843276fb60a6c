"""The routes that the timeline is drawn from; see `query.timeline_view` for the shape of the answer."""

import gzip
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from query import coverage, kubeevents, problems, records, timeline, timeline_view
from query.coverage import Window
from query.errors import BadWindow
from query.kubeevents import SaidAbout
from query.models import WholeChange, change
from query.problems import Refused
from query.refs import ObjectRef, known_kinds
from query.scope import CLUSTER_SCOPE, Scope, where
from query.timeline_sql import Question
from query.timeline_view import MOST_MARKS, PARTS, Drawing, TimelineView
from query.web import JSON, Filtered, Here, Windowed, answer, content, kind_in_path
from schema.rows import EVENT_COLUMNS

_WORTH_PACKING = 4096
_LEVEL = 5
"""Of gzip: a third of a megabyte for 100,000 changes, in 60 ms."""

router = APIRouter(tags=["timeline"])


def drawing_params(
    width: Annotated[int, Query(ge=50, le=4000, description="Pixels: bins per lane at most.")] = 1200,
    most: Annotated[int, Query(ge=0, le=MOST_MARKS, description="Above so many changes: bins.")] = 50_000,
    parts: Annotated[str, Query(description="Of lanes, marks, bars, overview.")] = ",".join(PARTS),
    lanes: Annotated[Literal["all", "changed"], Query(description="changed: without what did not change.")] = "all",
) -> Drawing:
    """The dependency. Raises BadWindow."""
    wanted = tuple(each.strip() for each in parts.split(",") if each.strip())
    if unknown := [each for each in wanted if each not in PARTS]:
        raise BadWindow(f"{unknown[0][:40]!r} is no part of a timeline.", f"The parts are {', '.join(PARTS)}.")
    return Drawing(parts=wanted, width=width, most=most, changed_only=lanes == "changed")


@router.get("/timeline")
async def drawn(
    here: Here,
    request: Request,
    params: Filtered,
    window: Windowed,
    drawing: Annotated[Drawing, Depends(drawing_params)],
) -> Response:
    """Lanes, states and changes in (from, to] as columns; per-lane bins where there are too many changes."""
    now = here.clock()
    after, end = window.resolve(now)
    assert after is not None  # the default window has a start

    def question() -> TimelineView:
        chosen, known = params.resolve(here.store)
        span = Window(after=after, until=end.at, open_end=end.open_end)
        covered = coverage.assess(here.store, chosen.scope, span, kinds=known)
        asked = Question(filter=chosen, after=after, until=end.at)
        return timeline_view.view(here.store, asked, drawing, open_end=end.open_end, coverage=covered)

    def written() -> tuple[bytes, bool]:
        body = msgspec.json.encode(question())
        packed = "gzip" in request.headers.get("accept-encoding", "") and len(body) > _WORTH_PACKING
        return (gzip.compress(body, _LEVEL, mtime=0) if packed else body), packed

    body, packed = await here.readers.run(written)
    response = content(body, JSON, request)
    response.headers["Vary"] = "Accept, Accept-Encoding"
    if packed and response.status_code == 200:
        response.headers["Content-Encoding"] = "gzip"
    return response


@dataclass(frozen=True, slots=True)
class VersionParams:
    """One version of one life."""

    uid: str
    epoch: Annotated[int, Query(ge=0, lt=2**64)]
    seq: Annotated[int, Query(ge=0, lt=2**64)]


@router.get("/timeline/event")
async def event(
    here: Here,
    request: Request,
    cluster: str,
    kind: str,
    name: str,
    version: Annotated[VersionParams, Depends()],
    namespace: str = CLUSTER_SCOPE,
) -> Response:
    """The whole change behind a mark, as `/events/{id}` gives it."""

    def question() -> WholeChange:
        resource, group = kind_in_path(here.store, cluster, kind)
        space = "" if namespace == CLUSTER_SCOPE else namespace
        ref = ObjectRef(cluster=cluster, resource=resource, group=group, namespace=space, name=name)
        params: dict[str, object] = {
            "cluster": cluster, "namespace": space, "resource": resource, "group": group, "name": name,
            "uid": version.uid, "epoch": version.epoch, "seq": version.seq,
        }  # fmt: skip
        conditions = [
            "cluster = {cluster:String}", "namespace = {namespace:String}", "resource = {resource:String}",
            "`group` = {group:String}", "name = {name:String}", "uid = {uid:String}", "epoch = {epoch:UInt64}",
            "seq = {seq:UInt64}", "origin != 'checkpoint'",
        ]  # fmt: skip
        rows = here.store.rows(f"SELECT {EVENT_COLUMNS} FROM events {where(conditions)} LIMIT 1", params)
        if not rows:
            raise Refused(
                problems.problem(
                    404,
                    "no-such-event",
                    "No such change",
                    f"{ref.resource}/{name[:80]} has no recorded version {version.seq} of that life.",
                    hint="Ask for its history.",
                )
            )
        found = timeline.with_state(here.store, records.events(rows)[0])
        return WholeChange(**msgspec.structs.asdict(change(found)), v=found.v, object=found.object)

    return await answer(here, question, request=request)


@router.get("/objects/{cluster}/{kind}/{namespace}/{name}/events")
async def events(
    here: Here,
    request: Request,
    cluster: str,
    kind: str,
    namespace: str,
    name: str,
    window: Windowed,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Kubernetes Events about the object, and about what a workload owns by name, newest first."""
    after, end = window.resolve(here.clock(), default=None)

    def question() -> SaidAbout:
        resource, group = kind_in_path(here.store, cluster, kind)
        space = "" if namespace == CLUSTER_SCOPE else namespace
        ref = ObjectRef(cluster=cluster, resource=resource, group=group, namespace=space, name=name)
        kinds = known_kinds(here.store, [cluster])
        spelled = next((each.kind for each in kinds if (each.resource, each.group) == (resource, group)), kind)
        items, more = kubeevents.about(here.store, ref, spelled, after, end.at, limit)
        span = Window(after=after or end.at, until=end.at, open_end=end.open_end)
        scope = Scope(clusters=(cluster,), kinds=((resource, group),), namespaces=(space,) if space else ())
        covered = coverage.assess(here.store, scope, span, kinds=kinds)
        return SaidAbout(items=items, more=more, from_=after, to=end.at, coverage=covered)

    return await answer(here, question, request=request)
