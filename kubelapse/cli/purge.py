"""`kubelapse purge`: one leaked value out of the whole history, proved."""

from typing import TYPE_CHECKING, TextIO

import click

from kubelapse import settings as known
from kubelapse import settings_kafka
from kubelapse.cli.errors import FAILED, Failure
from kubelapse.cli.options import sentences, setting_flags, setting_options, surroundings
from kubelapse.cli.text import plain, table

if TYPE_CHECKING:
    from kubelapse.purge_rules import Ruled
    from kubelapse.purge_topics import Looked
    from kubelapse.purging import Done

NAMED = 3


@click.command("purge")
@click.option(
    "--value-file", type=click.File("r"), default="-", metavar="FILE",
    help="The leaked value, less a line feed at its end. Default: standard input. Never an argument: others see those.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do it. Without this, only count where the value stands.")
@click.option(
    "--wait", type=click.FloatRange(0, 86_400), default=120.0, metavar="SECONDS", show_default=True,
    help="How long to wait for Kafka's compaction; run it again, without --yes, to see whether it is done later.",
)  # fmt: skip
@click.option(
    "--skip-group",
    multiple=True,
    metavar="GROUP",
    help="Consumer group that may lose what it has not read. Repeatable.",
)
@setting_options(known.DATA, known.STORE, settings_kafka.KAFKA, known.LOG)
@click.pass_context
def purge(
    ctx: click.Context, /, value_file: TextIO, yes: bool, wait: float, skip_group: tuple[str, ...], **given: object
) -> None:
    """Take a leaked value out of store and topics: plain, escaped, in base64, quoted for URLs.

    In the store the marker that the collector would have written stands in its place; chains, patches and hashes are
    whole again, and a note keeps the purge on record. End whatever writes to the store first. Afterwards every byte of
    the data directory is searched, inside compressed files too.

    With --kafka every record that the brokers give out is read. What collectors remember is written again without the
    value (end them first; the answer says when they may start again). The log and the dead letters lose their records
    up to the last one that holds it: refused while this store, or another consumer group, has not read that far.

    Exit code 1: something is left; 2: refused, and nothing was changed.

    Rotate the secret, too: the cluster serves it until then, and it is recorded again unless a rule of redaction knows
    it. Backups are not reached.

    \b
    kubelapse purge < leaked.txt
    kubelapse purge --yes < leaked.txt
    """
    around = surroundings(ctx)
    with sentences():
        settings = known.load(setting_flags(given), around.environ)
        from kubelapse import observe, purging
        from kubelapse.purge_value import PurgeValueError
        from schema.kafka import BrokerError

        observe.configure(settings[known.LOG])

        def say(text: str) -> None:
            click.echo(plain(text), err=True)

        value = value_file.read().removesuffix("\n")
        group = settings[settings_kafka.GROUP]
        wanted = purging.Wanted(yes=yes, group=group, wait=wait, skipped=skip_group)
        try:
            done = purging.run(settings, value, wanted, now=around.clock(), say=say)
        except (PurgeValueError, BrokerError) as error:
            raise Failure(str(error)) from None
        _show(done)
        for line in _sentences(done, yes=yes):
            say(line)
        ctx.exit(_code(done, yes=yes))


def _show(done: "Done") -> None:
    from kubelapse.purge import counts
    from kubelapse.purge_topics import topic_counts

    if done.found.rows:
        click.echo(table(("TABLE", "ROWS"), counts(done.found)), nl=False)
    if done.topics is not None and done.topics.held:
        click.echo(table(("TOPIC", "PARTITION", "RECORDS", "GOING"), topic_counts(done.topics)), nl=False)


def _code(done: "Done", *, yes: bool) -> int:
    if yes and done.refused and (done.found.rows or (done.topics is not None and done.topics.held)):
        return FAILED
    return 1 if done.found.left or done.files or (done.left is not None and done.left.held) else 0


