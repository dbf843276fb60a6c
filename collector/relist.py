"""A complete fresh list against memory: what was missed, as far as two states can tell.

Same uid and version: nothing to do, its content is not even parsed. Another version: a `relist` update. A uid that
memory does not have: a `relist` add. A life that the list does not have: a `relist` delete at the version of the
list. Where a new epoch was opened every object gets the first event of its new chain; what is the same as before is
no change, and comes as `list`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from collector.clock import numeric
from collector.dating import Sighting, date
from collector.memory import Entry, Memory
from collector.observation import Header, Observation, Unreadable, cut, read_header
from collector.recorder import Recorded, Recorder, Sighted, sighting
from collector.skew import Skew
from schema.canonical import digest
from schema.events import Event, Gap, Record

MEMORY_LOST: Final = "memory-lost"
REDACTION_KEY: Final = "redaction-key"
REDACTION_RULES: Final = "redaction-rules"
VERSION_SWITCHED: Final = "version-switched"
ROLLBACK: Final = "rollback"

AUDIT: Final = "audit"
"""Reason of a list that is compared because an audit found a difference: nothing since the last good one is certain."""

EPOCH_CAUSES: Final = {
    "rollback": ROLLBACK,
    "other version": VERSION_SWITCHED,
    "version switched": VERSION_SWITCHED,
    "version-switched": VERSION_SWITCHED,
    "redaction key": REDACTION_KEY,
    "redaction-key": REDACTION_KEY,
    "redaction rules": REDACTION_RULES,
    "redaction-rules": REDACTION_RULES,
    "memory lost": MEMORY_LOST,
    "memory-lost": MEMORY_LOST,
}
"""Reasons for a fresh list after which chains cannot go on → the new epoch's cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshList:
    """A complete list, when it was read, and what it is compared for. `gap` None: first sight of the scope.

    `after`: the date of the newest change given out so far; nothing that the list shows is dated before it.
    """

    items: Iterable[bytes]
    rv: str
    at: datetime
    epoch: int
    cause: str
    gap: Gap | None
    after: datetime

    @property
    def since(self) -> datetime:
        """The earliest moment at which it can have happened."""
        return self.gap.from_t if self.gap else self.at


