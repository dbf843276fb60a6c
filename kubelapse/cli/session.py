"""What every reading command shares: where answers come from, how times are read and shown, what is said on stderr.

A command is an async function that gets a Session. stdout carries data only; the resolved instants, what was hidden and
what is not known go to stderr, so that a pipe sees an answer and a person sees its limits.
"""

import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kubelapse.cli.errors import INCOMPLETE, Failure
from kubelapse.cli.text import plain
from kubelapse.settings import CLUSTER, Settings, load
from kubelapse.settings_auth import TOKEN_FILE

if TYPE_CHECKING:
    import httpx
    from starlette.applications import Starlette

    from kubelapse.client import Client
    from schema.canonical import JsonObject
    from schema.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the process gives a command; tests and the demo pass their own.

    `app` makes the application that is asked instead of any server; `transport` replaces the network.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    transport: "httpx.AsyncBaseTransport | None" = None
    app: "Callable[[], Starlette] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How an answer is printed."""

    output: str
    headers: bool
    color: str
    timezone: str
    require_complete: bool


class Session:
    """One run of one reading command."""

    def __init__(self, around: Surroundings, settings: Settings, style: Style, *, data: str | None) -> None:
        """`data` is the flag --data: read this store in process."""
        self.around = around
        self.settings = settings
        self.style = style
        self.data = data
        self.now = around.clock()
        self.zone = _zone(style.timezone)
        self.exit_code = 0

    @property
    def cluster(self) -> str:
        """The cluster asked about, "" when not said."""
        return self.settings[CLUSTER]

    # --- where answers come from

    @asynccontextmanager
    async def client(self) -> "AsyncIterator[Client]":
        """The client of this run."""
        from kubelapse import client

        if self.around.app is not None:
            async with client.in_process(self.around.app(), "this process") as own:
                yield own
            return
        if self.data is not None:
            store = open_store(self.settings)
            try:
                async with client.in_process(application(store, self.settings), str(self.settings.data)) as inside:
                    yield inside
            finally:
                store.close()
            return
        url, token = client.server_url(self.settings, read_url), token_of(self.settings)
        async with client.over_http(url, self.around.transport, token=token) as outside:
            yield outside

    # --- time

    def end(self, text: str | None, *, versions: bool = False) -> str | None:
        """As `instant`; None for "now", which the server reads as "as far as is known", not as an instant."""
        return None if text is None or text.strip().lower() in ("", "now") else self.instant(text, versions=versions)

    def instant(self, text: str, *, versions: bool = False) -> str:
        """An instant as RFC 3339 in UTC; `rv:…` goes through where `versions` is allowed."""
        from query.errors import BadTime
        from query.times import RvRef, instant, resolve, rfc3339

        try:
            found = (resolve if versions else instant)(text, now=self.now, tz=self.zone)
        except BadTime as error:
            raise Failure(f"{error} {error.hint}") from None
        return f"rv:{found.rv}" if isinstance(found, RvRef) else rfc3339(found)

    def local(self, text: object, *, error: object = 0, precise: bool = False) -> str:
        """An RFC 3339 time of an answer in the shown zone, `≈` before an estimate; "" when there is none."""
        if not text:
            return ""
        moment = parse_time(str(text)).astimezone(self.zone)
        shown = moment.isoformat(timespec="milliseconds" if precise else "seconds")[: 23 if precise else 19]
        return f"≈{shown}" if isinstance(error, int | float) and error > 0 else shown

    def spoken(self, text: object) -> str:
        """A time for a sentence: local, with its zone."""
        moment = parse_time(str(text)).astimezone(self.zone)
        return moment.isoformat(sep=" ", timespec="seconds")

    # --- what is said

    def out(self, text: str) -> None:
        """Data."""
        click.echo(text, nl=False, color=self.colored or None)

    def note(self, text: str) -> None:
        """A sentence beside the data."""
        click.echo(plain(text), err=True)

    def hint(self, command: str) -> None:
        """A command worth trying next, when a person is watching; not within the demo, which goes on by itself."""
        if sys.stderr.isatty() and self.around.app is None:
            self.note(f"try: {program()} {command}")

    @property
    def colored(self) -> bool:
        """Whether stdout takes colour (https://no-color.org)."""
        if self.style.color == "auto":
            return sys.stdout.isatty() and not self.around.environ.get("NO_COLOR")
        return self.style.color == "always"

    def window(self, start: object, end: object) -> None:
        """Say which instants the answer is about."""
        since = f"from {self.spoken(start)} " if start else "from the beginning "
        self.note(f"{since}to {self.spoken(end)}")

    def limits(self, answer: "JsonObject") -> None:
        """Say what was hidden and what is not known; sets exit code 3 when completeness was required."""
        from kubelapse.cli.limits import coverage_sentences, equal_sentences, hidden_sentences, scope_sentences

        hidden = (*hidden_sentences(answer.get("hidden")), *equal_sentences(answer.get("equal")))
        for sentence in (*hidden, *scope_sentences(answer.get("coverage"))):
            self.note(sentence)
        self.doubt(coverage_sentences(answer.get("coverage")))

    def doubt(self, sentences: Sequence[str]) -> None:
        """Say what is not known; sets exit code 3 when completeness was required."""
        for sentence in sentences:
            self.note(f"{'error' if self.style.require_complete else 'warning'}: {sentence}")
        if sentences and self.style.require_complete:
            self.exit_code = INCOMPLETE


