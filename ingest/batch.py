"""When to flush: by age while little happens, by size while much does. Pure; the caller passes the time in.

A flush of changes costs 60 ms of CPU whatever its size up to ~1,000 rows (the engine analyses the views anew each time;
half of it are the marks), others 8 ms. So at a low rate the age decides (one flush per 2 s keeps an answer younger than
3 s; while nobody asks it may be older: `ingest.demand`), and at a high rate the number of rows or their bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.source import Delivery

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """Limits of one batch: number of `records`, weight in `bytes`, `age` in seconds since its first record came.

    `calm`: the age while nobody asks. A crash costs that much of the API server's watch window, and memory for it.
    """

    records: int = 5_000
    bytes: int = 16 * MIB
    age: float = 2.0
    calm: float = 5.0


class Batch:
    """Deliveries of one flush, in the order of the log. Times are seconds of any monotonic clock."""

    def __init__(self, policy: BatchPolicy) -> None:
        self._policy = policy
        self._opened: float | None = None
        self.deliveries: list[Delivery] = []
        self.bytes = 0

    def __len__(self) -> int:
        return len(self.deliveries)

    def add(self, deliveries: Iterable[Delivery], now: float) -> None:
        """Take these too; the first one starts the batch's age."""
        before = len(self.deliveries)
        self.deliveries.extend(deliveries)
        self.bytes += sum(one.size for one in self.deliveries[before:])
        if self._opened is None and self.deliveries:
            self._opened = now

    @property
    def room(self) -> int:
        """How many more records fit."""
        return max(0, self._policy.records - len(self.deliveries)) if self.bytes < self._policy.bytes else 0

    def remaining(self, now: float, *, calm: bool = False) -> float:
        """Seconds until age alone makes the batch due; the whole age while it is empty."""
        age = self._policy.calm if calm else self._policy.age
        return age if self._opened is None else max(0.0, self._opened + age - now)

    def due(self, now: float, *, calm: bool = False) -> bool:
        """Time to flush: full, or old enough."""
        return bool(self.deliveries) and (self.room == 0 or self.remaining(now, calm=calm) == 0.0)
