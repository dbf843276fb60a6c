"""The coverage ledger: what may be claimed as known, from the control records of the log. Pure; no clock, no store.

A watched interval belongs to a scope (a kind in the whole cluster or in one namespace) and to the moment it began
(`since` of its watermark). Its end moves with every watermark, never back. A watermark says what stands before it in
its own partition of the log, so the partition that is furthest behind decides, and before every partition has spoken of
an interval nothing is claimed; where several slots watch one scope, likewise the slot that is furthest behind. A watch
that was resumed keeps its `since`, so the interval runs on over a restart. A record that had to be left out of the
history is a gap of its own, and so are messages that the log itself has lost: the interval around is not complete.

How many slots there are is learned from their watermarks: until each has spoken once, only those heard decide. How
many partitions there are is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.source import Lost, Undecodable
from schema.events import ClockStep, Event, Gap, Kinds, Late, Record, Start, Stop, Watermark
from schema.objects import Scope, split_kind_id
from schema.rows_control import CoverageRecord
from schema.rows_log import Heard, life

# Windows of answers are (from, to]: the gap of one event reaches a little before it.
MOMENT = timedelta(milliseconds=1)

Mark = tuple[str, datetime, datetime, datetime]
Cluster = tuple[str, str]


@dataclass(slots=True)
class _Slot:
    """What one slot has said of one scope: by the interval's beginning and the partition that carried it."""

    partitions: int
    marks: dict[datetime, dict[int, Mark]] = field(default_factory=dict)

    def take(self, partition: int, mark: Mark) -> bool:
        """False when this partition had said as much before."""
        said = self.marks.setdefault(mark[3], {})
        if partition in said and said[partition][1] >= mark[1]:
            return False
        said[partition] = mark
        self._forget()
        return True

    def whole(self, since: datetime) -> Mark | None:
        """How far this interval is known in every partition; None before all have spoken of it."""
        said = self.marks.get(since, {})
        if len(said) < self.partitions:
            return None
        rv, to_t, _, _ = min(said.values(), key=lambda one: one[1])
        return rv, to_t, min(one[2] for one in said.values()), since

    def newest(self) -> Mark | None:
        """Of the latest interval of which all partitions have spoken."""
        return next((whole for since in sorted(self.marks, reverse=True) if (whole := self.whole(since))), None)

    def of(self, partition: int) -> datetime | None:
        """How far this partition is known, whatever the others are."""
        return max((said[partition][1] for said in self.marks.values() if partition in said), default=None)

    def _forget(self) -> None:
        """Intervals that every partition has left behind do not move any more."""
        complete = [since for since, said in self.marks.items() if len(said) >= self.partitions]
        for since in [since for since in self.marks if complete and since < max(complete)]:
            left = all(any(p in said for s, said in self.marks.items() if s > since) for p in range(self.partitions))
            if left:
                del self.marks[since]


@dataclass(slots=True)
class _Watched:
    """One scope: its slots, and how far each interval has been given out."""

    partitions: int
    slots: dict[int, _Slot] = field(default_factory=dict)
    reached: dict[datetime, datetime] = field(default_factory=dict)

    def take(self, slot: int, partition: int, mark: Mark) -> Mark | None:
        """The interval as it now stands, None when its end did not move."""
        mine = self.slots.setdefault(slot, _Slot(self.partitions))
        if not mine.take(partition, mark):
            return None
        wholes = [mine.whole(mark[3])] + [one.newest() for number, one in self.slots.items() if number != slot]
        marks = [one for one in wholes if one is not None]
        if len(marks) < len(wholes):
            return None
        rv, to_t, _, _ = min(marks, key=lambda one: one[1])
        confirmed, since = min(one[2] for one in marks), max(one[3] for one in marks)
        if to_t <= self.reached.get(since, since - MOMENT):
            return None
        self.reached[since] = to_t
        return rv, to_t, confirmed, since

    def of(self, partition: int) -> datetime | None:
        """How far this partition is known."""
        return max((end for one in self.slots.values() if (end := one.of(partition)) is not None), default=None)


@dataclass(slots=True)
class _Hole:
    """Lost messages of one partition, and the scopes that have a gap for it already."""

    lost: Lost
    name: str
    told: set[tuple[Cluster, str]] = field(default_factory=set)


