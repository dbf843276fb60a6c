"""What people say about the history, in the store: pins, notes, saved questions, baselines. The only writes of answers.

Every write is a whole new row; reading takes the newest of a key and leaves out what is deleted. Names are short and
plain, texts are bounded, and there are never more than `MOST` of a sort: these tables are read whole.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import orjson
import pyarrow as pa

from query.errors import BadReference, QueryError
from query.models_userdata import Note, Pin, Saved, SavedKind, StoredBaseline
from schema.canonical import Json
from schema.store import Store

MOST: Final = 10_000
MOST_SAVED: Final = 1_000
LONGEST_TEXT: Final = 10_000
LARGEST_QUERY: Final = 64 << 10
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
_UTC: Final = pa.timestamp("us", "UTC")
_HELD: Final = {"kind", "text", "params", "by"}
_TIMES: Final = frozenset(("at", "created", "updated"))


class UnknownName(QueryError):
    """No pin, baseline, note or saved question has this name."""


class TooMuchToKeep(QueryError):
    """A text, a document or a number of them beyond what is kept."""


def checked_name(name: str) -> str:
    """A name that can be written in a URL and on a command line. Raises BadReference."""
    if not _NAME.fullmatch(name):
        raise BadReference(
            f"{name[:100]!r} is not a name.", "Names are letters, digits, '.', '_', '@' and '-', at most 100 of them."
        )
    return name


def checked_text(text: str) -> str:
    """Raises TooMuchToKeep."""
    if len(text) > LONGEST_TEXT:
        raise TooMuchToKeep(f"A text of {len(text)} characters is too long.", f"{LONGEST_TEXT} are the most.")
    return text


# ---- pins ------------------------------------------------------------------------------------------------------------


def pins(store: Store) -> list[Pin]:
    """Every pin, by its moment."""
    rows = store.rows("SELECT name, at, text, created, updated FROM pins FINAL WHERE NOT deleted ORDER BY at, name")
    return [Pin(name=name, at=at, text=text, created=made, updated=new) for name, at, text, made, new in rows]


def pin(store: Store, name: str) -> Pin:
    """Raises UnknownName."""
    return _one(pins(store), name, "pin", "kubelapse pins lists them, `kubelapse pin NAME` makes one.")


def put_pin(store: Store, name: str, at: datetime, text: str, *, now: datetime) -> Pin:
    """Set or move a pin."""
    checked_name(name)
    known = {each.name: each for each in pins(store)}
    _room(known, name)
    made = Pin(name=name, at=at, text=checked_text(text), created=_created(known, name, now), updated=now)
    _write(store, "pins", {"name": name, "at": at, "text": text, "created": made.created}, now)
    return made


def delete_pin(store: Store, name: str, *, now: datetime) -> Pin:
    """Forget it. Raises UnknownName."""
    gone = pin(store, name)
    _write(store, "pins", {"name": name, "at": gone.at, "text": "", "created": gone.created}, now, deleted=True)
    return gone


# ---- notes -----------------------------------------------------------------------------------------------------------


def notes(store: Store, after: datetime | None = None, until: datetime | None = None) -> list[Note]:
    """Notes of (after, until], by time."""
    params: dict[str, object] = {}
    conditions = ["NOT deleted"]
    for name, moment, sign in (("after", after, ">"), ("until", until, "<=")):
        if moment is not None:
            params[name] = moment
            conditions.append(f"at {sign} {{{name}:DateTime64(6, 'UTC')}}")
    sql = f"""
        SELECT id, at, text, cluster, namespace, resource, name, created, updated FROM notes FINAL
        WHERE {" AND ".join(conditions)} ORDER BY at, id LIMIT {MOST}"""
    names = Note.__struct_fields__
    return [Note(**dict(zip(names, row, strict=True))) for row in store.rows(sql, params)]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a note is about; empty = everything."""

    cluster: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""


