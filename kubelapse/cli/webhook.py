"""`kubelapse webhook`: who changes are sent to, what was given up, and sending again."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli import text
from kubelapse.cli.fields import objects
from kubelapse.cli.options import reading
from kubelapse.cli.session import Session

if TYPE_CHECKING:
    from kubelapse.client import Client
    from schema.canonical import Json, JsonObject


@click.command("webhook")
@click.argument("action", type=click.Choice(["list", "dead", "replay"]), default="list")
@click.argument("name", metavar="[NAME]", default="")
@click.option("--from", "start", metavar="TIME", help="replay: what happened since, or behind a token of the feed.")
@click.option("--dead-letters", is_flag=True, help="replay: what was given up.")
@reading(formats=("table", "json"))
async def webhook(session: Session, action: str, name: str, start: str | None, dead_letters: bool) -> None:
    """Receivers of changes (webhooks, OpenTelemetry): how far they are, dead letters, sending again.

    \b
    kubelapse webhook
    kubelapse webhook dead ci
    kubelapse webhook replay ci --from 2h
    kubelapse webhook replay ci --dead-letters
    """
    if (action == "list") == bool(name):
        raise click.UsageError("`list` takes no name, `dead` and `replay` take one")
    async with session.client() as client:
        if action == "list":
            _receivers(session, await client.get("/webhooks"))
        elif action == "dead":
            _letters(session, await client.get(f"/webhooks/{_segment(name)}/dead-letters"))
        else:
            await _replay(session, client, name, start, dead_letters)


async def _replay(session: Session, client: "Client", name: str, start: str | None, dead_letters: bool) -> None:
    if bool(start) == dead_letters:
        raise click.UsageError("say what to send again: --from TIME or --dead-letters")
    body: JsonObject = {"dead_letters": True} if dead_letters else {"from": start}
    answer = await client.post(f"/webhooks/{_segment(name)}/replay", body=body)
    session.note(f"{name} is sent {'its dead letters' if dead_letters else f'everything since {start}'} again")
    if session.style.output == "json":
        session.out(text.json_text(answer) + "\n")


def _segment(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="@")


def _receivers(session: Session, answer: "JsonObject") -> None:
    items = objects(answer.get("items"))
    if session.style.output == "json":
        session.out(text.json_text(answer) + "\n")
        return
    if not items:
        session.note("changes are sent to nobody from there (KUBELAPSE_WEBHOOKS_FILE, KUBELAPSE_OTEL_LOGS)")
        return
    header = ("NAME", "KIND", "STATE", "TAKEN UP TO", "DEAD", "ADDRESS", "TROUBLE")
    rows = [
        [*_texts(each, "name", "kind", "state"), session.spoken(each["recorded"]),
         *_texts(each, "dead_letters", "address", "trouble")]
        for each in items
    ]  # fmt: skip
    session.out(text.table(header, rows, headers=session.style.headers))


def _letters(session: Session, answer: "JsonObject") -> None:
    if session.style.output == "json":
        session.out(text.json_text(answer) + "\n")
        return
    rows = [
        [session.spoken(each["at"]), *_texts(each, "tries", "id", "reason")] for each in objects(answer.get("items"))
    ]
    session.out(text.table(("GIVEN UP", "TRIES", "ID", "REASON"), rows, headers=session.style.headers))


def _texts(item: "JsonObject", *names: str) -> list[str]:
    return [_text(item.get(name)) for name in names]


def _text(value: "Json") -> str:
    return "" if value is None else str(value)
