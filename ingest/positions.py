"""Where ingest stands in a log that keeps offsets, and what its partitions have said: both kept in the store.

The store and not the consumer group decides where to go on, because only the store knows what it has. Before anything
of a range is inserted an intent row names the range, after it a done row. An intent without its done is repeated as
exactly that range, so that the inserts are the very same and the store drops what it has. Two readers of one partition
(one of them taken for dead) meet in these rows: of each state the row that reaches furthest counts, so the one that is
behind finds out by reading back what it has written.

Every call waits for a store that is away; a thread does the blocking.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pyarrow as pa

from schema import codec
from schema.events import Watermark
from schema.rows_log import Heard, OffsetState, Span, offset_rows, watermark_rows
from schema.store import Store, StoreError

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 15.0
EPOCH = datetime.fromtimestamp(0, UTC)
# Between the clocks of two ingesters; beyond it claims wait for the next watermark, never run ahead.
OVERLAP = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Hole:
    """Messages that the log lost before they were read. `until`: none of them is younger."""

    span: Span
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One partition: what is stored for certain, what was begun, and the last hole in it. None = nothing yet."""

    done: Span | None = None
    intent: Span | None = None
    hole: Hole | None = None

    @property
    def open(self) -> Span | None:
        """What was begun and is not known to be finished."""
        if self.intent is None or (self.done is not None and self.intent.last <= self.done.last):
            return None
        return self.intent


class Positions:
    """The rows of one log. `trouble`: why the store does not answer, or ""."""

    def __init__(self, store: Store, *, topic: str, log_id: str, clock: Callable[[], datetime]) -> None:
        self._store, self._topic, self._log_id, self._clock = store, topic, log_id, clock
        self._heard_at = EPOCH
        self._told: set[tuple[int, str, int]] = set()
        self.trouble = ""

    async def read(self) -> Mapping[int, Standing]:
        """Partition → how far it is stored; partitions of which nothing is known are left out."""
        rows = await self._patiently(
            lambda: self._store.rows(
                """SELECT partition, state, first, last, at FROM offsets FINAL
                WHERE topic = {topic:String} AND log_id = {log:String}""",
                {"topic": self._topic, "log": self._log_id},
            )
        )
        spans = {(partition, state): Span(first, last) for partition, state, first, last, _ in rows}
        holes = {row[0]: Hole(spans[row[0], "lost"], row[4]) for row in rows if row[1] == "lost"}
        return {
            partition: Standing(
                done=spans.get((partition, "done")),
                intent=spans.get((partition, "intent")),
                hole=holes.get(partition),
            )
            for partition in {partition for partition, _ in spans}
        }

    async def others(self) -> list[str]:
        """Other logs that were read under the name of this topic."""
        rows = await self._patiently(
            lambda: self._store.rows(
                "SELECT DISTINCT log_id FROM offsets WHERE topic = {topic:String} AND log_id != {log:String}",
                {"topic": self._topic, "log": self._log_id},
            )
        )
        return [log_id for (log_id,) in rows]

    async def intend(self, spans: Mapping[int, Span]) -> None:
        """These ranges are about to be stored."""
        await self._write(spans, "intent", self._clock())

    async def done(self, spans: Mapping[int, Span]) -> None:
        """These ranges are stored."""
        await self._write(spans, "done", self._clock())

    async def lost(self, partition: int, hole: Hole) -> None:
        """These messages are gone: whoever reads this partition next must know it too."""
        await self._write({partition: hole.span}, "lost", hole.until)

    async def share(self, heard: Sequence[Heard]) -> None:
        """Let other readers know these watermarks."""
        if heard:
            at = self._clock()
            rows = watermark_rows(heard, topic=self._topic, log_id=self._log_id, at=at)
            await self._insert("log_watermarks", rows, f"{self._log_id}:{_places(heard)}")

    async def heard(self) -> list[Heard]:
        """The newest watermarks of all partitions of this log that were not told by an earlier call."""
        since = self._heard_at - OVERLAP if self._heard_at > EPOCH else EPOCH
        rows = await self._patiently(
            lambda: self._store.rows(
                """SELECT partition, position, life, at, record FROM log_watermarks FINAL
                WHERE topic = {topic:String} AND log_id = {log:String} AND at >= {since:DateTime64(6, 'UTC')}""",
                {"topic": self._topic, "log": self._log_id, "since": since},
            )
        )
        self._heard_at = max([self._heard_at, *(row[3] for row in rows)])
        found = []
        for partition, position, life, _, raw in rows:
            # Positions differ from one watermark to the next: together with the life they name it.
            if (partition, life, position) not in self._told:
                found += _heard(partition, position, raw)
        self._told = {(partition, life, position) for partition, position, life, _, _ in rows}
        return found

    async def _write(self, spans: Mapping[int, Span], state: OffsetState, at: datetime) -> None:
        if not spans:
            return
        rows = offset_rows(spans, topic=self._topic, log_id=self._log_id, state=state, at=at)
        named = ",".join(f"{partition}:{span.first}-{span.last}" for partition, span in sorted(spans.items()))
        await self._insert("offsets", rows, f"{self._log_id}:{named}:{state}:{self._clock().isoformat()}")

    async def _insert(self, table: str, rows: pa.Table, token: str) -> None:
        await self._patiently(lambda: self._store.insert(table, rows, token=token))

    async def _patiently(self, call: Callable[[], T]) -> T:
        """Until the store answers; what is away loses nothing, the log waits."""
        pause = FIRST_PAUSE
        while True:
            try:
                answer = await asyncio.to_thread(call)
            except StoreError as error:
                if not self.trouble:
                    log.warning("positions in the log cannot be kept (%s); nothing is read until they can", error)
                self.trouble = f"positions in the log cannot be kept ({error})"
            else:
                self.trouble = ""
                return answer
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)


def _places(heard: Iterable[Heard]) -> str:
    return ",".join(f"{one.partition}:{one.position}" for one in heard)


def _heard(partition: int, position: int, raw: str) -> list[Heard]:
    """Nothing for what another version wrote."""
    try:
        record = codec.decode(raw.encode())
    except codec.CodecError:
        return []
    return [Heard(partition=partition, position=position, record=record)] if isinstance(record, Watermark) else []
