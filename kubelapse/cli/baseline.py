"""`kubelapse baseline`: baselines that the server keeps, and evaluates again as objects change."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from kubelapse.cli.drift import LONGEST, items, rendered
from kubelapse.cli.errors import Failure
from kubelapse.cli.options import ScopeArgs, reading, scope_options
from kubelapse.cli.rows import UNKNOWN
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from schema.canonical import JsonObject

COLUMNS = ("NAME", "SORT", "OBJECTS", "SCOPE", "SOURCE", "UPDATED")
RESULTS = ("BEGUN", "ENDED", "NAMESPACE", "OBJECT", "FIELD", "EXPECTED", "ACTUAL", "BY")


@click.command("baseline")
@click.argument("name", metavar="[NAME]", default="")
@click.option("--set", "words", metavar="BASELINE", help="Keep this under NAME: file:PATH, git:REV:PATH, pin:NAME, …")
@click.option("--delete", is_flag=True, help="Forget NAME.")
@click.option("--values", metavar="FILE", multiple=True, help="With helm:CHART, a values file.")
@click.option("--release", metavar="NAME", default="", help="With helm:CHART, the release's name.")
@scope_options
@reading(formats=("table", "json", "jsonl", "yaml", "csv", "name"), default="table")
async def baseline(
    session: Session,
    name: str,
    words: str | None,
    delete: bool,
    values: tuple[str, ...],
    release: str,
    scope: ScopeArgs,
) -> None:
    """Stored baselines; with a NAME, what drifted from it when.

    \b
    kubelapse baseline shop --set file:deploy/ -n shop
    kubelapse baseline shop
    kubelapse drift --baseline stored:shop
    """
    if (words or delete) and not name:
        raise click.UsageError("say which: kubelapse baseline NAME")
    if words and delete:
        raise click.UsageError("--set and --delete exclude one another")
    if "/" in name:
        raise Failure(f"{name!r} is not a name: letters, digits, '.', '_', '@' and '-'")
    path = f"/baselines/{quote(name, safe='@')}"
    body = _body(session, words, scope, values, release) if words else None
    async with session.client() as client:
        if body is not None:
            answer = await client.put(path, body=body)
        elif delete:
            answer = await client.delete(path)
        else:
            answer = await client.get(f"{path}/results" if name else "/baselines")
    session.doubt([f"not compared: {each.get('what')}: {each.get('reason')}" for each in items(answer, "not_compared")])
    if words or delete:
        session.note(f"{name} is {'forgotten' if delete else 'kept'}")
        answer = {"items": [answer]}
    _print(session, answer, results=bool(name) and not (words or delete))


def _body(session: Session, words: str, scope: ScopeArgs, values: tuple[str, ...], release: str) -> "JsonObject":
    body: JsonObject = {"source": words, "cluster": session.cluster, "namespace": scope.namespace or ""}
    body |= {"kind": scope.kind or "", "selector": scope.selector or ""}
    if sent := rendered(words, scope, values, release):
        body[sent.part] = [*sent.documents]
    else:
        sort, _, value = words.partition(":")
        body["baseline"] = f"time:{session.instant(value)}" if sort == "time" else words
    return body


def _print(session: Session, answer: "JsonObject", *, results: bool) -> None:
    output, found = session.style.output, items(answer)
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "jsonl":
        session.out("".join(json_text(each, indent=False) + "\n" for each in found))
    elif output == "name":
        session.out("".join(f"{plain(str(each.get('name')))}\n" for each in found))
    else:
        rows = [_result(session, each) if results else _stored(session, each) for each in found]
        text = csv_text if output == "csv" else table
        session.out(text(RESULTS if results else COLUMNS, rows, headers=session.style.headers))
    if not found:
        session.note("nothing has drifted since it is kept" if results else "no baseline is kept: see --set")


def _stored(session: Session, each: "JsonObject") -> tuple[str, ...]:
    scope = each.get("scope")
    shown = ", ".join(f"{key}={value}" for key, value in scope.items()) if isinstance(scope, dict) else ""
    count = str(each.get("objects") or "")
    return (
        str(each.get("name")),
        str(each.get("sort")),
        count,
        shown,
        str(each.get("source") or each.get("value") or ""),
        session.local(each.get("updated")),
    )


def _result(session: Session, each: "JsonObject") -> tuple[str, ...]:
    group = f".{each['group']}" if each.get("group") else ""
    return (
        session.local(each.get("begun")),
        session.local(each.get("ended")) or "lasts",
        str(each.get("namespace") or ""),
        f"{each.get('resource')}{group}/{each.get('name')}",
        str(each.get("path") or f"({each.get('op')})"),
        *(json_text(each.get(side), indent=False)[:LONGEST] for side in ("expected", "actual")),
        str(each.get("by") or UNKNOWN),
    )
