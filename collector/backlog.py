"""Accepted batches that are not yet durable, oldest first: in memory up to a bound, then on disk behind it."""

from collections import deque

from collector.kafka_batch import Packed, from_frame, to_frame
from collector.spill import Spill, SpillFull

SLACK = 64 * 1024
"""By so much a batch may be larger on disk than it was thought to be."""


class BacklogFull(Exception):
    """Neither memory nor disk has room."""


class Backlog:
    """`most`: bytes in memory; one batch that is heavier is taken when nothing else is there."""

    def __init__(self, spill: Spill, *, most: int) -> None:
        self._spill, self._most = spill, most
        self._front: deque[Packed] = deque()
        self.memory = 0
        """Bytes in memory, about."""

    @property
    def disk(self) -> int:
        """Bytes on disk."""
        return self._spill.size

    def has_room(self, size: int) -> bool:
        """Whether a batch of about this size can be taken."""
        return self._fits(size) or self._spill.size + size + SLACK <= self._spill.most

    def put(self, packed: Packed) -> int:
        """Add a batch; the bytes that went to disk. Raises BacklogFull."""
        if self._fits(packed.size):
            self._add(packed)
            return 0
        frame = to_frame(packed)
        try:
            self._spill.put(frame)
        except SpillFull as error:
            raise BacklogFull from error
        return len(frame)

    def first(self, most: int) -> list[Packed]:
        """The oldest ones, of so many bytes together, at least one if there is any. They stay until `drop`."""
        found: list[Packed] = []
        size = 0
        for packed in self._front:
            if found and size + packed.size > most:
                break
            found.append(packed)
            size += packed.size
        return found

    def drop(self, number: int) -> None:
        """Forget batches up to this number, and fill memory up from the disk."""
        while self._front and self._front[0].number <= number:
            self.memory -= self._front.popleft().size
        while self.memory < max(1, self._most // 2) and (frame := self._spill.take()) is not None:
            self._add(from_frame(frame))

    def clear(self) -> None:
        """Forget everything."""
        self._front.clear()
        self.memory = 0
        self._spill.clear()

    def _fits(self, size: int) -> bool:
        """In memory; never while older batches are on disk."""
        return not len(self._spill) and (not self._front or self.memory + size <= self._most)

    def _add(self, packed: Packed) -> None:
        self._front.append(packed)
        self.memory += packed.size
