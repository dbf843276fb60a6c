"""The control plane that other tests rely on is a real one, and fails and comes back on demand."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3

from tests.controlplane.api import Json, Refused
from tests.controlplane.lab import Lab
from tests.waiting import until

pytestmark = pytest.mark.controlplane


def config_map(name: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_what_is_written_is_read_and_watched(lab: Lab, namespace: str) -> None:
    api, path = lab.client(manager="tester"), f"/api/v1/namespaces/{namespace}/configmaps"
    version = api.get(path)["metadata"]["resourceVersion"]
    api.post(path, config_map("answer", value="41"))
    api.patch(f"{path}/answer", {"data": {"value": "42"}}, manager="patcher")
    events = (event for event in api.watch(path, resourceVersion=version) if is_answer(event))
    seen = list(itertools.islice(events, 2))
    values = [(event["type"], event["object"]["data"]["value"]) for event in seen]
    assert values == [("ADDED", "41"), ("MODIFIED", "42")]
    assert {entry["manager"] for entry in seen[1]["object"]["metadata"]["managedFields"]} == {"tester", "patcher"}


def is_answer(event: Json) -> bool:
    return bool(event["object"]["metadata"]["name"] == "answer")


def test_a_deployment_gets_running_pods(lab: Lab, namespace: str) -> None:
    api = lab.client()
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": pod}
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    api.post(path, {"metadata": {"name": "web"}, "spec": spec})
    until(lambda: api.get(f"{path}/web").get("status", {}).get("readyReplicas") == 2)


def test_a_killed_api_server_comes_back_with_everything_written_before(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    api, path = lab.client(), "/api/v1/namespaces/default/configmaps"
    written = api.post(path, config_map("kept", a="1"))
    lab.kill("apiserver")
    with pytest.raises(urllib3.exceptions.HTTPError):
        api.get(path)
    lab.revive()
    assert api.get(f"{path}/kept") == written
    assert set(lab.pids()) == {"up", "etcd", "apiserver"}


def test_a_stopped_lab_keeps_its_data(make_lab: Callable[..., Lab]) -> None:
    lab, path = make_lab(), "/api/v1/namespaces/default/configmaps"
    lab.client().post(path, config_map("kept", a="1"))
    lab.stop()
    lab.start()
    assert lab.client().get(f"{path}/kept")["data"] == {"a": "1"}


def test_users_of_a_token_file_have_only_their_rights(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text('secret-of-eve,eve,eve,""\n')
    lab = make_lab(token_file=tmp_path / "users.csv")
    eve = lab.client("secret-of-eve")
    with pytest.raises(Refused, match=r"eve.*cannot list resource") as refusal:
        eve.get("/api/v1/secrets")
    assert refusal.value.status == 403
