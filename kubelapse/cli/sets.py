"""`kubelapse diff` without a name: what differs in a whole scope between two moments, or between two places.

Human output is that of kubectl diff, one object after the other. What only machine noise wrote is left as it was before
in the shown text, as it is left out of the fields; whole states, noise included, come with `--noise=off`.
"""

from collections.abc import Iterator
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
    from schema.canonical import Json, JsonObject

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
) -> None:
    """Ask, print, and set the exit code: 1 when something differs."""
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
    quiet = text and query["noise"] == "on"
    if quiet:  # what is left out of the text must be known here
        query["noise"] = "off"
    async with session.client() as client:
        answer = await client.get("/diff", query)
    session.window(answer.get("from"), answer.get("to"))
    if quiet:
        _hide(answer)
    code = _print(session, answer, summary=summary)
    _notes(session, answer)
    if not session.exit_code:
        session.exit_code = code or int(any(answer.get(sort) for sort in SORTS))


def _notes(session: Session, answer: "JsonObject") -> None:
    ignored = answer.get("ignored")
    if isinstance(ignored, list) and ignored:
        session.note(f"not compared, as it only tells places apart: {', '.join(map(str, ignored))}")
    if not any(answer.get(sort) for sort in SORTS):
        session.note("nothing is known to differ")
    session.doubt(
        [
            f"{object_name(item)}: whether values that were redacted under different keys changed cannot be said"
            for item in _items(answer, "not_comparable")
        ]
    )
    session.limits(answer)


def _items(answer: "JsonObject", *sorts: str) -> "list[JsonObject]":
    """The objects of these sorts, by namespace, kind and name."""
    found = [item for sort in sorts for item in _objects(answer.get(sort))]
    return sorted(found, key=lambda item: (str(item.get("namespace")), object_name(item)))


def _objects(value: "Json") -> "list[JsonObject]":
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _hide(answer: "JsonObject") -> None:
    """Take noise out of fields and states, and count it."""
    hidden = 0
    kept: list[Json] = []
    for item in _objects(answer.get("changed")):
        fields = _objects(item.get("fields"))
        noise = [field for field in fields if field.get("noise")]
        hidden += len(noise)
        for field in noise:
            _mute(item.get("before"), item.get("after"), field)
        if len(noise) < len(fields) or item.get("recreated"):
            kept.append(item)
    answer["changed"] = kept
    counts = answer.get("hidden")
    if isinstance(counts, dict):
        counts["noise"] = hidden


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


def _rows(session: Session, answer: "JsonObject") -> Iterator[tuple[str, ...]]:
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
