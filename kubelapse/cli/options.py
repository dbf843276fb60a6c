"""Options that several commands share, and the wrapper that turns an async function into a command with a Session."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import click

from kubelapse.cli.errors import Failure
from kubelapse.cli.session import Session, Style, Surroundings, make_session
from kubelapse.setting import Setting, SettingError, flag

Function = Callable[..., object]
Decorator = Callable[[Function], Function]

LISTS = ("table", "wide", "json", "jsonl", "yaml", "csv", "name", "patch")


@dataclass(frozen=True, slots=True)
class ScopeArgs:
    """-n -A -l --kind."""

    namespace: str | None = None
    selector: str | None = None
    kind: str | None = None


def setting_option(setting: Setting[object], **extra: object) -> Decorator:
    """A flag for this setting; its value stays text until the settings are read."""
    note = f"  [env: {setting.env}]"
    if setting.parse is flag:
        return click.option(
            setting.flag, setting.name, is_flag=True, flag_value="true", default=None, help=setting.help
        )
    return click.option(
        setting.flag,
        *(("-n",) if setting.flag == "--namespace" else ()),
        setting.name,
        multiple=setting.repeatable,
        metavar=setting.name.upper(),
        help=setting.help.replace("`", "") + note,
        **extra,  # type: ignore[arg-type]
    )


def setting_options(*settings: Setting[object]) -> Decorator:
    """Flags for these settings, in this order on the help page."""

    def decorate(function: Function) -> Function:
        for setting in reversed(settings):
            function = setting_option(setting)(function)
        return function

    return decorate


def setting_flags(given: Mapping[str, object]) -> dict[str, str | None]:
    """Option values of click as the text that settings take; repeated flags are joined by commas."""
    flags: dict[str, str | None] = {}
    for name, value in given.items():
        if isinstance(value, tuple):
            flags[name] = ",".join(map(str, value)) if value else None
        else:
            flags[name] = None if value is None else str(value)
    return flags


def scope_options(function: Function) -> Function:
    """-n -A -l --kind as one ScopeArgs."""

    @click.option("-n", "--namespace", metavar="NS", help="Only this namespace.")
    @click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces; this is the default.")
    @click.option("-l", "--selector", metavar="SELECTOR", help="Only objects with these labels, as kubectl takes them.")
    @click.option("--kind", metavar="TYPE", help="Only this type: deploy, deployments.apps, Deployment.")
    @functools.wraps(function)
    def with_scope(
        *args: object,
        namespace: str | None,
        all_namespaces: bool,
        selector: str | None,
        kind: str | None,
        **kwargs: object,
    ) -> object:
        if namespace and all_namespaces:
            raise click.UsageError("-n and -A exclude one another")
        return function(*args, scope=ScopeArgs(namespace, selector, kind), **kwargs)

    return with_scope


def object_options(function: Function) -> Function:
    """TYPE/NAME or TYPE NAME with -n and --uid, as `reference`, `namespace`, `uid`."""

    @click.argument("reference", metavar="TYPE/NAME", nargs=-1, required=True)
    @click.option(
        "-n", "--namespace", metavar="NS", help="Namespace of the object; needed where the name is in several."
    )
    @click.option("--uid", metavar="UID", help="One life of the object.")
    @functools.wraps(function)
    def with_object(*args: object, **kwargs: object) -> object:
        return function(*args, **kwargs)

    return with_object


def reading(*, formats: Sequence[str] = LISTS, default: str = "table") -> Callable[[Function], Function]:
    """The options of every reading command; the wrapped async function gets a Session first."""

    def decorate(function: Function) -> Function:
        @_reading_options(formats, default)
        @click.pass_context
        @functools.wraps(function)
        def command(ctx: click.Context, /, **kwargs: object) -> None:
            session = _session(ctx, kwargs)
            run_async(ctx, session, function(session, **kwargs))  # type: ignore[arg-type]

        return command

    return decorate


def _reading_options(formats: Sequence[str], default: str) -> Decorator:
    options = [
        click.option(
            "-o", "--output", type=click.Choice(list(formats)), default=default, show_default=True, help="Format."
        ),
        click.option("--no-headers", is_flag=True, help="Tables and CSV without the first line."),
        click.option("--cluster", metavar="NAME", help="The recorded cluster, where there are several."),
        click.option(
            "--timezone", metavar="ZONE", default="local", help="Zone of the times read and shown: Europe/Berlin."
        ),
        click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True),
        click.option("--server", metavar="URL", help="The server to ask.  [env: KUBELAPSE_SERVER]"),
        click.option(
            "--data", metavar="DIR", help="Open this data directory, which no process holds, instead of asking."
        ),
        click.option("--require-complete", is_flag=True, help="Exit 3 when the answer cannot be complete."),
    ]

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _session(ctx: click.Context, kwargs: dict[str, object]) -> Session:
    flags = setting_flags({name: kwargs.pop(name) for name in ("cluster", "server", "data")})
    style = Style(
        output=str(kwargs.pop("output")),
        headers=not kwargs.pop("no_headers"),
        color=str(kwargs.pop("color")),
        timezone=str(kwargs.pop("timezone")),
        require_complete=bool(kwargs.pop("require_complete")),
    )
    with sentences():
        return make_session(surroundings(ctx), flags, style)


def surroundings(ctx: click.Context) -> Surroundings:
    """What the caller gave, or the process's own."""
    return ctx.find_object(Surroundings) or Surroundings()


def run_async(ctx: click.Context, session: Session, work: Awaitable[None]) -> None:
    """Run a command to its end; every expected failure becomes one sentence."""

    async def whole() -> None:
        await work

    with sentences():
        try:
            asyncio.run(whole())
        except KeyboardInterrupt:
            raise click.Abort from None
    if session.exit_code:
        ctx.exit(session.exit_code)


class sentences:
    """Turns the errors that a command may expect into Failures."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, click.ClickException):
            return
        if isinstance(error, SettingError):
            raise Failure(str(error)) from None
        if _expected(error):
            raise Failure(str(error)) from None


def _expected(error: BaseException) -> bool:
    from kubelapse.client import AnswerError
    from kubelapse.keyfile import KeyFileError
    from schema.store import StoreError

    return isinstance(error, AnswerError | KeyFileError | StoreError)
