"""Which kinds live in one etcd: never assumed, only inferred from versions that cannot agree so well by chance.

Versions are promised to be comparable within one kind only (KEP-5504): `--etcd-servers-overrides` gives kinds an etcd
of their own, aggregated API servers have theirs. In one etcd a consistent list's version is the newest revision of all,
so a kind that is listed between two lists of another (the anchor of a group) has a version between theirs. One that is
not there is in another etcd, for good. One that is there may be so by chance; how large can that chance be? Where the
anchor has moved by n in between, a counter of its own that happened to hit a window of w revisions did so with at most
w / sqrt(2 pi n), whatever its rate: counts of independent writes scatter. These chances multiply. The first hit counts
too (of all counters up to the present one, w), but never alone: twins made from one backup begin equal.

Two kinds that are known to have written at the same revision have contradicted all that, also for good.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from collector.account import Account
from collector.backoff import set_within
from collector.clock import numeric
from collector.cluster import Cluster, ClusterError
from collector.outlet import Emit
from collector.relist import ROLLBACK
from collector.sink import Position
from schema.events import Gap, Record
from schema.objects import Kind, Scope

log = logging.getLogger(__name__)

BY_SCATTER: Final = math.log(1e-4)
"""So small the chance must be that a counter which once stood equal has kept step."""
IN_ALL: Final = math.log(1e-7)
"""And so small that it stood equal as well."""
TOGETHER: Final = 8
"""Kinds asked between two questions to the anchor."""
APART: Final = -1
"""The group of a kind that is in none."""
PACE: Final = 0.1
"""Seconds per kind between two rounds, and `SHORTEST` for all: ten requests a second at most."""
SHORTEST: Final = 5.0
HURRIED: Final = 1.0
"""Seconds between rounds while a healing waits for them."""
SURE: Final = 600.0
"""Seconds between rounds once everything is decided: whether it still holds."""
ROUNDS: Final = 16
"""After so many rounds without a decision each takes twice as long as the one before."""

STILL: Final = 2
"""So many rounds in which nothing was written: no more is to be learnt soon."""
DEAF: Final = 120.0
"""Seconds after the cluster went back in which nothing is believed."""

Subjects = Callable[[], Mapping[str, tuple[Kind, Scope]]]


@dataclass(slots=True)
class Standing:
    """How a kind stands to the group that it is compared with: logarithms of chances, the last moment's upper end."""

    group: int = 0
    met: float = 0.0
    kept: float = 0.0
    upper: int = -1

    @property
    def proved(self) -> bool:
        """It cannot be chance any more."""
        return self.group != APART and self.kept <= BY_SCATTER and self.met + self.kept <= IN_ALL

    def judge(self, low: int, value: int, high: int) -> bool:
        """Its version `value` was read between the anchor's `low` and `high`; False when it cannot be the same etcd."""
        if not low <= value <= high:
            return False
        width, moved = high - low + 1, low - self.upper
        if self.upper < 0:
            self.met, self.upper = min(0.0, math.log(width / max(1, high))), high
        elif moved > 0 and (chance := width / math.sqrt(2 * math.pi * moved)) < 0.5:
            self.kept, self.upper = self.kept + math.log(chance), high
        return True


