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
@click.option("--roles", is_flag=True, help="Make the roles and profiles for ClickHouse users, too.")
@click.option("--print", "printed", is_flag=True, help="Print the SQL for an empty store, with roles; change nothing.")
@click.pass_context
def migrate(ctx: click.Context, /, roles: bool, printed: bool, **given: object) -> None:
    """Make or bring up to date the store's tables and, where Kafka is set, its topics; say what differs.

    May be run at any time and again. Topics that are there are checked and never changed. Exit codes as of ingest.

    \b
    kubelapse migrate --store http://admin@clickhouse:8123/kubelapse --kafka kafka:9092
    KUBELAPSE_STORE_CLUSTER=main kubelapse migrate --print --store http://admin@clickhouse:8123/kubelapse
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import exits, migrating, observe, stores

        if printed:
            click.echo(stores.all_sql(settings))
            return
        observe.configure(settings[known.LOG])

        def say(text: str) -> None:
            click.echo(plain(text), err=True)

        try:
            asyncio.run(migrating.migrate(settings, say=say, roles=roles))
        except exits.StageError as error:
            Failure(str(error)).show()
            ctx.exit(error.code)
