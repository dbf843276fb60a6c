"""Between a watch's socket and its processing: reading never waits for work, and every chunk keeps its moment.

An API server ends watches whose client is slow (10 to 1000 events of patience), and the moment at which bytes were
read is the time of what they say. So one task does nothing but read, stamp and queue; processing takes whole batches
from the queue. What waits beyond the newest few megabytes is kept compressed (watch lines repeat one another: a tenth
and less), so that a burst of minutes fits. Only when `bound` bytes are waiting even so is the socket left alone, on
record in the metrics.

`late_from` is the reader's doubt: not None means that what comes now may have happened at any time since then (after
a reconnect or a freeze). It is lifted by processing once the stream has been idle, and each chunk carries the doubt
that held when it was read.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import zstandard

from collector.cluster import Silent
from collector.heartbeat import Heartbeat, Stamps

LOOSE: Final = 4 * 2**20
"""Bytes that wait as they were read; older ones are compressed, in frames of about `FRAME` bytes."""
FRAME: Final = 2**20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes as read, when, and since when they may be late (None: live)."""

    data: bytes
    at: datetime
    late_from: datetime | None


class _Packed(NamedTuple):
    """Chunks that wait compressed: their bytes together, and the length, moment and doubt of each."""

    frame: bytes
    marks: list[tuple[int, datetime, datetime | None]]

    @classmethod
    def of(cls, chunks: list[Chunk]) -> "_Packed":
        frame = zstandard.ZstdCompressor(level=1).compress(b"".join(chunk.data for chunk in chunks))
        return cls(bytes(memoryview(frame)), [(len(one.data), one.at, one.late_from) for one in chunks])

    def chunks(self) -> list[Chunk]:
        data, begin, found = zstandard.ZstdDecompressor().decompress(self.frame), 0, []
        for size, at, late_from in self.marks:
            found.append(Chunk(data[begin : begin + size], at, late_from))
            begin += size
        return found


class Intake:
    """One open stream. `run` reads it to its end; `take` gives what was read."""

    def __init__(
        self,
        stream: AsyncIterator[bytes],
        *,
        stamps: Stamps,
        heartbeat: Heartbeat,
        late_from: datetime | None,
        bound: int,
        pause: float,
        on_bytes: Callable[[float], None] = lambda _: None,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream = stream
        self._stamps = stamps
        self._heartbeat = heartbeat
        self._bound = bound
        self._pause = pause
        self._on_bytes = on_bytes
        self._on_full = on_full
        self._packed: deque[_Packed] = deque()
        self._chunks: deque[Chunk] = deque()
        self._loose = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._opened = self._last_byte = self._last_pause = heartbeat.now()
        self.late_from = late_from
        self.queued = 0
        self.bytes = 0
        self.confirmed: datetime | None = None
        self.ended = False
        self.ended_at: datetime | None = None
        self.error: BaseException | None = None

    async def run(self) -> None:
        """Read until the stream ends or breaks; never raises, `error` says how it ended (None: cleanly)."""
        forget = self._heartbeat.on_freeze(self.doubt)
        try:
            async for data in self._stream:
                if data:
                    self._put(data)
                if self.queued >= self._bound:
                    await self._wait_for_room()
        except Exception as error:
            self.error = error
        finally:
            forget()
            self._heartbeat.check()
            self.ended = True
            self.ended_at = self.confirmed if isinstance(self.error, Silent) else self._stamps.next()
            self._changed.set()

    def doubt(self, since: datetime) -> None:
        """From now on what is read may be as old as `since`, until the stream has been idle."""
        self.late_from = since if self.late_from is None else min(self.late_from, since)
        self._changed.set()

    async def take(self, timeout: float | None, *, gather: float = 0.0) -> list[Chunk]:
        """The oldest of what was read, mostly all of it; waits for something, at most `timeout` seconds.

        Empty: nothing came, or the end. `gather`: for so many seconds more it waits for what follows the first bytes.
        """
        if not self.pending and not self.ended:
            self._changed.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._changed.wait()
            except TimeoutError:
                return []
            if gather and self.queued:
                await asyncio.sleep(gather)
        taken = self._oldest()
        if self.queued < self._bound:
            self._room.set()
        return taken

    def _oldest(self) -> list[Chunk]:
        if self._packed:
            packed = self._packed.popleft()
            self.queued -= len(packed.frame)
            return packed.chunks()
        taken = list(self._chunks)
        self._chunks.clear()
        self.queued -= self._loose
        self._loose = 0
        return taken

    def wake(self) -> None:
        """Let a waiting `take` return, with nothing if there is nothing."""
        self._changed.set()

    @property
    def pending(self) -> bool:
        """Something was read that processing has not taken."""
        return bool(self._packed or self._chunks)

    def idle_for(self) -> float:
        """Seconds for which there was nothing to read, while this process could have read it."""
        rest = self._heartbeat.now() - max(self._opened, self._last_byte, self._heartbeat.last_freeze_end)
        return 0.0 if self.pending else rest

    def paused_within(self, seconds: float) -> bool:
        """The stream has paused in the last `seconds`: the server had nothing to send just then."""
        return self._heartbeat.now() - self._last_pause <= seconds

    def _put(self, data: bytes) -> None:
        self._heartbeat.check()
        now = self._heartbeat.now()
        if now - self._last_byte >= self._pause:
            self._last_pause = now
        self._last_byte = now
        self.confirmed = self._stamps.next()
        self._chunks.append(Chunk(data, self.confirmed, self.late_from))
        self.queued += len(data)
        self._loose += len(data)
        self.bytes += len(data)
        while self._loose > LOOSE + FRAME:
            self._pack()
        self._on_bytes(len(data))
        self._changed.set()

    def _pack(self) -> None:
        """Compress the oldest of what waits as it was read."""
        chunks, size = list[Chunk](), 0
        while size < FRAME:
            chunks.append(self._chunks.popleft())
            size += len(chunks[-1].data)
        self._packed.append(packed := _Packed.of(chunks))
        self._loose -= size
        self.queued += len(packed.frame) - size

    async def _wait_for_room(self) -> None:
        """Processing is this far behind: what lies in the socket meanwhile is read late and said to be."""
        self._on_full()
        since = self._stamps.next()
        self._room.clear()
        await self._room.wait()
        self.doubt(since)
