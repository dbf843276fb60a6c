"""`kubelapse audit` on a real control plane: the same while everything is recorded, exit code 1 when it was not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kubelapse.cli.main import cli
from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.e2e.recorder import Recorder

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(300)]
CONFIGS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def recorder(lab: Lab, tmp_path: Path) -> Iterator[Recorder]:
    """Records the control plane."""
    recorder = Recorder(kubeconfig=lab.kubeconfig, data=tmp_path / "data").start()
    yield recorder
    recorder.stop()


def audit(lab: Lab, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["audit", "--kubeconfig", str(lab.kubeconfig), "-o", "json", *arguments])


def test_what_is_recorded_is_what_the_cluster_has(lab: Lab, recorder: Recorder) -> None:
    api: Api = lab.client()
    api.post(CONFIGS, {"metadata": {"name": "audited"}, "data": {"x": "1"}})
    same = audit(lab, "--server", recorder.url)
    assert same.exit_code == 0, same.output
    assert json.loads(same.stdout)["same"] is True
    recorder.stop()
    api.patch(f"{CONFIGS}/audited", {"data": {"x": "2"}})
    differs = audit(lab, "--data", str(recorder.data), "--pause", "0", "--kind", "configmaps")
    assert differs.exit_code == 1, differs.output
    [row] = json.loads(differs.stdout)["kinds"]
    assert (row["kind"], row["older"], row["missing"], row["gone"]) == ("configmaps", 1, 0, 0)
    assert "in the cluster" in differs.stderr
