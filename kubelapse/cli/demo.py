"""`kubelapse demo`: no cluster needed. Loads a recorded incident, answers three questions about it, serves the rest."""

import asyncio
import shlex
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kubelapse import settings as known
from kubelapse.cli.errors import Failure
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.session import Surroundings
from kubelapse.setting import LogStyle

if TYPE_CHECKING:
    from kubelapse.demo.questions import Question
    from schema.store import Store


@click.command("demo")
@setting_options(known.HOST, known.PORT, known.NO_BROWSER, known.DATA, known.LOG)
@click.option("--once", "--no-serve", is_flag=True, help="End after the answers instead of serving.")
@click.option("--bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path), hidden=True)
@click.pass_context
def demo(ctx: click.Context, /, once: bool, bundle: Path | None, **given: object) -> None:
    """Load a recorded incident (no cluster needed), answer three questions about it, and serve it.

    \b
    kubelapse demo
    kubelapse demo --once
    """
    around = surroundings(ctx)
    with sentences(), ExitStack() as stack:
        flags = setting_flags(given)
        if flags["data"] is None:
            flags["data"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="kubelapse-demo-"))
        settings = known.load({**flags, "store": f"chdb:{flags['data']}/store"}, around.environ)
        _run(settings, around, bundle.read_bytes() if bundle else None, once=once, stack=stack)


def _run(settings: known.Settings, around: Surroundings, bundle: bytes | None, *, once: bool, stack: ExitStack) -> None:
    from kubelapse import observe
    from kubelapse.demo import loader, questions
    from kubelapse.server import PortInUse, listen
    from kubelapse.stores import data_dir, open_store

    # The answers are what one came to see: unless asked otherwise, only trouble is logged.
    observe.configure(settings[known.LOG] if settings.given(known.LOG) else LogStyle(level="warning"))
    click.echo("loading a recorded incident …", err=True)
    try:
        bound = None if once else stack.enter_context(listen(settings[known.HOST], settings[known.PORT]))
        packed = bundle if bundle is not None else loader.bundled()
        data_dir(settings)
        store = open_store(settings)
        stack.callback(store.close)
        _refuse_used(store, settings)
        loaded = loader.load(store, packed, end=datetime.now(UTC), registry=observe.new_registry())
    except (loader.BundleError, PortInUse) as error:
        raise Failure(str(error)) from None
    for number, question in enumerate(questions.questions(), 1):
        answer(number, question.at(loaded.start, loaded.end), store, around)
    if bound is not None:
        from kubelapse.demo.serving import serve

        asyncio.run(serve(store, bound, browser=not settings[known.NO_BROWSER]))


def _refuse_used(store: "Store", settings: known.Settings) -> None:
    if store.rows("SELECT 1 FROM events LIMIT 1"):
        raise Failure(f"{settings.data} already holds history: give the demo an empty directory, or none")


def answer(number: int, question: "Question", store: "Store", around: Surroundings) -> None:
    """Print a question and run the command that answers it, as a user would."""
    from kubelapse.cli.main import cli
    from kubelapse.server import offline_app

    click.secho(f"\n{number}. {question.ask}", bold=True)
    click.secho(f"   $ kubelapse {shlex.join(question.command)}", dim=True)
    inside = Surroundings(environ=around.environ, clock=around.clock, app=lambda: offline_app(store, around.clock))
    try:
        cli.main(args=list(question.command), prog_name="kubelapse", standalone_mode=False, obj=inside)
    except click.ClickException as error:  # a bundle of one's own tells another story
        error.show()
