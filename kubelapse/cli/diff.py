"""`kubelapse diff`: what differs in one object between two moments; without a name, in a whole scope (`cli.sets`).

Exit codes and KUBECTL_EXTERNAL_DIFF are those of kubectl diff (kubectl pkg/cmd/diff): 0 the same, 1 different, above 1
an error. Redacted values are shown as changed or unchanged, never as what they stand for.
"""

import difflib
import re
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kubelapse.cli.errors import FAILED, Failure
from kubelapse.cli.markers import masked
from kubelapse.cli.options import ScopeArgs, reading, scope_options
from kubelapse.cli.references import Found, find
from kubelapse.cli.rows import object_name, revision
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubelapse.client import Value
    from schema.canonical import Json, JsonObject

Query = dict[str, "Value"]

_COLORS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("diff")
@click.argument("reference", metavar="[TYPE/NAME]", nargs=-1)
@scope_options
@click.option("--uid", metavar="UID", help="One life of the object.")
@click.option("--since", "--from", "start", metavar="TIME", help="The earlier moment: 2h, 14:05, rv:12345.")
@click.option("--to", "--until", "end", metavar="TIME", default="now", show_default=True, help="The later moment.")
@click.option("--to-namespace", metavar="NS", help="Compare with this namespace, object by object.")
@click.option("--to-cluster", metavar="NAME", help="Compare with this recorded cluster.")
@click.option("--summary", is_flag=True, help="Only how many objects of each kind differ.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N objects; text stops at 100 by itself.")
@click.option("--all", "everything", is_flag=True, help="Every object that differs, however many.")
@click.option("--noise", type=click.Choice(["on", "off"]), default="on", help="off: nothing is hidden as noise.")
@click.option("--semantic/--exact", default=True, help="Whether 1000m and 1 are the same; answers name the rule.")
@click.option("--without", metavar="RULE", multiple=True, help="A rule that does not hold, such as set: repeat it.")
@click.option("--first-sight", is_flag=True, help="Also what was seen for the first time between the moments.")
@reading(formats=("unified", "table", "wide", "json", "jsonl", "yaml", "csv", "name", "patch"), default="unified")
async def diff(
    session: Session,
    reference: tuple[str, ...],
    scope: ScopeArgs,
    uid: str | None,
    start: str | None,
    end: str,
    to_namespace: str | None,
    to_cluster: str | None,
    summary: bool,
    limit: int | None,
    everything: bool,
    noise: str,
    first_sight: bool,
    semantic: bool,
    without: tuple[str, ...],
) -> None:
    """What differs between two moments, in one object or, without a name, in everything; exit code 1 when something
    does. With --to-namespace or --to-cluster: between two places.

    \b
    kubelapse diff deploy/web -n shop --from 2h
    kubelapse diff -n shop --from 14:00 --to 14:20 --summary
    kubelapse diff -n shop --to-namespace staging --kind deploy,cm
    KUBECTL_EXTERNAL_DIFF='dyff between' kubelapse diff deploy/web --from 14:00 --to 14:20
    """
    places = bool(to_namespace or to_cluster)
    if start is None and not places:
        raise click.UsageError("say what to compare: --from TIME, --to-namespace NS or --to-cluster NAME")
    if reference and (scope.selector or scope.kind):
        raise click.UsageError("-l and --kind choose among objects, TYPE/NAME names one: give one or the other")
    meaning: Query = {"semantic": "on" if semantic else "off", "without": ",".join(without) or None}
    if reference and not places:
        moments = {"from": session.instant(str(start), versions=True), "to": session.end(end, versions=True)}
        await _one(session, reference, scope.namespace, {**moments, "uid": uid, **meaning})
        return
    from kubelapse.cli import sets

    if uid:
        raise click.UsageError("--uid needs TYPE/NAME, and one place")
    query: Query = {
        **meaning,
        "to_namespace": to_namespace,
        "to_cluster": to_cluster,
        "noise": noise,
        "first_sight": "on" if first_sight else "off",
    }
    if limit is None and not everything and (summary or session.style.output in ("unified", "table", "wide")):
        limit = sets.FIRST
    await sets.compare(session, query, reference, scope, start, end, summary=summary, limit=limit)


async def _one(session: Session, reference: tuple[str, ...], namespace: str | None, query: Query) -> None:
    uid = query["uid"]
    async with session.client() as client:
        found = await find(session, client, reference, namespace, uid if isinstance(uid, str) else None)
        answer = await client.get(f"{found.path}/diff", query)
    session.window(*(_instant(answer, side) for side in ("from", "to")))
    if answer.get("result") == "absent":
        session.note(f"{found} did not exist at either moment")
    code = _print(session, found, answer)
    session.doubt(doubts(answer))
    session.limits(answer)
    if not session.exit_code:
        session.exit_code = code or int(differs(answer))


def _instant(answer: "JsonObject", side: str) -> "Json":
    value = answer.get(side)
    return value.get("at") if isinstance(value, dict) else value


