"""After a 410: what the watch would have said, read back from etcd by exact lists (`docs/decisions/0007-healing.md`).

The watch cache forgets after 75 s, and everything when its API server restarts; etcd keeps every revision until it is
compacted (5 minutes by default). So the way from what memory knows (the base) to a fresh list is walked revision by
revision (`collector.lives`), then proved to be whole (`collector.census`). What comes out are watch lines in order of
versions: to the tracker they are a stream that was read late.

- The base is memory, or where its version is compacted the exact list at the oldest revision that is left: up to
  there two states are compared, with a gap on record, as without healing.
- What runs out on the way (requests, seconds, bytes) moves the base up in the same manner: the newest is healed.
- Nothing is changed before everything has been read: a failure leaves the ordinary comparison with the fresh list.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from collector.burst import Snapshot
from collector.census import Census
from collector.clock import numeric
from collector.cluster import Cluster, ClusterError, Expired
from collector.concert import PATIENCE, Concert, Part, Phase
from collector.lives import Known, Life
from collector.metrics import Metrics
from collector.observation import Unreadable, read_header
from collector.past import Reader, together
from collector.search import differences, known_in, walk, writes_between
from collector.settings import CollectorSettings
from schema.events import Record
from schema.objects import Kind, Scope

log = logging.getLogger(__name__)

EXPIRED: Final = "expired"
"""Why a list is compared when the server has forgotten what happened since: what healing is for."""
TRIES: Final = 3
"""Etcd may be compacted while it is read; then the base is sought again."""
OVERTIME: Final = 10.0
"""Seconds for what is under way when the time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was found. `base`: the exact list from which the lines go on, None: from memory.

    `unproved`: (from, to] in which lives that were too short to be seen may be missing.
    """

    base: Snapshot | None
    lines: Sequence[bytes]
    unproved: tuple[int, int] | None


@runtime_checkable
class Healable(Protocol):
    """A tracker that can take up what was healed (`collector.recovery`)."""

    def known(self) -> dict[str, Known]:
        """Every living object, by uid."""
        ...

    def heal(self, past: Past, *, rv: str, at: datetime, reason: str) -> list[Record]:
        """What happened up to version `rv`, read at `at`; `reason`: of the gap up to the base, if there is one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """The past, and whose it is."""

    past: Past
    tracker: Healable

    async def take_up(self, *, rv: str, at: datetime) -> list[Record]:
        """The records of it, read at `at`; the tracker then stands at version `rv`, that of the fresh list."""
        return await asyncio.to_thread(self.tracker.heal, self.past, rv=rv, at=at, reason=EXPIRED)


class Healer:
    """Heals any scope; all of them share the requests that are under way, and what they find (`collector.concert`)."""

    def __init__(self, cluster: Cluster, *, settings: CollectorSettings, metrics: Metrics, concert: Concert) -> None:
        self._cluster = cluster
        self._settings = settings
        self._metrics = metrics
        self._concert = concert

    def expect(self, scope: Scope) -> None:
        """The server has forgotten this scope's version: it is about to heal."""
        self._concert.expect(scope)

    def give_up(self, scope: Scope) -> None:
        """It is not, for now."""
        self._concert.leave(scope)

    async def heal(self, kind: Kind, scope: Scope, tracker: object, rv: str, fresh: Snapshot) -> Healed | None:
        """The way from version `rv`, where memory stands, to the fresh list; None where there is none to be had."""
        base, top = numeric(rv), numeric(fresh.rv)
        if not isinstance(tracker, Healable) or not self._settings.healing.requests or not 0 < base <= top:
            self._concert.leave(scope)
            return None
        part = self._concert.come(scope, base, top)
        reader = Reader(self._cluster, kind, scope, turns=self._concert.turns, settings=self._settings)
        past, why = None, "it takes too long"
        try:
            async with asyncio.timeout(self._settings.healing.seconds + PATIENCE + OVERTIME):
                past = await self._attempts(reader, part, tracker.known(), base, top, fresh)
                why = "etcd keeps nothing of it"
        except (ClusterError, Unreadable) as error:
            why = str(error)
        except TimeoutError:
            pass
        finally:
            self._concert.leave(scope)
        self._metrics.healing_requests.labels(kind.id).inc(reader.requests)
        if past is None:
            self._metrics.healings_given_up.labels(kind.id).inc()
            log.info("%s is not healed from version %s on: %s", scope, rv, why)
            return None
        lines, requests = len(past.lines), reader.requests
        log.info("%s is healed from version %s to %s: %d changes, %d requests", scope, rv, top, lines, requests)
        return Healed(past=past, tracker=tracker)

    async def _attempts(
        self, reader: Reader, part: Part, known: dict[str, Known], base: int, top: int, fresh: Snapshot
    ) -> Past | None:
        alive = await asyncio.to_thread(_index, fresh)
        for _ in range(TRIES):
            part.phase = Phase.COMING
            try:
                return await _Healing(
                    reader, self._concert, part, self._settings, known, base, top, fresh.items, alive
                ).run()
            except Expired:
                log.info("%s: etcd was compacted while it was read", reader.scope)
        return None


