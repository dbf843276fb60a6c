"""`kubelapse note`: a mark on the timeline."""

import click

from kubelapse.cli.options import reading
from kubelapse.cli.references import find
from kubelapse.cli.session import Session
from kubelapse.cli.text import json_text, plain


@click.command("note")
@click.argument("text", metavar="TEXT")
@click.option("--at", metavar="TIME", default="now", show_default=True, help="The moment: 2h, 14:05.")
@click.option("-n", "--namespace", metavar="NS", help="What it is about: this namespace.")
@click.option("--about", metavar="TYPE/NAME", help="What it is about: this object.")
@reading(formats=("name", "json"), default="name")
async def note(session: Session, text: str, at: str, namespace: str | None, about: str | None) -> None:
    """Put a mark on the timeline: a deploy, a run of CI, something seen.

    \b
    kubelapse note 'deploy 1.4.0' -n shop
    kubelapse note 'alert: checkout slow' --at 14:05 --about deploy/web -n shop
    """
    body = {"text": text, "at": session.instant(at), "cluster": session.cluster, "namespace": namespace or ""}
    async with session.client() as client:
        if about:
            found = await find(session, client, (about,), namespace, None)
            body |= {"cluster": found.cluster, "namespace": found.namespace, "resource": found.kind, "name": found.name}
        answer = await client.post("/notes", body=dict(body))
    session.note(f"noted at {session.spoken(answer.get('at'))}")
    session.out(
        json_text(answer) + "\n" if session.style.output == "json" else f"note:{plain(str(answer.get('id')))}\n"
    )
