"""Slots: a cluster's kinds divided among collectors, each kind in exactly one slot.

`3/8` is the third of eight slots. Which slot a kind belongs to follows from its name alone (CRC-32 of
`resource.group`), so that all collectors of a cluster agree without talking. Their number may change while none of
them runs: what is known of a kind is kept by kind, not by slot.
"""

import re
import zlib
from dataclasses import dataclass

MOST = 100


@dataclass(frozen=True, slots=True)
class Slot:
    """`number` counts from 1."""

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> "Slot":
        """The inverse of str(); raises ValueError."""
        match = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]) <= MOST:
            raise ValueError(f"expected I/N, such as 1/1 or 2/3, with N up to {MOST}")
        return cls(int(match[1]), int(match[2]))

    def has(self, kind: str) -> bool:
        """Whether this kind (`resource.group`) is this slot's."""
        return zlib.crc32(kind.encode()) % self.of == self.number - 1
