"""A log that was written before: a list of records, some of them undecodable, and what was acknowledged."""

import asyncio
from collections.abc import Mapping, Sequence

from ingest.source import Delivery, EndOfLog, Undecodable
from schema.events import Record
from schema.rows_control import DeadLetter


class FakeSource:
    """Delivers everything, then ends. `at_once`: most records per answer; `first`: where a restart goes on."""

    def __init__(self, records: Sequence[Record | Undecodable], *, at_once: int = 1_000, first: int = 0) -> None:
        self.log_id = "log-1"
        self.acknowledged = first - 1
        self.letters: list[DeadLetter] = []
        self.on_acknowledge: Exception | None = None
        self._at_once = at_once
        self._left = [Delivery(0, offset, record, 100) for offset, record in enumerate(records) if offset >= first]

    async def receive(self, *, most: int, timeout: float) -> Sequence[Delivery]:
        await asyncio.sleep(min(0.0, timeout))
        if not self._left:
            raise EndOfLog("that was all")
        count = min(most, self._at_once)
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    async def prepare(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        return deliveries

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters

    async def acknowledge(self, ends: Mapping[int, int]) -> None:
        if self.on_acknowledge is not None:
            raise self.on_acknowledge
        [(partition, offset)] = ends.items()
        assert (partition, offset > self.acknowledged) == (0, True)
        self.acknowledged = offset
