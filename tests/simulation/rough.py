"""Rougher terrain: what servers, proxies and clusters do beyond plain failures. Seeds of their own, same proofs.

    python -m tests.simulation.rough --seeds 0:10000
    python -m tests.simulation.rough --seeds 4711 --verbose

Kinds: two built-in ones, one whose resourceVersions are no numbers (aggregated APIs), and Kubernetes Events, which have
neither bookmarks nor a watch cache. A third of the seeds watch namespaces instead of the cluster, a third are audited,
lists come in pages of five. Chunks may be single bytes.
"""

import asyncio
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Final

import orjson

from collector.cluster import Busy, Discovery, Expired, NotServed, Page, TooLargeVersion, Unauthorized
from collector.skew import Skew
from kubelapse import proofs
from schema.canonical import canonical, strip_envelope
from schema.events import Record
from schema.objects import KUBE_EVENTS, Kind
from tests.simulation.faults import FAULTS, Fault, Schedule, draw
from tests.simulation.run import KINDS, SETTINGS, SLACK, UNNOTICED, VERBS, Simulation, lived
from tests.simulation.seeds import replay
from tests.simulation.server import Server, Stream
from tests.simulation.world import NOON, World, Write

OPAQUE: Final = "gauges.metrics.example.org"
"""Its resourceVersions are no numbers."""
TERRAIN: Final[dict[str, Kind]] = {
    **KINDS,
    **{
        kind.id: kind
        for kind in (
            Kind(group="", version="v1", resource="events", kind="Event", namespaced=True, verbs=VERBS),
            Kind(
                group="metrics.example.org", version="v1", resource="gauges", kind="Gauge", namespaced=True, verbs=VERBS
            ),
        )
    },
}
ROUGH: Final = (
    *FAULTS,
    "stale-replica",
    "stale-list",
    "expiring-pages",
    "repeats",
    "burst",
    "storm",
    "stale-discovery",
    "no-discovery",
    "version-switch",
    "token",
    "crumbs",
)
DELAY: Final = timedelta(seconds=3)
"""So old may be what a stale replica sends without its giving itself away: claims and Date headers are whole seconds
(together 2 s), commits take a quarter, clocks drift. Otherwise lines come at once, and `UNNOTICED` holds."""
CRUMBS: Final = 1500
"""More bytes than this are never cut one by one."""


class RoughServer(Server):
    """What its schedule turns on: see the names of the faults."""

    horizon: Mapping[str, int] = MappingProxyType({})
    """While a replica is behind: what it has seen of each kind; nothing otherwise."""
    stale_lists = expiring = repeats = storm = crumbs = no_discovery = unauthorized = removed = False
    stale_groups: frozenset[str] = frozenset()
    newer: frozenset[str] = frozenset()
    """Kinds that are served as v2."""

    def __init__(
        self, world: World, chance: Random, *, clock: Callable[[], datetime], dated: Callable[[datetime], None]
    ) -> None:
        """`dated` is told by each answer when it was asked for by the collector's `clock`."""
        super().__init__(world, chance)
        self._clock, self._dated = clock, dated

    # ---- lists and discovery --------------------------------------------------------------------------------------

    async def discover(self) -> Discovery:
        found = await super().discover()
        if self.no_discovery:
            raise Busy("service unavailable")
        kinds = [self._served_as(kind) for kind in found.kinds if kind.group not in self.stale_groups]
        return Discovery(kinds=kinds, stale=self.stale_groups)

    async def page(self, kind: Kind, namespace: str, *, more: str = "", limit: int = 500, rv: str = "") -> Page:
        if more and self.expiring and self._chance.random() < 0.5:
            await self._answer(kind)
            raise Expired("the continue token has expired")
        if not more and self.horizon and self._chance.random() < 0.5:
            await self._answer(kind)
            if not self.stale_lists:
                raise TooLargeVersion("too large resource version", retry_after=1.0)
            return self._page(kind, namespace, rv=self.horizon[kind.id], more=more, limit=limit)
        return await super().page(kind, namespace, more=more, limit=limit, rv=rv)

    async def _answer(self, kind: Kind | None = None) -> None:
        sent = self._clock()
        await super()._answer(kind)
        self._dated(sent)
        if self.storm:
            raise self._chance.choice((Busy("internal error"), Busy("unavailable", retry_after=1.0), OVERTAXED))
        if self.unauthorized:
            raise Unauthorized("the token has expired")
        if kind is not None and self.removed and kind.id in self.newer and kind.version == "v1":
            raise NotServed("the server could not find the requested resource")

    # ---- watches --------------------------------------------------------------------------------------------------

    def lag(self) -> None:
        """Half of the watches, and of those to come, are served by a replica that stands still."""
        self.horizon = {kind: self.world.etcd(kind).revision for kind in self.world.kinds}
        for stream in self.streams:
            stream.stale = self._chance.random() < 0.5

    def _horizon(self, stream: Stream) -> int:
        return self.horizon[stream.kind] if stream.stale and self.horizon else super()._horizon(stream)

    def _told(self, lines: list[bytes]) -> list[bytes]:
        """Some of what was sent before is sent again, behind what is new."""
        if lines and self.repeats:
            again = self._chance.sample(lines, min(len(lines), 2))
            return [*lines, *again]
        return lines

    def _cut_up(self, lines: list[bytes]) -> list[bytes]:
        data = b"".join(lines)
        if self.crumbs and len(data) < CRUMBS:
            return [data[at : at + 1] for at in range(len(data))]
        return super()._cut_up(lines)

    # ---- how things are shown -------------------------------------------------------------------------------------

    def version(self, kind: Kind, rv: int) -> str:
        return opaque(rv) if kind.id == OPAQUE else str(rv)

    def _number(self, rv: str) -> int:
        return int(rv.strip("r.x"))

    def _opened(self, stream: Stream) -> Stream:
        stream.stale = bool(self.horizon) and self._chance.random() < 0.5
        return stream

    def _shown(self, kind: Kind, raw: bytes) -> bytes:
        return shown(kind, raw)

    def _served_as(self, kind: Kind) -> Kind:
        return dataclasses.replace(kind, version="v2") if kind.id in self.newer else kind


