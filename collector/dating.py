"""When did it happen? Estimates for what was read late, with an error that is never smaller than the real one.

Known for certain: an event lies between `not_before` (the last moment the stream was known to be current) and
`observed`, and events of one kind happened in the order of their resourceVersions. On top of that come the server's
own claims, whole seconds of its clock, turned into bounds of ours by `collector.skew`. So bounds travel: what
happened after something is not earlier (forward pass), what happened before something is not later (backward pass).
The estimate is the middle, the error half the width, rounded up to milliseconds; equal estimates are parted by a
microsecond each.

Claims can be wrong (a commit held up by admission, times written by a client, servers with different clocks). Where
two contradict each other, the one that contradicts most goes, and of a single pair both go: wider, never narrower
than is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.clock import from_micros, micros

_ROUNDS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One late event: its outer bounds, and what the server claims, in our clock (None claims nothing)."""

    not_before: datetime
    observed: datetime
    earliest: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """The estimate; the true time is within `error` seconds of it, and not before `earliest`."""

    ts: datetime
    error: float
    earliest: datetime


@dataclass(slots=True)
class _Span:
    """Bounds in microseconds; `lo` and `hi` start as the claim, cut by the outer ones."""

    floor: int
    ceiling: int
    lo: int
    hi: int

    @property
    def claims(self) -> bool:
        return self.lo != self.floor or self.hi != self.ceiling

    def drop_claim(self) -> None:
        self.lo, self.hi = self.floor, self.ceiling


def date(sightings: Sequence[Sighting], *, after: datetime | None = None) -> list[Dated]:
    """Date events that stand in the order in which they happened; all estimates are later than `after`."""
    spans = [_span(sighting) for sighting in sightings]
    _settle_contradictions(spans)
    _propagate(spans)
    last = micros(after) if after else -(2**62)
    dated: list[Dated] = []
    for span in spans:
        last = max((span.lo + span.hi) // 2, last + 1)
        error = max(abs(last - span.lo), abs(span.hi - last))
        dated.append(Dated(ts=from_micros(last), error=-(-error // 1000) / 1000, earliest=from_micros(span.lo)))
    return dated


def _span(sighting: Sighting) -> _Span:
    floor, ceiling = micros(sighting.not_before), micros(sighting.observed)
    floor = min(floor, ceiling)  # our clock was set back meanwhile: nothing but the reading is known
    lo = floor if sighting.earliest is None else max(floor, micros(sighting.earliest))
    hi = ceiling if sighting.latest is None else min(ceiling, micros(sighting.latest))
    span = _Span(floor, ceiling, lo, hi)
    if lo > hi:  # a claim outside of what is possible
        span.drop_claim()
    return span


def _settle_contradictions(spans: list[_Span]) -> None:
    """Drop claims until no later event has to be earlier than one before it."""
    for _ in range(_ROUNDS):
        accused = _accused(spans)
        if not accused:
            return
        worst = max(accused.values())
        for index in [index for index, times in accused.items() if times == worst]:
            spans[index].drop_claim()
    for span in spans:  # too muddled to tell who is wrong
        span.drop_claim()


def _accused(spans: list[_Span]) -> dict[int, int]:
    """Claims that stand in a contradiction, by place → in how many."""
    counts: dict[int, int] = {}
    latest, holder = -(2**62), -1
    for index, span in enumerate(spans):
        if span.hi < latest:
            for one in (index, holder):
                if spans[one].claims:
                    counts[one] = counts.get(one, 0) + 1
        if span.lo > latest:
            latest, holder = span.lo, index
    return counts


def _propagate(spans: list[_Span]) -> None:
    lo = spans[0].lo if spans else 0
    for span in spans:
        span.lo = lo = max(lo, span.lo)
    hi = spans[-1].hi if spans else 0
    for span in reversed(spans):
        span.hi = hi = min(hi, span.hi)