class Ledger:
    """Takes records in the order of the log; gives out what the coverage and kinds tables still lack.

    `shared`: other readers have other partitions of the log, and are told of every watermark.
    """

    def __init__(self, partitions: int = 1, *, shared: bool = False) -> None:
        self._partitions, self._shared = partitions, shared
        self._watched: dict[tuple[Cluster, str], _Watched] = {}
        # By interval, so that the end of one is not forgotten when the next one begins before it was written.
        self._moved: dict[tuple[Cluster, str, datetime], tuple[int, datetime, Mark]] = {}
        self._spans: list[CoverageRecord] = []
        self._kinds: list[Kinds] = []
        self._holes: dict[int, list[_Hole]] = {}
        self._heard: dict[tuple[int, Cluster, int, str], Heard] = {}

    @property
    def urgent(self) -> bool:
        """Something waits that must not wait: a gap, a late span, a clock step, a start or stop, kinds."""
        return bool(self._spans or self._kinds)

    @property
    def pending(self) -> bool:
        """Something waits."""
        return self.urgent or bool(self._moved) or bool(self._heard)

    def take(self, record: Record, partition: int = 0, position: int = 0) -> None:
        """Learn from this record; events say nothing here."""
        match record:
            case Watermark():
                if self._shared:
                    key = (partition, (record.cluster, record.cluster_uid), record.slot, life(record))
                    self._heard[key] = Heard(partition=partition, position=position, record=record)
                self._watermark(record, partition)
            case Gap() | Late() | ClockStep() | Start() | Stop():
                self._spans.append(record)
            case Kinds():
                self._kinds.append(record)

    def learn(self, heard: Iterable[Heard]) -> None:
        """What others have heard, and this reader before it was started again."""
        for one in heard:
            self._watermark(one.record, one.partition)

    def hole(self, partition: int, lost: Lost, name: str) -> None:
        """Messages of this partition are lost: every interval that it speaks of has a gap; `name` is for its id."""
        holes = self._holes.setdefault(partition, [])
        if all(one.name != name for one in holes):
            holes.append(_Hole(lost, name))

    def left_out(self, event: Event, reason: str) -> None:
        """This event is not in the history: no answer that touches its moment is complete."""
        error = timedelta(seconds=event.ts_error)
        self._spans.append(
            Gap(
                id=dead_letter_gap(event.id),
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

    def unread(self, message: Undecodable, name: str) -> None:
        """A message that is no record, under the key of one of our objects: a change of it may be missing."""
        uid, _, rest = message.key.decode(errors="replace").partition("|")
        kind, _, place = rest.partition("|")
        cluster = next((one for one, _ in self._watched if one[1] == uid), None)
        if cluster is None or message.at is None or not kind:
            return
        since = [one for (owner, _), one in self._watched.items() if owner == cluster]
        known = min((end for one in since for end in one.reached.values()), default=message.at)
        resource, group = split_kind_id(kind)
        self._spans.append(
            _gap(
                cluster,
                Scope(kind, place.partition("/")[0]),
                name=dead_letter_gap(name),
                from_t=min(known, message.at) - MOMENT,
                to_t=message.at + MOMENT,
                reason=f"a message about {resource}{f'.{group}' if group else ''} could not be read: {message.reason}",
            )
        )

    def share(self) -> list[Heard]:
        """What was heard since the last call, for the other readers of the log."""
        heard, self._heard = list(self._heard.values()), {}
        return heard

    def give_spans(self) -> tuple[list[CoverageRecord], list[Kinds]]:
        """What limits claims, and kinds: to be written before anybody may claim more."""
        spans, kinds = self._spans, self._kinds
        self._spans, self._kinds = [], []
        return spans, kinds

    def give_intervals(self) -> list[Watermark]:
        """Watched intervals whose end has moved."""
        intervals = self._intervals()
        self._moved = {}
        return intervals

    def give(self) -> tuple[list[CoverageRecord], list[Kinds]]:
        """Everything that waits, for the two tables; nothing waits afterwards."""
        spans, kinds = self.give_spans()
        self.share()
        return [*spans, *self.give_intervals()], kinds

    def _watermark(self, record: Watermark, partition: int) -> None:
        cluster = (record.cluster, record.cluster_uid)
        for scope, mark in record.scopes.items():
            watched = self._watched.setdefault((cluster, scope), _Watched(self._partitions))
            for hole in self._holes.get(partition, ()):
                self._tell(hole, cluster, scope, partition, mark)
            moved = watched.take(record.slot, partition, mark)
            if moved is not None:
                self._moved[cluster, scope, moved[3]] = (record.slot, record.at, moved)

    def _tell(self, hole: _Hole, cluster: Cluster, scope: str, partition: int, mark: Mark) -> None:
        """The gap of lost messages in this interval: from where the partition was known, else from its beginning."""
        if (cluster, scope) in hole.told:
            return
        hole.told.add((cluster, scope))
        known = self._watched[cluster, scope].of(partition)
        from_t, to_t = known or mark[3], hole.lost.until + MOMENT
        if from_t < to_t:
            name = f"{hole.name}:{scope}"
            self._spans.append(
                _gap(cluster, Scope.parse(scope), name=name, from_t=from_t, to_t=to_t, reason=hole.lost.reason)
            )

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


def dead_letter_gap(name: str) -> str:
    """Id of the gap that a dead letter leaves: of the event's id, or of the message's place in the log."""
    return f"dead-letter:{name}"


def _gap(cluster: Cluster, scope: Scope, *, name: str, from_t: datetime, to_t: datetime, reason: str) -> Gap:
    resource, group = split_kind_id(scope.kind)
    return Gap(
        id=name,
        cluster=cluster[0],
        cluster_uid=cluster[1],
        resource=resource,
        group=group,
        namespace=scope.namespace,
        from_rv="",
        to_rv="",
        from_t=from_t,
        to_t=to_t,
        reason=reason,
    )
