"""The same runs in real time, with the real adapter on real sockets, many beside one another.

    python -m tests.simulation.sockets --seeds 0:100 --beside 25
    python -m tests.simulation.sockets --seeds 0:100 --rough

A process cannot be frozen alone here, so no seed freezes; `tests/e2e` freezes real ones.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from collector.clock import utc_now
from tests.simulation.faults import Schedule, draw
from tests.simulation.rough import drawn as drawn_rough
from tests.simulation.rough import on_terrain
from tests.simulation.run import KINDS, Simulation
from tests.simulation.seeds import seeds_of
from tests.simulation.web import served

UNFIT: Final = frozenset({"freeze", "long-freeze", "clock"})
CALM: Final = 20.0
HALF_OPEN: Final = 85.0
"""Seconds; a silent watch is given up after 70."""
FORBIDDEN: Final = 75.0
"""What was forbidden is tried again every 60."""


def drawn(seed: int) -> Schedule:
    """The schedule of this seed, of faults that sockets can have."""
    return draw(seed, list(KINDS), only=fit)


def fit(name: str) -> bool:
    """Whether sockets can have this fault."""
    return name not in UNFIT


Making = Callable[[Schedule, asyncio.AbstractEventLoop, datetime], Simulation]


def plain(schedule: Schedule, loop: asyncio.AbstractEventLoop, start: datetime) -> Simulation:
    """As `tests.simulation.run` does it."""
    return Simulation(schedule, loop, start=start)


def rough(schedule: Schedule, loop: asyncio.AbstractEventLoop, start: datetime) -> Simulation:
    """As `tests.simulation.rough` does it."""
    return on_terrain(schedule, loop, start=start)


async def one(schedule: Schedule, make: Making = plain) -> list[str]:
    """One run, and what is wrong with it."""
    run = make(schedule, asyncio.get_running_loop(), utc_now())
    async with served(run.server, skew=run.skew) as api:
        run.seen_by = lambda _: api
        await run.go(quiet(schedule))
    return run.complaints()


def quiet(schedule: Schedule) -> float:
    """How long it takes until the slowest fault is noticed."""
    if schedule.has("half-open", "version-switch", "stale-discovery", "no-discovery"):
        return HALF_OPEN
    return FORBIDDEN if schedule.has("forbidden", "forget", "forget-and-compact") else CALM


async def many(schedules: Sequence[Schedule], beside: int, make: Making = plain) -> int:
    """All of them, so many at a time; how many had complaints."""
    gate, failed = asyncio.Semaphore(beside), 0

    async def go(schedule: Schedule) -> None:
        nonlocal failed
        async with gate:
            complaints = await one(schedule, make)
        if complaints:
            failed += 1
            print(schedule, *(f"    {each}" for each in complaints[:8]), sep="\n", flush=True)

    await asyncio.gather(*map(go, schedules))
    return failed


def main() -> int:
    """Run a range of seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:25", help="one seed, or FROM:TO")
    parser.add_argument("--rough", action="store_true", help="on rougher terrain")
    parser.add_argument("--beside", type=int, default=25, help="runs at a time")
    asked = parser.parse_args()
    logging.disable(logging.ERROR)
    seeds, begun = seeds_of(asked.seeds), time.monotonic()
    if asked.rough:
        failed = asyncio.run(many([drawn_rough(seed, only=fit) for seed in seeds], asked.beside, rough))
    else:
        failed = asyncio.run(many([drawn(seed) for seed in seeds], asked.beside))
    print(f"{len(seeds)} seeds on sockets, {failed} with complaints, {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