def add_note(store: Store, at: datetime, text: str, about: About, *, now: datetime) -> Note:
    """A new note. Raises BadReference for an empty one."""
    if not text.strip():
        raise BadReference("The note says nothing.", "Give it a text.")
    [(count,)] = store.rows("SELECT count() FROM notes FINAL WHERE NOT deleted")
    if count >= MOST:
        raise TooMuchToKeep(f"There are {count} notes already.", "Delete some first.")
    places = {"cluster": about.cluster, "namespace": about.namespace, "resource": about.resource, "name": about.name}
    if any(len(each) > 512 for each in places.values()):
        raise TooMuchToKeep("A name that the note is about is too long.", "512 characters are the most.")
    made = Note(id=uuid.uuid4().hex, at=at, text=checked_text(text), created=now, updated=now, **places)
    _write(store, "notes", {"id": made.id, "at": at, "text": text, **places, "created": now}, now)
    return made


def delete_note(store: Store, identity: str, *, now: datetime) -> Note:
    """Forget it. Raises UnknownName."""
    found = [each for each in notes(store) if each.id == identity]
    if not found:
        raise UnknownName(f"There is no note {identity[:40]!r}.", "GET /api/v1/notes lists them.")
    gone = found[0]
    row: dict[str, object] = {"id": gone.id, "at": gone.at, "text": "", "created": gone.created}
    row |= {"cluster": gone.cluster, "namespace": gone.namespace, "resource": gone.resource, "name": gone.name}
    _write(store, "notes", row, now, deleted=True)
    return gone


# ---- saved questions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is kept under a name; `params` by name, plain values and lists of them."""

    kind: SavedKind
    text: str = ""
    params: Mapping[str, Json]


def saved(store: Store, kind: SavedKind | None = None) -> list[Saved]:
    """Every saved question (of one kind), by name."""
    rows = store.rows("SELECT name, query, created, updated FROM saved FINAL WHERE NOT deleted ORDER BY name")
    found = [_saved(*row) for row in rows]
    return [each for each in found if kind in (None, each.kind)]


def _saved(name: str, query: str, created: datetime, updated: datetime) -> Saved:
    held = orjson.loads(query)
    if held.keys() != _HELD:  # as searches were kept first: nothing but their parameters
        held = {"kind": "search", "text": "", "params": held, "by": ""}
    return Saved(name=name, **held, created=created, updated=updated)


def saved_question(store: Store, name: str) -> Saved:
    """Raises UnknownName."""
    return _one(saved(store), name, "saved query or search", "GET /api/v1/saved lists them.")


def put_saved(store: Store, name: str, question: Question, *, by: str = "", now: datetime) -> Saved:
    """Keep a question under a name, or another one under the same. Raises BadReference, TooMuchToKeep."""
    checked_name(name)
    if question.kind == "sql" and not question.text.strip():
        raise BadReference("The query says nothing.", 'Send {"kind": "sql", "text": "SELECT …", "params": {…}}.')
    held = {"kind": question.kind, "text": question.text, "params": dict(question.params), "by": by}
    text = orjson.dumps(held)
    if len(text) > LARGEST_QUERY:
        raise TooMuchToKeep("The question is too long to be kept.", f"{LARGEST_QUERY} bytes are the most.")
    known = {each.name: each for each in saved(store)}
    _room(known, name, MOST_SAVED)
    created = _created(known, name, now)
    _write(store, "saved", {"name": name, "query": text.decode(), "created": created}, now)
    return _saved(name, text.decode(), created, now)


def delete_saved(store: Store, name: str, *, now: datetime) -> Saved:
    """Forget it. Raises UnknownName."""
    gone = saved_question(store, name)
    _write(store, "saved", {"name": name, "query": "{}", "created": gone.created}, now, deleted=True)
    return gone


