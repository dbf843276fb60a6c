"""One kind on the generating API server: what lives, and what changed lately, so that watches resume and lists of the
past are exact. Changes are kept as a few numbers each and rendered when they are read."""

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from tests.bench.workload import Change, Source, Version

KEPT: Final = 90.0
"""Seconds for which a change can be watched; an API server keeps 75."""
TRIM: Final = 1000
"""So many changes are forgotten at a time."""


class Collection:
    """Objects of one `Source`, with their latest changes. A place is the count of changes before it.

    `sent` and `xor`: how many changes a recorder must have, and their versions, all combined by exclusive or. `gone`:
    the first place that is still known.
    """

    def __init__(self, source: Source, *, ttl: float = 0.0) -> None:
        """`ttl`: seconds until what was born is deleted (Kubernetes Events; not to be recorded), 0 for never."""
        self.source = source
        self.sent = self.xor = 0
        self.forgotten = 0
        self._ttl = ttl
        self._births: deque[Change] = deque()
        self._changes: list[Change] = []
        self.gone = 0

    @property
    def head(self) -> int:
        """The place after the newest change."""
        return self.gone + len(self._changes)

    @property
    def last(self) -> int:
        """The version of the newest change, 0 for none."""
        return self._changes[-1].rv if self._changes else 0

    def change(self, rv: int, stamp: bytes) -> None:
        """One more change, to be recorded."""
        change = self.source.change(rv, stamp)
        self._changes.append(change)
        self.sent += 1
        self.xor ^= rv
        if self._ttl:
            self._births.append(change)

    def expire(self, version: Callable[[], int]) -> None:
        """Delete what has outlived its time."""
        old = time.monotonic() - self._ttl
        while self._births and self._births[0].at < old:
            self._changes.append(self.source.end(self._births.popleft().number, version()))

    def forget(self) -> None:
        """What is too old to be watched, a thousand at a time."""
        old = time.monotonic() - KEPT
        while len(self._changes) > TRIM and self._changes[TRIM].at < old:
            self.forgotten = self._changes[TRIM - 1].rv
            del self._changes[:TRIM]
            self.gone += TRIM

    def after(self, rv: int) -> int:
        """The place of the first change above a version that is not forgotten."""
        return self.gone + bisect_right(self._changes, rv, key=_rv)

    def lines(self, place: int, most: int) -> list[bytes]:
        """Watch lines from a place on."""
        start = place - self.gone
        return [
            b'{"type":"%s","object":%s}\n' % (change.type.encode(), self.source.fill(change.number, change.version))
            for change in self._changes[start : start + most]
        ]

    def waiting(self, rv: int) -> float:
        """For how many seconds the first change above this version has been there; 0 when there is none."""
        place = bisect_right(self._changes, rv, key=_rv)
        return time.monotonic() - self._changes[place].at if place < len(self._changes) else 0.0

    def at(self, rv: int) -> Mapping[int, Version]:
        """Every object as it was at a version that is not forgotten."""
        found = dict(self.source.living)
        for change in reversed(self._changes[bisect_right(self._changes, rv, key=_rv) :]):
            found.pop(change.number, None)
            if change.before is not None:
                found[change.number] = change.before
        return found


def _rv(change: Change) -> int:
    return change.rv
