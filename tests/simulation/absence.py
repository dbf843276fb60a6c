"""A collector that was away for 100 s from a kind with 10,000 objects, in virtual time: a 410, and the way back.

Meanwhile 500 objects are changed, 200 deleted, 50 deleted and made again, in any order and evenly over the time, as
`tests.bench.absence` does it with a real control plane. Another kind has objects too, and nothing happens to them.
"""

import asyncio
import dataclasses
from random import Random
from typing import Final

from tests.simulation.faults import Fault, Schedule
from tests.simulation.run import SETTINGS, Simulation, lived

MANY: Final = "configmaps"
FEW: Final = "widgets.example.org"
LEAVING: Final = 5.0
AWAY: Final = 100.0
OBJECTS, UPDATED, DELETED, RECREATED = 10_000, 500, 200, 50
SETTLED: Final = 30.0
"""Seconds after the return; nothing is half open that would be noticed later."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """How large it is; `compacted`: how far into it etcd is compacted, 0: not at all."""

    objects: int = OBJECTS
    updated: int = UPDATED
    deleted: int = DELETED
    recreated: int = RECREATED
    compacted: float = 0.0

    def moves(self, chance: Random) -> list[tuple[str, str]]:
        """What happens, each to one object of its own: (verb, name)."""
        names = [f"o{number:05}" for number in chance.sample(range(self.objects), self.changed)]
        verbs = ["update"] * self.updated + ["delete"] * self.deleted + ["recreate"] * self.recreated
        moves = list(zip(verbs, names, strict=True))
        chance.shuffle(moves)
        return moves

    @property
    def changed(self) -> int:
        """Objects to which something happens."""
        return self.updated + self.deleted + self.recreated


class Away(Simulation):
    """One run; `back_at` is when the collector began again."""

    absence = Absence()

    def populate(self) -> None:
        """Everything is there before anybody looks."""
        for number in range(self.absence.objects):
            self.world.create((MANY, "shop", f"o{number:05}"), -30.0)
        for number in range(20):
            self.world.create((FEW, "shop", f"w{number}"), -30.0)
        self.moves = self.absence.moves(Random(self.schedule.seed))

    def _write(self, at: float) -> None:
        verb, name = self.moves.pop()
        key = (MANY, "shop", name)
        if verb == "update":
            self.world.update(key, at)
        else:
            self.world.delete(key, at)
        if verb == "recreate":
            self.world.create(key, at)
        self.server.tell()

    def _compact(self, _: Fault, __: float) -> None:
        self.world.compact()


class Swept(Away):
    """Everything of the large kind is deleted at one moment, and watchers that are too slow are cut off."""

    def _write(self, at: float) -> None:
        for stream in self.server.streams:
            stream.room = 1_000
        for number in range(self.absence.objects):
            self.world.delete((MANY, "shop", f"o{number:05}"), at)
        self.server.tell()


def swept(seed: int = 1) -> tuple[Simulation, list[str]]:
    """A namespace with everything in it is deleted while it is watched."""
    schedule = Schedule(seed, 2 * LEAVING, [LEAVING], [], atomic=True)

    def make(loop: asyncio.AbstractEventLoop) -> Swept:
        run = Swept(schedule, loop, settings=SETTINGS, plain=True)
        run.populate()
        return run

    return lived(make)


def away(absence: Absence, seed: int = 1) -> tuple[Away, list[str]]:
    """The run, and what is wrong with it."""
    step = (AWAY - 2) / absence.changed
    writes = [LEAVING + 1 + step * number for number in range(absence.changed)]
    faults = [Fault(LEAVING, "kill", "", AWAY)]
    if absence.compacted:
        faults.append(Fault(LEAVING + absence.compacted, "compact", "", 0.0))
    schedule = Schedule(seed, LEAVING + AWAY, writes, faults, atomic=True)

    def make(loop: asyncio.AbstractEventLoop) -> Away:
        run = Away(schedule, loop, settings=SETTINGS, plain=True)
        run.absence = absence
        run.populate()
        return run

    run, complaints = lived(make)
    assert isinstance(run, Away)
    return run, complaints
