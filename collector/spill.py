"""A queue on disk for what the log cannot take just now: bounded, in order, and worth nothing after this process.

Files of `SEGMENT` bytes, each a row of length-prefixed frames; a file is removed once it has been read. What lies here
has been redacted, and the checkpoint does not cover it: after a crash the watches tell it again, so the queue begins
empty and old files are removed. Files are readable by their owner alone.
"""

import os
import struct
from collections import deque
from pathlib import Path
from typing import BinaryIO, Final

SEGMENT: Final = 16 * 1024 * 1024
_LENGTH: Final = struct.Struct(">I")
_SUFFIX: Final = ".spill"


class SpillFull(Exception):
    """The bound is reached, or the disk takes nothing more."""


class Spill:
    """First in, first out, in `directory` (made when needed, with what is left there removed)."""

    def __init__(self, directory: Path, *, most: int, segment: int = SEGMENT) -> None:
        """`most`: bytes on disk; 0 = never use the disk."""
        self._directory, self._most, self._segment = directory, most, segment
        self._sizes: deque[tuple[int, int]] = deque()
        self._next = 0
        self._frames = 0
        self._bytes = 0
        self._reading: BinaryIO | None = None
        self._prepared = False

    def __len__(self) -> int:
        return self._frames

    @property
    def size(self) -> int:
        """Bytes on disk, also of frames in a file that is partly read."""
        return self._bytes

    def put(self, frame: bytes) -> None:
        """Add one frame. Raises SpillFull, with the queue as it was."""
        if self._bytes + len(frame) + _LENGTH.size > self._most:
            raise SpillFull(f"{self._bytes:,} of {self._most:,} bytes on disk are in use")
        try:
            self._prepare()
            self._write(_LENGTH.pack(len(frame)) + frame)
        except OSError as error:
            raise SpillFull(f"{self._directory} takes nothing more ({error.strerror})") from error
        self._frames += 1

    def take(self) -> bytes | None:
        """The oldest frame; None when there is none."""
        if not self._frames:
            return None
        if self._reading is None:
            number, _ = self._sizes[0]
            self._reading = self._file(number).open("rb")
        header = self._reading.read(_LENGTH.size)
        if len(header) < _LENGTH.size:
            self._drop_segment()
            return self.take()
        (length,) = _LENGTH.unpack(header)
        frame = self._reading.read(length)
        self._frames -= 1
        if not self._frames:
            self.clear()
        return frame

    def clear(self) -> None:
        """Forget everything and remove the files."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None
        for number, _ in self._sizes:
            self._file(number).unlink(missing_ok=True)
        self._sizes.clear()
        self._frames = self._bytes = 0

    def _prepare(self) -> None:
        if not self._prepared:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in self._directory.glob(f"*{_SUFFIX}"):
                old.unlink()
            self._prepared = True

    def _write(self, data: bytes) -> None:
        number, size = self._sizes[-1] if self._sizes else (-1, 0)
        if number < 0 or (size and size + len(data) > self._segment):
            number, size = self._begin_segment()
        try:
            _write_all(self._file(number), size, data)
        except OSError:
            os.truncate(self._file(number), size)
            raise
        self._sizes[-1] = (number, size + len(data))
        self._bytes += len(data)

    def _begin_segment(self) -> tuple[int, int]:
        number, self._next = self._next, self._next + 1
        os.close(os.open(self._file(number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        self._sizes.append((number, 0))
        return number, 0

    def _drop_segment(self) -> None:
        """The oldest file has been read to its end, and writing goes on in another one."""
        assert self._reading is not None
        self._reading.close()
        self._reading = None
        number, size = self._sizes.popleft()
        self._file(number).unlink(missing_ok=True)
        self._bytes -= size

    def _file(self, number: int) -> Path:
        return self._directory / f"{number:012d}{_SUFFIX}"


def _write_all(file: Path, at: int, data: bytes) -> None:
    """A full disk may take a part of a write and say so only at the next one."""
    with file.open("r+b", buffering=0) as handle:
        handle.seek(at)
        rest = memoryview(data)
        while rest:
            rest = rest[handle.write(rest) :]
