"""`/plain`: recent changes as one page without a script, and what `/` shows where no web interface was built. Every
string in it is hostile and escaped.

Answer first: how well this time is known, how much is hidden and how to see it; then the changes, newest first. Every
view is a link: the window is in the address, and each change links to the object as it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files
from urllib.parse import quote, urlencode

import orjson

from query.models import Change, Coverage, Hidden
from query.times import rfc3339
from schema.canonical import Json
from schema.markers import key_of
from schema.objects import kind_id

SHOWN = 200
_PATHS = 4
_VALUE = 64
_COUNTERS = ("metadata.generation",)
"""Rises with every change of a spec and tells nothing beside it."""

POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""The page's Content-Security-Policy: it runs no script and loads nothing but its own style sheet."""

UNBUILT = """<p class="sec">The web interface is not built in this checkout: <code>make ui</code> builds it, a restart
shows it.</p>"""

_WINDOWS = (("15m", "15 min"), ("1h", "1 hour"), ("6h", "6 hours"), ("24h", "24 hours"), ("7d", "7 days"))
_CLASSES = {"add": ("+", "created"), "delete": ("×", "deleted"), "update": ("◆", "changed")}


Params = Sequence[tuple[str, str]]
"""Query parameters as they were given; a name may stand twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the page shows, and the parameters it was asked with (for links)."""

    items: Sequence[Change]
    hidden: Hidden
    coverage: Coverage
    after: datetime
    until: datetime
    clusters: Sequence[str]
    params: Params
    more: bool
    unbuilt: bool = False


def render(view: View) -> str:
    """The whole document."""
    clusters = ", ".join(view.clusters)
    known = "ok" if view.coverage.complete else "gap"
    return _document(
        view.params,
        clusters,
        f"""<p class="sec"><time>{_time(view.after)}</time> – <time>{_time(view.until)}</time> UTC</p>
{_form(view.params)}
<p class="cover {known}"><i aria-hidden="true"></i> <span>{_coverage(view.coverage)}</span></p>
{_gaps(view.coverage)}
{_hidden(view)}
{UNBUILT if view.unbuilt else ""}
{_table(view)}
{_older(view)}""",
    )


def refusal(sentence: str, hint: str, params: Params) -> str:
    """The document instead, when a question has no answer: why, and the form to ask it better."""
    body = f"""{_form(params)}
<p class="empty" role="alert">{escape(sentence)}<br><span class="mut">{escape(hint)}</span></p>"""
    return _document(params, "", body)


def _document(params: Params, clusters: str, body: str) -> str:
    title = f"Changes · {clusters} · Kubelapse" if clusters else "Changes · Kubelapse"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{escape(title)}</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head><body>
<header><a class="brand" href="/">Kubelapse</a><span class="mut">{escape(clusters)}</span>
<nav aria-label="Window">{_windows(params)}</nav></header>
<main><h1>Changes</h1>
{body}
</main>
<footer>The same as data: <a href="/api/v1/changes?{escape(_query(params, order="desc"))}">JSON</a> ·
<a href="/api/v1/coverage">coverage</a> · <a href="/openapi.json">OpenAPI</a> ·
<a href="/readyz?verbose">health</a></footer>
</body></html>
"""


def style() -> str:
    """The style sheet."""
    return (files("query") / "style.css").read_text(encoding="utf-8")


def _windows(params: Params) -> str:
    current = _given(params, "from") or "1h"
    links = []
    for value, label in _WINDOWS:
        mark = ' aria-current="true"' if value == current else ""
        links.append(f'<a href="?{escape(_query(params, **{"from": value, "to": ""}))}"{mark}>{label}</a>')
    return " ".join(links)


def _form(params: Params) -> str:
    fields = [("namespace", "Namespace"), ("kind", "Type"), ("name", "Name"), ("path", "Path"), ("by", "By")]
    inputs = "".join(
        f'<label>{label} <input name="{name}" value="{escape(_given(params, name))}"></label>' for name, label in fields
    )
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in _beside_form(params, [name for name, _ in fields])
    )
    return f'<form method="get">{inputs}{kept}<button>Show</button></form>'


def _coverage(coverage: Coverage) -> str:
    until = f", known up to {_time(coverage.watermark)} UTC" if coverage.watermark else ""
    late = f" {len(coverage.late)} span(s) were read late: their times are estimates." if coverage.late else ""
    if coverage.complete:
        return f"Complete{until}.{late}"
    return f"Not complete: {escape(' '.join(coverage.why))}{late}"


def _gaps(coverage: Coverage) -> str:
    """What is missing and when, folded away."""
    if not coverage.gaps:
        return ""
    rows = "".join(
        f"<li>{escape(gap.resource)}{f' in {escape(gap.namespace)}' if gap.namespace else ''}: "
        f"<time>{_time(gap.from_)}</time> – <time>{_time(gap.to)}</time> UTC ({escape(gap.reason)})</li>"
        for gap in coverage.gaps[:SHOWN]
    )
    return f'<details class="sec"><summary>{_count(len(coverage.gaps), "gap")}</summary><ul>{rows}</ul></details>'


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _hidden(view: View) -> str:
    parts = []
    if view.hidden.noise:
        parts.append(f"{view.hidden.noise:,} hidden as noise ({_switch(view, 'noise', 'off', 'show')})")
    elif _given(view.params, "noise") == "off":
        parts.append(f"noise is shown ({_switch(view, 'noise', '', 'hide')})")
    if view.hidden.first_sight:
        sights = _count(view.hidden.first_sight, "first sight")
        parts.append(f"{sights} hidden ({_switch(view, 'first_sight', 'on', 'show')})")
    elif _given(view.params, "first_sight") == "on":
        parts.append(f"first sights are shown ({_switch(view, 'first_sight', '', 'hide')})")
    counted = f"{len(view.items):,}{' newest' if view.more else ''} shown"
    return f'<p class="sec">{" · ".join([counted, *parts])}</p>'


def _switch(view: View, name: str, value: str, label: str) -> str:
    return f'<a href="?{escape(_query(view.params, **{name: value}))}">{label}</a>'


def _older(view: View) -> str:
    """The next page: what ended at the last row's moment or before it."""
    if not view.more or not view.items:
        return ""
    query = _query(view.params, to=rfc3339(view.items[-1].ts))
    return f'<p><a href="?{escape(query)}">Older changes</a></p>'


