"""Notices what nobody tells a process: that it was frozen, and that its clock was set.

A tick every 100 ms. When one comes more than 300 ms late, the process (SIGSTOP, suspend, a starved CPU, a long
computation on the loop) was away: whatever is read until a stream has caught up happened some time since the last
tick that was on time. `check` may be called by anyone who is about to trust the clock, so that a reader that wakes up
before the tick does not take old bytes for new ones.

The ruler is CLOCK_BOOTTIME where there is one, because CLOCK_MONOTONIC stands still while a laptop sleeps: time
asleep is then a freeze, and only a clock that was really set is a step (more than 2 s between the wall clock and the
ruler).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.clock import TICK, Clock

Steady = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

PERIOD: Final = 0.1
LATE: Final = 0.3
STEP: Final = 2.0


def steady() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine sleeps (where the platform has one)."""
    clock_id = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock_id) if clock_id is not None else time.monotonic()


class Stamps:
    """Moments of reading: the clock, but never twice the same and never back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: datetime | None = None

    def next(self) -> datetime:
        """max(clock, last + 1 µs)."""
        now = self._clock()
        if self._last is not None and now <= self._last:
            now = self._last + TICK
        self._last = now
        return now


@dataclass(frozen=True, slots=True)
class Beat:
    """One tick: the wall clock and the ruler at the same moment."""

    wall: datetime
    steady: float


class Heartbeat:
    """Ticks, and tells listeners about freezes (the last moment on time) and steps (when, by how many seconds)."""

    def __init__(self, *, clock: Clock, ruler: Steady = steady, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock
        self._ruler = ruler
        self._sleep = sleep
        self._last = self._reference = Beat(clock(), ruler())
        self._freezes: list[Callable[[datetime], None]] = []
        self._steps: list[Callable[[datetime, float], None]] = []
        self.last_on_time: datetime = self._last.wall
        self.last_freeze_end: float = float("-inf")
        """Of the ruler: nothing before it was a moment of rest."""
        self.freezes = 0
        self.frozen_seconds = 0.0

    def now(self) -> float:
        """The ruler."""
        return self._ruler()

    def on_freeze(self, listener: Callable[[datetime], None]) -> Callable[[], None]:
        """Call `listener` at the end of each freeze with the moment before it; the result takes it off again."""
        self._freezes.append(listener)
        return lambda: self._freezes.remove(listener)

    def on_step(self, listener: Callable[[datetime, float], None]) -> None:
        """Call `listener` with the new time and by how many seconds the clock was set."""
        self._steps.append(listener)

    def check(self) -> None:
        """Look at the clocks now: a freeze that has just ended is noticed here, before its first byte is dated."""
        beat = Beat(self._clock(), self._ruler())
        away = beat.steady - self._last.steady
        if away > PERIOD + LATE:
            self._thaw(beat, away)
        self._notice_step(beat)

    def tick(self) -> None:
        """One regular tick: on time, unless `check` has just found a freeze."""
        before = self.freezes
        self.check()
        self._last = Beat(self._clock(), self._ruler())
        if self.freezes == before:
            self.last_on_time = self._last.wall

    async def run(self) -> None:
        """Tick until cancelled."""
        self._last = self._reference = Beat(self._clock(), self._ruler())
        self.last_on_time = self._last.wall
        while True:
            await self._sleep(PERIOD)
            self.tick()

    def _thaw(self, beat: Beat, away: float) -> None:
        self.freezes += 1
        self.frozen_seconds += away
        self.last_freeze_end = beat.steady
        before, self._last = self._last, beat
        for listener in list(self._freezes):
            listener(min(before.wall, self.last_on_time))

    def _notice_step(self, beat: Beat) -> None:
        """Wall clock against ruler since the last look; a freeze moves both and is no step."""
        reference = self._reference
        self._reference = beat
        moved = (beat.wall - reference.wall).total_seconds() - (beat.steady - reference.steady)
        if abs(moved) <= STEP:
            return
        for listener in list(self._steps):
            listener(beat.wall, moved)
