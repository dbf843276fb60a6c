"""One seed: a world, a server, a collector that is killed and frozen, and what the proofs say of the log in the end.

python -m tests.simulation.run --seeds 0:10000      # prints what failed, and how to replay it
python -m tests.simulation.run --seeds 4711 --verbose
"""

import asyncio
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

import orjson
from prometheus_client import CollectorRegistry

from collector.cluster import Cluster
from collector.heartbeat import Heartbeat
from collector.metrics import Metrics
from collector.run import Collector
from collector.settings import CollectorSettings
from collector.skew import Skew
from kubelapse import proofs
from schema.canonical import canonical, strip_envelope
from schema.events import Record, Watermark
from schema.objects import Kind
from tests.simulation.faults import QUIET, Fault, Schedule, draw
from tests.simulation.log import Kept, SimulatedLog
from tests.simulation.loop import VirtualLoop, run
from tests.simulation.seeds import replay
from tests.simulation.server import Server
from tests.simulation.world import NOON, World, Write, varied

VERBS: Final = frozenset({"get", "list", "watch"})
KINDS: Final[Mapping[str, Kind]] = {
    kind.id: kind
    for kind in (
        Kind(group="", version="v1", resource="configmaps", kind="ConfigMap", namespaced=True, verbs=VERBS),
        Kind(group="example.org", version="v1", resource="widgets", kind="Widget", namespaced=True, verbs=VERBS),
    )
}
SETTINGS: Final = CollectorSettings(cluster="sim", redaction_key=b"k" * 32, instance="i")
SLACK: Final = timedelta(seconds=0.05)
UNNOTICED: Final = timedelta(seconds=1.5)
"""What a stream that counts as current may be behind without its giving itself away: queries leave this margin."""


