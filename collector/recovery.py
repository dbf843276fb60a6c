"""A tracker that takes up what was healed: a stream that was read late, with what certainly bounds its times.

Where healing began from an exact list instead of memory, everything up to that list is compared with it as ever: a gap
and `relist` events. They happened before the first healed event, so the latest moment at which that can have happened
also ends the gap, and bounds their times.
"""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from collector.clock import from_micros, micros, numeric
from collector.healing import Past
from collector.lines import silent_bookmark
from collector.lives import Known
from collector.sink import Position
from collector.tracker import Tracker
from schema.events import Event, Gap, Record

SHORT_LIVES: Final = "short-lives"
"""Reason of a gap in which only objects can be missing that were created and deleted between two exact lists."""


class RecoveringTracker(Tracker):
    """Implements `collector.healing.Healable`."""

    def known(self) -> dict[str, Known]:
        """Every living object, by uid."""
        entries = ((uid, self._memory.get(uid)) for uid in self._memory)
        return {uid: Known(one.namespace, one.name, numeric(one.rv)) for uid, one in entries if one is not None}

    def doubt(self, since: datetime) -> None:
        """Something after this moment is not as the server has it: what a list then finds may have happened since."""
        position = self._position
        if position is not None:
            self._position = dataclasses.replace(position, at=max(position.since, since))
            self._floor = min(self._floor, since)

    def heal(self, past: Past, *, rv: str, at: datetime, reason: str) -> list[Record]:
        """Everything up to version `rv`; the watched interval goes on, but for the gaps among the records."""
        before = self._position
        assert before is not None, "only what has a resume point can be healed"
        records = self._release(at, "resumed")
        since = max(before.at, self._floor)
        after = self._last_ts
        relisted = self._relist(past, at=at, reason=reason)
        told = self._tell(past.lines, rv=rv, at=at, since=_not_before(relisted, since))
        bound = min((_latest(one) for one in told if isinstance(one, Event)), default=at)
        relisted = [_bounded(one, bound, after) for one in relisted]
        records += relisted
        told = _in_order(relisted, told)
        if past.unproved is not None:
            records.append(self._short_lives(past.unproved, told, since=since, at=at))
        self._position = Position(rv=rv, epoch=self._epoch, at=at, version=before.version, since=before.since)
        self._memory.prune(rv)
        return records + told

    def _relist(self, past: Past, *, at: datetime, reason: str) -> list[Record]:
        """Up to the base, if it is not memory. What happened after it may still be dated before `at`."""
        if past.base is None:
            return []
        last = self._last_ts
        records = list(self.compare(past.base.items, rv=past.base.rv, at=at, reason=reason))
        self._last_ts = last
        return records

    def _tell(self, lines: Sequence[bytes], *, rv: str, at: datetime, since: datetime) -> list[Record]:
        """The lines as a stream read late."""
        self._origin = "healed"
        try:
            records = self.observe([*lines, silent_bookmark(rv)], at=at, not_before=since)
        finally:
            self._origin = "watch"
        return records + self._release(at, "healed")

    def _short_lives(self, span: tuple[int, int], told: Sequence[Record], *, since: datetime, at: datetime) -> Gap:
        """As narrow as what was healed around it bounds it."""
        events = [one for one in told if isinstance(one, Event)]
        earliest = max((_earliest(one) for one in events if numeric(one.rv) <= span[0]), default=since)
        latest = min((_latest(one) for one in events if numeric(one.rv) >= span[1]), default=at)
        return self._ledger.gap(
            epoch=self._epoch,
            from_rv=str(span[0]),
            to_rv=str(span[1]),
            since=max(since, earliest),
            until=min(at, latest),
            reason=SHORT_LIVES,
        )


def _earliest(event: Event) -> datetime:
    return from_micros(micros(event.ts) - round(event.ts_error * 1e6))


def _latest(event: Event) -> datetime:
    return from_micros(micros(event.ts) + round(event.ts_error * 1e6))


def _not_before(relisted: Sequence[Record], since: datetime) -> datetime:
    """What was healed happened after everything that was found by the comparison."""
    found = (one for one in relisted if isinstance(one, Event) and one.origin == "relist")
    return max((_earliest(one) for one in found), default=since)


def _in_order(relisted: Sequence[Record], told: Sequence[Record]) -> list[Record]:
    """Nothing that was told is dated before what was found by the comparison: both are middles of what is possible."""
    floor = max((one.ts for one in relisted if isinstance(one, Event) and one.origin == "relist"), default=None)
    for one in told:
        if floor is not None and isinstance(one, Event) and one.ts < floor:
            one.ts_error = round(one.ts_error + (floor - one.ts).total_seconds() + 0.0005, 3)
            one.ts = floor
    return list(told)


def _bounded(record: Record, bound: datetime, after: datetime) -> Record:
    """Nothing of it was later than `bound`; nor is it dated before `after`, whatever a clock that was set back says."""
    if isinstance(record, Gap):
        return replace(record, to_t=max(record.from_t, min(record.to_t, bound)))
    if isinstance(record, Event) and record.origin == "relist" and _latest(record) > bound:
        low, high = min(micros(_earliest(record)), micros(bound)), micros(bound)
        middle = max((low + high) // 2, micros(after))
        record.ts, record.ts_error = from_micros(middle), -(-max(middle - low, abs(high - middle)) // 1000) / 1000
    return record
