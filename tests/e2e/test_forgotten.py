"""When the API server has forgotten what happened: a gap where something may be missing, and nowhere else."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.e2e.compare import strict
from tests.e2e.recorder import Json, Recorder
from tests.waiting import until

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(300)]

FORGETFUL = (
    "--etcd-compaction-interval=3s",
    "--watch-cache-sizes=configmaps#0",
)  # configmaps alone live by etcd's memory
HOME = "/api/v1/namespaces/default"


@pytest.fixture
def answers(make_lab: Callable[..., Lab], tmp_path: Path) -> Recorder:
    """A recorder that was away while ConfigMaps and Secrets changed, and is back after ConfigMaps were forgotten."""
    lab = make_lab(controllers=True, apiserver_flags=FORGETFUL)
    api, recorder = lab.client(), Recorder(lab.kubeconfig, tmp_path / "data")
    for name in ("kept", "changed", "deleted", "reborn"):
        for resource in ("configmaps", "secrets"):
            api.post(f"{HOME}/{resource}", {"metadata": {"name": name}})
    recorder.start()
    recorder.kill()
    change_everything(api)
    time.sleep(10)  # two compactions: what etcd keeps is not an answer that can be awaited
    return recorder.start()


def change_everything(api: Api) -> None:
    """What happens while nobody watches."""
    for resource in ("configmaps", "secrets"):
        for _ in range(3):
            api.patch(f"{HOME}/{resource}/changed", {"metadata": {"labels": {"at": str(time.time_ns())}}})
        for name in ("deleted", "reborn"):
            api.delete(f"{HOME}/{resource}/{name}")
        api.post(f"{HOME}/{resource}", {"metadata": {"name": "reborn"}})
        api.post(f"{HOME}/{resource}", {"metadata": {"name": "created"}})


def test_what_was_forgotten_is_declared_and_the_rest_is_whole(answers: Recorder) -> None:
    try:
        gaps = answers.ask("/coverage", since="10m")["coverage"]["gaps"]
        assert {gap["resource"] for gap in gaps} == {"configmaps", "events"}
        assert not answers.ask("/changes", since="10m", kind="configmaps")["coverage"]["complete"]
        known = answers.ask("/coverage", since="10m", kind="secrets")["coverage"]["watched_since"]
        until(lambda: answers.ask("/changes", since=known, kind="secrets")["coverage"]["complete"])
        for resource in ("configmaps", "secrets"):
            assert told(answers, resource) == listed(answers, resource)
        assert operations(answers, "secrets") == ["update"] * 3 + ["delete", "delete", "add", "add"]
        assert sorted(operations(answers, "configmaps")) == ["add", "add", "delete", "delete", "update"]
        assert all(item["gap"] in {gap["id"] for gap in gaps} for item in items(answers, "configmaps"))
        assert not any(item["gap"] for item in items(answers, "secrets"))
    finally:
        answers.stop()


def items(recorder: Recorder, kind: str) -> list[Json]:
    """Changes in the default namespace, without the cluster's own objects."""
    found = recorder.ask("/changes", since="10m", kind=kind, namespace="default")["items"]
    return [item for item in found if not item["name"].startswith("kube-")]


def operations(recorder: Recorder, kind: str) -> list[str]:
    """In order."""
    return [item["op"] for item in items(recorder, kind)]


def told(recorder: Recorder, kind: str) -> set[str]:
    """Every object alive now, as Kubelapse tells it."""
    answer = recorder.http.request("GET", f"{recorder.url}/api/v1/snapshot", fields={"kind": kind})
    return {strict(json.loads(line)) for line in answer.data.splitlines()}


def listed(recorder: Recorder, kind: str) -> set[str]:
    """The same, as the API server lists it."""
    config = yaml.safe_load(recorder.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
    api = Api(cluster["server"], config["users"][0]["user"]["token"], ca)
    found = api.items(f"/api/v1/{kind}")
    for item in found:
        item |= {"apiVersion": "v1", "kind": "ConfigMap" if kind == "configmaps" else "Secret"}
        del item["metadata"]["resourceVersion"]
        item["metadata"].pop("managedFields", None)
    return {strict(item) for item in found}
