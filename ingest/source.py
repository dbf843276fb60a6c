"""The door into ingest: a log to be read in order and acknowledged after the store has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schema.events import Record


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that is no record: kept with its reason, never the cause of a stop."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of the log. `size`: bytes it weighs, for the batch policy."""

    partition: int
    offset: int
    record: Record | Undecodable
    size: int


class Source(Protocol):
    """A log that delivers records in order per partition."""

    @property
    def log_id(self) -> str:
        """Identity of this log: offsets of another log mean nothing to it."""
        ...

    async def receive(self, *, most: int, timeout: float) -> Sequence[Delivery]:
        """Up to `most` records; waits up to `timeout` seconds for the first, empty when none came. Raises EndOfLog."""
        ...

    async def acknowledge(self, partition: int, offset: int) -> None:
        """Everything up to and including this offset is in the store."""
        ...


class EndOfLog(Exception):
    """The writer closed the log and everything was delivered."""
