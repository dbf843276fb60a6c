"""What answers claim while one ingester stands still, and what they say after a history was moved to a server."""

import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.controlplane.lab import Lab
from tests.e2e.distributed import Distributed
from tests.e2e.recorder import Recorder
from tests.e2e.scenario import Scenario, show
from tests.e2e.stages import Json
from tests.kafka.broker import RealBroker

pytestmark = [pytest.mark.controlplane, pytest.mark.kafka, pytest.mark.timeout(900)]

LABS = {"nodes": 1, "controllers": True}


@pytest.fixture
def distributed(make_broker: Callable[..., RealBroker], tmp_path: Path) -> Iterator[Distributed]:
    """All parts but collectors and ingesters."""
    with Distributed(tmp_path / "d", make_broker()) as running:
        yield running


def test_no_answer_claims_completeness_past_the_slowest_partition(
    distributed: Distributed, make_lab: Callable[..., Lab]
) -> None:
    frozen, _ = distributed.ingester(), distributed.ingester()
    scenario = distributed.record(make_lab(**LABS), "east", 7)
    answers: list[Json] = []
    with scenario.writing(per_second=30):
        time.sleep(4)
        frozen.signal(signal.SIGSTOP)
        began = time.monotonic()
        while time.monotonic() - began < 8:
            answers.append(distributed.query.ask("/changes", **EVERYTHING))
            time.sleep(0.3)
        frozen.signal(signal.SIGCONT)
        time.sleep(2)
    scenario.finish()
    distributed.read(scenario)
    assert not (complaints := scenario.complaints()), show(complaints)
    assert not (broken := [claim for answer in answers for claim in broken_claims(answer, scenario)]), show(broken)
    halted = {answer["coverage"]["watermark"] for answer in answers[len(answers) // 2 :]}
    assert len(halted) < len(answers) // 2, "while its ingester stood still no claim moved past the slowest partition"


EVERYTHING = {"since": "1h", "noise": "off", "first_sight": "on", "limit": "10000"}


def broken_claims(answer: Json, scenario: Scenario) -> list[str]:
    """Changes that are dated before the watermark of an answer and were not in it."""
    watermark = datetime.fromisoformat(answer["coverage"]["watermark"])
    known = {(item["uid"], item["rv"], item["op"]) for item in answer["items"]}
    return [
        f"at {watermark} {row.key} of {row.ts} was missing"
        for row in scenario.rows
        if row.ts <= watermark and row.origin == "watch" and (row.uid, row.rv, row.op) not in known
    ]


def test_a_history_is_moved_to_a_server_and_capture_goes_on_without_a_gap(
    distributed: Distributed, make_lab: Callable[..., Lab], tmp_path: Path
) -> None:
    lab = make_lab(**LABS)
    old = Recorder(lab.kubeconfig, tmp_path / "old" / "data", arguments=("--cluster", "east"))
    scenario = Scenario(lab, old, 11)
    distributed.scenarios.append(scenario)
    scenario.begin()
    scenario.write(200)
    moment = moment_after(scenario)
    before = {path: told(old.ask(path, cluster="east", **query)) for path, query in asked(moment)}
    with scenario.writing(per_second=20):
        assert old.stop() == 0, old.tail()
        key = tmp_path / "old" / "data" / "redaction.key"
        distributed.key.write_bytes(key.read_bytes())
        source = f"chdb:{tmp_path / 'old' / 'data' / 'store'}"
        copy = distributed.stage("copy", "--from", source, "--to", distributed.store_url).start()
        assert copy.wait(120) == 0, copy.tail()
        assert "handed over" in copy.text, copy.tail()
        scenario.recorder = distributed.remote(lab.kubeconfig, "east").start()
        distributed.ingester()
        time.sleep(5)
    scenario.finish()
    after = {path: told(scenario.recorder.ask(path, **query)) for path, query in asked(moment)}
    for path, answer in after.items():
        assert [item for item in answer["items"] if item not in before[path]["items"]] == [], path
    assert after == before
    distributed.read(scenario)
    assert not (complaints := scenario.complaints()), f"{show(complaints)}\n{distributed.tails()}"
    assert not [gap for gap in scenario.recorder.ask("/coverage", since="1h")["gaps"] if gap["to"] > moment]


def told(answer: Json) -> Json:
    """An answer with its gaps; how far claims reach moves on, and a resumed watch makes late what it cannot date."""
    return {**answer, "coverage": answer["coverage"]["gaps"]}


def moment_after(scenario: Scenario) -> str:
    """A moment up to which everything is stored, away from the edge: live times may be up to 1.4 s off there."""
    time.sleep(3)
    for kind, rv in scenario.truth.newest().items():
        scenario.recorder.wait_for(kind, rv)
    watermark = datetime.fromisoformat(scenario.recorder.ask("/coverage", cluster="east")["coverage"]["watermark"])
    return (watermark - timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def asked(moment: str) -> list[tuple[str, dict[str, str]]]:
    """Questions whose answers end at that moment."""
    window = {"from": "2020-01-01T00:00:00Z", "to": moment, "noise": "off", "first_sight": "on", "limit": "10000"}
    return [("/changes", window), ("/objects", {"at": moment, "limit": "10000"})]
