"""Routes of ad-hoc SQL: one statement over the documented views, and what these views are.

JSON answers are whole or a problem. JSON Lines and CSV are streamed as rows are read; what fails then breaks the answer
off, it never ends as if it were whole. A client that goes away ends its statement.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from weakref import WeakValueDictionary

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from query import bodies, coverage, times
from query.access import CALLER_KEY, filters
from query.coverage import Window
from query.errors import BadStatement, TooBusy
from query.models import Coverage
from query.readers import Chunks, Readers
from query.scope import Scope
from query.streams import PatientResponse
from query.times import rfc3339
from query.web import JSON, JSONL, Context, Here, answer, stream_headers, wants
from schema.canonical import Json
from schema.sandbox import Sandbox, Sandboxed
from schema.store import Store

if TYPE_CHECKING:
    from query.sql.desk import Answer, Asked, Desk
    from query.sql.statement import Statement

router = APIRouter(tags=["sql"])
CSV = "text/csv"
T = TypeVar("T")
_LOOK = 0.2
_PARAMETERS = 100


class Service:
    """The desk and its threads; one per application, made when the first statement comes: its parser is large."""

    def __init__(self, store: Store, here: Callable[[], Context], door: Callable[[], Sandbox] | None) -> None:
        """`door`: of this store, when it has none of its own."""
        self._store = store
        self._here = here
        self._door = door
        self._desk: Desk | None = None
        self._readers: Readers | None = None
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def desk(self) -> "Desk":
        """Blocks for a moment the first time."""
        if self._desk is None:
            from query.sql.desk import Desk

            door = self._door or (self._store.sandbox if isinstance(self._store, Sandboxed) else None)
            self._desk = Desk(door() if door else None, self._store.database, self._here().settings.sql)
        return self._desk

    def readers(self) -> Readers:
        """Threads for statements, as many as may run at once."""
        if self._readers is None:
            settings = self._here().settings
            self._readers = Readers(readers=1, streams=settings.sql.queries, patience=settings.patience)
        return self._readers

    async def stream(self, caller: str, rows: Callable[[], Iterator[bytes]]) -> Chunks:
        """What a statement gives. Nobody who signs in has every place to themselves. Raises TooBusy."""
        settings = self._here().settings
        if not caller or settings.sql.queries < 2:
            return await self.readers().stream(rows)
        turn = self._turns.setdefault(caller, asyncio.Semaphore(settings.sql.queries - 1))
        try:
            async with asyncio.timeout(settings.patience):
                await turn.acquire()
        except TimeoutError:
            raise TooBusy("Statements of yours are still running.", "Wait for one of them to end.") from None
        return await self.readers().stream(rows, done=turn.release)

    def close(self) -> None:
        """End what runs at its next block."""
        if self._readers is not None:
            self._readers.close()


@router.get("/sql/schema")
async def schema(here: Here, request: Request) -> Response:
    """The views with their columns and comments, the functions and types that statements may use, the limits."""
    from query.sql.described import described

    return await answer(here, lambda: described(here.store, here.settings.sql), request=request)


@router.post("/sql")
async def sql(
    here: Here,
    request: Request,
    output: Annotated[
        Literal["", "json", "jsonl", "csv"], Query(description="Overrides Accept. JSON is the lossless one.")
    ] = "",
) -> Response:
    """One SELECT over the documented views: `{"query": "…", "params": {"name": value}, "limit": 100, "tz": "UTC"}`.

    Parameters stand in the statement as {name:Type}. `limit` cuts the answer, which then says `truncated`.
    """
    service: Service = request.app.state.sql
    asked = _asked(here, await bodies.json_body(request))
    desk = await asyncio.to_thread(service.desk)
    found = await here.readers.run(lambda: desk.understand(asked))
    known = await here.readers.run(lambda: _coverage(here, found, asked))
    form, media_type = _form(request, output, known)
    ticket = desk.ticket()

    def rows() -> Iterator[bytes]:
        with closing(desk.run(found, asked, ticket)) as told:
            yield from form(told)

    work = service.stream(str(request.scope.get(CALLER_KEY, "")), rows)
    if media_type == JSON:
        whole = await _unless_gone(request, desk, ticket, _collected(work))
        return Response(whole, media_type=JSON, headers={"Cache-Control": "no-store"})
    chunks = await _unless_gone(request, desk, ticket, work)
    headers = stream_headers(at=asked.now, coverage=known.coverage)
    told = _told(chunks, desk, ticket)
    return PatientResponse(told, media_type=media_type, patience=here.settings.feed_patience, headers=headers)


class Known(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """What stands around the rows: views that were read, the instants, how well the history knows that time."""

    views: list[str]
    from_: str | None
    to: str
    coverage: Coverage


def _asked(here: Context, body: Mapping[str, Json]) -> "Asked":
    from query.sql.desk import Asked

    limit = body.get("limit")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise BadStatement("The limit is no number of rows.", 'Send {"query": "…", "limit": 100}.')
    if strangers := sorted(set(body) - {"query", "params", "limit", "tz"}):
        raise BadStatement(f"{strangers[0][:40]!r} means nothing here.", "There are query, params, limit, tz.")
    return Asked(
        query=bodies.text(body, "query"),
        params=_params(body.get("params")),
        limit=limit,
        now=here.clock(),
        zone=times.zone(bodies.text(body, "tz") or "UTC"),
        filters=filters(here.reach),
    )


def asked_of(here: Context, text: str, params: Mapping[str, Json]) -> "Asked":
    """A statement that is kept for later, as if it were asked now."""
    from query.sql.desk import Asked

    return Asked(query=text, params=dict(params), limit=None, now=here.clock(), zone=times.zone("UTC"))


def _params(given: Json) -> dict[str, object]:
    """Values by name: text, numbers, true and false, null, lists of these."""
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > _PARAMETERS:
        raise BadStatement("The parameters are no object.", 'Send {"params": {"name": "web"}}.')
    for name, value in given.items():
        if any(isinstance(each, dict | list) for each in (value if isinstance(value, list) else [value])):
            raise BadStatement(f"The value of {name[:40]!r} is neither plain nor a list.", "Send text, numbers, lists.")
    return dict(given)


def _coverage(here: Context, found: "Statement", asked: "Asked") -> Known:
    """Of the moments of states_at where nothing else is asked, else of everything since it was watched."""
    moments = [each for each in found.moments if each is not None]
    if found.views == {"states_at"} and len(moments) == len(found.moments):
        span = Window(after=min(moments), until=max(moments), open_end=max(moments) == asked.now)
        known = coverage.assess(here.store, Scope(), span)
        return Known(views=sorted(found.views), from_=rfc3339(span.after), to=rfc3339(span.until), coverage=known)
    told = coverage.report(here.store, Scope(), None, asked.now, open_end=True)
    return Known(
        views=sorted(found.views),
        from_=rfc3339(told.from_) if told.from_ else None,
        to=rfc3339(asked.now),
        coverage=told.coverage,
    )


def _form(request: Request, output: str, known: Known) -> "tuple[Callable[[Answer], Iterator[bytes]], str]":
    from query.sql import forms

    if output == "csv" or (not output and wants(request, CSV)):
        return forms.csv_text, CSV
    if output == "jsonl" or (not output and wants(request, JSONL)):
        return forms.json_lines, JSONL
    around = msgspec.json.encode(known)[1:-1]
    return (lambda found: forms.json_document(found, around)), JSON


async def _collected(work: Awaitable[Chunks]) -> bytes:
    return b"".join([chunk async for chunk in await work])


async def _unless_gone(request: Request, desk: "Desk", ticket: str, work: Awaitable[T]) -> T:
    """What the work gives; when the client goes away meanwhile, the statement is ended."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.to_thread(desk.cancel, ticket)
        return await task
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.to_thread(desk.cancel, ticket)


async def _gone(request: Request) -> None:
    while not await request.is_disconnected():  # noqa: ASYNC110  # Starlette can only be asked
        await asyncio.sleep(_LOOK)


async def _told(chunks: Chunks, desk: "Desk", ticket: str) -> AsyncGenerator[bytes, None]:
    """The chunks; left early, the statement is ended without being waited for."""
    whole = False
    try:
        async for chunk in chunks:
            yield chunk
        whole = True
    finally:
        await chunks.aclose()
        if not whole:
            asyncio.get_running_loop().run_in_executor(None, desk.cancel, ticket)
