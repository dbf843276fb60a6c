"""Waiting before another try: exponential with full jitter, forgotten after a healthy time.

Full jitter (a random share of the whole wait) spreads a hundred watches that an API server has dropped at once.
"""

import asyncio
from random import Random


class Backoff:
    """0.8 s → 30 s by default; `reset` after the server has proved well."""

    def __init__(self, *, first: float, most: float, random: Random) -> None:
        self._first = first
        self._most = most
        self._random = random
        self.failures = 0

    def next(self, *, at_least: float | None = None, most: float | None = None) -> float:
        """Seconds to wait after one more failure; never less than the server asked for."""
        ceiling = min(self._most if most is None else most, self._first * 2.0 ** min(self.failures, 16))
        self.failures += 1
        return max(at_least or 0.0, self._random.uniform(0.0, ceiling))

    def reset(self) -> None:
        """All is well again."""
        self.failures = 0


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event is set within so many seconds.

    Not `asyncio.wait_for`: before Python 3.12 it swallows a cancellation that comes in the moment of the event, and a
    loop that should end goes on for ever.
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
