"""The entry point `kubelapse`, also `kubectl lapse`.

Each command lives in a module of its own that is imported when the command runs; the help page needs none of them.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from kubelapse import __version__
from kubelapse.cli.errors import FAILED, Failure

# command → (module, one line of help); the function is named like the command
COMMANDS = {
    "demo": ("kubelapse.cli.demo", "Load a recorded incident and serve it: no cluster needed."),
    "up": ("kubelapse.cli.up", "Record the current context's cluster, read-only, and serve the answers."),
    "serve": ("kubelapse.cli.serve", "Answer from a store that others write; as many replicas as you like."),
    "copy": ("kubelapse.cli.copy", "Copy a store with its history into another, and check that it is all there."),
    "collect": ("kubelapse.cli.collect", "Record a cluster into Kafka; for many clusters, or more than one machine."),
    "ingest": ("kubelapse.cli.ingest", "Store what collectors write into Kafka; one or several share the work."),
    "migrate": (
        "kubelapse.cli.migrate",
        "Make the tables and topics that the others stand on, and check them.",
    ),
    "changes": ("kubelapse.cli.changes", "What changed between two moments, newest last."),
    "history": ("kubelapse.cli.history", "The revisions of one object, across delete and recreate."),
    "show": ("kubelapse.cli.show", "One object as it was."),
    "diff": ("kubelapse.cli.diff", "What differs between two moments or places, in one object or in everything."),
    "blame": ("kubelapse.cli.blame", "Since when each field has its value, and by whom."),
    "rollouts": ("kubelapse.cli.rollouts", "What was rolled out, by whom, how it went, what failed meanwhile."),
    "search": ("kubelapse.cli.search", "Every object that ever held a value: from when to when, and by whom."),
    "sql": ("kubelapse.cli.sql", "Ask the history in SQL, read-only."),
    "drift": ("kubelapse.cli.drift", "What is not as a baseline has it, since when, by whom, how often."),
    "baseline": ("kubelapse.cli.baseline", "Baselines that are kept and evaluated as objects change."),
    "pin": ("kubelapse.cli.pin", "Give a moment a name."),
    "pins": ("kubelapse.cli.pins", "The moments that have names."),
    "purge": ("kubelapse.cli.purge", "Take one leaked value out of the whole history, and prove that it is gone."),
    "note": ("kubelapse.cli.note", "Put a mark on the timeline."),
    "noise": ("kubelapse.cli.noise", "What is hidden as noise, by which rule; which rules would be worth having."),
    "audit-log": ("kubelapse.cli.audit_log", "Read a Kubernetes audit log, so that answers name users."),
    "coverage": ("kubelapse.cli.coverage", "What was watched, since when, with which gaps."),
    "mcp": ("kubelapse.cli.mcp", "The history for assistants (Model Context Protocol), read-only."),
    "shell": ("kubelapse.cli.shell", "kubectl, k9s and client libraries against the cluster as it was."),
    "watch": ("kubelapse.cli.watch", "Changes as they happen."),
    "webhook": ("kubelapse.cli.webhook", "Who changes are sent to, what was given up, and sending again."),
    "verify": ("kubelapse.cli.verify", "Re-apply stored history with an independent implementation."),
    "audit": ("kubelapse.cli.audit", "Compare what is recorded with what the cluster has now."),
    "doctor": ("kubelapse.cli.doctor", "Check permissions, clock, store and disk, and say what to do."),
    "whoami": ("kubelapse.cli.whoami", "Whom the server takes you for, and what you see."),
    "version": ("kubelapse.cli.version", "Versions of this program and of the server it would ask."),
}
EPILOG = """Exit codes: 0 fine or the same, 1 differences found (diff, drift, audit) or history damaged (verify), 2 and
above an error, 3 the answer is not complete (--require-complete). Answers go to stdout, everything else to stderr."""


class LazyGroup(click.Group):
    """Commands by name; a module is imported only when its command is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of a first acquaintance, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """With a suggestion where the name is close to a known one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no such command {args[0]!r}{_suggestion(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _suggestion(wrong: str) -> str:
    import difflib

    close = difflib.get_close_matches(wrong, COMMANDS, n=1)
    return f": did you mean {close[0]}?" if close else ""


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="kubelapse", message="%(prog)s %(version)s")
def cli() -> None:
    """Time-lapse for Kubernetes: what changed, when, and by whom, for every object at any moment.

    Start with `kubelapse demo` (no cluster) or `kubelapse up` (the current kubectl context, read-only).
    """


def program_name(argv0: str) -> str:
    """`kubectl lapse` when run as a kubectl plugin."""
    name = Path(argv0).name
    return f"kubectl {name.removeprefix('kubectl-')}" if name.startswith("kubectl-") else "kubelapse"


def run(argv: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    try:
        code = cli.main(args=list(argv[1:]), prog_name=program_name(argv[0]), standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except (BrokenPipeError, SystemExit):  # click makes the one into the other
        _drop_output()
        return 141
    except OSError as error:
        _drop_output()
        where = f"{error.filename} cannot be used" if error.filename else "the answer cannot be written"
        Failure(f"{where}: {error.strerror or error}").show()
        return FAILED
    except MemoryError:
        Failure("out of memory: ask a narrower question, or with --limit").show()
        return FAILED
    return code if isinstance(code, int) else 0


def _drop_output() -> None:
    """What is still buffered must not be tried again at exit (Python documentation, "Note on SIGPIPE")."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Console script."""
    sys.exit(run(sys.argv))


if __name__ == "__main__":
    main()
