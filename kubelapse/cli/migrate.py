"""`kubelapse migrate`: make the tables and topics that the stages stand on."""

import asyncio

import click

from kubelapse import settings as known
from kubelapse import settings_kafka
from kubelapse.cli.errors import Failure
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.text import plain
from kubelapse.setting import Setting

OPTIONS: tuple[Setting[object], ...] = (known.STORE, known.DATA, settings_kafka.KAFKA, known.LOG)


@click.command("migrate")
@setting_options(*OPTIONS)
@click.pass_context
def migrate(ctx: click.Context, /, **given: object) -> None:
    """Make or bring up to date the store's tables and, where Kafka is set, its topics; say what differs.

    May be run at any time and again. Topics that are there are checked and never changed. Exit codes as of ingest.

    \b
    kubelapse migrate --store http://admin@clickhouse:8123/kubelapse --kafka kafka:9092
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import migrating, observe

        observe.configure(settings[known.LOG])
        try:
            asyncio.run(migrating.migrate(settings, say=lambda text: click.echo(plain(text), err=True)))
        except migrating.MigrateError as error:
            Failure(str(error)).show()
            ctx.exit(error.code)
