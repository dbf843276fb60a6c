"""Two clusters recorded through Kafka, held against the same truth as the embedded way, with everything killed."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.distributed import Distributed, patiently
from tests.e2e.scenario import Scenario, show
from tests.e2e.stages import Json, Stage
from tests.e2e.truth import Seen
from tests.kafka.broker import RealBroker

pytestmark = [pytest.mark.controlplane, pytest.mark.kafka, pytest.mark.timeout(1800)]

# The full proof takes 30 (`make truth`); every run of the tests a few.
KILLS = int(os.environ.get("KUBELAPSE_TEST_KILLS", "4"))
FRESH = 25.0
PER_SECOND = 10  # per cluster, and two to three times as many by controllers: two control planes on two cores
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
    distributed: Distributed, make_lab: Callable[..., Lab], seed: int, record_property: Callable[[str, object], None]
) -> None:
    chance, oldest = random.Random(seed), 0.0
    for _ in range(2):
        distributed.ingester()
    scenarios = [distributed.record(make_lab(**LABS), name, seed + i) for i, name in enumerate(("east", "west"))]
    with ExitStack() as writing:
        for scenario in scenarios:
            writing.enter_context(scenario.writing(per_second=PER_SECOND))
        for number in range(KILLS):
            oldest = max(oldest, next_moment(distributed, chance))
            if number == KILLS // 2:
                rebalance(distributed)
            strike(distributed, chance)
        time.sleep(2)
    patiently(lambda: current(distributed), distributed.tails, within=180)
    for scenario in scenarios:
        scenario.finish()
        distributed.read(scenario)
        wrong, _ = compare.dates(scenario.truth.seen, scenario.rows)
        wrong += compare.states_in_between(scenario.truth.seen, scenario.rows, random.Random(seed))
        assert len(scenario.truth.seen) > 50 * KILLS, len(scenario.truth.seen)
        complaints = scenario.complaints() + wrong
        told = f"commits were at most {oldest:.0f} s old\n{recalled(scenario)}\n"
        assert not complaints, f"{told}{show(complaints)}\n{distributed.tails()}"
        record_property(str(scenario.recorder.data.parent.name), told)
        print(told)


def next_moment(distributed: Distributed, chance: random.Random) -> float:
    """A random moment, as a rule while something still recovers; how old the oldest claim of a cluster was.

    What no collector can commit for as long as the API server's watch window (75 s) lasts is lost to it by nobody's
    fault; who is killed again in every start never commits. So, as a supervisor's growing pauses have it, there is
    rest from a third of the window on, until all clusters are current.
    """
    time.sleep(chance.uniform(1, 8))
    distributed.supervise()
    oldest = age = max(map(distributed.behind, distributed.clusters))
    if age > FRESH:
        waited = patiently(lambda: current(distributed), distributed.tails, within=180)
        oldest = age + waited
    return oldest


def current(distributed: Distributed) -> bool:
    """Whether answers about all clusters are, with whatever ended started again."""
    distributed.supervise()
    return max(map(distributed.behind, distributed.clusters)) < FRESH / 2


def recalled(scenario: Scenario) -> str:
    """How much of the truth is recorded, and whether the rest lies in gaps that are declared."""
    have = {row.key for row in scenario.rows}
    missing = [seen for seen in scenario.truth.seen if seen.key not in have]
    gaps = scenario.recorder.ask("/coverage", since="3h")["gaps"]
    declared = sum(any(lies_in(seen, gap) for gap in gaps) for seen in missing)
    total = len(scenario.truth.seen)
    return f"{total - len(missing):,} of {total:,} changes recorded; of the others {declared:,} lie in declared gaps"


def lies_in(seen: Seen, gap: Json) -> bool:
    """Whether the gap is about this object's kind and place, and covers when it was read of."""
    here = gap["namespace"] in ("", seen.object["metadata"].get("namespace", ""))
    begin, end = (datetime.fromisoformat(gap[name]).timestamp() for name in ("from", "to"))
    return gap["resource"] == seen.kind and here and begin - compare.LIVE <= seen.at <= end + compare.LIVE


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
