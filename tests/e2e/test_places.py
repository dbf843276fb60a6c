"""Two namespaces of a real cluster that differ in known places, and manifests of the record that kubectl applies."""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.controlplane.api import Api, Json
from tests.controlplane.lab import Lab
from tests.e2e.recorder import Recorder

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(400)]

Objects = dict[str, Json]
"""`deployments/web-0` → its body without a namespace."""

ROOTS = {"deployments": "/apis/apps/v1", "configmaps": "/api/v1", "secrets": "/api/v1"}
COUNTS = {"deployments": 20, "configmaps": 270, "secrets": 10}
BODIES: dict[str, Json] = {
    "deployments": {
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": "web:1",
                            "env": [{"name": "MODE", "value": "fast"}],
                            "resources": {"requests": {"cpu": "1000m"}},
                        }
                    ]
                },
            },
        }
    },
    "configmaps": {"data": {"mode": "fast", "app.json": '{"a":1,"b":[2]}'}},
    "secrets": {"stringData": {"token": "not-to-be-seen"}},
}


def objects() -> Objects:
    """Three hundred of them."""
    return {
        f"{kind}/o{number}": {"metadata": {"name": f"o{number}"}, **copy.deepcopy(BODIES[kind])}
        for kind, count in COUNTS.items()
        for number in range(count)
    }


def changed(there: Objects) -> Objects:
    """The same with twelve differences, and two things that are only written otherwise."""

    def container(name: str) -> Json:
        found: Json = there[f"deployments/{name}"]["spec"]["template"]["spec"]["containers"][0]
        return found

    container("o0")["image"] = "web:2"
    there["deployments/o1"]["spec"]["replicas"] = 3
    there["deployments/o2"]["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    container("o3")["env"][0]["value"] = "slow"
    there["deployments/more"] = {**there.pop("deployments/o4"), "metadata": {"name": "more"}}
    there["configmaps/o0"]["data"]["mode"] = "slow"
    there["configmaps/o1"]["data"].pop("mode")
    there["configmaps/o2"]["data"]["more"] = "1"
    there["configmaps/o3"]["metadata"]["labels"] = {"team": "a"}
    there["configmaps/o4"]["data"]["app.json"] = '{"a":1,"b":[3]}'
    there["secrets/o0"]["stringData"]["token"] = "another"
    container("o5")["resources"]["requests"]["cpu"] = "1"
    there["configmaps/o5"]["data"]["app.json"] = '{"b": [2], "a": 1}'
    return there


DIFFERENCES = {
    ("deployments", "o0", "spec.template.spec.containers[name=web].image"),
    ("deployments", "o1", "spec.replicas"),
    ("deployments", "o2", "spec.template.spec.containers[name=proxy]"),
    ("deployments", "o3", "spec.template.spec.containers[name=web].env[name=MODE].value"),
    ("deployments", "o4", "removed"),
    ("deployments", "more", "added"),
    ("configmaps", "o0", "data.mode"),
    ("configmaps", "o1", "data.mode"),
    ("configmaps", "o2", "data.more"),
    ("configmaps", "o3", "metadata.labels"),
    ("configmaps", "o4", 'data["app.json"]'),
    ("secrets", "o0", "data.token"),
}


@pytest.fixture
def recorded(make_lab: Callable[..., Lab], tmp_path: Path) -> Iterator[tuple[Lab, Api, Recorder]]:
    """A recorded control plane with both namespaces."""
    lab = make_lab()
    api, recorder = lab.client(), Recorder(lab.kubeconfig, tmp_path / "data")
    try:
        recorder.start()
        for namespace, bodies in (("shop", objects()), ("stage", changed(objects()))):
            create(api, recorder, namespace, bodies)
        yield lab, api, recorder
    finally:
        recorder.stop()


def create(api: Api, recorder: Recorder, namespace: str, bodies: Objects) -> None:
    """All of them, and wait until they are recorded."""
    api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})

    def post(name: str) -> tuple[str, int]:
        kind = name.partition("/")[0]
        made = api.post(f"{ROOTS[kind]}/namespaces/{namespace}/{kind}", bodies[name])
        return kind, int(made["metadata"]["resourceVersion"])

    with ThreadPoolExecutor(8) as pool:
        for kind, rv in sorted(dict(sorted(pool.map(post, bodies))).items()):
            recorder.wait_for("deployments.apps" if kind == "deployments" else kind, rv, 90)


def told(answer: Json) -> set[tuple[str, str, str]]:
    """(kind, name, place) of everything in an answer."""
    found = {(each["resource"], each["name"], sort) for sort in ("added", "removed") for each in answer[sort]}
    return found | {
        (each["resource"], each["name"], field["path"]) for each in answer["changed"] for field in each["fields"]
    }


def test_two_namespaces_differ_in_twelve_places_and_nothing_else(recorded: tuple[Lab, Api, Recorder]) -> None:
    _, _, recorder = recorded
    kinds = ",".join(COUNTS)
    done = recorder.command("diff", "-n", "shop", "--to-namespace", "stage", "--kind", kinds, "-o", "json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert told(answer) == DIFFERENCES
    assert answer["equal"] == {"embedded-document": 1}  # the server itself writes 1000m as 1
    assert "not-to-be-seen" not in done.stdout
    same = recorder.command("diff", "configmaps/o9", "-n", "shop", "--to-namespace", "stage")
    assert (same.returncode, same.stdout) == (0, "")


def test_kubectl_applies_what_show_clean_prints(recorded: tuple[Lab, Api, Recorder]) -> None:
    lab, api, recorder = recorded
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed on this machine")
    gone = "/apis/apps/v1/namespaces/shop/deployments/o6"
    was = "rv:" + api.get(gone)["metadata"]["resourceVersion"]
    api.delete(gone)
    wanted = (("deployments/o0", "shop", "now"), ("deployments/o6", "shop", was), ("configmaps/o0", "stage", "now"))
    for name, namespace, moment in wanted:
        shown = recorder.command("show", name, "-n", namespace, "--clean", "--at", moment)
        assert shown.returncode == 0, shown.stderr
        done = subprocess.run(
            [kubectl, "--kubeconfig", str(lab.kubeconfig), "apply", "-f", "-"],
            input=shown.stdout,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert yaml.safe_load(shown.stdout)["metadata"]["name"] in done.stdout
    assert api.get(gone)["spec"]["replicas"] == 2
