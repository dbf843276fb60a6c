"""What one scope has given to the log, and what may be said about it: resume point, currency, last byte.

The tracker's position runs ahead while records are on their way into the log. Everything that is published
(checkpoint, watermark, readiness) is taken from here, where a position counts only after its records were accepted.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from collector.metrics import Metrics
from collector.sink import Position
from schema.events import Event, Gap, KubeEvent, Record
from schema.objects import Scope

Emit = Callable[[Sequence[Record], Scope, Position | None], Awaitable[None]]


class TrackerLike(Protocol):
    """What capture's wire side needs of its mind (`collector.tracker`, `collector.kubeevents`)."""

    @property
    def position(self) -> Position | None:
        """Resume point of everything given out; held events are not in it."""
        ...

    @property
    def held(self) -> int:
        """Late events that wait to be dated."""
        ...

    def replace(self, items: Sequence[bytes], *, rv: str, at: datetime, reason: str) -> list[Record]:
        """A complete fresh list; `reason` "" is the first sight of this scope."""
        ...

    def observe(self, lines: Sequence[bytes], *, at: datetime, not_before: datetime | None) -> list[Record]:
        """Complete watch lines; `not_before` None: live."""
        ...

    def settle(self, *, at: datetime) -> list[Record]:
        """The stream has caught up: date what is held and give it out."""
        ...


@runtime_checkable
class Comparing(Protocol):
    """A tracker that can give out a long list's records one by one."""

    def compare(self, items: Iterable[bytes], *, rv: str, at: datetime, reason: str) -> Iterator[Record]:
        """As `replace`; the position moves after the last record."""
        ...


class Outlet:
    """The way of one scope's records into the log."""

    def __init__(self, *, scope: Scope, position: Position | None, emit: Emit, metrics: Metrics) -> None:
        self.scope = scope
        self.position = position
        self.until: datetime | None = position.at if position else None
        """Everything up to here has been given out, as of the last byte, list or end of a stream."""
        self.confirmed: datetime | None = self.until
        """Time of the last byte really received."""
        self._emit = emit
        self._metrics = metrics

    async def give(self, records: Sequence[Record], position: Position | None) -> None:
        """Records in order, and the resume point that holds once they are durable."""
        if records:
            await self._emit(records, self.scope, position)
            self._count(records)
        self.position = position or self.position

    def advance(self, moment: datetime) -> None:
        """Known to be current up to `moment`; never goes back."""
        self.until = moment if self.until is None else max(self.until, moment)

    def proved(self, until: datetime | None) -> datetime | None:
        """`until`, or the last byte if that was earlier."""
        return min(until, self.confirmed) if until is not None and self.confirmed is not None else until

    def _count(self, records: Sequence[Record]) -> None:
        changes = Counter((record.op, record.origin) for record in records if isinstance(record, Event))
        for (op, origin), number in changes.items():
            self._metrics.events.labels(self.scope.kind, op, origin).inc(number)
            if origin == "healed":
                self._metrics.healed.labels(self.scope.kind).inc(number)
        if len(records) > changes.total():
            self._metrics.kube_events.inc(sum(isinstance(record, KubeEvent) for record in records))
            for record in records:
                if isinstance(record, Gap):
                    self._metrics.gaps.labels(self.scope.kind, record.reason).inc()
