"""So many of something per second for each client, and some at once."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_CLIENTS: Final = 10_000


class Budget:
    """The longest unseen clients are forgotten. A rate of 0 has no limit."""

    def __init__(self, rate: float, most: float, clock: Callable[[], float]) -> None:
        """`rate` per second, `most` at once; `clock` is monotonic, in seconds."""
        self._rate = rate
        self._most = most
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, client: str) -> bool:
        """Whether there is one left."""
        return not self._rate or self._now(client) >= 1

    def spend(self, client: str) -> bool:
        """Take one; False when none is left."""
        if not self._rate:
            return True
        left = self._now(client)
        self._clients[client] = (max(0.0, left - 1), self._clock())
        self._clients.move_to_end(client)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return left >= 1

    def _now(self, client: str) -> float:
        left, at = self._clients.get(client, (self._most, self._clock()))
        return min(self._most, left + (self._clock() - at) * self._rate)
