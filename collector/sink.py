"""The door out of capture: a log that keeps records, and the resume points that belong to them, together.

Durable means: after a crash `restore` gives a checkpoint whose records are all in the log, and the memory that matches
it. Resume points never run ahead of records: a `Batch` carries both and the sink commits them in order.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from schema.events import Record
from schema.objects import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a scope's watch goes on. `at`: up to this moment the stream was known to be current."""

    rv: str
    epoch: int
    at: datetime
    version: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records in log order, and the resume points that hold once they are durable."""

    records: Sequence[Record]
    positions: Mapping[Scope, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The newest stored version of one object: what memory is rebuilt from. `deleted`: its life has ended.

    `ts`: when it came to be, as recorded; what is read from now on is not dated before it.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    epoch: int
    seq: int
    rv: str
    deleted: bool
    hash: str
    object: bytes | None
    managed: bytes | None
    ts: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a sink knows of the time before.

    `cluster_uid` is "" when it has nothing; `lost` says why memory is not whole.
    """

    cluster_uid: str
    positions: Mapping[Scope, Position]
    lost: str = ""


class SinkError(Exception):
    """The log cannot keep records any more."""


class SinkFull(SinkError):
    """No room for longer than the sink's patience: what follows is a gap."""


class Sink(Protocol):
    """Where capture puts its records."""

    async def restore(self, cluster: str) -> Restored:
        """The checkpoint of this cluster."""
        ...

    def remembered(self, cluster: str, kind: str) -> AsyncIterator[Remembered]:
        """Every living object of this kind, and lives that ended since the checkpoint, as of their newest version."""
        ...

    async def append(self, batch: Batch) -> None:
        """Take a batch; returns once it is accepted (waits while the log is full), in order, durable later."""
        ...

    async def flush(self) -> None:
        """Return once everything accepted is durable."""
        ...

    async def close(self) -> None:
        """Flush and let go."""
        ...