OVERTAXED: Final = TooLargeVersion("timeout: too large resource version", retry_after=1.0)


def opaque(rv: int) -> str:
    """A resourceVersion that can only be compared for equality."""
    return f"r{rv}.x"


def shown(kind: Kind, raw: bytes) -> bytes:
    """An object in this version of its kind, with a resourceVersion as its API writes them."""
    if kind.version != "v1":
        raw = raw.replace(b'"%s/v1"' % kind.group.encode() if kind.group else b'"v1"', _quoted(kind), 1)
    if kind.id == OPAQUE:
        before, name, after = raw.partition(b'"resourceVersion":"')
        number, quote, rest = after.partition(b'"')
        raw = before + name + opaque(int(number)).encode() + quote + rest
    return raw


def _quoted(kind: Kind) -> bytes:
    return orjson.dumps(kind.api_version)


class Rough(Simulation):
    """One run on this terrain."""

    server: RoughServer

    def make_server(self, chance: Random) -> RoughServer:
        self.skew = Skew(self.clock)
        return RoughServer(self.world, chance, clock=self.clock, dated=self._learn)

    def _learn(self, sent: datetime) -> None:
        """The Date header of an answer."""
        assert self.skew is not None
        self.skew.observe(self.world.moment(self.now).replace(microsecond=0), sent=sent, received=self.clock())

    def begin(self) -> None:
        """Another process cannot know by its versions what of an opaque kind was stored before: a gap is due."""
        super().begin()
        if len(self.tasks) > 1:
            self.excused.add(OPAQUE)

    # ---- faults ---------------------------------------------------------------------------------------------------

    def _stale_replica(self, _: Fault, __: float) -> None:
        self.server.lag()

    def _after_stale_replica(self, _: Fault, __: float) -> None:
        self.server.horizon, self.server.stale_lists = {}, False
        self.server.tell()

    def _stale_list(self, fault: Fault, at: float) -> None:
        """A server that answers lists from before: it cannot be told from one that was restored."""
        self.excused.update(self.kinds)
        self.server.streaming, self.server.stale_lists = False, True
        self._stale_replica(fault, at)
        self.server.cut(fault.kind)

    def _after_stale_list(self, fault: Fault, at: float) -> None:
        self._after_stale_replica(fault, at)

    def _expiring_pages(self, fault: Fault, at: float) -> None:
        self.server.expiring = True
        self._paged(fault, at)

    def _after_expiring_pages(self, _: Fault, __: float) -> None:
        self.server.expiring = False

    def _repeats(self, _: Fault, __: float) -> None:
        self.server.repeats = True

    def _after_repeats(self, _: Fault, __: float) -> None:
        self.server.repeats = False

    def _burst(self, _: Fault, at: float) -> None:
        """More at once than a watcher's buffer holds: the server ends what is too slow."""
        if self.server.down or self.writers_away_until or self.server.unserved:
            return
        for stream in self.server.streams:
            stream.room = self.chance.randrange(1, 40)
        self.world_writes(150, at)
        self.server.tell()

    def world_writes(self, count: int, at: float) -> None:
        """So many at one moment."""
        for _ in range(count):
            self.world.write(at)

    def _storm(self, _: Fault, __: float) -> None:
        self.server.storm = True

    def _after_storm(self, _: Fault, __: float) -> None:
        self.server.storm = False

    def _stale_discovery(self, fault: Fault, _: float) -> None:
        self.server.stale_groups = frozenset({TERRAIN[fault.kind].group} - {""})

    def _after_stale_discovery(self, _: Fault, __: float) -> None:
        self.server.stale_groups = frozenset()

    def _no_discovery(self, _: Fault, __: float) -> None:
        self.server.no_discovery = True

    def _after_no_discovery(self, _: Fault, __: float) -> None:
        self.server.no_discovery = False

    def _version_switch(self, fault: Fault, _: float) -> None:
        """Half of the time the version before is not served any more at once."""
        if TERRAIN[fault.kind].group:
            self.server.newer |= {fault.kind}
            self.server.removed = self.server.removed or self.chance.random() < 0.5
            self.excused.add(fault.kind)
            if self.server.removed:
                self.server.cut(fault.kind)

    def _token(self, _: Fault, __: float) -> None:
        """On sockets the next token is to be had at once; without them, after a while."""
        self.server.token += 1
        self.server.unauthorized = not self.server.on_sockets

    def _after_token(self, _: Fault, __: float) -> None:
        self.server.unauthorized = False

    def _crumbs(self, _: Fault, __: float) -> None:
        self.server.crumbs = True

    def _after_crumbs(self, _: Fault, __: float) -> None:
        self.server.crumbs = False

    # ---- the end --------------------------------------------------------------------------------------------------

    def writes(self) -> Sequence[Write]:
        return [one for one in super().writes() if one.kind not in KUBE_EVENTS]

    def shown_later(self) -> Sequence[proofs.Committed]:
        return [_newer(self.kinds[one.kind], one, self.committed(one)) for one in self.writes()]

    def committed(self, write: Write) -> proofs.Committed:
        one = super().committed(write)
        return dataclasses.replace(one, rv=self.server.version(self.kinds[write.kind], write.rv))

    def stamped(self, truth: Sequence[proofs.Committed]) -> Sequence[proofs.Committed]:
        """What is sent of a deletion says no time, nor does a change in the same second as the one before it: one that
        a replica sends late cannot be told from a new one."""
        spans = [
            (self.world.moment(one.at), self.world.moment(one.at + one.seconds))
            for one in self.schedule.faults
            if one.name in ("stale-replica", "stale-list")
        ]
        silent, truth = self._silent(), super().stamped(truth)
        late = [(one.kind, one.uid, one.at) in silent and any(lo <= one.at <= hi for lo, hi in spans) for one in truth]
        return [one for one, unknowable in zip(truth, late, strict=True) if not unknowable]

    def _silent(self) -> set[tuple[str, str, datetime]]:
        """Writes whose lines carry no time of their own."""
        seconds, silent = dict[tuple[str, str], int](), set[tuple[str, str, datetime]]()
        for write in self.world.truth:
            at, life = self.world.moment(write.at), (write.kind, write.uid)
            if write.change == "DELETED" or seconds.get(life) == int(at.timestamp()):
                silent.add((*life, at))
            seconds[life] = int(at.timestamp())
        return silent

    def proved(self, records: Sequence[Record]) -> Iterator[tuple[str, list[str]]]:
        yield from super().proved(records)
        if not self.schedule.has("clock"):
            events = [write for write in self.world.truth if write.kind in KUBE_EVENTS]
            yield "heard", proofs.heard(self.due(events, records), records, slack=SLACK)

    def _living(self) -> dict[str, str]:
        return {life: rv for life, rv in super()._living().items() if life.partition("/")[0] not in KUBE_EVENTS}