def program() -> str:
    """This command as it can be typed here: not everybody has it on the PATH."""
    return "kubelapse" if shutil.which("kubelapse") or "kubelapse" not in Path(sys.argv[0]).name else sys.argv[0]


def parse_time(text: str) -> datetime:
    """RFC 3339 of an answer, up to nanoseconds (cut to microseconds); without an offset it is UTC."""
    cut = re.sub(r"(\.\d{6})\d+", r"\1", text)
    moment = datetime.fromisoformat(cut)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _zone(name: str) -> tzinfo:
    if not name or name.lower() == "local":
        return _Local()
    from query.errors import BadTime
    from query.times import zone

    try:
        return zone(name)
    except BadTime as error:
        raise Failure(f"{error} {error.hint}") from None


class _Local(tzinfo):
    """The system's zone with its rules: a fixed offset would be wrong on the other side of a daylight saving change."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return moment.replace(tzinfo=None).astimezone().utcoffset() if moment else None

    def dst(self, moment: datetime | None) -> timedelta | None:
        return timedelta(0) if moment else None

    def tzname(self, moment: datetime | None) -> str | None:
        return moment.replace(tzinfo=None).astimezone().tzname() if moment else "local"

    def fromutc(self, moment: datetime) -> datetime:
        there = moment.replace(tzinfo=UTC).astimezone()
        return there.replace(tzinfo=self, fold=there.fold)


def read_url(store: Path) -> str:
    """The URL beside the lock of a running server's store, "" when there is none."""
    if not store.exists():
        return ""
    from schema.lockfile import read_note

    return read_note(store / "lock").get("url", "")


def token_of(settings: Settings) -> str:
    """What is shown to a server that asks for a token, "" when none is set."""
    file = settings[TOKEN_FILE]
    if file is None:
        return ""
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise Failure(f"KUBELAPSE_TOKEN_FILE: {file} cannot be read") from None


def open_store(settings: Settings) -> "Store":
    """The existing store of --data, checked to be of this version."""
    from kubelapse.stores import open_existing

    return open_existing(settings)


def application(store: "Store", settings: Settings) -> "Starlette":
    """The query application on this store."""
    from kubelapse.server import offline_app

    return offline_app(store, chosen=settings)


def make_session(around: Surroundings, flags: Mapping[str, str | None], style: Style) -> Session:
    """A session from the flags that were given."""
    if flags.get("data") is not None and flags.get("server") is not None:
        raise click.UsageError("--data and --server exclude one another")
    return Session(around, load(flags, around.environ), style, data=flags.get("data"))
