"""Routes for what people say about the history: pins, notes, saved questions, stored baselines.

Whoever may ask may read them; writing is for this machine (`query.bodies.only_from_here`), and never for a page of
another origin (`query.guard`).
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from query import baselines, bodies, coverage, times, userdata
from query.access import CALLER_KEY
from query.annotations import annotations
from query.api_sql import Service, asked_of
from query.baselines import Question
from query.errors import BadReference
from query.manifests import flattened, without_secrets
from query.models_drift import NotCompared
from query.models_userdata import Annotations, Notes, Pins, SavedQuestions, StoredBaseline, StoredBaselines
from query.refs import known_kinds
from query.userdata import About, Content
from query.web import Context, Here, Scoped, Tz, Windowed, answer
from schema.canonical import Json

router = APIRouter(tags=["user data"])
_SCOPE = ("cluster", "namespace", "kind", "name", "selector")

Written = Depends(bodies.only_from_here)


@router.get("/pins")
async def pins(here: Here, request: Request) -> Response:
    """Named moments."""
    return await answer(here, lambda: Pins(items=userdata.pins(here.store)), request=request)


@router.get("/pins/{name}")
async def pin(here: Here, request: Request, name: str) -> Response:
    """One named moment."""
    return await answer(here, lambda: userdata.pin(here.store, name), request=request)


@router.put("/pins/{name}", dependencies=[Written])
async def put_pin(here: Here, request: Request, name: str, tz: Tz = "UTC") -> Response:
    """Set or move a pin: `{"at": "2h", "text": "…"}`; without `at` it is now."""
    body, now = await bodies.json_body(request), here.clock()
    at = times.instant(bodies.text(body, "at") or "now", now=now, tz=times.zone(tz))
    text = bodies.text(body, "text")
    return await answer(here, lambda: userdata.put_pin(here.store, name, at, text, now=now))


@router.delete("/pins/{name}", dependencies=[Written])
async def delete_pin(here: Here, name: str) -> Response:
    """Forget a pin."""
    return await answer(here, lambda: userdata.delete_pin(here.store, name, now=here.clock()))


@router.get("/notes")
async def notes(here: Here, request: Request, window: Windowed) -> Response:
    """Marks on the timeline, of (from, to], by time; all of them without a window."""
    after, end = window.resolve(here.clock(), default=None)
    until = end.at if window.end else None
    return await answer(here, lambda: Notes(items=userdata.notes(here.store, after, until)), request=request)


@router.post("/notes", dependencies=[Written])
async def add_note(here: Here, request: Request, tz: Tz = "UTC") -> Response:
    """A new note: `{"text": "…", "at": "…", "cluster", "namespace", "resource", "name"}`; only the text must be."""
    body, now = await bodies.json_body(request), here.clock()
    at = times.instant(bodies.text(body, "at") or "now", now=now, tz=times.zone(tz))
    about = About(**{name: bodies.text(body, name) for name in ("cluster", "namespace", "resource", "name")})
    return await answer(here, lambda: userdata.add_note(here.store, at, bodies.text(body, "text"), about, now=now))


@router.delete("/notes/{identity}", dependencies=[Written])
async def delete_note(here: Here, identity: str) -> Response:
    """Forget a note."""
    return await answer(here, lambda: userdata.delete_note(here.store, identity, now=here.clock()))


@router.get("/annotations")
async def annotated(here: Here, request: Request, params: Scoped, window: Windowed) -> Response:
    """Pins, notes and gaps as marks for foreign charts (Grafana), of (from, to]."""
    after, end = window.resolve(here.clock())

    def question() -> Annotations:
        scope = params.lenient(here.store)
        known = coverage.report(here.store, scope, after, end.at, open_end=end.open_end).coverage
        items = annotations(here.store, after, end.at, known.gaps)
        return Annotations(items=items, from_=after, to=end.at, coverage=known)

    return await answer(here, question, request=request)


@router.get("/saved")
async def saved(
    here: Here,
    request: Request,
    kind: Annotated[Literal["", "sql", "search"], Query(description="Only these.")] = "",
) -> Response:
    """SQL queries and searches that were saved for everybody, by name."""
    return await answer(here, lambda: SavedQuestions(items=userdata.saved(here.store, kind or None)), request=request)


@router.get("/saved/{name}")
async def saved_question(here: Here, request: Request, name: str) -> Response:
    """One saved query or search."""
    return await answer(here, lambda: userdata.saved_question(here.store, name), request=request)


@router.put("/saved/{name}", dependencies=[Written])
async def put_saved(here: Here, request: Request, name: str) -> Response:
    """Keep a question under a name: `{"kind": "sql", "text": "SELECT …", "params": {"ns": "shop"}}`, or
    `{"kind": "search", "params": {"value": "…", "kind": "deploy"}}`. It replaces what had this name.

    SQL that could not be asked is refused, with `line` and `column`; values may be left for who asks it."""
    question = _question(await bodies.json_body(request))
    if question.kind == "sql" and question.text.strip():
        service: Service = request.app.state.sql
        desk = await asyncio.to_thread(service.desk)
        await here.readers.run(lambda: desk.check(asked_of(here, question.text, question.params)))
    by = str(request.scope.get(CALLER_KEY, ""))
    return await answer(here, lambda: userdata.put_saved(here.store, name, question, by=by, now=here.clock()))


@router.delete("/saved/{name}", dependencies=[Written])
async def delete_saved(here: Here, name: str) -> Response:
    """Forget a saved query or search."""
    return await answer(here, lambda: userdata.delete_saved(here.store, name, now=here.clock()))


def _question(body: Mapping[str, Json]) -> userdata.Question:
    params = body.get("params", {})
    if strangers := sorted(body.keys() - {"kind", "text", "params"}):
        raise BadReference(f"{strangers[0][:40]!r} means nothing here.", "There are kind, text, params.")
    if not isinstance(params, dict) or any(map(_nested, params.values())):
        raise BadReference("The parameters are no object of plain values and lists.", 'Send {"params": {"a": "b"}}.')
    match bodies.text(body, "kind"):
        case "sql" | "search" as kind:
            return userdata.Question(kind=kind, text=bodies.text(body, "text"), params=params)
        case strange:
            raise BadReference(f"{strange[:40]!r} is no kind of question.", "There are sql and search.")


def _nested(value: Json) -> bool:
    return any(isinstance(each, dict | list) for each in (value if isinstance(value, list) else [value]))


@router.get("/baselines")
async def stored(here: Here, request: Request) -> Response:
    """Stored baselines, without their documents."""
    return await answer(here, lambda: StoredBaselines(items=userdata.baselines(here.store)), request=request)


@router.get("/baselines/{name}")
async def one_stored(
    here: Here,
    request: Request,
    name: str,
    documents: Annotated[bool, Query(description="With the documents.")] = False,
) -> Response:
    """One stored baseline."""

    def question() -> object:
        found, content = userdata.baseline(here.store, name)
        return {"baseline": found, "documents": content.documents} if documents else found

    return await answer(here, question, request=request)


@router.put("/baselines/{name}", dependencies=[Written])
async def put_baseline(here: Here, request: Request, name: str) -> Response:
    """Keep a baseline, which is evaluated from now on as objects change: `{"manifests": […]}`, `{"template": […]}` or
    `{"baseline": "pin:NAME"}`, with `cluster`, `namespace`, `kind`, `name`, `selector` for its scope and `source`."""
    body = await bodies.json_body(request, most=bodies.LARGEST)
    return await answer(here, lambda: _kept(here, name, body))


@router.delete("/baselines/{name}", dependencies=[Written])
async def delete_baseline(here: Here, name: str) -> Response:
    """Forget a stored baseline; its results stay."""
    return await answer(here, lambda: userdata.delete_baseline(here.store, name, now=here.clock()))


def _kept(here: Context, name: str, body: Mapping[str, Json]) -> StoredBaseline:
    """Check that it can be evaluated, then keep it."""
    now = here.clock()
    manifests, template = bodies.documents(body, "manifests"), bodies.documents(body, "template")
    words = bodies.text(body, "baseline")
    if sum(each is not None for each in (manifests, template, words or None)) != 1:
        raise BadReference("A baseline is manifests, a template, or words.", "Send exactly one of them.")
    if words.startswith("stored:"):
        raise BadReference("A stored baseline cannot stand on another.", "Store what it holds.")
    words = _fixed(here, words)
    scope_words = {each: text for each in _SCOPE if (text := bodies.text(body, each))}
    scope = baselines.scope_of(here.store, scope_words)
    made = baselines.resolve(
        here.store,
        Question(
            words=words,
            scope=scope,
            known=known_kinds(here.store, scope.clusters),
            at=now,
            open_end=True,
            now=now,
            manifests=manifests,
            template=template,
            default_namespace=scope_words.get("namespace") or "default",
        ),
    )
    sort, _, value = words.partition(":")
    held = [without_secrets(each) for each in flattened(manifests or template or [])]
    content = Content(
        sort="manifests" if manifests is not None else "template" if template is not None else sort,
        value=value,
        documents=held,
        scope=scope_words,
        source=bodies.text(body, "source"),
    )
    kept = userdata.put_baseline(here.store, name, content, now=now)
    return _told(kept, made.not_compared)


def _fixed(here: Context, words: str) -> str:
    """A moment is kept as an instant: "2h" would be another one tomorrow."""
    sort, _, value = words.partition(":")
    if sort != "time":
        return words
    return f"time:{times.rfc3339(times.instant(value, now=here.clock(), tz=times.zone('UTC')))}"


def _told(kept: StoredBaseline, refused: list[NotCompared]) -> StoredBaseline:
    kept.not_compared.extend(refused)
    return kept
