"""A queue on disk for what the log cannot take just now: bounded, in order, and worth nothing after this process.

Rows of length-prefixed frames in nameless files of about `SEGMENT` bytes each: nobody else can open them, and whatever
ends this process, the system takes them away. What lies here has been redacted, and the checkpoint does not cover it:
after a crash the watches tell it again.
"""

import os
import struct
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

SEGMENT: Final = 16 * 1024 * 1024
_LENGTH: Final = struct.Struct(">I")


class SpillFull(Exception):
    """The bound is reached, or the disk takes nothing more."""


@dataclass(slots=True)
class _Segment:
    file: IO[bytes]
    read: int = 0
    written: int = 0


class Spill:
    """First in, first out, in `directory` (made when needed)."""

    def __init__(self, directory: Path, *, most: int, segment: int = SEGMENT) -> None:
        """`most`: bytes on disk; 0 = never use the disk."""
        self.most = most
        self._directory, self._segment = directory, segment
        self._segments: deque[_Segment] = deque()
        self._frames = 0
        self._size = 0

    def __len__(self) -> int:
        return self._frames

    @property
    def size(self) -> int:
        """Bytes on disk, also of frames in a file that is partly read."""
        return self._size

    def put(self, frame: bytes) -> None:
        """Add one frame. Raises SpillFull, with the queue as it was."""
        data = _LENGTH.pack(len(frame)) + frame
        if self._size + len(data) > self.most:
            raise SpillFull(f"{self._size:,} of {self.most:,} bytes on disk are in use")
        try:
            _write(self._last(len(data)), data)
        except OSError as error:
            raise SpillFull(f"{self._directory} takes nothing more ({error.strerror})") from error
        self._size += len(data)
        self._frames += 1

    def take(self) -> bytes | None:
        """The oldest frame; None when there is none."""
        if not self._frames:
            return None
        if self._segments[0].read == self._segments[0].written:
            self._drop()
        oldest = self._segments[0]
        (length,) = _LENGTH.unpack(os.pread(oldest.file.fileno(), _LENGTH.size, oldest.read))
        frame = os.pread(oldest.file.fileno(), length, oldest.read + _LENGTH.size)
        oldest.read += _LENGTH.size + length
        self._frames -= 1
        if not self._frames:
            self.clear()
        return frame

    def clear(self) -> None:
        """Forget everything and give the disk back."""
        while self._segments:
            self._drop()
        self._frames = 0

    def _last(self, more: int) -> _Segment:
        """The file to write to."""
        if not self._segments or self._segments[-1].written + more > max(self._segment, more):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115 - `_drop` closes it
            self._segments.append(_Segment(file))
        return self._segments[-1]

    def _drop(self) -> None:
        oldest = self._segments.popleft()
        oldest.file.close()
        self._size -= oldest.written


def _write(segment: _Segment, data: bytes) -> None:
    """All of it or nothing: what a failed write has left is written over by the next one."""
    at, rest = segment.written, memoryview(data)
    while rest:
        done = os.pwrite(segment.file.fileno(), rest, at)
        at, rest = at + done, rest[done:]
    segment.written = at
