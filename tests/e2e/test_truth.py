"""Recording a real control plane, held against an independent watch of the same time."""

import base64
import os
import random
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.recorder import Recorder
from tests.e2e.scenario import Scenario, show
from tests.e2e.writer import CANARY

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

Begin = Callable[..., Scenario]
KILLS = int(os.environ.get("KUBELAPSE_TEST_KILLS", "3"))
WRITES = int(os.environ.get("KUBELAPSE_TEST_WRITES", "1500"))


@pytest.fixture
def begin(make_lab: Callable[..., Lab], tmp_path: Path, randomly_seed: int) -> Iterator[Begin]:
    """Begins a scenario on a control plane of its own; whatever runs is ended after the test."""
    begun: list[Scenario] = []

    def start(**options: object) -> Scenario:
        lab = make_lab(nodes=2, controllers=True, **options)
        scenario = Scenario(lab, Recorder(lab.kubeconfig, tmp_path / "data"), randomly_seed)
        begun.append(scenario)
        scenario.begin()
        return scenario

    yield start
    for scenario in begun:
        scenario.truth.stop()
        if scenario.recorder.process is not None and scenario.recorder.process.poll() is None:
            scenario.recorder.kill()


@pytest.fixture
def randomly_seed(request: pytest.FixtureRequest) -> int:
    """The seed that pytest-randomly printed."""
    return int(request.config.getoption("randomly_seed"))


def test_every_change_is_recorded_once_and_every_state_is_right(begin: Begin, tmp_path: Path) -> None:
    scenario = begin()
    scenario.write(WRITES)
    scenario.finish()
    wrong = states_at_random_versions(scenario, WRITES // 10)
    valid_as_a_secret(scenario)
    scraped = scenario.recorder.http.request("GET", f"{scenario.recorder.url}/metrics").data
    scenario.read(tmp_path / "data")
    assert len(scenario.truth.seen) > WRITES
    assert not (complaints := scenario.complaints() + wrong), show(complaints)
    assert not leaks(scenario, tmp_path, scraped)


def test_killed_again_and_again_it_loses_nothing_and_dates_what_it_missed(begin: Begin, tmp_path: Path) -> None:
    scenario = begin()
    chance = random.Random(scenario.seed)
    with scenario.writing(per_second=60):
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.5, 3))
            scenario.recorder.kill()
            time.sleep(chance.choice((0.2, 2, 4, 8)))
            scenario.recorder.start()
    scenario.finish()
    scenario.read(tmp_path / "data")
    nothing_lost_and_well_dated(scenario)


def test_frozen_for_85_seconds_it_loses_nothing_and_dates_what_it_missed(begin: Begin, tmp_path: Path) -> None:
    scenario = begin()
    with scenario.writing(per_second=20):
        time.sleep(3)
        scenario.recorder.signal(signal.SIGSTOP)
        time.sleep(85)
        scenario.recorder.signal(signal.SIGCONT)
        time.sleep(5)
    scenario.finish()
    scenario.read(tmp_path / "data")
    nothing_lost_and_well_dated(scenario)


def nothing_lost_and_well_dated(scenario: Scenario) -> None:
    """All that happened is there, what was read late is marked, and no time is more wrong than it says."""
    wrong, errors = compare.dates(scenario.truth.seen, scenario.rows)
    wrong += compare.states_in_between(scenario.truth.seen, scenario.rows, random.Random(scenario.seed))
    assert not (complaints := scenario.complaints() + wrong), show(complaints)
    assert errors, "something was read late"
    assert statistics.median(errors) < 1.5


def states_at_random_versions(scenario: Scenario, count: int) -> list[str]:
    """What `show --at rv:N` says against what the server sent at that version."""
    expected, complaints = compare.Expected.fresh(), []
    candidates = [seen for seen in scenario.truth.seen if seen.type != "DELETED"]
    for seen in random.Random(scenario.seed).sample(candidates, count):
        meta = seen.object["metadata"]
        where = f"/objects/lab/{seen.kind}/{meta.get('namespace', '_')}/{meta['name']}"
        answer = scenario.recorder.ask(where, at=f"rv:{seen.rv}")
        if complaint := expected.complaint(seen.object, answer["object"]):
            complaints.append(f"{seen.key}: {complaint}")
    return complaints


def valid_as_a_secret(scenario: Scenario) -> None:
    """A redacted Secret is still one to the API server."""
    seen = next(seen for seen in reversed(scenario.truth.seen) if seen.kind == "secrets" and seen.type == "ADDED")
    namespace, name = seen.object["metadata"]["namespace"], seen.object["metadata"]["name"]
    kept = scenario.recorder.ask(f"/objects/lab/secrets/{namespace}/{name}", at=f"rv:{seen.rv}")["object"]
    copy = {**kept, "metadata": {"name": "a-copy", "namespace": namespace}}
    scenario.api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", copy, query={"dryRun": "All"})


def leaks(scenario: Scenario, tmp_path: Path, scraped: bytes) -> list[str]:
    """Where a Secret's value can be read: rows, files, logs, metrics."""
    needles = [CANARY.encode(), *(base64.b64encode(b" " * shift + CANARY.encode())[4:-4] for shift in range(3))]
    rows = [
        f"row {row.key}" for row in scenario.rows for needle in needles if needle in f"{row.object}{row.patch}".encode()
    ]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "truth"]
    found = [str(path) for path in files for needle in needles if needle in path.read_bytes()]
    return rows + found + [f"metrics: {needle!r}" for needle in needles if needle in scraped]