@dataclass
class Simulation:
    """One run; `records` is the log afterwards. `plain`: one etcd and nothing in it that is not recorded."""

    schedule: Schedule
    loop: asyncio.AbstractEventLoop
    start: datetime = NOON
    seen_by: Callable[[Server], Cluster] = lambda server: server
    freeze: Callable[[float], None] = lambda _: None
    settings: CollectorSettings = SETTINGS
    writers_wait: bool = True
    unnoticed: timedelta = UNNOTICED
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    offset: float = 0.0
    plain: bool = False
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = Random(self.schedule.seed * 7 + 1)
        self.chance, self.zero = chance, self.loop.time()
        self.world = self.make_world(Random(chance.random()))
        for _ in range(8):
            self.world.write(-30.0)
        self.skew: Skew | None = None
        self.server = self.make_server(Random(chance.random()))
        self.kept = Kept(self.schedule.atomic)
        self.excused: set[str] = set()
        self.writers_away_until = 0.0

    def make_world(self, chance: Random) -> World:
        """What is there, before anything goes wrong."""
        if self.plain:
            return World(self.kinds, chance, self.start)
        return varied(self.schedule.seed, self.kinds, chance, self.start)

    def make_server(self, chance: Random) -> Server:
        """The server of this run."""
        return Server(self.world, chance)

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return self.loop.time() - self.zero

    def clock(self) -> datetime:
        """The collector's wall clock."""
        return self.world.moment(self.now + self.offset)

    async def go(self, quiet: float = QUIET) -> None:
        """Everything, to the end; the last fault is over 50 s after the last write at the latest."""
        self.begin()
        for at, act in self._acts():
            delay = at - self.now
            if delay > 0:
                await asyncio.sleep(delay)
            act(at)
        end = max([self.schedule.length, *(one.at + one.seconds for one in self.schedule.faults)])
        await asyncio.sleep(max(quiet, end + quiet - self.now))
        self.stopping.set()
        await self.tasks[-1]

    def begin(self) -> None:
        """A collector process."""
        self.log = SimulatedLog(self.kept, Random(self.chance.random()))
        self.stopping = asyncio.Event()
        made = Collector(
            cluster=self.seen_by(self.server),
            sink=self.log,
            settings=self.settings,
            metrics=Metrics(CollectorRegistry()),
            clock=self.clock,
            skew=self.skew,
            heartbeat=Heartbeat(clock=self.clock, ruler=self.loop.time),
            random=Random(self.chance.random()),
        )
        self.tasks.append(self.loop.create_task(self._live(made, self.stopping)))

    async def _live(self, made: Collector, stopping: asyncio.Event) -> None:
        """Begin again where a beginning fails, as a supervisor does."""
        while not stopping.is_set():
            try:
                await made.run(stopping)
            except Exception as error:
                logging.getLogger(__name__).info("the collector ended: %s", error)
                await asyncio.sleep(1)

    def _acts(self) -> Sequence[tuple[float, Callable[[float], None]]]:
        acts: list[tuple[float, Callable[[float], None]]] = [(at, self._write) for at in self.schedule.writes]
        acts += [(float(second), self.world.age) for second in range(int(self.schedule.length + 60))]
        for fault in self.schedule.faults:
            acts += [(fault.at, self._beginning(fault)), (fault.at + fault.seconds, self._ending(fault))]
        return sorted(acts, key=lambda one: one[0])

    def _write(self, at: float) -> None:
        if not self.server.down and at >= self.writers_away_until:
            if not self.server.unserved:
                self.world.write(at)
            self.server.tell()

    def _beginning(self, fault: Fault) -> Callable[[float], None]:
        return lambda at: getattr(self, "_" + fault.name.replace("-", "_"))(fault, at)

    def _ending(self, fault: Fault) -> Callable[[float], None]:
        end = getattr(self, "_after_" + fault.name.replace("-", "_"), None)
        return (lambda at: end(fault, at)) if end is not None else (lambda _: None)

    # ---- faults ---------------------------------------------------------------------------------------------------

    def _cut(self, fault: Fault, _: float) -> None:
        self.server.cut(fault.kind)

    def _end(self, fault: Fault, _: float) -> None:
        self.server.cut(fault.kind, cleanly=True)

    def _half_open(self, fault: Fault, _: float) -> None:
        self.server.mute(fault.kind)

    def _restart(self, _: Fault, __: float) -> None:
        self.server.stop()

    def _after_restart(self, _: Fault, __: float) -> None:
        self.server.start()

    def _forget(self, fault: Fault, _: float) -> None:
        """Away for a while, and forgotten meanwhile."""
        self.server.forbidden.add(fault.kind)
        self.excused.add(fault.kind)
        self.server.cut(fault.kind)

    def _after_forget(self, fault: Fault, _: float) -> None:
        self.world.forget(fault.kind)
        self.server.forbidden.discard(fault.kind)

    def _forget_and_compact(self, fault: Fault, at: float) -> None:
        self._forget(fault, at)

    def _after_forget_and_compact(self, fault: Fault, at: float) -> None:
        self.world.compact()
        self._after_forget(fault, at)

    def _forbidden(self, fault: Fault, at: float) -> None:
        self._forget(fault, at)

    def _after_forbidden(self, fault: Fault, _: float) -> None:
        self.server.forbidden.discard(fault.kind)

    def _kill(self, _: Fault, __: float) -> None:
        self.log.kill()
        for task in self.tasks:
            task.cancel()

    def _after_kill(self, _: Fault, __: float) -> None:
        if self.tasks[-1].cancelling() or self.tasks[-1].done():
            self.begin()

    def _freeze(self, fault: Fault, _: float) -> None:
        self.freeze(fault.seconds)

    def _long_freeze(self, _: Fault, __: float) -> None:
        self.freeze(85.0)

    def _busy(self, _: Fault, __: float) -> None:
        self.server.busy = 0.5

    def _after_busy(self, _: Fault, __: float) -> None:
        self.server.busy = 0.0

    def _slow(self, _: Fault, __: float) -> None:
        self.server.latency = 0.4

    def _after_slow(self, _: Fault, __: float) -> None:
        self.server.latency = 0.01

    def _paged(self, fault: Fault, _: float) -> None:
        self.server.streaming = False
        self.server.cut(fault.kind)

    def _rollback(self, _: Fault, at: float) -> None:
        """Nobody writes after it, if `writers_wait`: versions that pass the lost ones are only found by an audit."""
        self.server.stop()
        self.writers_away_until = math.inf if self.writers_wait else 0.0
        world = self.world
        kept = [
            number
            for number, write in enumerate(world.log, 1)
            if write.at < at - 2 and write.rv >= world.etcd(write.kind).compacted
        ]
        world.restore(kept[-1] if kept else len(world.log))
        self.excused.update(self.kinds)

    def _after_rollback(self, _: Fault, __: float) -> None:
        self.server.start()

    def _log_full(self, _: Fault, __: float) -> None:
        self.log.full = True

    def _after_log_full(self, _: Fault, __: float) -> None:
        self.log.full = False

    def _clock(self, fault: Fault, _: float) -> None:
        self.offset += self.chance.choice((-3600.0, 3600.0, -5.0, 5.0)) + fault.seconds * 0

    def _unserved(self, fault: Fault, at: float) -> None:
        """Its definition is deleted, and everything of it with it."""
        if self.server.down or self.writers_away_until:
            return
        self.server.unserved.add(fault.kind)
        for key in [key for key in self.world.living if key[0] == fault.kind]:
            self.world.delete(key, at)
        self.server.tell()

    def _after_unserved(self, fault: Fault, _: float) -> None:
        self.server.unserved.discard(fault.kind)
        self.world.forget(fault.kind)
        self.excused.add(fault.kind)

    # ---- the end --------------------------------------------------------------------------------------------------

    def complaints(self, records: Sequence[Record] | None = None) -> list[str]:
        """What the proofs say, each with the name of its proof."""
        return [f"{name}: {one}" for name, found in self.proved(records or self.kept.records) for one in found]

    def proved(self, records: Sequence[Record]) -> Iterator[tuple[str, list[str]]]:
        """Every proof of this history."""
        truth = [self.committed(one) for one in self.writes()]
        due = self.due(self.writes(), records)
        yield "unique", proofs.unique(records)
        yield "chained", proofs.chained(records)
        yield "patched", proofs.patched(records)
        yield "ordered", proofs.ordered(records)
        yield "stated", proofs.stated([*truth, *self.shown_later()], records)
        yield "ended", proofs.ended(truth, records, self._living())
        yield "warranted", proofs.warranted(records, self.excused | self.server.expired)
        if not self.schedule.has("clock"):
            yield "complete", proofs.complete(truth, records, due=due, slack=SLACK)
            yield "claimed", proofs.claimed(self.stamped(due), records, slack=self.unnoticed)
            yield "dated", proofs.dated(self.stamped(truth), records, slack=self.unnoticed)

    def writes(self) -> Sequence[Write]:
        """What was committed of kinds whose changes are recorded."""
        return [one for one in self.world.truth if one.kind in self.kinds]

    def shown_later(self) -> Sequence[proofs.Committed]:
        """The same writes in forms that other versions of their kinds give them."""
        return ()

    def stamped(self, truth: Sequence[proofs.Committed]) -> Sequence[proofs.Committed]:
        """Those whose lines show how old they are, or come at once; whom a backup brought back begins then."""
        undone = self.world.undone
        ended = (one for one in self.world.truth if one.change == "DELETED")
        back = {one.uid for one in ended if (one.era, one.kind, one.rv) in undone}
        return [one for one in truth if one.uid not in back]

    def committed(self, write: Write) -> proofs.Committed:
        """As the proofs want it."""
        return committed(write, self.world.moment(write.at))

    def due(self, writes: Sequence[Write], records: Sequence[Record]) -> list[proofs.Committed]:
        """What happened since the first list of its kind; what a backup has undone may never have been seen."""
        watched = since(records)
        undone = self.world.undone
        return [
            one
            for write, one in ((write, self.committed(write)) for write in writes)
            if (begun := watched.get(f"{one.kind}/{one.namespace}", watched.get(one.kind))) is not None
            if one.at > begun and (one.era, write.kind, write.rv) not in undone
        ]

    def _living(self) -> dict[str, str]:
        served = [kind for name, kind in self.kinds.items() if name not in self.server.unserved]
        items = [(kind, orjson.loads(raw)["metadata"]) for kind in served for raw in self.world.state(kind.id, "")]
        return {
            f"{kind.id}/{meta['uid']}": self.server.version(kind, int(meta["resourceVersion"])) for kind, meta in items
        }