# ---- baselines -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a stored baseline holds: documents, or the words behind the colon. `scope`: names as they were asked."""

    sort: str
    value: str = ""
    documents: Sequence[Json] = ()
    scope: Mapping[str, str]
    source: str = ""


def baselines(store: Store) -> list[StoredBaseline]:
    """Every stored baseline, by name, without its documents."""
    sql = """
        SELECT name, sort, if(sort IN ('manifests', 'template'), '', content), JSONLength(content), scope, source,
            created, updated
        FROM baselines FINAL WHERE NOT deleted ORDER BY name"""
    return [_baseline(*row) for row in store.rows(sql)]


def _baseline(
    name: str, sort: str, value: str, count: int, scope: str, source: str, created: datetime, updated: datetime
) -> StoredBaseline:
    return StoredBaseline(
        name=name,
        sort=sort,
        value=orjson.loads(value) if value else "",
        objects=count if sort in ("manifests", "template") else 0,
        scope=orjson.loads(scope),
        source=source,
        created=created,
        updated=updated,
    )


def baseline(store: Store, name: str) -> tuple[StoredBaseline, Content]:
    """With its documents. Raises UnknownName."""
    found = _one(baselines(store), name, "stored baseline", "kubelapse baseline lists them.")
    [(content,)] = store.rows("SELECT content FROM baselines FINAL WHERE name = {name:String}", {"name": name})
    held: Json = orjson.loads(content)
    documents = held if isinstance(held, list) else []
    value = held if isinstance(held, str) else ""
    return found, Content(sort=found.sort, value=value, documents=documents, scope=found.scope, source=found.source)


def put_baseline(store: Store, name: str, content: Content, *, now: datetime) -> StoredBaseline:
    """Keep a baseline under a name; the caller has checked what it holds."""
    checked_name(name)
    known = {each.name: each for each in baselines(store)}
    _room(known, name)
    held = orjson.dumps(list(content.documents) or content.value).decode()
    scope = orjson.dumps(dict(content.scope)).decode()
    row = {"name": name, "sort": content.sort, "content": held, "scope": scope, "source": checked_text(content.source)}
    _write(store, "baselines", {**row, "created": _created(known, name, now)}, now)
    return next(each for each in baselines(store) if each.name == name)


def delete_baseline(store: Store, name: str, *, now: datetime) -> StoredBaseline:
    """Forget it; its results stay. Raises UnknownName."""
    gone = _one(baselines(store), name, "stored baseline", "kubelapse baseline lists them.")
    row: dict[str, object] = {"name": name, "sort": gone.sort, "content": "null", "scope": "{}", "source": ""}
    _write(store, "baselines", {**row, "created": gone.created}, now, deleted=True)
    return gone


# ---- rows ------------------------------------------------------------------------------------------------------------

_Named = Pin | Saved | StoredBaseline
Each = TypeVar("Each", Pin, Saved, StoredBaseline)


def _one(found: Sequence[Each], name: str, what: str, hint: str) -> Each:
    for each in found:
        if each.name == name:
            return each
    raise UnknownName(f"There is no {what} {name[:100]!r}.", hint)


def _created(known: Mapping[str, _Named], name: str, now: datetime) -> datetime:
    return known[name].created if name in known else now


def _room(known: Mapping[str, _Named], name: str, most: int = MOST) -> None:
    if name not in known and len(known) >= most:
        raise TooMuchToKeep(f"There are {len(known)} of them already.", "Delete some first.")


def _write(store: Store, table: str, row: Mapping[str, object], now: datetime, *, deleted: bool = False) -> None:
    """One row; every insert is a new one, whatever it says."""
    values: dict[str, object] = {**row, "updated": now, "deleted": deleted}
    types = {name: _UTC if name in _TIMES else pa.bool_() if name == "deleted" else pa.string() for name in values}
    columns = {name: pa.array([value], types[name]) for name, value in values.items()}
    store.insert(table, pa.table(columns), token=f"{table} {uuid.uuid4().hex}")
