"""docs/cli.md, from the commands themselves."""

import click

from kubelapse.cli.main import COMMANDS, EPILOG, cli


def markdown() -> str:
    """The whole page."""
    parts = [
        "# Command line",
        "Generated from `kubelapse/cli/`; do not edit. Also as a kubectl plugin: `kubectl lapse …`.",
        " ".join(EPILOG.split()),
    ]
    return "\n\n".join([*parts, *(_section(name) for name in COMMANDS)]) + "\n"


def _section(name: str) -> str:
    context = click.Context(cli, info_name="kubelapse")
    command = cli.get_command(context, name)
    assert command is not None
    # A fixed width: the page must not depend on the terminal it is made in.
    own = click.Context(command, info_name=name, parent=context, terminal_width=110, max_content_width=110)
    return f"## kubelapse {name}\n\n```text\n{command.get_help(own).rstrip()}\n```"
