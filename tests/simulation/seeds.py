"""Ranges of seeds on a command line: what failed is printed, and how to replay it."""

import argparse
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.run import Simulation


def seeds_of(text: str) -> range:
    """`7`, or `0:100`."""
    first, _, last = text.partition(":")
    return range(int(first), int(last) if last else int(first) + 1)


def replay(description: str, one: Callable[[int], "tuple[Simulation, list[str]]"]) -> int:
    """Run the range of seeds that the command line names; the exit code."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:200", help="one seed, or FROM:TO")
    parser.add_argument("--verbose", action="store_true", help="what the collector logs, and every record")
    asked = parser.parse_args()
    seeds = seeds_of(asked.seeds)
    logging.basicConfig(level=logging.DEBUG if asked.verbose else logging.CRITICAL)
    begun, failed = time.monotonic(), 0
    for seed in seeds:
        simulation, complaints = one(seed)
        if asked.verbose:
            for record in simulation.kept.records:
                print(record)
        if complaints:
            failed += 1
            print(simulation.schedule)
            print("\n".join(f"    {one}" for one in complaints[:8]), flush=True)
    print(f"{len(seeds)} seeds, {failed} with complaints, {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0
