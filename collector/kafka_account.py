"""The account that a collector keeps of the compacted topic: what it will hold after the records that were accepted.

From it come the records that make a change remembered, those that take away what no watch can tell again, and the sum
by which the next start knows that nothing is missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.clock import numeric
from collector.kafka_state import RING, Entry, KindState, Life, Point, Step, encode_value, kind_key, mark
from collector.kafka_table import Known
from collector.sink import Position
from schema.events import Event
from schema.objects import Scope

ENDED_MARGIN: Final = timedelta(minutes=10)
"""Where versions are no numbers, ends are remembered for so long after the resume point."""
_SUM: Final = 2**64


@dataclass(slots=True)
class _Kind:
    """What is known of one kind."""

    positions: dict[str, Position] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    ended: dict[str, tuple[str, str, datetime]] = field(default_factory=dict)
    steps: dict[str, set[int]] = field(default_factory=dict)
    sum: int = 0


class Account:
    """What the compacted topic will hold after the records that were accepted: grows with objects, 200 bytes each.

    `largest`: bytes that one record may have.
    """

    def __init__(self, cluster: str, *, largest: int) -> None:
        self.cluster = cluster
        self.cluster_uid = ""
        self._largest = largest
        self._kinds: dict[str, _Kind] = {}

    def take(self, event: Event) -> list[Entry]:
        """The records that make this event's object remembered."""
        kind = self._of(event.kind_id)
        self.cluster_uid = event.cluster_uid
        ended = event.op == "delete"
        self._mark(kind, event.uid, mark(event.uid, event.epoch, event.seq, ended=ended))
        if not ended and event.object is None:
            return self._step(kind, event)
        key = self._key("life", event.kind_id, event.uid)
        if ended:
            kind.ended[event.uid] = (event.namespace, event.rv, event.ts)
        return [(key, self._life(event, ended=ended)), *self._without_steps(kind, event.kind_id, event.uid)]

    def move(self, positions: Mapping[Scope, Position]) -> list[Entry]:
        """Records that are no longer needed now that these resume points hold: ends that no watch tells again."""
        gone: list[Entry] = []
        for scope, position in positions.items():
            kind = self._of(scope.kind)
            kind.positions[scope.namespace] = position
            if kind.ended:
                gone += self._forget(scope, kind, position)
        return gone

    def kind_entry(self, name: str) -> Entry:
        """The record of this kind as it is now."""
        kind = self._of(name)
        points = {
            namespace: Point(rv=one.rv, epoch=one.epoch, at=one.at, version=one.version, since=one.since)
            for namespace, one in kind.positions.items()
        }
        state = KindState(cluster_uid=self.cluster_uid, positions=points, lives=len(kind.marks), sum=kind.sum)
        return kind_key(self.cluster, name), encode_value(state)

    def restore(self, name: str, positions: Mapping[str, Position], lives: Iterable[Known]) -> None:
        """What the topic holds of this kind."""
        kind = self._kinds[name] = _Kind(positions=dict(positions))
        for one in lives:
            self._mark(kind, one.uid, one.mark)
            if one.steps:
                kind.steps[one.uid] = set(one.steps)
            if one.life.ended:
                kind.ended[one.uid] = (one.life.namespace, one.life.rv, one.life.at)

    def sum_of(self, name: str) -> tuple[int, int]:
        """Lives of this kind, and the sum of their marks."""
        kind = self._of(name)
        return len(kind.marks), kind.sum

    def _of(self, name: str) -> _Kind:
        found = self._kinds.get(name)
        if found is None:
            found = self._kinds[name] = _Kind()
        return found

    def _key(self, *parts: str) -> bytes:
        return "|".join((self.cluster, *parts)).encode()

    def _mark(self, kind: _Kind, uid: str, value: int) -> None:
        kind.sum = (kind.sum - kind.marks.get(uid, 0) + value) % _SUM
        kind.marks[uid] = value

    def _life(self, event: Event, *, ended: bool) -> bytes:
        life = Life(
            namespace=event.namespace,
            name=event.name,
            epoch=event.epoch,
            seq=event.seq,
            rv=event.rv,
            at=event.ts,
            hash="" if ended else event.hash,
            ended=ended,
            object=None if ended else event.object,
        )
        raw = encode_value(life)
        return raw if len(raw) <= self._largest else encode_value(msgspec.structs.replace(life, object=None))

    def _step(self, kind: _Kind, event: Event) -> list[Entry]:
        place = event.seq % RING
        kind.steps.setdefault(event.uid, set()).add(place)
        step = Step(epoch=event.epoch, seq=event.seq, rv=event.rv, at=event.ts, hash=event.hash, patch=event.patch)
        return [(self._key("step", event.kind_id, event.uid, str(place)), encode_value(step))]

    def _without_steps(self, kind: _Kind, name: str, uid: str) -> list[Entry]:
        places = kind.steps.pop(uid, ()) if kind.steps else ()
        return [(self._key("step", name, uid, str(place)), None) for place in places]

    def _forget(self, scope: Scope, kind: _Kind, position: Position) -> list[Entry]:
        passed = [
            uid
            for uid, (namespace, rv, at) in kind.ended.items()
            if scope.namespace in ("", namespace) and _has_passed(position, rv, at)
        ]
        for uid in passed:
            del kind.ended[uid]
            kind.sum = (kind.sum - kind.marks.pop(uid)) % _SUM
        return [(self._key("life", scope.kind, uid), None) for uid in passed]


def _has_passed(position: Position, rv: str, at: datetime) -> bool:
    here, end = numeric(position.rv), numeric(rv)
    return end <= here if here >= 0 and end >= 0 else at + ENDED_MARGIN < position.at
