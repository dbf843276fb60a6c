"""Whether another collector holds the slot that we want: a newcomer does not push out one that is at work.

A slot's holder writes its head at least every few seconds. It is at work while its head is younger than `STAND_BY` by
the clock, or has changed within `STAND_BY` while we looked (clocks differ; and while no broker answers nobody can
write, so only the time in which we could look counts). One that ended in order has released the slot.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.kafka_state import Head
from collector.slots import Slot

STAND_BY: Final = 15.0


@dataclass(slots=True)
class _Seen:
    head: Head
    until: float


class Rivals:
    """Watches the heads of a cluster for one slot."""

    def __init__(self, slot: Slot, *, known: Collection[str], stand_by: float = STAND_BY) -> None:
        """`known`: instances that are no rivals: this one, and those that are surely dead."""
        self._slot, self._known, self._stand_by = slot, known, stand_by
        self._seen: dict[str, _Seen] = {}

    def at_work(self, heads: Mapping[str, Head], *, now: datetime, moment: float) -> Head | None:
        """The head of a rival that has to be waited for. `now`: the clock; `moment`: seconds that never jump."""
        for name, head in heads.items():
            if not self._is_rival(name, head):
                continue
            seen = self._seen.get(name)
            if seen is None:
                age = (now - head.at).total_seconds()
                left = self._stand_by - max(0.0, age)
                seen = self._seen[name] = _Seen(head, moment + left)
            elif seen.head != head:
                seen.head, seen.until = head, moment + self._stand_by
            if moment < seen.until:
                return head
        return None

    def could_not_look(self, seconds: float) -> None:
        """The broker was away for so long: nobody could write."""
        for seen in self._seen.values():
            seen.until += seconds

    def _is_rival(self, name: str, head: Head) -> bool:
        """The same slot, or any slot of another division."""
        if head.released or head.instance in self._known:
            return False
        try:
            other = Slot.parse(name)
        except ValueError:
            return False
        return other == self._slot or other.of != self._slot.of
