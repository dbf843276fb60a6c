"""Whether anybody asks just now: then changes are stored soon, else in larger and fewer flushes.

A flush costs the same whether it holds ten changes or a thousand (figures: docs/benchmarks.md). Most of the time nobody
looks, and whoever looks first is served better by a flush at once than by one every other second: what was read up to
then is in the answer. Told by the composition, which alone sees the questions.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

LASTING: Final = 30.0
"""Seconds after the end of a question in which another one is expected."""


class Demand:
    """`now`: seconds of a monotonic clock. `steady`: somebody asks all the time (a receiver of changes)."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic, steady: bool = False) -> None:
        self._now = now
        self._open = int(steady)
        self._until = float("-inf")
        self._hurry = False

    @property
    def calm(self) -> bool:
        """Nobody asks, or did a short while ago."""
        return not self._open and self._now() >= self._until

    @contextmanager
    def asking(self) -> Iterator[bool]:
        """For the length of one question or stream. True: it is the first after a while."""
        first = self.calm
        self._open += 1
        try:
            yield first
        finally:
            self._open -= 1
            self._until = self._now() + LASTING

    def hurry(self) -> None:
        """Somebody waits for what was read up to now: flush at once."""
        self._hurry = True

    def take_hurry(self) -> bool:
        """Whether a flush was wanted since the last call."""
        hurry, self._hurry = self._hurry, False
        return hurry
