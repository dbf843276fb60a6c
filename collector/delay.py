"""What comes as live and was sent late all the same: the server's own claims prove it. Pure.

A server, or a proxy before it, that is slow to send cannot be told from one that is quick by the moment of reading.
But it stamps its writes: a stamp too old to have been read just now proves that this line, and what comes right behind
it (a deletion claims nothing), was on its way for long.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from collector.clock import EPOCH
from collector.skew import Skew

PROOF: Final = timedelta(seconds=0.1)
"""So much a claim must be older than any live line's could be before it proves anything."""
BACKLOG: Final = timedelta(seconds=0.5)
"""What is read so soon after lines that were proved old was sent with them."""
LISTING: Final = timedelta(hours=1)
"""A first list may take so long to read. What claims to be older and was not in it claims nothing: whoever makes such
objects (an aggregated API, a server restored from a copy) does not stamp them when they appear."""


class Delay:
    """How late one stream is, as far as that is proved."""

    def __init__(self, skew: Skew) -> None:
        self._skew = skew
        self._proved = self._since = EPOCH

    def learn(
        self, claims: Iterable[datetime], *, at: datetime, believed: datetime, listed: datetime, last: datetime
    ) -> None:
        """Lines read at `at` claim these seconds of the server's clock.

        `believed`: since when they may have been on their way; `listed`: when the first list had been read; `last`:
        when the event before them happened.
        """
        oldest = min((claim for claim in claims if claim > listed - LISTING), default=None)
        bounds = self._skew.bounds(at) if oldest is not None else None
        if oldest is not None and bounds is not None and oldest + (bounds[1] - at) + PROOF < believed:
            self._proved, self._since = at, min(last, oldest + (bounds[0] - at))

    def at(self, at: datetime) -> datetime | None:
        """Since when what is read at this moment may have been on its way; None: nothing is proved."""
        return self._since if self._proved <= at < self._proved + BACKLOG else None
