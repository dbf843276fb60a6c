"""`kubelapse copy`: a store with its history into another one."""

import click

from kubelapse import settings as known
from kubelapse.cli.errors import Failure
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.text import plain
from kubelapse.settings_kafka import KAFKA


@click.command("copy")
@click.option(
    "--from", "source", metavar="STORE", required=True, help="chdb:DIR, or http(s)://user@host:port/database."
)
@click.option("--to", "target", metavar="STORE", required=True, help="As --from; made where it is not there yet.")
@setting_options(KAFKA, known.LOG)
@click.pass_context
def copy(ctx: click.Context, /, source: str, target: str, **given: object) -> None:
    """Copy everything that one store holds into another, and check that it is all there.

    End what writes to either store first. A copy that broke off is finished by running it again. With --kafka, what
    `up` remembers is handed over to collectors first, so that capture goes on without a gap.

    \b
    kubelapse copy --from chdb:$HOME/.local/state/kubelapse/store --to http://ingest@clickhouse:8123/kubelapse
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import moving, observe

        observe.configure(settings[known.LOG])
        try:
            moving.move(settings, source, target, say=lambda text: click.echo(plain(text), err=True))
        except moving.MoveError as error:
            raise Failure(str(error)) from None
