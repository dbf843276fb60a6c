"""The coverage ledger: what may be claimed as known, from the control records of the log. Pure; no clock, no store.

A watched interval belongs to a scope (a kind in the whole cluster or in one namespace) and to the moment it began
(`since` of its watermark). Its end moves with every watermark, never back; where several slots watch one scope, the one
that is furthest behind decides. A watch that was resumed keeps its `since`, so the interval runs on over a restart.
A record that had to be left out of the history is a gap of its own: the interval around it is not complete.

How many slots there are is learned from their watermarks: until each has spoken once, only those heard decide.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schema.events import ClockStep, Event, Gap, Kinds, Late, Record, Start, Stop, Watermark
from schema.rows_control import CoverageRecord

# Windows of answers are (from, to]: the gap of one event reaches a little before it.
MOMENT = timedelta(milliseconds=1)

Mark = tuple[str, datetime, datetime, datetime]
Cluster = tuple[str, str]


@dataclass(slots=True)
class _Watched:
    """One scope: the newest watermark of each slot, and how far its interval has been given out."""

    marks: dict[int, Mark] = field(default_factory=dict)
    since: datetime | None = None
    reached: datetime | None = None

    def take(self, slot: int, mark: Mark) -> Mark | None:
        """The interval as it now stands, None when its end did not move."""
        self.marks[slot] = mark
        marks = self.marks.values()
        rv, to_t, _, _ = min(marks, key=lambda one: one[1])
        confirmed, since = min(one[2] for one in marks), max(one[3] for one in marks)
        if since == self.since and self.reached is not None and to_t <= self.reached:
            return None
        self.since, self.reached = since, to_t
        return rv, to_t, confirmed, since


class Ledger:
    """Takes records in the order of the log; gives out what the coverage and kinds tables still lack."""

    def __init__(self) -> None:
        self._watched: dict[tuple[Cluster, str], _Watched] = {}
        # By interval, so that the end of one is not forgotten when the next one begins before it was written.
        self._moved: dict[tuple[Cluster, str, datetime], tuple[int, datetime, Mark]] = {}
        self._spans: list[CoverageRecord] = []
        self._kinds: list[Kinds] = []

    @property
    def urgent(self) -> bool:
        """Something waits that must not wait: a gap, a late span, a clock step, a start or stop, kinds."""
        return bool(self._spans or self._kinds)

    @property
    def pending(self) -> bool:
        """Something waits."""
        return self.urgent or bool(self._moved)

    def take(self, record: Record) -> None:
        """Learn from this record; events say nothing here."""
        match record:
            case Watermark():
                self._watermark(record)
            case Gap() | Late() | ClockStep() | Start() | Stop():
                self._spans.append(record)
            case Kinds():
                self._kinds.append(record)

    def left_out(self, event: Event, reason: str) -> None:
        """This event is not in the history: no answer that touches its moment is complete."""
        error = timedelta(seconds=event.ts_error)
        self._spans.append(
            Gap(
                id=f"dead-letter:{event.id}",
                cluster=event.cluster,
                cluster_uid=event.cluster_uid,
                resource=event.resource,
                group=event.group,
                namespace=event.namespace,
                from_rv=event.prev_rv,
                to_rv=event.rv,
                from_t=event.ts - error - MOMENT,
                to_t=event.ts + error,
                reason=f"one event could not be stored: {reason}",
            )
        )

    def give(self) -> tuple[list[CoverageRecord], list[Kinds]]:
        """Everything that waits, for the two tables; nothing waits afterwards."""
        coverage: list[CoverageRecord] = [*self._spans, *self._intervals()]
        kinds = self._kinds
        self._spans, self._kinds, self._moved = [], [], {}
        return coverage, kinds

    def _watermark(self, record: Watermark) -> None:
        cluster = (record.cluster, record.cluster_uid)
        for scope, mark in record.scopes.items():
            moved = self._watched.setdefault((cluster, scope), _Watched()).take(record.slot, mark)
            if moved is not None:
                self._moved[cluster, scope, moved[3]] = (record.slot, record.at, moved)

    def _intervals(self) -> list[Watermark]:
        """The moved intervals as few watermarks; two intervals of one scope need two."""
        gathered: list[Watermark] = []
        for ((cluster, uid), scope, _), (slot, at, mark) in self._moved.items():
            into = next(
                (w for w in gathered if (w.cluster, w.cluster_uid) == (cluster, uid) and scope not in w.scopes), None
            )
            if into is None:
                into = Watermark(cluster=cluster, cluster_uid=uid, slot=slot, at=at, scopes={})
                gathered.append(into)
            into.scopes[scope] = mark
        return gathered
