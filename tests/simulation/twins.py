"""Two etcds that began equal and are written equally often, short lives, watches that forget: seeds of their own.

    python -m tests.simulation.twins --seeds 0:1000

Here a version of one kind says nothing of the other, and everything looks as if it did. Who believes it takes revisions
for explained in which something lived and died, and declares complete what is not.
"""

import asyncio
import sys
from collections import Counter
from random import Random
from typing import Final

from collector.cluster import Page
from schema.objects import Kind
from tests.simulation.faults import Fault, Schedule
from tests.simulation.run import Simulation, lived
from tests.simulation.seeds import replay
from tests.simulation.server import Server
from tests.simulation.world import FIRST, Etcd, World

MORTAL: Final = 0.7
PER_SECOND: Final = 8.0
LENGTH: Final = 90.0
ELSEWHERE: Final = "widgets.example.org"


class Twins(Simulation):
    """One run; `one_etcd`: the same, in a single one."""

    one_etcd = False

    def make_world(self, chance: Random) -> World:
        etcds = [Etcd()] if self.one_etcd else [Etcd(), Etcd(FIRST + self.schedule.seed % 3)]
        return World(self.kinds, chance, self.start, etcds, {} if self.one_etcd else {ELSEWHERE: 1}, mortality=MORTAL)

    def _away(self, _: Fault, __: float) -> None:
        """Nobody is answered, but who writes."""
        self.server.cut()
        self.server.busy = 1.0

    def _after_away(self, _: Fault, __: float) -> None:
        self.server.busy = 0.0
        for kind in self.kinds:
            self.world.forget(kind)
            self.server.expired.add(kind)


class Idle(Twins):
    """In one etcd, and nothing ever happens to the kind that would be elsewhere. `asked`: exact lists by kind."""

    one_etcd = True

    def make_server(self, chance: Random) -> Server:
        self.asked = Counter[str]()
        return Counting(self.world, chance, self.asked)

    def _write(self, at: float) -> None:
        name = self.chance.choice("abcdef")
        key = ("configmaps", "shop", name)
        if key in self.world.living:
            self.world.update(key, at)
        else:
            self.world.create(key, at)
        self.server.tell()


class Counting(Server):
    """Counts exact lists."""

    def __init__(self, world: World, chance: Random, asked: Counter[str]) -> None:
        super().__init__(world, chance)
        self._asked = asked

    async def exact(
        self,
        kind: Kind,
        namespace: str,
        *,
        rv: str,
        name: str = "",
        more: str = "",
        limit: int = 500,
        metadata: bool = False,
    ) -> Page:
        self._asked[kind.id] += 1
        return await super().exact(kind, namespace, rv=rv, name=name, more=more, limit=limit, metadata=metadata)


def drawn(seed: int) -> Schedule:
    """Steady writes, and three times all is forgotten."""
    chance = Random(seed)
    writes = sorted(chance.uniform(0, LENGTH) for _ in range(int(PER_SECOND * LENGTH)))
    faults = [Fault(at, "away", "", chance.uniform(2, 6)) for at in (20.0, 40.0, 80.0)]
    return Schedule(seed, LENGTH, writes, faults, chance.random() < 0.5)


def twins(seed: int, *, one_etcd: bool = False) -> tuple[Simulation, list[str]]:
    """The run of this seed."""

    def make(loop: asyncio.AbstractEventLoop) -> Simulation:
        kind = type("Single", (Twins,), {"one_etcd": one_etcd})
        run: Simulation = kind(drawn(seed), loop)
        return run

    return lived(make)


def idle(seed: int) -> tuple[Idle, list[str]]:
    """The run of this seed with only one kind that is written."""
    run, complaints = lived(lambda loop: Idle(drawn(seed), loop))
    assert isinstance(run, Idle)
    return run, complaints


def main() -> int:
    """Run a range of seeds."""
    return replay(__doc__ or "", twins)


if __name__ == "__main__":
    sys.exit(main())
