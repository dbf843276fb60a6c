"""`kubelapse show`: one object as it was."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.clean import written
from kubelapse.cli.errors import Failure
from kubelapse.cli.markers import redacted_places, without_markers
from kubelapse.cli.options import object_options, reading
from kubelapse.cli.references import Found, find
from kubelapse.cli.rows import object_name, revision
from kubelapse.cli.session import Session
from kubelapse.cli.text import json_text, plain
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from schema.canonical import JsonObject


@click.command("show")
@object_options
@click.option("--at", metavar="TIME", default="now", show_default=True, help="The moment: 2h, 14:05, rv:12345.")
@click.option("--clean", is_flag=True, help="Ready to apply: without status and what the server sets.")
@click.option("--allow-redacted", is_flag=True, help="With --clean: leave redacted keys out instead of refusing.")
@reading(formats=("yaml", "json", "jsonl", "name"), default="yaml")
async def show(
    session: Session,
    reference: tuple[str, ...],
    namespace: str | None,
    uid: str | None,
    at: str,
    clean: bool,
    allow_redacted: bool,
) -> None:
    """One object as it was, as YAML.

    \b
    kubelapse show deploy/web -n shop --at 2h
    kubelapse show deploy/web -n shop --at 'yesterday 14:00' --clean | kubectl apply -f -
    """
    moment = session.end(at, versions=True)
    async with session.client() as client:
        found = await find(session, client, reference, namespace, uid)
        answer = await client.get(found.path, {"at": moment, "uid": uid})
    content = answer["object"]
    assert isinstance(content, dict)
    if clean:
        content = cleaned(content, allow_redacted=allow_redacted, note=session.note)
    _about(session, found, answer)
    if not clean and (places := redacted_places(content)):
        session.note(f"redacted, a keyed hash stands for the value: {', '.join(places)}")
    event = answer["event"]
    assert isinstance(event, dict)
    _print(session, object_name(event), content)
    session.limits(answer)


def cleaned(content: "JsonObject", *, allow_redacted: bool, note: "object" = None) -> "JsonObject":
    """The object as someone would write it; raises Failure for redacted values."""
    kept = written(content)
    places = redacted_places(kept)
    if not places:
        return kept
    if not allow_redacted:
        shown = ", ".join(places[:3]) + (", …" if len(places) > 3 else "")
        raise Failure(
            f"redacted values ({shown}) cannot be applied: "
            "the real ones were never recorded; --allow-redacted leaves these keys out"
        )
    if callable(note):
        note(f"left out as redacted: {', '.join(places)}")
    stripped = without_markers(kept)
    assert isinstance(stripped, dict)
    return stripped


def _about(session: Session, found: Found, answer: "JsonObject") -> None:
    event = answer.get("event")
    at = answer.get("at")
    as_of = f" as of {session.spoken(at)}" if at else ""
    if not isinstance(event, dict):
        session.note(f"{found}{as_of}")
        return
    session.note(f"{found}{as_of}: {revision(session, event)}")


def _print(session: Session, name: str, content: "JsonObject") -> None:
    if session.style.output == "yaml":
        session.out(yaml_text(content))
    elif session.style.output == "name":
        session.out(f"{plain(name)}\n")
    else:
        session.out(json_text(content, indent=session.style.output == "json") + "\n")
