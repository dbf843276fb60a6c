"""What goes wrong in one simulated run, and when: drawn from a seed, so that the seed replays it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

FAULTS: Final = (
    "cut",
    "end",
    "half-open",
    "restart",
    "forget",
    "forget-and-compact",
    "kill",
    "freeze",
    "long-freeze",
    "busy",
    "slow",
    "paged",
    "rollback",
    "forbidden",
    "log-full",
    "clock",
    "unserved",
)
ACTIVE: Final = (20.0, 60.0)
"""Seconds in which things are written and go wrong."""
QUIET: Final = 110.0
"""Seconds after that: whatever is half open is noticed, whatever was refused is tried again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`seconds`: how long it lasts, where it lasts."""

    at: float
    name: str
    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run. `writes`: when something is written."""

    seed: int
    length: float
    writes: Sequence[float]
    faults: Sequence[Fault]
    atomic: bool

    def has(self, *names: str) -> bool:
        """Whether one of these goes wrong."""
        return any(fault.name in names for fault in self.faults)

    def __str__(self) -> str:
        what = ", ".join(
            f"{one.name}({one.kind or 'all'}) at {one.at:.1f} for {one.seconds:.1f} s" for one in self.faults
        )
        return f"seed {self.seed}: {len(self.writes)} writes in {self.length:.0f} s, {what or 'nothing goes wrong'}"


def draw(
    seed: int, kinds: Sequence[str], *, only: Callable[[str], bool] = lambda _: True, among: Sequence[str] = FAULTS
) -> Schedule:
    """The schedule of this seed, of faults that are `among` these."""
    chance = Random(seed)
    length = chance.uniform(*ACTIVE)
    rate = chance.choice((0.5, 2.0, 8.0))
    writes = sorted(chance.uniform(0, length) for _ in range(int(rate * length)))
    names = [name for name in among if only(name)]
    faults = [
        Fault(
            chance.uniform(3, length),
            chance.choice(names),
            chance.choice(kinds),
            chance.choice((0.5, 3.0, 12.0, chance.uniform(0, 40))),
        )
        for _ in range(chance.randrange(6))
    ]
    return Schedule(seed, length, writes, sorted(faults, key=lambda one: one.at), chance.random() < 0.5)
