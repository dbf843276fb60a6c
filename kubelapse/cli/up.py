"""`kubelapse up`: record the current context's cluster and serve the answers, in one process."""

import asyncio

import click

from kubelapse import settings as known
from kubelapse import settings_answers
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
    known.DATA,
    known.STORE,
    known.HOST,
    known.PORT,
    known.NO_BROWSER,
    settings_answers.NOISE,
    settings_answers.AUDIT_LOG,
    settings_answers.KUBE_API,
    known.LOG,
)


@click.command("up")
@setting_options(*OPTIONS)
@click.pass_context
def up(ctx: click.Context, /, **given: object) -> None:
    """Record the current context's cluster, read-only, and serve the answers.

    A second start on the same data directory goes on where the first one ended.

    \b
    kubelapse up
    kubelapse up --context prod --namespace shop --exclude 'endpoints*'
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import embedded, observe

        observe.configure(settings[known.LOG])
        try:
            asyncio.run(embedded.up(settings, say=lambda text: click.echo(plain(text), err=True)))
        except embedded.UpError as error:
            raise Failure(str(error)) from None
