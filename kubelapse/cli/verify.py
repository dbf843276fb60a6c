"""`kubelapse verify`: is what is stored what happened? Exit code 1 when something is wrong."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.options import reading
from kubelapse.cli.session import Session
from kubelapse.cli.text import json_text, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from schema.canonical import JsonObject

COUNTS = ("objects", "chains", "events", "forward", "backward", "states", "wrong", "seconds")
FAILURES = ("KIND", "NAMESPACE", "NAME", "SEQ", "RV", "PROBLEM")


@click.command("verify")
@click.option("-n", "--namespace", metavar="NS", help="Only this namespace.")
@click.option("--kind", metavar="TYPE", help="Only this type.")
@click.option("--name", metavar="NAME", help="Only objects of this name.")
@click.option("--sample", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="This fraction of the objects.")
@reading(formats=("table", "json", "yaml"))
async def verify(session: Session, namespace: str | None, kind: str | None, name: str | None, sample: float) -> None:
    """Re-apply stored history forwards and backwards with an independent implementation, and compare every hash.

    `forward` and `backward` count applied patches, `states` the states whose hash was compared.
    """
    body = {"cluster": session.cluster, "namespace": namespace or "", "kind": kind or "", "name": name or ""}
    async with session.client() as client:
        answer = await client.post("/verify", body={**body, "sample": sample}, patient=True)
    if session.style.output == "table":
        _print(session, answer)
    else:
        session.out((yaml_text if session.style.output == "yaml" else json_text)(answer).rstrip("\n") + "\n")
    if not answer.get("ok"):
        wrong = answer.get("wrong")
        session.note(f"error: history is damaged: {wrong} {'failure' if wrong == 1 else 'failures'}")
        session.exit_code = 1


def _print(session: Session, answer: "JsonObject") -> None:
    session.out("".join(f"{name:<9} {answer.get(name)}\n" for name in COUNTS))
    failures = answer.get("failures")
    listed = [failure for failure in failures if isinstance(failure, dict)] if isinstance(failures, list) else []
    keys = [column.lower() for column in FAILURES]
    session.out(table(FAILURES, [[str(failure.get(key, "")) for key in keys] for failure in listed]))
