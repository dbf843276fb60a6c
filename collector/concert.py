"""Kinds that heal at the same time, and what each may spare because of what the others find.

After a restart of the API server all kinds heal at once. What hides lives in a kind in which nothing happened are the
revisions that nobody explains; almost all of them are writes to the few kinds in which much did happen
(`collector.etcds` tells whose writes count). So all first walk their differences, which is what both ends show; then
those that found any look on a little further, up to the newest list of all, because their lists were not read at one
moment; kinds that are not recorded but written all the time are walked once for all; those in which things happened
look for hidden lives; and only then the many others, which have hardly anything left to look at.

All waits are bounded: who comes late, or never, costs requests and perhaps a gap, nothing else.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import IntEnum
from typing import Final

from collector.account import Account
from collector.cluster import Cluster, ClusterError
from collector.etcds import Etcds
from collector.observation import Unreadable
from collector.past import Reader, Spent, Turns
from collector.search import known_in, writes_between
from collector.settings import CollectorSettings
from schema.objects import Kind, Scope

log = logging.getLogger(__name__)

PATIENCE: Final = 150.0
"""Seconds that a healing waits for the others, in all."""
SETTLED: Final = 1.5
"""Seconds without a newcomer: all have come."""
DECIDED: Final = 15.0
"""Seconds in which it shows which kinds share an etcd, where that is not known yet."""
LOOK: Final = 0.1
"""Seconds for a look of one's own while all others look as well."""
POLL: Final = 0.25
STALE: Final = 60.0
"""Seconds after which who was expected is expected no more."""
WITNESSED: Final = 2000
"""Requests for a kind that is not recorded, each time."""


Widen = Callable[[int], Awaitable[list[int]]]


class Phase(IntEnum):
    """How far a healing is."""

    COMING = 0
    WALKED = 1
    WIDENED = 2
    PROVED = 3


@dataclasses.dataclass(slots=True, eq=False)
class Part:
    """One scope's healing among the others; `changed`: something happened in it."""

    kind: str
    came: float
    phase: Phase = Phase.COMING
    base: int = 0
    top: int = 0
    changed: bool = False
    history: int = 0


class Concert:
    """All healings of one collector. `witnesses`: kinds that are served, written often and not recorded."""

    def __init__(self, cluster: Cluster, *, account: Account, etcds: Etcds, settings: CollectorSettings) -> None:
        self.turns = Turns(settings.healing.parallel)
        self.witnesses: Callable[[], Mapping[str, Kind]] = dict
        self._cluster = cluster
        self._account = account
        self._etcds = etcds
        self._settings = settings
        self._parts: dict[Scope, Part] = {}
        self._newcomer = 0.0
        self._asked = asyncio.Lock()
        self._witnessed: dict[str, tuple[int, int]] = {}
        etcds.hurried = lambda: bool(self._others())

    # ---- who takes part -------------------------------------------------------------------------------------------

    def expect(self, scope: Scope) -> None:
        """This scope is about to heal."""
        if scope not in self._parts:
            self.come(scope, 0, 0)

    def come(self, scope: Scope, base: int, top: int) -> Part:
        """It begins."""
        self._newcomer = _now()
        part = Part(scope.kind, self._newcomer, base=base, top=top, history=self._account.number)
        self._parts[scope] = part
        self._etcds.hurry.set()
        return part

    def leave(self, scope: Scope) -> None:
        """It is over, or will not be."""
        self._parts.pop(scope, None)

    # ---- what is known --------------------------------------------------------------------------------------------

    def tell(self, part: Part, revisions: Iterable[int]) -> None:
        """Writes to this kind that were found."""
        if part.history == self._account.number:
            self._account.note(part.kind, revisions)

    def explained(self, part: Part) -> set[int]:
        """Revisions in its range that hide nothing of this kind."""
        if part.history != self._account.number:
            return set()
        return self._etcds.explained(part.kind, part.base, part.top)

    def helps(self, part: Part) -> bool:
        """Whether others explain what this kind need not look at."""
        return part.history == self._account.number and len(self._etcds.peers(part.kind)) > 1

    # ---- in which order -------------------------------------------------------------------------------------------

    async def hear(self, part: Part, reader: Reader, widen: Widen, needed: int) -> None:
        """Wait until those have told that know more. `widen`: this scope's writes from its list up to a version.

        Not longer than it would take to find out alone, with `needed` looks.
        """
        if self._etcds.alone:
            return
        end, part.phase = _now() + min(PATIENCE, needed * LOOK), Phase.WALKED
        await self._until(self._all_walked, end, reader)
        await self._until(self._all_decided, min(end, part.came + DECIDED), reader)
        try:
            if len(self._etcds.peers(part.kind)) > 1 and await self._etcds.sound(part.kind):
                await self._look_further(part, widen)
        except (ClusterError, Unreadable, Spent) as error:
            log.debug("%s heals without the others: %s", part.kind, error)
        part.phase = Phase.WIDENED
        await self._until(lambda: self._told(part), end, reader)

    async def _look_further(self, part: Part, widen: Widen) -> None:
        """What happened between this list and the newest of all, and to kinds that nobody records."""
        peers = self._etcds.peers(part.kind)
        mine = [one for one in self._others() if one.kind in peers and one.top]
        low, high = min(one.base for one in mine), max(one.top for one in mine)
        if part.changed and high > part.top:
            self.tell(part, await widen(high))
        async with self._asked:  # who comes later finds it done
            for name, kind in self.witnesses().items():
                if name in peers:
                    await self._witness(kind, low, high)

    async def _witness(self, kind: Kind, low: int, high: int) -> None:
        """Walk a kind that is not recorded, as far as it has not been walked."""
        since, until = self._witnessed.get(kind.id, (0, 0))
        if since <= low < until:
            low = until
        if low >= high:
            return
        history, settings = self._account.number, self._settings
        limits = dataclasses.replace(settings.healing, requests=WITNESSED)
        settings = dataclasses.replace(settings, healing=limits)
        reader = Reader(self._cluster, kind, Scope(kind.id), turns=self.turns, settings=settings)
        try:
            earlier, later = [known_in(await reader.all(at, metadata=True)) for at in (low, high)]
            found = await writes_between(reader, earlier, low, later, high, parallel=settings.healing.parallel)
        except (ClusterError, Unreadable) as error:
            log.debug("%s does not tell what was written: %s", kind.id, error)
            return
        log.info("%s was written %d times from version %d to %d", kind.id, len(found), low, high)
        if history == self._account.number:
            self._witnessed[kind.id] = (since if low == until else low, high)
            self._account.note(kind.id, found)

    def _told(self, part: Part) -> bool:
        """Whether those before it in the order are through."""
        least = Phase.WIDENED if part.changed else Phase.PROVED
        return self._all_walked() and all(one.phase >= least for one in self._others() if one.changed)

    def _all_walked(self) -> bool:
        settled = _now() - self._newcomer >= SETTLED
        return settled and all(one.phase >= Phase.WALKED for one in self._others())

    def _all_decided(self) -> bool:
        return all(self._etcds.decided(one.kind) for one in self._others())

    async def _until(self, ready: Callable[[], bool], end: float, reader: Reader) -> None:
        began = _now()
        while not ready() and _now() < end:  # noqa: ASYNC110 - it also gets ready as time passes
            await asyncio.sleep(POLL)
        reader.rest(_now() - began)

    def _others(self) -> list[Part]:
        oldest = _now() - STALE
        return [one for one in self._parts.values() if one.top or one.came >= oldest]


def _now() -> float:
    return asyncio.get_running_loop().time()
