"""`kubelapse audit-log FILE`: read a Kubernetes audit log, so that answers name users."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import click
import orjson

from kubelapse.cli.errors import Failure
from kubelapse.cli.options import reading
from kubelapse.cli.session import Session

if TYPE_CHECKING:
    from schema.canonical import Json

BATCH = 2000
NAMES = ("received", "kept", "unreadable")


@click.command("audit-log")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@reading(formats=("table", "json"))
async def audit_log(session: Session, file: BinaryIO) -> None:
    """Read a Kubernetes audit log (JSON lines of audit.k8s.io/v1; `-` = standard input), so that answers name users.

    Only metadata leaves this command: who, from where, and which version of which object was written. The server must
    run with --audit-log. With level RequestResponse every write is recognized, with Metadata deletions and updates.

    \b
    kubelapse audit-log /var/log/kubernetes/audit.log
    """
    totals = dict.fromkeys(NAMES, 0)
    query = f"?cluster={session.cluster}" if session.cluster else ""
    async with session.client() as client:
        for batch in _batches(file, totals):
            body: Json = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": batch}
            answer = await client.post(f"/audit-log{query}", body=body, patient=True)
            for name in NAMES:
                count = answer.get(name)
                totals[name] += count if isinstance(count, int) else 0
    if session.style.output == "json":
        session.out(orjson.dumps(totals).decode() + "\n")
        return
    session.note(
        f"{totals['received']} audit events read, {totals['kept']} of them name a write that can be recognized"
    )
    if totals["unreadable"]:
        session.note(f"warning: {totals['unreadable']} lines are no audit events")


def _batches(file: BinaryIO, totals: dict[str, int]) -> Iterator["list[Json]"]:
    from query.audit import slim
    from query.errors import BadReference

    batch: list[Json] = []
    for line in file:
        if not line.strip():
            continue
        try:
            batch.append(orjson.loads(slim(line)))
        except BadReference as error:
            totals["unreadable"] += 1
            if totals["unreadable"] > BATCH:
                raise Failure(f"this is no audit log: {error}") from None
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
