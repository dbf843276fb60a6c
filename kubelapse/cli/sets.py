"""`kubelapse diff` without a name: what differs in a whole scope between two moments, or between two places.

Human output is that of kubectl diff, one object after the other. What only machine noise wrote is left as it was before
in the shown text, as it is left out of the fields; whole states, noise included, come with `--noise=off`.
"""

from typing import TYPE_CHECKING

from kubelapse.cli.diff import Query, external, place, unified
from kubelapse.cli.markers import masked
from kubelapse.cli.options import ScopeArgs
from kubelapse.cli.references import Found, split
from kubelapse.cli.rows import object_name
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table
from query.yamltext import yaml_text
from schema.canonical import Absent
from schema.lookup import value_at
from schema.paths import Field, Index, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kubelapse.client import Client
    from schema.canonical import Json, JsonObject

FIRST, PAGE = 100, 1000
"""Objects that people are shown first, and those that are asked for at once."""

SORTS = ("added", "removed", "changed")
SUMMARY = ("KIND", "ADDED", "REMOVED", "CHANGED", "RECREATED")
FIELDS = ("NAMESPACE", "OBJECT", "OP", "PATH", "BEFORE", "AFTER", "BY", "WHEN")


async def compare(
    session: Session,
    query: Query,
    reference: tuple[str, ...],
    scope: ScopeArgs,
    start: str | None,
    end: str,
    *,
    summary: bool,
    limit: int | None,
) -> None:
    """Ask, print, and set the exit code: 1 when something differs. `limit`: objects; None = all."""
    kind, name = split(reference) if reference else (scope.kind, None)
    text = session.style.output == "unified" and not summary
    query = {
        **query,
        "from": session.instant(start) if start else None,
        "to": session.end(end),
        "cluster": session.cluster,
        "namespace": scope.namespace,
        "selector": scope.selector,
        "kind": kind,
        "name": name,
        "states": "on" if text else "off",
    }
    if text and query["noise"] == "on":  # what is left out of the text must be known here
        query["noise"] = "marked"
    async with session.client() as client:
        if session.style.output in ("jsonl", "patch") and not summary:
            answer = await _streamed(session, client, query, limit)
        else:
            answer = await paged(client, query, limit)
    session.window(answer.get("from"), answer.get("to"))
    differs = bool(answer.pop("differs", False))
    if query["noise"] == "marked":
        _mute_noise(answer)
    code = _print(session, answer, summary=summary)
    _notes(session, answer, summary=summary)
    if not session.exit_code:
        session.exit_code = code or int(differs)


async def _pages(client: "Client", query: Query, limit: int | None) -> "AsyncIterator[JsonObject]":
    """Page by page, up to `limit` objects; however few are asked for, until one is found or none is left."""
    found = 0
    cursor: str | None = None
    while True:
        size = PAGE if limit is None else max(1, min(PAGE, limit - found))
        page = await client.get("/diff", {**query, "limit": size, "cursor": cursor})
        found += sum(len(_objects(page.get(sort))) for sort in SORTS)
        yield page
        cursor = str(page.get("next") or "")
        if not cursor or (limit is not None and found >= max(1, limit)):
            return


async def paged(client: "Client", query: Query, limit: int | None) -> "JsonObject":
    """All of these pages as one answer; `differs`: whether anything does."""
    whole: JsonObject | None = None
    async for page in _pages(client, query, limit):
        whole = page if whole is None else _joined(whole, page)
    assert whole is not None  # there is always a first page
    whole["differs"] = any(whole.get(sort) for sort in SORTS)
    return whole


async def _streamed(session: Session, client: "Client", query: Query, limit: int | None) -> "JsonObject":
    """Print each page as it comes; what is left is everything but the objects."""
    rest: JsonObject | None = None
    differs = False
    async for page in _pages(client, query, limit):
        _print(session, page, summary=False)
        differs = differs or any(page.get(sort) for sort in SORTS)
        for sort in SORTS:
            page[sort] = []
        rest = page if rest is None else _joined(rest, page)
    assert rest is not None  # there is always a first page
    return {**rest, "differs": differs}


