"""`kubelapse doctor`: exit code 0 when all is well, 1 with warnings, 2 when something does not work."""

import asyncio
import sys

import click

from kubelapse import settings as known
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.text import json_text, plain
from kubelapse.setting import Setting

OPTIONS: tuple[Setting[object], ...] = (
    known.CONTEXT,
    known.KUBECONFIG,
    known.CLUSTER,
    known.NAMESPACES,
    known.KINDS,
    known.INCLUDE,
    known.EXCLUDE,
    known.DATA,
    known.STORE,
)
_COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}
_CODES = {"ok": 0, "warn": 1, "fail": 2}


@click.command("doctor")
@setting_options(*OPTIONS)
@click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Format."
)
@click.pass_context
def doctor(ctx: click.Context, /, output: str, **given: object) -> None:
    """Check versions, disk, key, store, Kafka if it is set, the cluster, its clock, your permissions; say what to do.

    Exit codes: 0 all well, 1 warnings, 2 something does not work.
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        code = asyncio.run(_examine(settings, output, colored=sys.stdout.isatty() and "NO_COLOR" not in around.environ))
    ctx.exit(code)


async def _examine(settings: known.Settings, output: str, *, colored: bool) -> int:
    from kubelapse.doctor import examine

    found = []
    async for finding in examine(settings):
        found.append({"level": finding.level, "check": finding.check, "text": finding.text})
        if output == "table":
            mark = f"[{finding.level}]"
            shown = click.style(mark, fg=_COLORS[finding.level]) if colored else mark
            click.echo(f"{shown}{' ' * (7 - len(mark))}{finding.check:<12} {plain(finding.text)}")
    if output == "json":
        click.echo(json_text(found))
    return max((_CODES[str(finding["level"])] for finding in found), default=0)