class _Healing:
    """One attempt."""

    def __init__(
        self,
        reader: Reader,
        concert: Concert,
        part: Part,
        settings: CollectorSettings,
        known: dict[str, Known],
        base: int,
        top: int,
        items: Sequence[bytes],
        fresh: dict[str, tuple[int, Known]],
    ) -> None:
        self._reader = reader
        self._concert = concert
        self._part = part
        self._parallel = settings.healing.parallel
        self._objects = settings.healing.objects
        self._together = settings.healing.together
        self._looks, self._idle_looks = settings.healing.looks, settings.healing.idle_looks
        self._known = known
        self._base, self._top = base, top
        self._items = items
        self._places = {uid: place for uid, (place, _) in fresh.items()}
        self._fresh = {uid: known for uid, (_, known) in fresh.items()}
        self._list: Snapshot | None = None
        self._lives: dict[str, Life] = {}

    async def run(self) -> Past | None:
        """Raises Expired where etcd is compacted meanwhile, other ClusterErrors where healing is no use."""
        horizon = await self._horizon()
        if horizon >= self._top > self._base:
            return None
        if horizon > self._base:
            await self._stand_on(horizon)
        self._part.base = self._base
        found = differences(self._known, self._fresh, base=self._base, top=self._top, raw=self._raw)
        self._lives = {life.uid: life for life in found}
        self._part.changed = bool(self._lives)
        census = Census(self._base, self._top)
        if await self._walk():
            await self._prove(census)
        census.begin_anew()  # of what others told, only what still holds
        census.explain(self._explained())
        reached = max((life.frontier for life in self._lives.values()), default=0)
        if reached >= self._top:
            return None
        if reached > self._base:
            await self._stand_on(reached)
            self._forget_strangers()
        return Past(base=self._list, lines=self._lines(), unproved=_above(census.unproved(), self._base))

    async def _prove(self, census: Census) -> None:
        """That nothing else happened, which others may know better."""
        census.explain(self._explained())
        if not (needed := census.needed):
            return
        await self._concert.hear(self._part, self._reader, self._widen, needed)
        while await self._look(census) and await self._walk():
            pass

    def _raw(self, uid: str) -> bytes:
        return self._items[self._places[uid]]

    async def _widen(self, high: int) -> list[int]:
        """Writes to this scope after the fresh list."""
        later = known_in(await self._reader.all(high, metadata=True))
        return await writes_between(self._reader, self._fresh, self._top, later, high, parallel=self._parallel)

    async def _horizon(self) -> int:
        """The oldest revision from `base` on that etcd still has."""
        if self._base == self._top or await self._reader.is_kept(self._base):
            return self._base
        gone, kept = self._base, self._top
        while kept - gone > 1:
            middle = (gone + kept) // 2
            if await self._reader.is_kept(middle):
                kept = middle
            else:
                gone = middle
        return kept

    async def _stand_on(self, revision: int) -> None:
        """What happened up to `revision` cannot be told one by one: begin from how things stood there."""
        items = await self._reader.all(revision, metadata=False)
        self._base, self._list = revision, Snapshot(items=items, rv=str(revision))
        self._known = known_in(items)

    def _forget_strangers(self) -> None:
        """Lives that neither end shows, and whose end was not sought, must not be begun: the gaps cover them."""
        assert self._list is not None
        familiar = self._fresh.keys() | self._lives.keys()
        items = [raw for raw in self._list.items if read_header(raw).life in familiar]
        self._list = Snapshot(items=items, rv=self._list.rv)

    async def _walk(self) -> bool:
        """Until nothing is open, and the others may know; False when something ran out before."""
        whole = await walk(self._lives.values(), self._reader.one, self._parallel)
        self._concert.tell(self._part, self._found())
        return whole

    async def _look(self, census: Census) -> bool:
        """See who lived at revisions that nothing explains; False when no more is to be seen."""
        census.explain(self._explained())
        size = max(1, len(self._known), len(self._fresh))
        idle = not self._part.changed and self._concert.helps(self._part)
        most = min(self._looks, self._idle_looks) if idle else self._looks
        looks = list(census.next(min(most, self._reader.room // self._reader.pages(size), self._objects // size)))
        looks = looks[: max(1, self._together // size)]
        if not looks:
            return False
        self._objects -= size * len(looks)
        self._looks, self._idle_looks = self._looks - len(looks), self._idle_looks - len(looks)
        seen = await together(self._reader.all(look, metadata=True) for look in looks)
        census.looked(looks)
        met: dict[str, tuple[int, Known]] = {}
        for look, items in zip(looks, seen, strict=True):
            strangers = known_in(items)
            met |= {uid: (look, strangers[uid]) for uid in strangers.keys() - self._familiar()}
        for uid, (look, one) in met.items():  # the last look that shows it bounds its end
            stranger = Known(one.namespace, one.name, -1)
            self._lives[uid] = Life(uid, stranger, base=self._base).until_gone(look, census.around(look)[1])
        return True

    def _familiar(self) -> set[str]:
        return self._known.keys() | self._fresh.keys() | self._lives.keys()

    def _explained(self) -> set[int]:
        """Revisions that hide no life: writes that were found, here and by others of the same etcd."""
        return self._concert.explained(self._part).union(self._found())

    def _found(self) -> list[int]:
        return [revision for life in self._lives.values() for revision in life.revisions]

    def _lines(self) -> list[bytes]:
        lines = [line for life in self._lives.values() for line in life.lines(self._base)]
        return [line for _, line in sorted(lines, key=lambda one: one[0])]


def _above(span: tuple[int, int] | None, base: int) -> tuple[int, int] | None:
    """The part of it that another gap does not cover."""
    return (max(span[0], base), span[1]) if span and span[1] > base else None


def _index(fresh: Snapshot) -> dict[str, tuple[int, Known]]:
    """uid → where it stands in the list, and what it is."""
    headers = (read_header(raw) for raw in fresh.items)
    return {
        one.life: (place, Known(one.namespace, one.name, numeric(one.resource_version)))
        for place, one in enumerate(headers)
    }
