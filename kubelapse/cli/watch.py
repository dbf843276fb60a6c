"""`kubelapse watch`: changes as they happen, resumed where a broken connection left off."""

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from kubelapse.cli.errors import Failure
from kubelapse.cli.options import ScopeArgs, reading, scope_options
from kubelapse.cli.rows import NARROW, WIDE, narrow, object_name, wide
from kubelapse.cli.session import Session
from kubelapse.cli.text import cell, json_text, plain

if TYPE_CHECKING:
    from kubelapse.client import Client
    from schema.canonical import JsonObject

# A stream cannot know its widest cell beforehand: these fit most names, longer ones push their line to the right.
_WIDTHS = (20, 16, 40, 7, 24)
PATIENCE = 5
PAUSE = 1.0


@click.command("watch")
@scope_options
@click.option("--after", metavar="TOKEN", help="Go on behind this resume token of an earlier feed.")
@click.option("--noise", type=click.Choice(["on", "off"]), default="on", help="off: nothing is hidden as noise.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="End after N changes.")
@reading(formats=("table", "wide", "jsonl", "name"))
async def watch(session: Session, scope: ScopeArgs, after: str | None, noise: str, limit: int | None) -> None:
    """Changes as they happen, as table or JSONL, until Ctrl-C."""
    if session.data is not None:
        raise Failure("a store that no process holds does not change: watch needs a server, without --data")
    query: dict[str, str | int | None] = {
        "cluster": session.cluster,
        "namespace": scope.namespace,
        "kind": scope.kind,
        "selector": scope.selector,
        "noise": noise,
        "after": after,
    }
    _header(session)
    if sys.stderr.isatty():
        session.note("waiting for changes (Ctrl-C ends)")
    async with session.client() as client:
        await _follow(session, client, query, limit)


async def _follow(session: Session, client: "Client", query: dict[str, str | int | None], limit: int | None) -> None:
    from kubelapse.client import NoServer

    shown, failures = 0, 0
    while True:
        try:
            async with client.lines("/feed", query) as lines:
                async for item in lines:
                    failures = 0
                    query["after"] = str(item.get("token") or query["after"] or "")
                    shown += _show(session, item)
                    if limit is not None and shown >= limit:
                        return
            failures += 1
        except NoServer:
            failures += 1
            if failures > PATIENCE or not shown:
                raise
            session.note("the connection broke; trying again")
        if failures > PATIENCE:
            raise Failure("the server ends the feed at once, again and again")
        await asyncio.sleep(PAUSE)


def _show(session: Session, item: "JsonObject") -> int:
    """Print one line of the feed; 1 when it was a change."""
    if "op" not in item:
        _notice(session, item)
        return 0
    output = session.style.output
    if output == "jsonl":
        session.out(json_text(item, indent=False) + "\n")
    elif output == "name":
        session.out(f"{plain(object_name(item))}\n")
    else:
        session.out(_line(wide(session, item) if output == "wide" else narrow(session, item)))
    return 1


def _notice(session: Session, item: "JsonObject") -> None:
    gap = item.get("gap")
    if item.get("type") == "reset":
        session.note("warning: this resume token leads nowhere any more; the feed begins anew, changes may be missing")
    elif isinstance(gap, dict):
        span = f"{session.spoken(gap.get('from'))} to {session.spoken(gap.get('to'))}"
        session.note(f"warning: gap in {gap.get('resource')} from {span}: {gap.get('reason')}")


def _header(session: Session) -> None:
    if session.style.headers and session.style.output in ("table", "wide"):
        session.out(_line(WIDE if session.style.output == "wide" else NARROW))


def _line(cells: tuple[str, ...]) -> str:
    padded = [cell(text).ljust(wanted) for text, wanted in zip(cells, (*_WIDTHS, *[0] * len(cells)), strict=False)]
    return "   ".join(padded).rstrip() + "\n"