def _newer(kind: Kind, write: Write, one: proofs.Committed) -> proofs.Committed:
    """As v2 of its kind shows it."""
    obj = orjson.loads(shown(dataclasses.replace(kind, version="v2"), write.raw))
    strip_envelope(obj)
    return dataclasses.replace(one, state=canonical(obj))


def rough(seed: int) -> tuple[Simulation, list[str]]:
    """The run of this seed."""
    schedule = drawn(seed)
    return lived(lambda loop: on_terrain(schedule, loop, freeze=loop.freeze))


def drawn(seed: int, *, only: Callable[[str], bool] = lambda _: True) -> Schedule:
    """The schedule of this seed."""
    return draw(seed, list(TERRAIN), only=only, among=ROUGH)


def on_terrain(
    schedule: Schedule,
    loop: asyncio.AbstractEventLoop,
    *,
    start: datetime = NOON,
    freeze: Callable[[float], None] = lambda _: None,
) -> Rough:
    """A run of this schedule, with what else its seed decides."""
    chance = Random(schedule.seed * 13 + 5)
    settings = dataclasses.replace(SETTINGS, page_size=5, audit_every=chance.choice((30.0, 1e9, 1e9)))
    if chance.random() < 0.33:
        settings = dataclasses.replace(settings, namespaces=("shop", "test"))
    # A store of versions that are no numbers cannot be seen to go back.
    backwards = schedule.has("rollback", "stale-list")
    kinds = {name: kind for name, kind in TERRAIN.items() if name != OPAQUE or not backwards}
    unnoticed = UNNOTICED if not schedule.has("stale-replica", "stale-list") else DELAY
    return Rough(schedule, loop, start=start, freeze=freeze, settings=settings, kinds=kinds, unnoticed=unnoticed)


def main() -> int:
    """Run a range of seeds."""
    return replay(__doc__ or "", rough)


if __name__ == "__main__":
    sys.exit(main())
