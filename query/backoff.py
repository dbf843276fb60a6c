"""How long to wait before the next try of a delivery."""

from random import Random
from typing import Final

MOST: Final = 300.0
_LONGEST_ASKED: Final = 3600.0


class Backoff:
    """Exponential, a random half of it; never less than the receiver asked for, within an hour."""

    def __init__(self, random: Random, first: float) -> None:
        """`first`: seconds before the second try."""
        self._random = random
        self._first = first
        self._failures = 0

    def next(self, asked: float | None = None) -> float:
        """Seconds; `asked`: what the receiver wants."""
        whole = min(MOST, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(self._random.uniform(whole / 2, whole), min(asked or 0.0, _LONGEST_ASKED))

    def reset(self) -> None:
        """Something was taken."""
        self._failures = 0