@dataclass(slots=True)
class Groups:
    """The partition as far as it is known. Pure."""

    anchors: list[str] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)

    def of(self, kind: str) -> Standing:
        """Where it stands; a kind that is compared with nobody becomes the anchor of a group of its own."""
        standing = self.standings.setdefault(kind, Standing())
        if standing.group == len(self.anchors):
            self.anchors.append(kind)
        return standing

    def decided(self, kind: str) -> bool:
        """Nothing more is to be learnt of it."""
        standing = self.of(kind)
        return standing.group == APART or kind in self.anchors or standing.proved

    def peers(self, kind: str) -> frozenset[str]:
        """Kinds that are proved to share its etcd, itself included; none when nothing is proved of it."""
        mine = self.of(kind)
        if mine.group == APART or not (mine.proved or kind in self.anchors):
            return frozenset()
        others = {name for name, one in self.standings.items() if one.group == mine.group and one.proved}
        return frozenset(others | {self.anchors[mine.group]})

    def judge(self, kind: str, low: int, value: int, high: int) -> None:
        """One moment of one kind."""
        standing = self.of(kind)
        if not standing.judge(low, value, high):
            self.standings[kind] = Standing(standing.group + 1)
            log.info("%s is not in the etcd of %s: %d is not in %d to %d", kind, self.anchors[standing.group], value,
                     low, high)  # fmt: skip

    def tear(self, kinds: Iterable[str]) -> None:
        """These contradict what was inferred; who was compared with one of them begins anew with another."""
        for kind in kinds:
            log.info("the versions of %s are beside those of every other kind", kind)
            if kind in self.anchors:
                number = self.anchors.index(kind)
                self.anchors[number] = ""
                mine = [name for name, one in self.standings.items() if one.group == number]
                self.standings |= {name: Standing(number + 1) for name in mine}
            self.standings[kind] = Standing(APART)

    def forget(self) -> None:
        """Etcd went back: what was inferred is begun anew, what was refuted stays so."""
        for standing in self.standings.values():
            standing.met = standing.kept = 0.0
            standing.upper = -1


