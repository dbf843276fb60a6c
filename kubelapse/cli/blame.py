"""`kubelapse blame`: the object as YAML, with who, since when and what was before in front of every field."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from kubelapse.cli.fields import field_history, touched
from kubelapse.cli.markers import masked
from kubelapse.cli.options import reading
from kubelapse.cli.references import find
from kubelapse.cli.rows import UNKNOWN, revision
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table, width
from query.yamltext import yaml_text
from schema.lookup import parts
from schema.paths import Field, Path, render

if TYPE_CHECKING:
    from schema.canonical import Json, JsonObject

HEADER = ("BY", "SINCE", "BEFORE")
FIELDS = ("PATH", "VALUE", "BY", "SINCE", "BEFORE")
MOST = 24
"""Columns that a value before may take beside the YAML."""

Line = tuple[str, Path | None]
"""A line of YAML; where a field begins, its path."""


@click.command("blame")
@click.argument("reference", metavar="[TYPE/NAME]", nargs=-1)
@click.option("-n", "--namespace", metavar="NS", help="Namespace of the object, or of the objects asked about.")
@click.option("--uid", metavar="UID", help="One life of the object.")
@click.option("--kind", metavar="TYPE", help="Without a name: only objects of this type.")
@click.option("--by", metavar="WHO", default="", help="Without a name: only where this manager wrote.")
@click.option("--history", is_flag=True, help="Every value a field had, over all lives; removed fields too.")
@click.option("--path", metavar="PATH", default="", help="Only fields at or below this path: spec.template.")
@click.option("--at", metavar="TIME", default="now", show_default=True, help="The moment: 2h, 14:05, rv:12345.")
@reading(formats=("yaml", "table", "json", "jsonl", "csv", "name"), default="yaml")
async def blame(
    session: Session,
    reference: tuple[str, ...],
    namespace: str | None,
    uid: str | None,
    kind: str | None,
    by: str,
    history: bool,
    path: str,
    at: str,
) -> None:
    """Since when each field of an object has its value, by whom, and what it was before.

    Without a name: who last touched a path, for every object of a scope.

    A ≤ stands before the time of what was there when the record begins, or became so while nobody was looking: it is
    as old as that, or older. A ≈ stands before estimates.

    \b
    kubelapse blame deploy/web -n shop
    kubelapse blame deploy/web -n shop --path spec.template.spec.containers
    kubelapse blame deploy/web -n shop --path spec.replicas --history
    kubelapse blame -n shop --kind deploy --path spec
    """
    if not reference:
        await touched(session, namespace=namespace, kind=kind, path=path, by=by, at=at)
        return
    if kind or by:
        raise click.UsageError("--kind and --by go without a name")
    if history:
        await field_history(session, reference, namespace, uid, path, at)
        return
    moment = session.end(at, versions=True)
    async with session.client() as client:
        found = await find(session, client, reference, namespace, uid)
        answer = await client.get(f"{found.path}/blame", {"at": moment, "uid": uid, "path": path})
        event = answer.get("event")
        # The very version that was blamed: "now" may have moved on.
        version = f"rv:{event.get('rv')}" if isinstance(event, dict) else moment
        whole = {"at": version, "uid": uid} if session.style.output == "yaml" else None
        state = (await client.get(found.path, whole)).get("object") if whole else None
    about = f": {revision(session, event)}" if isinstance(event, dict) else ""
    session.note(f"{found} as of {session.spoken(answer.get('at'))}{about}")
    fields = _fields(answer)
    if not fields:
        session.note(f"it has no field {path}" if path else "it has no fields")
    _print(session, answer, fields, state)
    session.limits(answer)


def _fields(answer: "JsonObject") -> "list[JsonObject]":
    listed = answer.get("fields")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _print(session: Session, answer: "JsonObject", fields: "list[JsonObject]", state: "Json") -> None:
    output = session.style.output
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "jsonl":
        session.out("".join(json_text(field, indent=False) + "\n" for field in fields))
    elif output == "name":
        session.out("".join(f"{plain(str(field.get('path')))}\n" for field in fields))
    elif output == "yaml":
        _annotated(session, fields, state)
    else:
        rows = [(str(each.get("path")), _value(each.get("value")), *_columns(session, each)) for each in fields]
        render_rows = csv_text if output == "csv" else table
        session.out(render_rows(FIELDS, rows, headers=session.style.headers))


def _columns(session: Session, field: "JsonObject") -> tuple[str, str, str]:
    """BY, SINCE and BEFORE of a field."""
    doubt = "?" if field.get("confidence") == "low" else ""
    bound = "≤" if field.get("at_or_before") else ""
    before = ""
    if field.get("op") == "replace":
        before = _value(masked(field.get("previous"), field.get("value"))[0])
    since = session.local(field.get("since"), error=field.get("ts_error"))
    return f"{field.get('by') or UNKNOWN}{doubt}", f"{bound}{since}", before


def _value(value: "Json") -> str:
    shown = masked(value, value)[0]
    return shown if isinstance(shown, str) else json_text(shown, indent=False)


def _annotated(session: Session, fields: "list[JsonObject]", state: "Json") -> None:
    """The YAML of the object, or of the parts that were asked for, behind the columns."""
    blamed = {str(field.get("path")): _columns(session, field) for field in fields}
    body: list[tuple[tuple[str, str, str], str]] = []
    waiting: list[str] = []  # lines that lead to a field, shown only if one follows
    for line, path in yaml_lines(masked(state, state)[0]):
        known = None if path is None else blamed.get(render(path))
        waiting.append(line)
        if known is not None:
            body.extend((("", "", ""), each) for each in _leading(waiting[:-1], line))
            body.append((known, line))
            waiting.clear()
        elif path is not None:
            waiting.pop()
    if not body:  # asked for by another spelling than the YAML's
        body = [(_columns(session, field), f"{field.get('path')}: {_value(field.get('value'))}") for field in fields]
    session.out(_laid_out(body, headers=session.style.headers))


def _leading(waiting: list[str], line: str) -> list[str]:
    """Those of the waiting lines that stand above this one: each less deep than what follows."""
    kept: list[str] = []
    depth = _depth(line)
    for each in reversed(waiting):
        if _depth(each) < depth:
            kept.append(each)
            depth = _depth(each)
    return kept[::-1]


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _laid_out(body: list[tuple[tuple[str, str, str], str]], *, headers: bool) -> str:
    cells = [(plain(by), since, _clipped(before)) for (by, since, before), _ in body]
    if headers and body:
        cells.insert(0, HEADER)
    widths = [max((width(row[column]) for row in cells), default=0) for column in range(len(HEADER))]
    lines = ["", *(line for _, line in body)] if headers and body else [line for _, line in body]
    text = ""
    for row, line in zip(cells, lines, strict=True):
        columns = "  ".join(value + " " * (most - width(value)) for value, most in zip(row, widths, strict=True))
        first, *more = plain(line).split("\n")
        text += f"{columns}  {first}".rstrip() + "\n"
        text += "".join(f"{' ' * (sum(widths) + 4)}  {each}".rstrip() + "\n" for each in more)
    return text


def _clipped(before: str) -> str:
    text = plain(" ".join(before.split()))
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def yaml_lines(value: "Json") -> Iterator[Line]:
    """The lines of an object's YAML; a text of several lines is one entry with line breaks."""
    yield from _lines(value, (), "")


def _lines(value: "Json", path: Path, indent: str) -> Iterator[Line]:
    for token, part in parts(value, path):
        here = (*path, token)
        if isinstance(token, Field):
            yield from _member(token.name, part, here, indent)
        else:
            yield from _entry(part, here, indent)


def _member(name: str, part: "Json", path: Path, indent: str) -> Iterator[Line]:
    if not parts(part, path):
        yield _indented(yaml_text({name: part}), indent), path
        return
    yield _indented(yaml_text({name: None}).replace(" null", ""), indent), None
    yield from _lines(part, path, indent + "  ")


def _entry(part: "Json", path: Path, indent: str) -> Iterator[Line]:
    """An item of a list: its first line bears the dash."""
    if not parts(part, path):
        yield _indented(yaml_text([part]), indent), path
        return
    dash = True
    for line, at in _lines(part, path, indent + "  "):
        yield (f"{indent}- {line[len(indent) + 2 :]}" if dash else line), at
        dash = False


def _indented(text: str, indent: str) -> str:
    return "\n".join(indent + line for line in text.rstrip("\n").split("\n"))