def content(side: "Json") -> "JsonObject | None":
    """One state of a diff answer; None = the object did not exist then, or is not known."""
    return side if isinstance(side, dict) else None


def differs(answer: "JsonObject") -> bool:
    """Whether a diff answer has any difference."""
    return answer.get("result") not in ("same", "absent", "not-comparable")


def doubts(answer: "JsonObject") -> list[str]:
    """What the answer does not say: whether a value changed between two redaction keys."""
    listed = answer.get("fields")
    fields = [field for field in listed if isinstance(field, dict)] if isinstance(listed, list) else []
    return [
        f"{field.get('path')} was redacted under different keys: whether it changed cannot be said"
        for field in fields
        if field.get("comparable") is False
    ]


def _print(session: Session, found: Found, answer: "JsonObject") -> int:
    """Print in the session's format; an exit code other than 0 is the external program's."""
    output = session.style.output
    if output == "unified":
        return _unified(session, found, answer)
    if output in ("json", "jsonl"):
        session.out(json_text(answer, indent=output == "json") + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "patch":
        session.out(json_text(answer.get("patch") or []) + "\n")
    elif output == "name":
        session.out(f"{plain(_name(answer))}\n" if differs(answer) else "")
    else:
        _fields(session, answer)
    return 0


def _name(answer: "JsonObject") -> str:
    """As `changes -o name` writes it; where something differs, one side has the object."""
    sides = [answer.get("to"), answer.get("from")]
    events = [side.get("event") for side in sides if isinstance(side, dict)]
    return next((object_name(event) for event in events if isinstance(event, dict)), "")


def _fields(session: Session, answer: "JsonObject") -> None:
    listed = answer.get("fields")
    fields = [field for field in listed if isinstance(field, dict)] if isinstance(listed, list) else []
    rows = [(place(field), *_values(field)) for field in fields]
    render = csv_text if session.style.output == "csv" else table
    session.out(render(("PATH", "BEFORE", "AFTER"), rows, headers=session.style.headers))


def place(field: "JsonObject") -> str:
    """`data["app.yaml"]:server.port`: the place of a field, and the one inside the document there."""
    within = field.get("within")
    return f"{field.get('path') or ''}" + (f":{within}" if within else "")


def _values(field: "JsonObject") -> tuple[str, str]:
    old, new = masked(field.get("old"), field.get("new"))
    op = field.get("op")
    return "" if op == "add" else _value(old), "" if op == "remove" else _value(new)


def _value(value: "Json") -> str:
    return value if isinstance(value, str) else json_text(value, indent=False)


def _unified(session: Session, found: Found, answer: "JsonObject") -> int:
    left, right = masked(content(answer.get("before")), content(answer.get("after")))
    texts = yaml_text(left) if left is not None else "", yaml_text(right) if right is not None else ""
    if texts[0] == texts[1] or answer.get("result") == "same":
        return 0
    program = session.around.environ.get("KUBECTL_EXTERNAL_DIFF")
    if program:
        return external(program, [(found, *texts)])
    left_name, right_name = (
        f"{found.kind}/{found.name}  {_side(session, answer.get(side))}" for side in ("from", "to")
    )
    session.out(unified(*texts, names=(left_name, right_name), colored=session.colored))
    return 0


def _side(session: Session, side: "Json") -> str:
    """What one side is: a revision and who made it, or why there is none."""
    if not isinstance(side, dict):
        return ""
    event = side.get("event")
    if side.get("state") == "present" and isinstance(event, dict):
        return revision(session, event)
    return f"({side.get('state')})"


def unified(before: str, after: str, *, names: tuple[str, str], colored: bool) -> str:
    """`diff -u` of two texts, each with its name."""
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), names[0], names[1])
    safe = [plain(line) for line in lines]
    return "".join(click.style(line, fg=_COLORS.get(line[0])) if colored else line for line in safe)


def external(program: str, pairs: "Sequence[tuple[Found, str, str]]") -> int:
    """Run the user's diff program on two directories with one file for each object; its exit code."""
    # As kubectl does: only the name of the program and plain options, no shell.
    try:
        words = [word for word in shlex.split(program) if word]
    except ValueError:  # a quote without its end
        words = []
    if not words or not all(re.fullmatch(r"[\w./=+,:-]+", word) for word in words):
        raise Failure(f"KUBECTL_EXTERNAL_DIFF={program!r} is no program with plain arguments")
    with tempfile.TemporaryDirectory(prefix="kubelapse-diff-") as folder:
        left, right = Path(folder) / "BEFORE", Path(folder) / "AFTER"
        for found, before, after in pairs:
            _write(left, found, before)
            _write(right, found, after)
        try:
            code = subprocess.run([*words, str(left), str(right)], check=False, stdout=None).returncode
        except OSError as error:
            raise Failure(f"cannot run {words[0]} of KUBECTL_EXTERNAL_DIFF: {error.strerror}") from None
    return code if 0 <= code <= 1 else max(code, FAILED)


def _write(folder: Path, found: Found, text: str) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{found.kind}.{found.namespace}.{found.name}")
    (folder / name).write_text(text)
