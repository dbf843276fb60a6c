"""Two clusters recorded through Kafka, held against the same truth as the embedded way, with everything killed."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.distributed import Distributed, patiently
from tests.e2e.scenario import show
from tests.e2e.stages import Stage
from tests.kafka.broker import RealBroker

pytestmark = [pytest.mark.controlplane, pytest.mark.kafka, pytest.mark.timeout(1800)]

# The full proof takes 30 (`make truth`); every run of the tests a few.
KILLS = int(os.environ.get("KUBELAPSE_TEST_KILLS", "5"))
LABS = {"nodes": 1, "controllers": True}


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed that pytest-randomly printed."""
    return int(request.config.getoption("randomly_seed"))


@pytest.fixture
def distributed(make_broker: Callable[..., RealBroker], tmp_path: Path) -> Iterator[Distributed]:
    """All parts but collectors and ingesters."""
    with Distributed(tmp_path / "d", make_broker()) as running:
        yield running


def test_two_clusters_lose_nothing_while_collectors_ingesters_and_the_broker_are_killed(
    distributed: Distributed, make_lab: Callable[..., Lab], seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(2):
        distributed.ingester()
    scenarios = [distributed.record(make_lab(**LABS), name, seed + i) for i, name in enumerate(("east", "west"))]
    with ExitStack() as writing:
        for scenario in scenarios:
            writing.enter_context(scenario.writing(per_second=25))
        for number in range(KILLS):
            within_the_window(distributed, chance)
            if number == KILLS // 2:
                rebalance(distributed)
            strike(distributed, chance)
        time.sleep(2)
    for scenario in scenarios:
        scenario.finish()
        distributed.read(scenario)
        wrong, _ = compare.dates(scenario.truth.seen, scenario.rows)
        wrong += compare.states_in_between(scenario.truth.seen, scenario.rows, random.Random(seed))
        assert len(scenario.truth.seen) > 50 * KILLS, len(scenario.truth.seen)
        complaints = scenario.complaints() + wrong
        assert not complaints, f"{show(complaints)}\n{distributed.tails()}"


def within_the_window(distributed: Distributed, chance: random.Random) -> None:
    """The next moment: half the time while something still recovers, but never so often that nothing is committed.

    What no collector can commit for as long as the API server's watch window is lost to it by nobody's fault.
    """
    if chance.random() < 0.5:
        patiently(lambda: all(one.ready() for one in distributed.collectors), distributed.tails, within=120)
    time.sleep(chance.uniform(0.5, 3))


def strike(distributed: Distributed, chance: random.Random) -> None:
    """kill -9 of one part, and its start again after a while."""
    parts: list[Stage | RealBroker] = [*distributed.collectors, *distributed.ingesters[:2], distributed.broker]
    victim = chance.choice(parts)
    victim.kill()
    time.sleep(chance.choice((0.2, 1, 3)))
    victim.start()


def rebalance(distributed: Distributed) -> None:
    """A third ingester comes and goes in order."""
    third = distributed.ingester()
    third.wait_ready()
    time.sleep(3)
    assert third.stop() == 0, third.tail()
