"""`kubelapse serve`: answers over a store that others write."""

import asyncio

import click

from kubelapse import settings as known
from kubelapse import settings_answers, settings_kafka
from kubelapse.cli.errors import Failure
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.text import plain
from kubelapse.setting import Setting

OPTIONS: tuple[Setting[object], ...] = (
    known.STORE,
    known.DATA,
    settings_kafka.KAFKA,
    known.HOST,
    known.PORT,
    settings_answers.NOISE,
    settings_answers.AUDIT_LOG,
    settings_answers.KUBE_API,
    known.LOG,
)


@click.command("serve")
@setting_options(*OPTIONS)
@click.option("--ingest", is_flag=True, help="Store what Kafka holds, too: for Kafka with an embedded store.")
@click.pass_context
def serve(ctx: click.Context, /, ingest: bool, **given: object) -> None:
    """Answer questions about a store, without recording: API and page, stateless, as many replicas as you like.

    Exit codes as of ingest.

    \b
    kubelapse serve --store http://reader@clickhouse:8123/kubelapse
    kubelapse serve --data ./copy-of-an-incident
    kubelapse serve --ingest --kafka kafka:9092 --data ./history
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import exits, observe, serving

        observe.configure(settings[known.LOG])
        try:
            asyncio.run(serving.serve(settings, say=lambda text: click.echo(plain(text), err=True), ingest=ingest))
        except exits.StageError as error:
            Failure(str(error)).show()
            ctx.exit(error.code)