def _joined(whole: "JsonObject", page: "JsonObject") -> "JsonObject":
    """The objects of both; counts of the whole scope are the later ones, as more was looked at."""
    joined: JsonObject = {**whole, "summary": page.get("summary"), "next": page.get("next")}
    joined["unjudged"] = page.get("unjudged")
    for sort in (*SORTS, "not_comparable"):
        joined[sort] = [*_objects(whole.get(sort)), *_objects(page.get(sort))]
    joined["equal"] = _added(whole.get("equal"), page.get("equal"))
    hidden = _added(whole.get("hidden"), {"noise": _count(page.get("hidden"), "noise")})
    return {**joined, "hidden": hidden}


def _added(one: "Json", other: "Json") -> "JsonObject":
    names = [*one] if isinstance(one, dict) else []
    names += [name for name in other if name not in names] if isinstance(other, dict) else []
    return {name: _count(one, name) + _count(other, name) for name in names}


def _count(counts: "Json", name: str) -> int:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) else 0


def _notes(session: Session, answer: "JsonObject", *, summary: bool) -> None:
    ignored = answer.get("ignored")
    if isinstance(ignored, list) and ignored:
        session.note(f"not compared, as it only tells places apart: {', '.join(map(str, ignored))}")
    if not any(_count(one, sort) for one in _objects(answer.get("summary")) for sort in SORTS):
        session.note("nothing is known to differ")
    for sentence in _more(answer, summary=summary):
        session.note(sentence)
    session.doubt(
        [
            f"{object_name(item)}: whether values that were redacted under different keys changed cannot be said"
            for item in _items(answer, "not_comparable")
        ]
    )
    session.limits(answer)


def _more(answer: "JsonObject", *, summary: bool) -> "Iterator[str]":
    """How much differs that is not shown, and what the counts rest on."""
    unjudged = _count(answer, "unjudged")
    if unjudged:
        sure = f"{unjudged} of the changed objects are counted by their states alone, some may mean the same"
        yield f"{sure}: --all looks at each of them" if summary else sure
    if not answer.get("next") or summary:
        return
    counts = _objects(answer.get("summary"))
    for one in counts:
        parts = [f"{_count(one, sort)} {sort}" for sort in SORTS if _count(one, sort)]
        yield f"{plain(object_name({**one, 'name': ''}).rstrip('/'))}: {', '.join(parts)}"
    shown = sum(len(_objects(answer.get(sort))) for sort in SORTS)
    total = sum(_count(one, sort) for one in counts for sort in SORTS)
    yield f"{shown} of {total} objects that differ are shown: --limit N shows more, --all all of them"


def _items(answer: "JsonObject", *sorts: str) -> "list[JsonObject]":
    """The objects of these sorts, by namespace, kind and name."""
    found = [item for sort in sorts for item in _objects(answer.get(sort))]
    return sorted(found, key=lambda item: (str(item.get("namespace")), object_name(item)))


def _objects(value: "Json") -> "list[JsonObject]":
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _mute_noise(answer: "JsonObject") -> None:
    """Take noise out of states and fields; it is counted already."""
    for item in _objects(answer.get("changed")):
        fields = _objects(item.get("fields"))
        for field in fields:
            if field.get("noise"):
                _mute(item.get("before"), item.get("after"), field)
        item["fields"] = [field for field in fields if not field.get("noise")]


def _mute(before: "Json", after: "Json", field: "JsonObject") -> None:
    """Give a place the value it had before."""
    path = parse(str(field.get("path")))
    old = value_at(before, path)
    parent = value_at(after, path[:-1])
    last = path[-1] if path else None
    if isinstance(parent, dict) and isinstance(last, Field):
        parent.pop(last.name, None)
        if not isinstance(old, Absent):
            parent[last.name] = old
            ordered = sorted(parent.items())
            parent.clear()
            parent.update(ordered)
    elif isinstance(parent, list) and isinstance(last, Index) and field.get("op") == "replace":
        parent[last.position] = field.get("before") if isinstance(old, Absent) else old


