"""`kubelapse pin`: give a moment a name."""

import click

from kubelapse.cli.errors import Failure
from kubelapse.cli.options import reading
from kubelapse.cli.session import Session
from kubelapse.cli.text import json_text, plain


@click.command("pin")
@click.argument("name", metavar="NAME")
@click.argument("text", metavar="[TEXT]", default="")
@click.option("--at", metavar="TIME", default="now", show_default=True, help="The moment: 2h, 14:05.")
@click.option("--delete", is_flag=True, help="Forget the pin.")
@reading(formats=("name", "json"), default="name")
async def pin(session: Session, name: str, text: str, at: str, delete: bool) -> None:
    """Name a moment, to compare with later.

    \b
    kubelapse pin before-migration --at 14:05 'the last good state'
    kubelapse drift -n shop --baseline pin:before-migration
    """
    from urllib.parse import quote

    if "/" in name:
        raise Failure(f"{name!r} is not a name: letters, digits, '.', '_', '@' and '-'")
    path = f"/pins/{quote(name, safe='@')}"
    async with session.client() as client:
        if delete:
            answer = await client.delete(path)
        else:
            answer = await client.put(path, body={"at": session.instant(at), "text": text})
    verb = "forgotten" if delete else "stands for"
    session.note(f"{name} {verb} {session.spoken(answer.get('at'))}")
    session.out(json_text(answer) + "\n" if session.style.output == "json" else f"pin:{plain(name)}\n")
