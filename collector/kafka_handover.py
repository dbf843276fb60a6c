"""What an embedded recorder remembers, written as the state that a collector restores from Kafka.

The lives first, in as many transactions as they need; the resume points of all kinds in the last one. A handover that
broke off so leaves lives without resume points, and is simply begun again. It refuses to overwrite resume points: those
are of a collector that is further on.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime

import msgspec
from msgspec import Raw

from collector.kafka import Fenced, Interrupted, Message
from collector.kafka_batch import LARGEST
from collector.kafka_slot import LogLimits, Place, SlotHolder
from collector.kafka_state import Life, encode_value
from collector.kafka_table import Known
from collector.sink import Position, Remembered, SinkError
from schema.objects import Scope

KIB = 1024
"""Room for what surrounds a state in its record."""


class AlreadyThere(SinkError):
    """Kafka has resume points of this cluster."""


class Handover:
    """Hands one cluster over to collectors. `place`: its only slot."""

    def __init__(self, place: Place, *, clock: Callable[[], datetime], limits: LogLimits | None = None) -> None:
        self._place, self._limits = place, limits or LogLimits()
        self._holder = SlotHolder(place, clock=clock, limits=self._limits)
        self._waiting: list[Message] = []
        self._bytes = 0

    async def run(
        self, positions: Mapping[Scope, Position], remembered: Callable[[str], AsyncIterator[Remembered]]
    ) -> int:
        """Write everything; the number of lives. Raises AlreadyThere, SinkError, BrokerError."""
        before = await self._holder.take()
        try:
            if before.positions:
                raise AlreadyThere(
                    f"Kafka already knows where capture of {self._place.cluster} goes on: start its collector"
                )
            kinds = {scope.kind: dict[str, Position]() for scope in positions}
            for scope, position in positions.items():
                kinds[scope.kind][scope.namespace] = position
            lives = [await self._kind(kind, points, remembered(kind)) for kind, points in kinds.items()]
            await self._write()
            self._waiting = [self._kind_message(kind) for kind in kinds]
            await self._write(released=True)
        finally:
            await self._holder.transactions.close()
        return sum(lives)

    async def _kind(self, kind: str, points: Mapping[str, Position], lives: AsyncIterator[Remembered]) -> int:
        at = min(position.at for position in points.values())
        known: list[Known] = []
        async for one in lives:
            life = self._life(one, at)
            await self._put(f"{self._place.cluster}|life|{kind}|{one.uid}".encode(), encode_value(life))
            known.append(Known(one.uid, msgspec.structs.replace(life, object=None)))
        self._holder.account.restore(kind, points, known)
        return len(known)

    def _life(self, one: Remembered, at: datetime) -> Life:
        """A state that is too large to be a message is left out, as a collector leaves it out."""
        state = one.object if one.object is not None and len(one.object) < LARGEST - KIB else None
        return Life(
            namespace=one.namespace,
            name=one.name,
            epoch=one.epoch,
            seq=one.seq,
            rv=one.rv,
            at=one.ts or at,
            hash="" if one.deleted else one.hash,
            ended=one.deleted,
            object=None if one.deleted or state is None else Raw(state),
        )

    def _kind_message(self, kind: str) -> Message:
        key, value = self._holder.account.kind_entry(kind)
        assert value is not None  # a kind's record is never taken away
        return self._holder.kind_changed(key, value)

    async def _put(self, key: bytes, value: bytes) -> None:
        self._waiting.append(self._holder.changed(key, value))
        self._bytes += len(value)
        if self._bytes >= self._limits.transaction_bytes:
            await self._write()

    async def _write(self, *, released: bool = False) -> None:
        messages, self._waiting, self._bytes = self._waiting, [], 0
        try:
            await self._holder.run(messages, 0, released=released)
        except Fenced:
            raise SinkError(
                f"a collector of {self._place.cluster} has started meanwhile: it goes its own way"
            ) from None
        except Interrupted as error:
            raise SinkError(f"the handover broke off ({error}): run it again") from None
