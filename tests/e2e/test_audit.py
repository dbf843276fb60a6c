"""The audit log of a real API server, joined with what was recorded of it: exactly where that is possible."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kubelapse.cli.main import cli
from tests.controlplane.api import Api, Refused
from tests.controlplane.lab import Lab
from tests.e2e.recorder import Recorder

POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  verbs: [get, list, watch]
- level: Metadata
  resources: [{group: "", resources: [secrets]}]
- level: RequestResponse
"""
CONFIGS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"


@pytest.fixture
def audited(make_lab: Callable[..., Lab], tmp_path: Path) -> Iterator[tuple[Api, Recorder, Path]]:
    """A control plane that writes an audit log, and a recorder that takes one."""
    policy, log, tokens = tmp_path / "policy.yaml", tmp_path / "audit.log", tmp_path / "tokens.csv"
    policy.write_text(POLICY)
    tokens.write_text('jane-token,jane@example.org,1,"system:masters"\n')
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={log}"]
    lab = make_lab(apiserver_flags=flags, token_file=tokens)
    recorder = Recorder(lab.kubeconfig, tmp_path / "data", ("--audit-log", "--kinds", "configmaps,secrets"))
    recorder.start()
    yield lab.client(), recorder, log
    recorder.kill()


def wait(found: Callable[[], Any], seconds: float = 30) -> Any:
    """The first answer that says something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError("what was written is not recorded")


@pytest.mark.controlplane
def test_users_of_a_real_audit_log_stand_beside_their_changes(audited: tuple[Api, Recorder, Path]) -> None:
    admin, recorder, log = audited
    jane = admin.user("jane-token", manager="kubectl-edit")
    admin.post(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}}, manager="helm")
    jane.patch(f"{CONFIGS}/a", {"data": {"x": "2"}})
    admin.patch(f"{CONFIGS}/a", {"data": {"x": "2"}})  # changes nothing
    with pytest.raises(Refused):
        jane.patch(f"{CONFIGS}/none", {"data": {"x": "2"}})
    jane.delete(f"{CONFIGS}/a")
    admin.post(SECRETS, {"metadata": {"name": "s"}, "stringData": {"x": "1"}})
    jane.patch(f"{SECRETS}/s", {"stringData": {"x": "2"}})
    jane.delete(f"{SECRETS}/s")

    def listed() -> list[Any]:
        items = recorder.ask("/changes", **{"from": "1h", "namespace": "default"})["items"]
        mine = [each for each in items if each["name"] in ("a", "s")]
        return mine if len(mine) == 6 else []

    wait(listed)
    wait(lambda: sum('"name":"s"' in line for line in log.read_text().splitlines()) == 3)
    read = CliRunner().invoke(cli, ["audit-log", str(log), "--server", recorder.url, "-o", "json"])
    assert read.exit_code == 0, read.output
    assert json.loads(read.stdout)["unreadable"] == 0
    told = [(each["resource"], each["op"], _user(each), each["who"]["sort"]) for each in listed()]
    assert sorted(told) == [
        ("configmaps", "add", ("admin", "resource-version", "high"), "gitops"),
        ("configmaps", "delete", ("jane@example.org", "uid", "high"), "human"),
        # The idle patch answered with the same version: who came first made it, and the doubt is told.
        ("configmaps", "update", ("jane@example.org", "resource-version", "medium"), "human"),
        ("secrets", "add", None, "unknown"),
        ("secrets", "delete", ("jane@example.org", "uid", "high"), "human"),
        ("secrets", "update", None, "human"),
    ]


def _user(item: Any) -> tuple[str, str, str] | None:
    audit = item["who"]["audit"]
    return audit and (audit["user"], audit["join"], audit["confidence"])
