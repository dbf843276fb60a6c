"""How far the API server's clock stands from ours, as an interval: never a guess that could be wrong in silence.

A `Date` header d (whole seconds, cut off) of an answer that was asked for at t0 and received at t1 was written by a
server clock within [d, d+1), at one of our moments within [t0, t1]. So (server − ours) lies within [d − t1, d + 1 −
t0]. What several answers say is intersected. Clocks drift against each other, at most 500 ppm while NTP slews (RFC
5905), so the interval widens with its age. An empty intersection means that a clock was stepped, or that several
servers answer with clocks of their own: then the hull of what was believed and what is said now is kept, and the next
answers narrow it again.
"""

from datetime import datetime, timedelta
from typing import Final

from collector.clock import Clock

DRIFT: Final = 500e-6
COMMIT_ALLOWANCE: Final = timedelta(seconds=0.25)
"""A server stamps a write before etcd commits it; by so much the commit may be later than the stamped second's end."""

_STEP_MEMORY: Final = 60.0
_SECOND: Final = timedelta(seconds=1)


class Skew:
    """The interval [lo, hi] in seconds for (server clock − our clock); unknown until the first answer."""

    __slots__ = ("_at", "_clock", "_held", "_hi", "_lo", "_stepped")

    def __init__(self, clock: Clock | None = None) -> None:
        """With a clock the interval also widens while no answer comes; without one, between answers only."""
        self._clock = clock
        self._lo = self._hi = 0.0
        self._at: datetime | None = None
        self._held: tuple[float, float] | None = None
        self._stepped: datetime | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """(lo, hi) in seconds as of now, or None while nothing is known."""
        if self._at is None:
            return None
        now = self._clock() if self._clock else self._at
        lo, hi = self._widened(now)
        return (min(lo, self._held[0]), max(hi, self._held[1])) if self._held else (lo, hi)

    def observe(self, date: datetime, *, sent: datetime, received: datetime) -> None:
        """One answer: its Date header, when its request was sent, when its head had come (both in our clock)."""
        if received < sent:  # our own clock was set back in between: this says nothing
            return
        lo = (date - received).total_seconds()
        hi = (date + _SECOND - sent).total_seconds()
        if self._at is None:
            self._lo, self._hi = lo, hi
        else:
            self._intersect(lo, hi, received)
        self._at = received
        if self._stepped is not None and abs((received - self._stepped).total_seconds()) > _STEP_MEMORY:
            self._held = self._stepped = None

    def bounds(self, claim: datetime) -> tuple[datetime, datetime] | None:
        """Between which moments of our clock a write was committed that the server stamped with this whole second."""
        interval = self.interval
        if interval is None:
            return None
        lo, hi = interval
        return claim - timedelta(seconds=hi), claim + _SECOND - timedelta(seconds=lo) + COMMIT_ALLOWANCE

    def _widened(self, now: datetime) -> tuple[float, float]:
        age = abs((now - self._at).total_seconds()) if self._at else 0.0
        return self._lo - DRIFT * age, self._hi + DRIFT * age

    def _intersect(self, lo: float, hi: float, now: datetime) -> None:
        old_lo, old_hi = self._widened(now)
        if max(lo, old_lo) <= min(hi, old_hi):
            self._lo, self._hi = max(lo, old_lo), min(hi, old_hi)
            return
        # Keep the hull for a while: with several servers each answer would disprove the one before.
        held = self._held or (old_lo, old_hi)
        self._held = (min(held[0], old_lo, lo), max(held[1], old_hi, hi))
        self._stepped = now
        self._lo, self._hi = lo, hi