def _sentences(done: "Done", *, yes: bool) -> list[str]:
    return [*_of_store(done, yes=yes), *_of_topics(done, yes=yes), *_of_rules(done.ruled)]


def _of_store(done: "Done", *, yes: bool) -> list[str]:
    found = done.found
    files = [f"error: still in {file}" for file in done.files]
    if not found.rows:
        return ["the value stands nowhere in this store", *files]
    if not yes or done.refused:
        return [f"{found.total:,} rows would be written again; nothing was changed{'' if yes else ': --yes does it'}"]
    if found.left:
        return [f"error: {found.left:,} rows still hold the value: was something writing? Run this again", *files]
    return files or [f"taken out of {found.total:,} rows; no row and no file holds the value any more"]


def _of_topics(done: "Done", *, yes: bool) -> list[str]:
    looked = done.topics
    if looked is None:
        named = ", ".join(done.elsewhere)
        return (
            [f"not looked at: Kafka ({named}), which this store was filled from; name it with --kafka"] if named else []
        )
    if done.refused and (looked.held or done.found.rows):
        begin = "error: refused" if yes else "--yes would be refused"
        return [f"{begin}: {sentence}" for sentence in done.refused]
    if not looked.held:
        return [f"the value stands in none of {looked.records:,} records of Kafka's topics"]
    return _after(done, looked) if yes else _before(done, looked)


def _before(done: "Done", looked: "Looked") -> list[str]:
    lines = [f"{looked.total:,} records of Kafka's topics hold it"]
    if looked.logs:
        least, most = sum(one.going for one in looked.logs), sum(one.all for one in looked.logs)
        lines.append(
            f"{least:,} records of the log would go, {most:,} where everybody has read them: so does the file on the"
            " brokers' disks; all of them are in this store, and nobody could read them again"
        )
    if done.unrepeatable:
        lines.append(f"{done.unrepeatable:,} dead letters could not be tried again: only the log has their content")
    return lines


def _after(done: "Done", looked: "Looked") -> list[str]:
    lines = []
    if looked.logs:
        whole = [one for one in looked.logs if done.cuts.get((one.topic, one.partition), 0) > one.until]
        gone = sum(one.all if one in whole else one.going for one in looked.logs)
        lines.append(f"{gone:,} records went from the log with it; this store has them all, less the value")
    if done.unrepeatable:
        lines.append(f"{done.unrepeatable:,} dead letters cannot be tried again: only the log had their content")
    left = done.left
    if left is None or left.held:
        places = ", ".join(sorted({one.topic for one in left.held})) if left is not None else "the topics"
        count = left.total if left is not None else looked.total
        return [
            *lines,
            f"error: {count:,} records of {places} still hold the value: readers are given them until the brokers have"
            " compacted (two hours at most, if the topic is as kubelapse migrate makes it); run this again then",
        ]
    lines.append(f"no reader is given it any more: all {left.records:,} records of Kafka's topics were read again")
    if not done.whole:
        lines.append(
            "not proved: that it is off the brokers' disks; the files also hold records that somebody has not read yet,"
            " so they stay until retention drops them, or kafka-delete-records once all is read"
        )
    elif done.disk is not None:
        lines.append(
            "not proved: that it is off the brokers' disks; they drop the files by about"
            f" {done.disk:%Y-%m-%d %H:%M:%S} UTC"
        )
    return lines


def _of_rules(ruled: "Ruled") -> list[str]:
    if not ruled.unknown:
        return []
    named = ", ".join(ruled.unknown[:NAMED]) + (", …" if len(ruled.unknown) > NAMED else "")
    return [
        f"no rule of redaction finds it in {len(ruled.unknown):,} of {ruled.objects:,} objects ({named}): while a"
        " cluster serves it there it is recorded again; rotate it, or give collectors a rule (KUBELAPSE_REDACTION_FILE)"
    ]
