"""Routes about what there is: clusters, kinds, namespaces, inventory, snapshot and coverage."""

from collections.abc import Iterator
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from query import coverage, inventory
from query.changes import MOST
from query.coverage import Window
from query.errors import BadWindow, QueryError
from query.models import Clusters, CoverageReport, Kinds, Namespaces, Objects
from query.scope import Scope
from query.streams import PatientResponse
from query.web import JSONL, Here, Scoped, Time, Tz, Windowed, answer, lines, moment, stream_headers
from schema.store import StoreError

router = APIRouter()


@router.get("/clusters", tags=["inventory"])
async def clusters(here: Here, request: Request) -> Response:
    """Every recorded cluster."""
    return await answer(here, lambda: Clusters(items=inventory.clusters(here.store)), request=request)


@router.get("/kinds", tags=["inventory"])
async def kinds(here: Here, request: Request, params: Scoped) -> Response:
    """Every kind that discovery knows, watched or not, and why not."""

    def question() -> Kinds:
        scope, _ = params.resolve(here.store)
        items = inventory.kinds(here.store, scope)
        return Kinds(items=[each for each in items if not scope.kinds or (each.resource, each.group) in scope.kinds])

    return await answer(here, question, request=request)


@router.get("/namespaces", tags=["inventory"])
async def namespaces(here: Here, request: Request, params: Scoped) -> Response:
    """Namespaces that recorded objects live or lived in."""
    return await answer(
        here, lambda: Namespaces(items=inventory.namespaces(here.store, params.resolve(here.store)[0])), request=request
    )


@router.get("/objects", tags=["inventory"])
async def objects(
    here: Here,
    request: Request,
    params: Scoped,
    at: Time = "",
    tz: Tz = "UTC",
    deleted: Annotated[Literal["false", "true", "only"], Query(description="Also, or only, what had ended.")] = "false",
    limit: int = 500,
    cursor: str = "",
) -> Response:
    """Inventory at a moment: one item per life, without bodies."""
    if not 1 <= limit <= MOST:
        raise BadWindow(f"limit={limit} is out of range.", f"Ask for 1 to {MOST} objects at a time.")
    now = here.clock()
    when = moment(at, now=now, tz=tz)

    def question() -> Objects:
        scope, known = params.resolve(here.store)
        past = None if when.open_end else when.at
        items, onward = inventory.objects(here.store, scope, past, deleted=deleted, limit=limit, cursor=cursor)
        window = Window(after=when.at, until=when.at, open_end=when.open_end)
        covered = coverage.assess(here.store, scope, window, kinds=known)
        return Objects(items=items, next=onward or None, at=when.at, coverage=covered)

    return await answer(here, question, request=request)


@router.get("/snapshot", tags=["state"], response_class=StreamingResponse)
async def snapshot(here: Here, params: Scoped, at: Time = "", tz: Tz = "UTC") -> Response:
    """Every object that lived at a moment, whole, one JSON document a line; coverage stands in the headers."""
    when = moment(at, now=here.clock(), tz=tz)

    def question() -> tuple[Scope, dict[str, str]]:
        scope, known = params.resolve(here.store)
        window = Window(after=when.at, until=when.at, open_end=when.open_end)
        covered = coverage.assess(here.store, scope, window, kinds=known)
        return scope, stream_headers(at=when.at, coverage=covered)

    scope, headers = await here.readers.run(question)
    chunks = await here.readers.stream(lambda: lines(_or_status(inventory.snapshot(here.store, scope, when.at))))
    return PatientResponse(chunks, media_type=JSONL, patience=here.settings.feed_patience, headers=headers)


@router.get("/coverage", tags=["coverage"])
async def covered(here: Here, request: Request, params: Scoped, window: Windowed) -> Response:
    """What was watched, since when, with which gaps; without `from`: since everything asked was watched."""
    after, end = window.resolve(here.clock(), default=None)

    def question() -> CoverageReport:
        scope = params.lenient(here.store)
        return coverage.report(here.store, scope, after, end.at, open_end=end.open_end)

    return await answer(here, question, request=request)


def _or_status(states: Iterator[bytes]) -> Iterator[bytes]:
    """States; a failure midway becomes a last line that no one takes for an object of theirs, as in a watch."""
    begun = False
    try:
        for state in states:
            begun = True
            yield state
    except (QueryError, StoreError) as error:
        if not begun:
            raise
        status = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "message": str(error)}
        yield orjson.dumps(status)
