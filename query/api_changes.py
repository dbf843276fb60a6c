"""Routes about changes: the list, single events, and the live feed."""

from collections.abc import AsyncGenerator, Iterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from query import changes, coverage, feeds_read, people, problems, timeline
from query.api_objects import IMMUTABLE
from query.changes import Ask
from query.coverage import Window
from query.feeds import Follower
from query.models import Change, ChangePage
from query.problems import Refused
from query.scope import ChangeFilter
from query.streams import PatientResponse
from query.web import (
    JSONL,
    LINES,
    Context,
    Filtered,
    FilterParams,
    Here,
    Windowed,
    content,
    lines,
    stream_headers,
    wants,
    write,
)

router = APIRouter(tags=["changes"])

Order = Annotated[str, Query(pattern="^(asc|desc)$", description="desc: newest first, pages go back in time.")]


@router.get("/changes")
async def listed(
    here: Here,
    request: Request,
    params: Filtered,
    window: Windowed,
    limit: int | None = None,
    cursor: str = "",
    order: Order = "asc",
) -> Response:
    """What changed in (from, to], oldest first. `Accept: application/jsonl` streams all of it."""
    after, end = window.resolve(here.clock())
    assert after is not None  # the default window has a start
    size = here.settings.page if limit is None else limit
    streaming = wants(request, *LINES)

    def question() -> tuple[Ask, ChangePage]:
        chosen, known = params.resolve(here.store)
        ask = Ask(filter=chosen, after=after, until=end.at, limit=size, newest_first=order == "desc")
        if streaming:
            page = changes.Page(items=[], hidden=changes.hidden(here.store, ask), next="", after=after, until=end.at)
        else:
            page = changes.changes(here.store, ask, cursor)
            people.introduce(here.store, page.items, audited=here.settings.audit_log)
        span = Window(after=page.after, until=page.until, open_end=end.open_end)
        return ask, ChangePage(
            items=page.items,
            next=page.next or None,
            hidden=page.hidden,
            from_=page.after,
            to=page.until,
            coverage=coverage.assess(here.store, chosen.scope, span, kinds=known),
        )

    ask, page = await here.readers.run(question)
    if not streaming:
        here.metrics.rows.labels("/changes").inc(len(page.items))
        answer = write(page, request)
        if page.next:
            answer.headers["Link"] = f'<{request.url.include_query_params(cursor=page.next)}>; rel="next"'
        return answer
    headers = stream_headers(at=page.to, after=page.from_, coverage=page.coverage, hidden=page.hidden)
    chunks = await here.readers.stream(lambda: lines(_introduced(here, ask)))
    return PatientResponse(chunks, media_type=JSONL, patience=here.settings.feed_patience, headers=headers)


def _introduced(here: Context, ask: Ask) -> Iterator[Change]:
    """Every change of the window with who made it."""
    for items in changes.pages(here.store, ask):
        people.introduce(here.store, items, audited=here.settings.audit_log)
        yield from items


@router.get("/events/{identity:path}")
async def event(here: Here, request: Request, identity: str) -> Response:
    """One event, whole, with the state after it. Immutable."""
    found = await here.readers.run(lambda: timeline.event(here.store, identity))
    if found is None:
        raise Refused(
            problems.problem(
                404,
                "never-seen",
                "Never seen",
                f"No event has the id {identity[:200]!r}.",
                hint="Ids come from /changes and …/history.",
                state="never-seen",
            )
        )
    return content(msgspec.json.encode(found), "application/json", request, cache=IMMUTABLE)


@router.get("/feed")
async def feed(
    here: Here,
    request: Request,
    params: Filtered,
    after: Annotated[str, Query(description="Resume behind this token. Default: from now on.")] = "",
    format: Annotated[str, Query(pattern="^(|sse|jsonl)$", description="jsonl instead of SSE.")] = "",  # noqa: A002
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """Change events as they are stored, as SSE or JSON Lines; resumable by `Last-Event-ID` or `after`."""
    token = last_event_id or after
    position = feeds_read.read_token(token) if token else None
    follower = await here.feed.start(lambda: _chosen(here, params), position)
    if format == "jsonl" or (not format and wants(request, *LINES)):
        return _following(here, _jsonl(follower), JSONL)
    return _following(here, _sse(follower), "text/event-stream")


def _following(here: Context, chunks: AsyncGenerator[bytes, None], media_type: str) -> Response:
    """Who is cut off can resume by its token."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return PatientResponse(chunks, media_type=media_type, patience=here.settings.feed_patience, headers=headers)


def _chosen(here: Context, params: FilterParams) -> ChangeFilter:
    return params.alone(here.store)


async def _jsonl(follower: Follower) -> AsyncGenerator[bytes, None]:
    """Items as lines; a bookmark line keeps a quiet connection alive and moves the token."""
    yield b"\n"
    async for chunk in follower.chunks():
        yield chunk.jsonl


async def _sse(follower: Follower) -> AsyncGenerator[bytes, None]:
    """`id` is the resume token. A bookmark carries it too, with an event type of its own."""
    yield b"retry: 2000\n\n: following\n\n"
    async for chunk in follower.chunks():
        yield chunk.sse
