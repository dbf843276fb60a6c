"""`kubelapse purge`: one leaked value out of the whole history, proved."""

from typing import TYPE_CHECKING, TextIO

import click

from kubelapse import settings as known
from kubelapse.cli.errors import Failure
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.text import plain, table

if TYPE_CHECKING:
    from kubelapse.purge import Purged


@click.command("purge")
@click.option(
    "--value-file", type=click.File("r"), default="-", metavar="FILE",
    help="The leaked value, less a line feed at its end. Default: standard input. Never an argument: others see those.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do it. Without this, only count where the value stands.")
@setting_options(known.DATA, known.STORE, known.LOG)
@click.pass_context
def purge(ctx: click.Context, /, value_file: TextIO, yes: bool, **given: object) -> None:
    """Take a leaked value out of the store: every table, plain, escaped, in base64, quoted for URLs.

    The marker that the collector would have written stands in its place; chains, patches and hashes are whole again,
    and a note keeps the purge on record. End whatever writes to the store first. Afterwards every byte of the data
    directory is searched, inside compressed files too. Exit code 1: something is left.

    Rotate the secret, too: the cluster serves it until then, and it is recorded again unless a rule of redaction knows
    it. Kafka's topics and backups are not reached: what is in a topic goes with its retention.

    \b
    kubelapse purge < leaked.txt
    kubelapse purge --yes < leaked.txt
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import observe, purging
        from kubelapse.purge import counts
        from kubelapse.purge_value import PurgeValueError

        observe.configure(settings[known.LOG])

        def say(text: str) -> None:
            click.echo(plain(text), err=True)

        try:
            done = purging.run(settings, value_file.read().removesuffix("\n"), yes=yes, now=around.clock(), say=say)
        except PurgeValueError as error:
            raise Failure(str(error)) from None
        if done.found.rows:
            click.echo(table(("TABLE", "ROWS"), counts(done.found)), nl=False)
        for line in _sentences(done.found, yes=yes):
            say(line)
        for file in done.files:
            say(f"error: still in {file}")
        if done.found.left or done.files:
            ctx.exit(1)


def _sentences(found: "Purged", *, yes: bool) -> list[str]:
    if not found.rows:
        return ["the value stands nowhere in this store"]
    if not yes:
        return [f"{found.total:,} rows would be written again; nothing was changed: --yes does it"]
    if found.left:
        return [f"error: {found.left:,} rows still hold the value: was something writing? Run this again"]
    return [f"taken out of {found.total:,} rows; no row and no file holds the value any more"]
