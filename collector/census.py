"""Lives that began and ended unseen: where they can hide, and what to look at so that they cannot. Pure.

Every write to etcd has a revision of its own, and an exact list of a whole scope shows who lives at that revision. A
life that neither end of the gap shows was begun at some revision and ended at a later one, and both are revisions
that nothing else explains (a revision is one write to one object). So between two neighbouring looks nothing can hide
unless at least two unexplained revisions lie there; and where every unexplained revision but the last is looked at,
nothing is missing: that is the proof. Revisions of other kinds are unexplained as well: versions are only promised to
be comparable within one kind (KEP-5504), so what another kind explains counts only where both were found to live in
one etcd (`collector.etcds`).
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import pairwise

MOST: int = 200_000
"""In a longer range nothing is proved: not even the list of its revisions is made."""

ROUND = 32
"""Looks that are taken before it is reckoned again what they have explained."""


OUT_OF_REACH: int = 256
"""Looks where a proof cannot be afforded: a gap is declared in any case, the server is spared."""


class Census:
    """The unexplained revisions in (base, top], and where the scope has been looked at."""

    def __init__(self, base: int, top: int) -> None:
        self._base, self._top = base, top
        self._open = self._every()
        self._looks: set[int] = {base, top}
        self._left = -1

    def explain(self, revisions: Collection[int]) -> None:
        """These are known writes."""
        known = set(revisions)
        self._open = [one for one in self._open if one not in known]

    def begin_anew(self) -> None:
        """Nothing is explained any more; what was looked at stays so."""
        self._open = self._every()

    def looked(self, revisions: Collection[int]) -> None:
        """The whole scope was seen at these revisions."""
        self._looks.update(revisions)

    def next(self, room: int) -> Sequence[int]:
        """The looks to take now, at most `room`; none when nothing can hide any more, or nothing can be afforded.

        Where the room is not enough for a proof: first evenly over all of it, which finds whatever lived long, then
        from the newest back, so that what stays unproved is narrow.
        """
        needed = [revision for group in self._groups() for revision in group[:-1]]
        if room <= 0 or not needed or self._top - self._base > MOST:
            return ()
        if len(needed) <= room:
            return needed[:: -(-len(needed) // ROUND)]
        if self._left < 0:
            self._left = min(room, OUT_OF_REACH)
            return self._take(needed[:: -(-len(needed) // max(1, self._left // 4))])
        return self._take(needed[-ROUND:][: min(self._left, room)])

    @property
    def needed(self) -> int:
        """Looks that a proof takes as things stand."""
        return sum(len(group) - 1 for group in self._groups())

    def unproved(self) -> tuple[int, int] | None:
        """(from, to]: where short lives may be missing; None when certainly none is."""
        groups = self._groups()
        return (groups[0][0] - 1, groups[-1][-1]) if groups else None

    def around(self, revision: int) -> tuple[int, int]:
        """The nearest looks before and after."""
        looks = sorted(self._looks)
        place = bisect_left(looks, revision)
        after = place + 1 if looks[place] == revision else place
        return looks[place - 1], looks[after]

    def _every(self) -> list[int]:
        base, top = self._base, self._top
        return list(range(base + 1, top + 1)) if top - base <= MOST else [base + 1, top]

    def _take(self, looks: Sequence[int]) -> Sequence[int]:
        self._left -= len(looks)
        return looks

    def _groups(self) -> list[list[int]]:
        """Unexplained revisions between neighbouring looks, where two or more lie."""
        return [
            self._open[low:high]
            for before, after in pairwise(sorted(self._looks))
            if (high := bisect_left(self._open, after + 1)) - (low := bisect_left(self._open, before + 1)) > 1
        ]