class Etcds:
    """Asks for the versions, as long as it takes. `subjects`: the kinds of now, each with a scope that can be asked."""

    def __init__(self, cluster: Cluster, account: Account, subjects: Subjects) -> None:
        self.hurried: Callable[[], bool] = lambda: False
        """Whether somebody waits; `hurry` tells when this may have changed."""
        self.hurry = asyncio.Event()
        self._cluster = cluster
        self._account = account
        self._subjects = subjects
        self._groups = Groups()
        self._last: dict[str, int] = {}
        self._deaf_until = 0.0
        self._still = 0

    # ---- what is known --------------------------------------------------------------------------------------------

    @property
    def alone(self) -> bool:
        """There is one kind only."""
        return len(self._subjects()) < 2

    def decided(self, kind: str) -> bool:
        """Nothing more is to be learnt of this kind for now: it is known, or nothing is written at all."""
        return self._groups.decided(kind) or self._still >= STILL

    def explained(self, kind: str, low: int, high: int) -> set[int]:
        """Revisions in (low, high] that cannot be writes to this kind.

        Its own writes are not among them: what an attempt has found that failed is not on record.
        """
        if self._is_deaf():
            return set()
        found, torn = self._account.shared(self._groups.peers(kind), low, high)
        while torn:
            self._groups.tear(torn)
            found, torn = self._account.shared(self._groups.peers(kind), low, high)
        return {revision for revision, owner in found.items() if owner != kind}

    def peers(self, kind: str) -> frozenset[str]:
        """Kinds that are proved to share its etcd, itself included; none when nothing is proved of it."""
        return self._groups.peers(kind)

    def went_back(self) -> None:
        """The cluster was restored: revisions are given again, and what is still on its way here may be of before."""
        log.info("the cluster went back: nothing that is known of its revisions counts")
        self._deaf_until = asyncio.get_running_loop().time() + DEAF
        self._account.clear()
        self._groups.forget()
        self._last.clear()

    def _is_deaf(self) -> bool:
        deaf = asyncio.get_running_loop().time() < self._deaf_until
        if deaf:
            self._account.clear()
        return deaf

    def listening(self, emit: Emit) -> Emit:
        """The way into the log, on which is heard what was written."""

        async def heard(records: Sequence[Record], scope: Scope, position: Position | None) -> None:
            if any(isinstance(one, Gap) and one.reason == ROLLBACK for one in records):
                self.went_back()
            self._account.take(scope.kind, records)
            await emit(records, scope, position)

        return heard

    async def sound(self, kind: str) -> bool:
        """Whether the etcd of this kind has not gone back behind what is known of it."""
        known = self._account.newest_of(self._groups.peers(kind))
        value = await self._version(kind)
        if 0 <= value < known:
            self.went_back()
        return value >= known

    # ---- rounds ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """For ever."""
        rounds, last = 0, asyncio.get_running_loop().time()
        while True:
            undecided = self._undecided()
            hurried = bool(undecided) and self.hurried()
            if not hurried and await set_within(self.hurry, SHORTEST):
                self.hurry.clear()
            elif hurried:
                await asyncio.sleep(HURRIED)
            self._is_deaf()
            if hurried or asyncio.get_running_loop().time() - last >= self._pause(len(undecided), rounds):
                rounds, last = rounds + 1, asyncio.get_running_loop().time()
                await self._try_round(every=not undecided)

    def _pause(self, undecided: int, rounds: int) -> float:
        """Seconds between two rounds."""
        slower: int = 1 << max(0, min(6, rounds - ROUNDS))
        return min(SURE, max(SHORTEST, PACE * undecided) * slower) if undecided else SURE

    async def _try_round(self, *, every: bool) -> None:
        try:
            await self.round(every=every)
        except Exception:  # it only spares requests: its own faults must never end capture
            log.exception("kinds of one etcd could not be told")

    def _undecided(self) -> list[str]:
        return [kind for kind in self._subjects() if not self._groups.decided(kind)]

    async def round(self, *, every: bool = False) -> None:
        """A moment of each kind that is not decided, or of all."""
        subjects = self._subjects()
        kinds = [kind for kind in subjects if every or not self._groups.decided(kind)]
        self._replace_lost(subjects)
        for number, anchor in enumerate(list(self._groups.anchors)):
            mine = [kind for kind in kinds if self._groups.of(kind).group == number and kind != anchor]
            if mine and anchor in subjects:
                try:
                    await self._compare(anchor, mine)
                except ClusterError as error:
                    log.debug("%s does not tell its version: %s", anchor, error)

    def _replace_lost(self, subjects: Mapping[str, tuple[Kind, Scope]]) -> None:
        """An anchor that is not served any more is followed by one of its own."""
        groups = self._groups
        for number, anchor in enumerate(groups.anchors):
            heirs = sorted(kind for kind in groups.peers(anchor) if kind in subjects)
            if anchor not in subjects and heirs:
                groups.anchors[number] = heirs[0]

    async def _compare(self, anchor: str, kinds: Sequence[str]) -> None:
        low = await self._version(anchor)
        if low < 0:
            self._groups.tear([anchor])
            return
        if low < self._last.get(anchor, 0):
            self.went_back()
        new = [kind for kind in kinds if self._groups.of(kind).upper < 0]
        still = low == self._last.get(anchor)
        self._still = self._still + 1 if still else 0
        if still:  # nothing was written: nothing is to be learnt
            kinds = new
        for some in (kinds[at : at + TOGETHER] for at in range(0, len(kinds), TOGETHER)):
            values = await asyncio.gather(*(self._version(kind) for kind in some), return_exceptions=True)
            high = await self._version(anchor)
            if high < low:
                self.went_back()
                return
            for kind, value in zip(some, values, strict=True):
                self._take(kind, low, value, high)
            low = high
        self._last[anchor] = low

    def _take(self, kind: str, low: int, value: int | BaseException, high: int) -> None:
        if isinstance(value, ClusterError):
            return
        if isinstance(value, BaseException):
            raise value
        if value < 0:
            self._groups.tear([kind])
        else:
            self._groups.judge(kind, low, value, high)

    async def _version(self, kind: str) -> int:
        """The newest revision of its etcd, -1 where versions are no numbers."""
        subject = self._subjects().get(kind)
        if subject is None:
            raise ClusterError(f"{kind} is not served any more")
        page = await self._cluster.page(subject[0], subject[1].namespace, limit=1)
        return numeric(page.rv)