class Comparison:
    """Compares fresh lists with one scope's memory."""

    def __init__(
        self,
        *,
        memory: Memory,
        recorder: Recorder,
        skew: Skew,
        stamp: Callable[[datetime], datetime],
        unreadable: Callable[[bytes, Exception, datetime], Gap],
    ) -> None:
        """`stamp` gives each observation a moment of its own, `unreadable` makes a gap of what cannot be read."""
        self._memory = memory
        self._recorder = recorder
        self._skew = skew
        self._stamp = stamp
        self._unreadable = unreadable

    def records(self, fresh: FreshList) -> Iterator[Record]:
        """What the list adds to history, one by one: a long first list never stands in memory as events.

        First sights come as they are read; then ends of lives, so that a name is free before it is taken again; then
        what was missed.
        """
        missing = set(self._memory)
        missed: list[Recorded] = []
        for item in fresh.items:
            try:
                header = read_header(item)
            except Unreadable as error:
                missing.clear()  # it may be any of them: an end is only claimed when it is sure
                yield self._unreadable(item, error, fresh.at)
                continue
            try:
                missing.discard(header.life)
                recorded = self._compare(item, header, fresh)
            except Exception as error:
                yield self._unreadable(item, error, fresh.at)
                continue
            if recorded is not None and recorded.event.origin == "list":
                yield recorded.event
            elif recorded is not None:
                missed.append(recorded)
        yield from self._ends(missing, missed, fresh)
        self._date(missed, fresh)
        yield from (one.event for one in missed)

    def _compare(self, item: bytes, header: Header, fresh: FreshList) -> Recorded | None:
        """The event for one listed object, or None when it is what we know."""
        uid = header.life
        entry = self._memory.get(uid)
        if entry is None:
            return self._appeared(item, fresh) if fresh.cause or not self._has_ended(uid, header) else None
        if entry.epoch != fresh.epoch:
            return self._reopened(item, entry, fresh)
        if header.resource_version == entry.rv or -1 < numeric(header.resource_version) <= numeric(entry.rv):
            return None  # the same version, or an older one: then the list is behind what the watch has told
        return self._recorder.change(Observation(cut(item)), entry, self._how(fresh, "relist"))

    def _appeared(self, item: bytes, fresh: FreshList) -> Recorded:
        """A life that memory does not have: seen for the first time, or begun in the gap."""
        begun = fresh.gap is not None and fresh.cause != MEMORY_LOST
        return self._recorder.first(Observation(cut(item)), self._how(fresh, "relist" if begun else "list"))

    def _reopened(self, item: bytes, entry: Entry, fresh: FreshList) -> Recorded:
        """The first event of a known life in a new epoch; a change only where states can be compared, and differ."""
        seen = Observation(cut(item))
        same = bytes.fromhex(digest(self._recorder.compose(seen, None).state)) == entry.hash
        if same or fresh.cause in (REDACTION_KEY, REDACTION_RULES, VERSION_SWITCHED):
            return self._recorder.first(seen, self._how(fresh, "list"))
        return self._recorder.rebase(seen, entry, self._how(fresh, "relist"))

    def _has_ended(self, uid: str, header: Header) -> bool:
        """The watch has told of this life's end already; the list is behind it."""
        end = self._memory.ended(uid)
        return end is not None and numeric(header.resource_version) <= numeric(end.rv)

    def _how(self, fresh: FreshList, origin: Literal["list", "relist"]) -> Sighted:
        gap = fresh.gap
        return Sighted(
            at=self._stamp(fresh.at),
            origin="audit" if origin == "relist" and gap is not None and gap.reason == AUDIT else origin,
            epoch=fresh.epoch,
            cause=fresh.cause,
            gap=gap.id if gap and origin == "relist" else None,
            since=gap.from_t if gap else None,
        )

    def _ends(self, missing: Iterable[str], found: Iterable[Recorded], fresh: FreshList) -> list[Event]:
        """Lives that are over, in the gap, each before another one of its name began."""
        births = {(one.event.namespace, one.event.name): one.floor for one in found if one.event.seq == 1}
        ends: list[Event] = []
        for uid in sorted(missing):
            entry = self._memory.get(uid)
            behind = entry is not None and not fresh.cause and -1 < numeric(fresh.rv) < numeric(entry.rv)
            if entry is not None and not behind:
                ends.append(self._end(uid, entry, births.get((entry.namespace, entry.name)), fresh))
        return ends

    def _end(self, uid: str, entry: Entry, reborn: datetime | None, fresh: FreshList) -> Event:
        event = self._recorder.ending(uid, entry, fresh.rv, self._how(fresh, "relist")).event
        bounds = self._skew.bounds(reborn) if reborn else None
        latest = bounds[1] if bounds else None
        (dated,) = date(
            [Sighting(not_before=fresh.since, observed=event.observed_at, latest=latest)], after=fresh.after
        )
        event.ts, event.ts_error = dated.ts, dated.error
        return event

    def _date(self, found: Iterable[Recorded], fresh: FreshList) -> None:
        """What happened in the gap lies between its two ends, in the order of versions where these have one."""
        missed = sorted(found, key=lambda one: numeric(one.event.rv))
        if missed and numeric(missed[0].event.rv) < 0:
            for one in missed:
                self._date_together([one], fresh)
        else:
            self._date_together(missed, fresh)

    def _date_together(self, missed: Sequence[Recorded], fresh: FreshList) -> None:
        # The newest claim of a listed version is a lower bound only: later writes may have left none.
        dated = date([sighting(one._replace(claim=None), fresh.since, self._skew) for one in missed], after=fresh.after)
        for one, estimate in zip(missed, dated, strict=True):
            one.event.ts, one.event.ts_error = estimate.ts, estimate.error
