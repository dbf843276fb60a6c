"""The ranges that are being stored, from their intent to their done row, and whether somebody else is further."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from ingest.positions import Positions
from schema.rows_log import Span

log = logging.getLogger(__name__)


class UnderWay:
    """At most one range per partition at a time."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._spans: dict[int, Span] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    async def begin(self, spans: Mapping[int, Span]) -> set[int]:
        """Write intents; the partitions of which another reader has begun or stored something else: not to be stored.

        Both of two readers write first and read then, so at least one of them sees the other.
        """
        self._spans |= spans
        if self._spans:
            self._idle.clear()
        try:
            await self._positions.intend(spans)
            overtaken = await self._overtaken(spans)
        except BaseException:
            self._finish(spans)
            raise
        self._finish(overtaken)
        return overtaken

    async def end(self, partitions: Iterable[int]) -> Mapping[int, Span]:
        """Write done rows; the ranges."""
        spans = {partition: self._spans[partition] for partition in partitions if partition in self._spans}
        try:
            await self._positions.done(spans)
        finally:
            self._finish(spans)
        return spans

    async def idle(self, within: float) -> bool:
        """Nothing is under way; False when that took too long."""
        try:
            async with asyncio.timeout(within):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _overtaken(self, spans: Mapping[int, Span]) -> set[int]:
        standing = await self._positions.read() if spans else {}
        found = set()
        for partition, span in spans.items():
            there = standing.get(partition)
            if there is None or there.intent != span or (there.done is not None and there.done.last >= span.first):
                log.warning("partition %d: another ingester is further; what was read of it is forgotten", partition)
                found.add(partition)
        return found

    def _finish(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._spans.pop(partition, None)
        if not self._spans:
            self._idle.set()
