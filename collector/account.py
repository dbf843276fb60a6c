"""Which revisions are writes to which kind: what every watch told, and what healing found. Pure, bounded.

A revision of etcd is one write to one object. So a revision that is known as a write to one kind cannot be a write to
another kind of the same etcd: `collector.census` need not look for hidden lives there. Which kinds share an etcd is
not known here (`collector.etcds`).
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from typing import Final

from collector.census import MOST
from collector.clock import numeric
from schema.events import Event, KubeEvent, Record

LONG: Final = 4096
"""A kind's list is looked through for what is too old when it has grown by so many."""
TOLD: Final = frozenset({"watch", "healed"})
"""Deletions of these origins carry the version of the deletion itself; others that of a list."""


class Account:
    """Revisions by kind; those more than `MOST` below the newest are dropped, no proof reaches so far."""

    def __init__(self) -> None:
        self.newest = 0
        self.number = 0
        """Of the history of the cluster: one more each time it turned out to have gone back."""
        self._sorted: dict[str, array[int]] = {}
        self._fresh: dict[str, set[int]] = {}

    def clear(self) -> None:
        """Etcd has gone back: its revisions are given again, to others."""
        self.newest, self.number = 0, self.number + 1
        self._sorted.clear()
        self._fresh.clear()

    def note(self, kind: str, revisions: Iterable[int]) -> None:
        """These are writes to this kind."""
        fresh = self._fresh.setdefault(kind, set())
        fresh.update(revisions)
        if len(fresh) >= LONG:
            self._merge(kind)

    def take(self, kind: str, records: Iterable[Record]) -> None:
        """What a watch gave to the log."""
        self.note(kind, (rv for one in records if (rv := _revision(one)) > 0))

    def of(self, kind: str, low: int, high: int) -> Collection[int]:
        """Known writes to this kind in (low, high]."""
        known = self._merge(kind)
        return known[bisect_right(known, low) : bisect_right(known, high)]

    def shared(self, kinds: Iterable[str], low: int, high: int) -> tuple[dict[int, str], set[str]]:
        """Known writes to any of these kinds in (low, high], and kinds that claim the same one: these contradict."""
        owners: dict[int, str] = {}
        torn: set[str] = set()
        for kind in kinds:
            for revision in self.of(kind, low, high):
                if (other := owners.setdefault(revision, kind)) != kind:
                    torn |= {kind, other}
        return owners, torn

    def newest_of(self, kinds: Iterable[str]) -> int:
        """The newest known write to any of these kinds; 0: none is known."""
        return max((known[-1] for kind in kinds if (known := self._merge(kind))), default=0)

    def _merge(self, kind: str) -> "array[int]":
        known, fresh = self._sorted.get(kind) or array("Q"), self._fresh.pop(kind, None)
        if fresh:
            self.newest = max(self.newest, *fresh)
            if known and min(fresh) <= known[-1]:
                known = array("Q", sorted(fresh.union(known)))
            else:
                known.extend(sorted(fresh))
            self._sorted[kind] = known = known[bisect_left(known, max(0, self.newest - MOST)) :]
        return known


def _revision(record: Record) -> int:
    """The revision of the write that this record tells of; -1: of none."""
    if isinstance(record, KubeEvent):
        return numeric(record.rv)
    if isinstance(record, Event) and (record.op != "delete" or record.origin in TOLD):
        return numeric(record.rv)
    return -1
