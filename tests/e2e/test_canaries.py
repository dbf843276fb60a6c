"""Secrets in every place where people leave them, in a real cluster: none reaches disk, log, metric or answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelapse.purge_proof import search
from tests.controlplane.lab import Lab
from tests.e2e.leaving import KINDS, leave
from tests.e2e.recorder import Recorder
from tests.fakes.canaries import canaries, needles, secret
from tests.waiting import until

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(300)]


@pytest.fixture
def recorder(lab: Lab, tmp_path: Path) -> Iterator[Recorder]:
    found = Recorder(lab.kubeconfig, tmp_path / "recorded" / "data", ("--kinds", KINDS, "--log", "json,debug"))
    yield found.start()
    found.stop()


def test_no_canary_in_any_byte_or_answer(lab: Lab, namespace: str, recorder: Recorder, tmp_path: Path) -> None:
    leave(lab.client(), namespace)
    scope = {"namespace": namespace, "since": "1h", "limit": "1000"}
    until(lambda: any(item["name"] == "last" for item in recorder.ask("/changes", **scope)["items"]))
    answers = [
        _text(recorder, f"/api/v1/{path}")
        for path in ("changes?noise=show&since=1h&limit=1000", "search?value=canary", "search?value=hmac:")
    ]
    answers.append(_text(recorder, "/metrics"))
    answers.append(_text(recorder, f"/api/v1/objects/lab/configmaps/{namespace}/{secret(9)}").replace(secret(9), ""))
    for canary in canaries():
        answers.append(
            _text(recorder, f"/api/v1/objects/lab/{canary.resource}/{namespace}/{canary.name}/history?patch=true")
        )
        answers.append(_text(recorder, f"/api/v1/objects/lab/{canary.resource}/{namespace}/{canary.name}"))
    command = recorder.command("history", "configmap/c11", "-n", namespace, "-o", "yaml")
    sql = recorder.command("sql", f"SELECT * FROM history WHERE namespace = '{namespace}'", "-o", "json")
    events = recorder.command("sql", f"SELECT message FROM k8s_events WHERE namespace = '{namespace}'", "-o", "json")
    assert "password=hmac:" in events.stdout
    told = "".join([*answers, *(one.stdout + one.stderr for one in (command, sql, events))])
    assert recorder.stop() == 0
    assert [needle for needle in needles() if needle in told] == []
    searched = search(tmp_path / "recorded", needles())
    assert searched.found == []
    assert searched.blocks > 100
    assert "c27" in told


def _text(recorder: Recorder, path: str) -> str:
    return recorder.http.request("GET", recorder.url + path, timeout=60).data.decode()