def committed(write: Write, at: datetime) -> proofs.Committed:
    """The truth as the proofs want it."""
    obj = orjson.loads(write.raw)
    strip_envelope(obj)
    return proofs.Committed(
        kind=write.kind,
        namespace=write.namespace,
        name=write.name,
        uid=write.uid,
        rv=str(write.rv),
        change=write.change,
        era=write.era,
        at=at,
        state=canonical(obj),
    )


def since(records: Sequence[Record]) -> dict[str, datetime]:
    """From when on each scope was watched for the first time."""
    found: dict[str, datetime] = {}
    for record in records:
        if isinstance(record, Watermark):
            for scope, (_, _, _, begun) in record.scopes.items():
                found.setdefault(scope, begun)
    return found


def simulate(
    schedule: Schedule,
    *,
    seen_by: Callable[[Server], Cluster] = lambda server: server,
    settings: CollectorSettings = SETTINGS,
    writers_wait: bool = True,
    plain: bool = False,
) -> tuple[Simulation, list[str]]:
    """One run and what is wrong with it. `seen_by`: what stands between the collector and the server."""

    def make(loop: VirtualLoop) -> Simulation:
        return Simulation(
            schedule,
            loop,
            seen_by=seen_by,
            freeze=loop.freeze,
            settings=settings,
            writers_wait=writers_wait,
            plain=plain,
        )

    return lived(make)


def lived(make: Callable[[VirtualLoop], Simulation]) -> tuple[Simulation, list[str]]:
    """One run from its beginning to its end, and what is wrong with it."""
    made: list[Simulation] = []

    async def main(loop: VirtualLoop) -> None:
        made.append(make(loop))
        await made[0].go()

    run(main)
    return made[0], made[0].complaints()


def main() -> int:
    """Run a range of seeds."""
    return replay(__doc__ or "", lambda seed: simulate(draw(seed, list(KINDS))))


if __name__ == "__main__":
    sys.exit(main())
