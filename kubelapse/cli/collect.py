"""`kubelapse collect`: record a cluster into Kafka, beside it or anywhere."""

import asyncio

import click

from kubelapse import settings as known
from kubelapse import settings_kafka
from kubelapse.cli.errors import Failure
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.text import plain
from kubelapse.setting import Setting

OPTIONS: tuple[Setting[object], ...] = (
    known.CONTEXT,
    known.KUBECONFIG,
    known.CLUSTER,
    known.NAMESPACES,
    known.KINDS,
    known.INCLUDE,
    known.EXCLUDE,
    settings_kafka.KAFKA,
    settings_kafka.SLOT,
    settings_kafka.TAKE_OVER,
    known.DATA,
    known.HOST,
    settings_kafka.STATUS_PORT,
    known.LOG,
)


@click.command("collect")
@setting_options(*OPTIONS)
@click.pass_context
def collect(ctx: click.Context, /, **given: object) -> None:
    """Record the current context's cluster, read-only, into Kafka; `kubelapse migrate` makes the topics.

    A second collector of the same slot stands by and takes over when the first falls silent. Exit codes: 10 no broker
    answers, 11 it refuses the credentials, 12 a topic is missing or unfit, 13 the name belongs to another cluster,
    14 another collector has taken over, 2 anything else.

    \b
    kubelapse collect --kafka kafka:9092 --cluster prod
    kubelapse collect --kafka kafka:9092 --cluster prod --slot 2/3
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import collecting, exits, observe

        observe.configure(settings[known.LOG])
        try:
            asyncio.run(collecting.collect(settings, say=lambda text: click.echo(plain(text), err=True)))
        except exits.StageError as error:
            Failure(str(error)).show()
            ctx.exit(error.code)
