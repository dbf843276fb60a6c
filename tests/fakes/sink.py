"""A log that keeps everything in lists, and can be made to refuse."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from collector.sink import Batch, Position, Remembered, Restored, SinkError
from schema.events import Event, Record
from schema.objects import Scope


@dataclass
class FakeSink:
    """Implements `collector.sink.Sink`. `refusals`: raised by the next appends, one each."""

    restored: Restored = field(default_factory=lambda: Restored(cluster_uid="", positions={}))
    memory: Sequence[Remembered] = ()
    refusals: list[SinkError] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    positions: dict[Scope, Position] = field(default_factory=dict)
    flushed: int = 0
    closed: bool = False

    @property
    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in batch.records]

    @property
    def events(self) -> list[Event]:
        return [record for record in self.records if isinstance(record, Event)]

    async def restore(self, cluster: str) -> Restored:  # noqa: ARG002
        return self.restored

    async def remembered(self, cluster: str, kind: str) -> AsyncIterator[Remembered]:  # noqa: ARG002
        for one in self.memory:
            if one.kind == kind:
                yield one

    async def append(self, batch: Batch) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.batches.append(batch)
        self.positions.update(batch.positions)

    async def flush(self) -> None:
        self.flushed = len(self.batches)

    async def close(self) -> None:
        self.closed = True
