"""A lane of the feed: what followers with one filter and the same rights are given, read and encoded once for all.

A lane keeps the newest chunks, bounded in bytes, so that who comes back soon after a break goes on from memory. It
reads only when somebody waits for more, one read at a time, whoever asked first.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from query.errors import TooBusy
from query.feeds_read import Item, Notice

if TYPE_CHECKING:
    from query.feeds import Walk


@dataclass(frozen=True, slots=True)
class Piece:
    """One item, encoded. `notice`: no change, and told to whoever has not passed its position yet."""

    position: int
    token: bytes
    type: bytes
    body: bytes
    notice: bool

    @classmethod
    def of(cls, position: int, item: Item) -> "Piece":
        """JSON as msgspec writes it holds no line break."""
        notice = isinstance(item, Notice)
        kind = item.type if isinstance(item, Notice) else "change"
        return cls(position, item.token.encode(), kind.encode(), msgspec.json.encode(item), notice)

    @property
    def sse(self) -> bytes:
        """As a server-sent event."""
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (self.token, self.type, self.body)


@dataclass(frozen=True)
class Chunk:
    """What stands in the log between two positions.

    `idle`: nothing came for a heartbeat's time. `kept`: it has a number in its lane.
    """

    start: int
    end: int
    pieces: Sequence[Piece] = ()
    idle: bool = False
    kept: bool = True
    changes: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", sum(not each.notice for each in self.pieces))

    @classmethod
    def of(cls, items: Iterable[tuple[int, Item]], start: int, end: int) -> "Chunk":
        """Items with their positions."""
        return cls(start, end, [Piece.of(*each) for each in items])

    @classmethod
    def notice(cls, notice: Notice) -> "Chunk":
        """One for a single client."""
        return cls(0, 0, [Piece.of(0, notice)])

    def behind(self, position: int) -> "Chunk":
        """The part of it that a client at this position has not had; the chunk itself when that is all of it."""
        if position <= self.start:
            return self
        return Chunk(position, self.end, [each for each in self.pieces if not each.notice and each.position > position])

    @cached_property
    def sse(self) -> bytes:
        """As server-sent events; `id` is the resume token."""
        return b"".join([each.sse for each in self.pieces])

    @cached_property
    def jsonl(self) -> bytes:
        """As lines."""
        return b"".join([each.body + b"\n" for each in self.pieces])

    @property
    def size(self) -> int:
        """Bytes in memory, roughly: the pieces, and joined once."""
        return 2 * sum(len(each.body) + 200 for each in self.pieces)


class Lane:
    """Begins where its walk stands."""

    def __init__(self, walk: "Walk") -> None:
        self.followers = 0
        self._walk = walk
        self._chunks: deque[Chunk] = deque()
        self._first = 0
        self._size = 0
        self._reading: asyncio.Task[Chunk] | None = None

    @property
    def begin(self) -> int:
        """The position from which on its chunks are kept."""
        return self._chunks[0].start if self._chunks else self._walk.position

    def number_behind(self, position: int) -> int:
        """The number of the first chunk with something behind this position, or of the next to come."""
        for number, chunk in enumerate(self._chunks, self._first):
            if chunk.end > position:
                return number
        return self._first + len(self._chunks)

    async def chunk(self, number: int) -> Chunk | None:
        """This one, read when it is the next; an idle one when there is none yet; None when it is kept no more."""
        if number < self._first:
            return None
        if number < self._first + len(self._chunks):
            return self._chunks[number - self._first]
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="feed lane")
            self._reading.add_done_callback(_seen)
        # One that leaves must not end the read of the others.
        return await asyncio.shield(self._reading)

    def close(self) -> None:
        """Nobody is left."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> Chunk:
        feed, start = self._walk.feed, self._walk.position
        while True:
            try:
                items = await self._walk.step()
                break
            except TooBusy:
                await feed.wait(feed.settings.feed_poll)
                if feed.stopping:
                    return Chunk(start, start, kept=False)
        chunk = Chunk.of(items, start, self._walk.position)
        if not items and chunk.end == start:
            return Chunk(start, start, idle=self._walk.idle, kept=False)
        self._keep(chunk)
        return chunk

    def _keep(self, chunk: Chunk) -> None:
        feed = self._walk.feed
        self._chunks.append(chunk)
        self._size += chunk.size
        most = feed.settings.feed_memory // max(1, feed.lanes) if self.followers > 1 else 0
        while self._size > most and len(self._chunks) > 1:
            self._size -= self._chunks.popleft().size
            self._first += 1


def _seen(task: "asyncio.Task[Chunk]") -> None:
    """Whoever waited has been told; perhaps nobody did."""
    if not task.cancelled():
        task.exception()