def _table(view: View) -> str:
    if not view.items:
        hidden = view.hidden.noise + view.hidden.first_sight
        nothing = "Nothing changed" if view.coverage.complete else "No changes are known"
        return f'<p class="empty">{nothing} in this time{", save what is hidden" if hidden else ""}.</p>'
    rows = "".join(map(_row, view.items))
    head = "<th>Time (UTC)</th><th></th><th>Object</th><th>Change</th><th>By</th>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(item: Change) -> str:
    sign, word = _CLASSES.get(item.op, ("·", item.op))
    if item.origin == "list":
        sign, word = "○", "first seen"
    estimate = f'<span title="estimated, within {item.ts_error:.3g} s">≈ </span>' if item.ts_error else ""
    place = f"{escape(item.namespace)}/" if item.namespace else ""
    when = f'{estimate}<time datetime="{rfc3339(item.ts)}">{_time(item.ts)}</time>'
    link = f'<a href="{escape(_link(item))}">{place}{escape(item.name)}</a>'
    return (
        f'<tr class="{escape(item.op)}"><td class="t">{when}</td><td class="m" title="{escape(word)}">{sign}</td>'
        f'<td class="o"><span class="kind">{escape(item.kind)}</span> {link}</td>'
        f'<td>{_paths(item, word)}</td><td class="b">{_by(item)}</td></tr>'
    )


def _paths(item: Change, word: str) -> str:
    if not item.paths:
        return f'<span class="mut">{escape(word)}</span>'
    places = list(zip(item.paths, _values(item), strict=True))
    told = [place for place in places if place[0] not in _COUNTERS] or places
    shown = "".join(f'<div class="path">{escape(path)}{values}</div>' for path, values in told[:_PATHS])
    rest = len(told) - _PATHS
    return shown + (f'<span class="mut">{rest} more</span>' if rest > 0 else "")


def _values(item: Change) -> list[str]:
    """For each path what stood there and what stands there now; a patch holds one edit per path, and tests."""
    values, old = [], ""
    for op in orjson.loads(bytes(item.patch)):
        if op["op"] == "test":
            old = f"<del>{_value(op['value'])}</del>"
            continue
        new = "<del>removed</del>" if op["op"] == "remove" else f"<ins>{_value(op['value'])}</ins>"
        values.append(f' <span class="val">{old}{" → " if old else ""}{new}</span>')
        old = ""
    return values if len(values) == len(item.paths) else [""] * len(item.paths)


def _value(value: Json) -> str:
    """Short: a scalar's first characters, of everything else how much there is."""
    if isinstance(value, dict):
        return f"{{{_count(len(value), 'field')}}}"
    if isinstance(value, list):
        return f"[{_count(len(value), 'item')}]"
    if isinstance(value, str) and key_of(value):
        return "(redacted)"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return escape(text if len(text) <= _VALUE else text[: _VALUE - 1] + "…")


def _by(item: Change) -> str:
    if not item.actor.name:
        return '<span class="mut">unknown</span>'
    doubt = "" if item.actor.confidence in ("high", "medium") else ' <span class="mut">(uncertain)</span>'
    return escape(item.actor.name) + doubt


def _link(item: Change) -> str:
    parts = (item.cluster, kind_id(item.resource, item.group), item.namespace or "_", item.name)
    end = (
        "history?noise=off"
        if item.op == "delete"
        else f"?output=yaml&at={quote(f'rv:{item.rv}')}&uid={quote(item.uid)}"
    )
    path = "/api/v1/objects/" + "/".join(quote(part, safe="") for part in parts)
    return f"{path}/{end}" if item.op == "delete" else path + end


def _query(params: Params, **changed: str) -> str:
    kept = [pair for pair in params if pair[0] not in changed]
    return urlencode([(name, value) for name, value in (*kept, *changed.items()) if value])


def _given(params: Params, wanted: str) -> str:
    return next((value for name, value in params if name == wanted), "")


def _beside_form(params: Params, fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What the form does not ask for goes along: other parameters, and a field's second and further values."""
    seen = set()
    for name, value in params:
        if value and (name not in fields or name in seen):
            yield name, value
        seen.add(name)


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
