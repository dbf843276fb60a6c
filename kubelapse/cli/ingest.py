"""`kubelapse ingest`: store what collectors write into Kafka."""

import asyncio

import click

from kubelapse import settings as known
from kubelapse import settings_kafka
from kubelapse.cli.errors import Failure
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.text import plain
from kubelapse.setting import Setting

OPTIONS: tuple[Setting[object], ...] = (
    settings_kafka.KAFKA,
    known.STORE,
    known.DATA,
    known.HOST,
    settings_kafka.STATUS_PORT,
    known.LOG,
)


@click.command("ingest")
@setting_options(*OPTIONS)
@click.option(
    "--replay-dead-letters",
    is_flag=True,
    help="Try again what could not be stored, then end.",
)
@click.pass_context
def ingest(ctx: click.Context, /, replay_dead_letters: bool, **given: object) -> None:
    """Store what collectors write into Kafka; `kubelapse migrate` makes tables and topics.

    Several share the work, up to one per partition. Exit codes: 10 no broker answers, 11 it refuses the credentials,
    12 a topic is missing or unfit, 15 the store cannot be reached, 16 its tables are of another version, 17 too many
    records in a row could not be stored, 2 anything else.

    \b
    kubelapse ingest --kafka kafka:9092 --store http://writer@clickhouse:8123/kubelapse
    kubelapse ingest --replay-dead-letters
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import exits, ingesting, observe, replaying

        observe.configure(settings[known.LOG])
        task = replaying.replay if replay_dead_letters else ingesting.ingest
        try:
            asyncio.run(task(settings, say=lambda text: click.echo(plain(text), err=True)))
        except exits.StageError as error:
            Failure(str(error)).show()
            ctx.exit(error.code)
