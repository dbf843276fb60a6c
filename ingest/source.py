"""The door into ingest: a log to be read in order and acknowledged after the store has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schema.events import Record
from schema.rows_control import DeadLetter
from schema.rows_log import Span


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that is no record: kept with its reason, never the cause of a stop.

    `key` and `at` are the message's, where the log has them: they tell which object lost a change, and when.
    """

    raw: bytes
    reason: str
    key: bytes = b""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Messages before this one are gone from the log and were not read. `until`: none of them is younger.

    `span` are the first missing offset and the one behind the last: the same for whoever tells of it again.
    """

    reason: str
    until: datetime
    span: Span


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of the log. `size`: bytes it weighs, for the batch policy.

    `term`: under which assignment of the partition it was read; `lost`: what is missing just before it.
    """

    partition: int
    offset: int
    record: Record | Undecodable
    size: int
    term: int = 0
    lost: Lost | None = None


class Source(Protocol):
    """A log that delivers records in order per partition.

    For each batch: `receive` (several times), `prepare`, `acknowledge`.
    """

    @property
    def log_id(self) -> str:
        """Identity of this log: offsets of another log mean nothing to it."""
        ...

    async def receive(self, *, most: int, timeout: float) -> Sequence[Delivery]:
        """Up to `most` records; waits up to `timeout` seconds for the first, empty when none came. Raises EndOfLog."""
        ...

    async def prepare(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """These are about to be stored; those that still are this reader's to store, in the same order.

        A log that keeps offsets writes down which range of each partition that is, before anything is stored.
        """
        ...

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """These could not be stored; a log with a place for dead letters keeps them there too."""
        ...

    async def acknowledge(self, ends: Mapping[int, int]) -> None:
        """Partition → offset: everything up to and including it is in the store."""
        ...


class EndOfLog(Exception):
    """The writer closed the log and everything was delivered."""
