"""Secrets in every place where people leave them, in a real cluster: none reaches disk, log, metric or answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelapse.purge_proof import search
from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.e2e.recorder import Recorder
from tests.fakes.canaries import Canary, canaries, forms, secret
from tests.waiting import until

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(300)]

KINDS = "configmaps,secrets,pods,deployments.apps,serviceaccounts,events"
SAID = 90
"""The canary of what an Event says."""


def _root(canary: Canary, namespace: str) -> str:
    return (
        f"/apis/apps/v1/namespaces/{namespace}"
        if canary.resource == "deployments"
        else f"/api/v1/namespaces/{namespace}"
    )


def _write(api: Api, namespace: str) -> None:
    """Each of them made, changed, and half of them deleted."""
    for number, canary in enumerate(canaries()):
        collection = f"{_root(canary, namespace)}/{canary.resource}"
        metadata = canary.body.get("metadata")
        named = {**(metadata if isinstance(metadata, dict) else {}), "name": canary.name}
        api.post(collection, {**canary.body, "metadata": named})
        api.patch(f"{collection}/{canary.name}", {"metadata": {"labels": {"changed": "yes"}}})
        if number % 2:
            api.delete(f"{collection}/{canary.name}", gracePeriodSeconds="0")
    said = f"Error: cannot mount: password={secret(SAID)} was refused by https://ann:{secret(SAID)}@registry.example/"
    about = {"kind": "Pod", "namespace": namespace, "name": "c19"}
    event = {
        "metadata": {"name": "told"},
        "involvedObject": about,
        "message": said,
        "reason": "Failed",
        "type": "Warning",
    }
    api.post(f"/api/v1/namespaces/{namespace}/events", event)
    api.post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "last"}})


@pytest.fixture
def recorder(lab: Lab, tmp_path: Path) -> Iterator[Recorder]:
    found = Recorder(lab.kubeconfig, tmp_path / "recorded" / "data", ("--kinds", KINDS, "--log", "json,debug"))
    yield found.start()
    found.stop()


def test_no_canary_in_any_byte_or_answer(lab: Lab, namespace: str, recorder: Recorder, tmp_path: Path) -> None:
    _write(lab.client(), namespace)
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
    numbers = [*(held for canary in canaries() for held in canary.secrets), secret(SAID)]
    needles = sorted({form for held in numbers for form in forms(held)})
    assert [needle for needle in needles if needle in told] == []
    searched = search(tmp_path / "recorded", needles)
    assert searched.found == []
    assert searched.blocks > 100
    assert "c27" in told


def _text(recorder: Recorder, path: str) -> str:
    return recorder.http.request("GET", recorder.url + path, timeout=60).data.decode()