def _print(session: Session, answer: "JsonObject", *, summary: bool) -> int:
    output = session.style.output
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif summary:
        render = csv_text if output == "csv" else table
        session.out(render(SUMMARY, _counts(answer), headers=session.style.headers))
    elif output == "unified":
        return _unified(session, answer)
    elif output == "jsonl":
        lines = [{"result": sort, **item} for sort in SORTS for item in _objects(answer.get(sort))]
        session.out("".join(json_text(line, indent=False) + "\n" for line in lines))
    elif output == "patch":
        session.out("".join(json_text(each, indent=False) + "\n" for each in _patches(answer)))
    elif output == "name":
        session.out("".join(f"{plain(object_name(item))}\n" for item in _items(answer, *SORTS)))
    else:
        render = csv_text if output == "csv" else table
        session.out(render(FIELDS, _rows(session, answer), headers=session.style.headers))
    return 0


def _counts(answer: "JsonObject") -> list[tuple[str, ...]]:
    keys = (*SORTS, "recreated")
    return [
        (object_name({**one, "name": ""}).rstrip("/"), *(str(one.get(key, 0)) for key in keys))
        for one in _objects(answer.get("summary"))
    ]


def _patches(answer: "JsonObject") -> "Iterator[JsonObject]":
    """Of what changed; what was added or removed has no patch."""
    for item in _items(answer, "changed"):
        keys = ("cluster", "resource", "group", "namespace", "name", "patch")
        yield {key: item.get(key) for key in keys}


def _rows(session: Session, answer: "JsonObject") -> "Iterator[tuple[str, ...]]":
    for sort in SORTS:
        for item in _items(answer, sort):
            where = str(item.get("namespace") or ""), object_name(item)
            if sort != "changed":
                yield (*where, sort, "", "", "", str(item.get("by") or ""), _when(session, item))
            for field in _objects(item.get("fields")):
                before, after = (_short(each) for each in masked(field.get("before"), field.get("after")))
                op = str(field.get("op"))
                shown = "" if op == "add" else before, "" if op == "remove" else after
                by = str(field.get("by") or "") + ("?" if field.get("confidence") == "low" else "")
                yield (*where, op, place(field), *shown, by, _when(session, field))


def _when(session: Session, item: "JsonObject") -> str:
    return session.local(item.get("when"), error=item.get("ts_error"))


def _short(value: "Json") -> str:
    return value if isinstance(value, str) else json_text(value, indent=False)


def _unified(session: Session, answer: "JsonObject") -> int:
    pairs = []
    for item in _items(answer, *SORTS):
        left, right = masked(item.get("before"), item.get("after"))
        texts = ["" if each is None else yaml_text(each) for each in (left, right)]
        if texts[0] != texts[1]:
            pairs.append((item, texts[0], texts[1]))
    program = session.around.environ.get("KUBECTL_EXTERNAL_DIFF")
    if program and pairs:
        return external(program, [(_found(item), before, after) for item, before, after in pairs])
    for item, before, after in pairs:
        names = _side(session, item, "from"), _side(session, item, "to")
        session.out(unified(before, after, names=names, colored=session.colored))
    return 0


def _found(item: "JsonObject") -> Found:
    kind, _, name = object_name(item).partition("/")
    return Found(cluster=str(item.get("cluster")), kind=kind, namespace=str(item.get("namespace") or ""), name=name)


def _side(session: Session, item: "JsonObject", side: str) -> str:
    """`deployment.apps/web in namespace shop  revision 2, last changed …`, or that there is none."""
    there = item.get(side)
    if not isinstance(there, dict):
        why = "first seen later" if item.get("first_seen") else "deleted" if side == "to" else "not there"
        return f"{_found(item)}  ({why})"
    here = {**item, "namespace": there.get("namespace")}
    about = session.local(there.get("ts"), error=there.get("ts_error"))
    life = ", another life" if item.get("recreated") and side == "to" else ""
    return f"{_found(here)}  revision {there.get('seq')}, {about}{life}"
