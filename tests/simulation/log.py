"""A log that outlives the processes that write to it, as Kafka or a store with a checkpoint does.

What a process has appended becomes durable a moment later. When it is killed, a random part of the rest is kept: of
some batches everything, of some only the records without their resume point (`atomic` logs keep both or none).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

from collector.sink import Batch, Position, Remembered, Restored, SinkFull
from schema.events import Event, Record
from schema.objects import Scope


@dataclass(slots=True)
class Kept:
    """What is durable. `atomic`: records and resume points are kept together."""

    atomic: bool
    records: list[Record] = field(default_factory=list)
    positions: dict[Scope, Position] = field(default_factory=dict)
    lost: str = ""

    def memory(self, kind: str) -> list[Remembered]:
        """The newest version of every life."""
        newest = {one.uid: one for one in self.records if isinstance(one, Event) and one.kind_id == kind}
        return [_remembered(kind, one) for one in newest.values()]


class SimulatedLog:
    """Implements `collector.sink.Sink` for one process. `full`: appends are refused."""

    def __init__(self, kept: Kept, chance: Random) -> None:
        self.full = False
        self._kept = kept
        self._chance = chance
        self._pending: deque[Batch] = deque()
        self._dead = False
        self._durable = asyncio.Event()

    async def restore(self, cluster: str) -> Restored:  # noqa: ARG002
        uid = "uid-of-the-cluster" if self._kept.records else ""
        if self._kept.lost:
            return Restored(cluster_uid=uid, positions={}, lost=self._kept.lost)
        return Restored(cluster_uid=uid, positions=dict(self._kept.positions))

    async def remembered(self, cluster: str, kind: str) -> AsyncIterator[Remembered]:  # noqa: ARG002
        for one in self._kept.memory(kind):
            yield one

    async def append(self, batch: Batch) -> None:
        if self._dead:
            await asyncio.Event().wait()
        if self.full:
            raise SinkFull("the log is full")
        self._pending.append(batch)
        asyncio.get_running_loop().call_later(self._chance.uniform(0, 0.3), self._harden, batch)

    async def flush(self) -> None:
        while self._pending and not self._dead:
            self._durable.clear()
            await self._durable.wait()

    async def close(self) -> None:
        await self.flush()

    def kill(self) -> None:
        """The process is gone: of what was not durable, chance decides."""
        self._dead = True
        whole = self._chance.randrange(len(self._pending) + 1)
        for batch in [self._pending.popleft() for _ in range(whole)]:
            self._keep(batch)
        if not self._kept.atomic:
            for batch in [self._pending.popleft() for _ in range(self._chance.randrange(len(self._pending) + 1))]:
                self._kept.records += batch.records
        self._pending.clear()

    def _harden(self, up_to: Batch) -> None:
        """Everything up to this batch, in order."""
        while not self._dead and any(one is up_to for one in self._pending):
            self._keep(self._pending.popleft())
        self._durable.set()

    def _keep(self, batch: Batch) -> None:
        self._kept.records += batch.records
        self._kept.positions.update(batch.positions)


def _remembered(kind: str, event: Event) -> Remembered:
    return Remembered(
        kind=kind,
        namespace=event.namespace,
        name=event.name,
        uid=event.uid,
        epoch=event.epoch,
        seq=event.seq,
        rv=event.rv,
        deleted=event.op == "delete",
        hash=event.hash,
        object=bytes(event.object) if event.object is not None else None,
        managed=bytes(event.managed) if event.managed is not None else None,
        ts=event.ts,
    )
