"""`kubelapse show`: one object as it was."""

from typing import TYPE_CHECKING

import click

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

# What the server sets and refuses, or what would tie a copy to the original's life.
SERVER_SET = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "ownerReferences",
)
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REVISION = "deployment.kubernetes.io/revision"


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
    kept: JsonObject = {key: value for key, value in content.items() if key != "status"}
    metadata = content.get("metadata")
    if isinstance(metadata, dict):
        kept["metadata"] = _clean_metadata(metadata)
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


def _clean_metadata(metadata: "JsonObject") -> "JsonObject":
    kept = {key: value for key, value in metadata.items() if key not in SERVER_SET}
    annotations = kept.get("annotations")
    if isinstance(annotations, dict):
        own = {key: value for key, value in annotations.items() if key not in (LAST_APPLIED, REVISION)}
        kept = {**kept, "annotations": own} if own else {k: v for k, v in kept.items() if k != "annotations"}
    return kept


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
