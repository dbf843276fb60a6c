"""Two namespaces of a real cluster that differ in known places, and manifests of the record that kubectl applies."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.e2e.places import COUNTS, DIFFERENCES, changed, create, objects, told
from tests.e2e.recorder import Recorder

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(400)]


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
