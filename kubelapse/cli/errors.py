"""How commands fail: one sentence on stderr, and an exit code above 1, as kubectl diff has it."""

from typing import IO, Any

import click

from kubelapse.cli.text import plain

FAILED = 2
INCOMPLETE = 3


class Failure(click.ClickException):
    """The command cannot give its answer."""

    exit_code = FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        """As kubectl says it."""
        click.echo(f"error: {plain(self.message)}", file=file, err=file is None)
