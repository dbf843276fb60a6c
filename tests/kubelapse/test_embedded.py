"""`up` as a user runs it: it records, answers, ends in order, goes on where it ended, and refuses in one sentence."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.lab import Lab
from tests.e2e.recorder import Recorder
from tests.waiting import until

pytestmark = pytest.mark.controlplane


@pytest.fixture
def recorder(lab: Lab, tmp_path: Path) -> Iterator[Recorder]:
    running = Recorder(kubeconfig=lab.kubeconfig, data=tmp_path / "data", arguments=("--kinds", "configmaps,secrets"))
    yield running
    running.stop()


def up(lab: Lab, data: Path, *args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """A start that is expected to fail."""
    return subprocess.run(
        [sys.executable, "-m", "kubelapse", "up", "--no-browser", "--port", "0", "--data", str(data), *args],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "KUBECONFIG": str(lab.kubeconfig), **environ},
    )


def refused(done: "subprocess.CompletedProcess[str]", sentence: str) -> bool:
    """Exit code above 1, one sentence, no traceback."""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return done.returncode > 1 and len(errors) == 1 and sentence in errors[0] and "Traceback" not in done.stderr


def names(recorder: Recorder, namespace: str) -> list[str]:
    answer = recorder.command("changes", "-n", namespace, "-o", "jsonl")
    return [f"{item['op']} {item['name']}" for item in map(json.loads, answer.stdout.splitlines())]


def test_a_change_is_answered_and_a_restart_goes_on(lab: Lab, recorder: Recorder, namespace: str) -> None:
    api = lab.client()
    recorder.start()
    api.post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "one"}, "data": {"a": "1"}})
    until(lambda: "add one" in names(recorder, namespace))
    assert recorder.stop() == 0
    api.post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "two"}, "data": {"a": "1"}})
    recorder.start()
    until(lambda: "add two" in names(recorder, namespace))
    assert names(recorder, namespace).count("add one") == 1
    assert recorder.command("verify").returncode == 0


def test_reading_commands_find_a_running_server_by_its_data_directory(recorder: Recorder) -> None:
    recorder.start()
    done = subprocess.run(
        [sys.executable, "-m", "kubelapse", "version", "-o", "json"],
        capture_output=True,
        text=True,
        env={**os.environ, "KUBELAPSE_DATA": str(recorder.data)},
    )
    assert json.loads(done.stdout)["server"] != "none answers"


def test_a_second_process_on_the_same_data_is_told_who_holds_it(lab: Lab, recorder: Recorder) -> None:
    recorder.start()
    done = up(lab, recorder.data)
    assert refused(done, recorder.url), done.stderr


def test_a_second_signal_ends_at_once(recorder: Recorder) -> None:
    recorder.start()
    assert recorder.process is not None
    for number in (signal.SIGINT, signal.SIGINT):
        recorder.signal(number)
    assert recorder.process.wait(10) in (0, 130)


def test_nothing_but_the_owner_can_read_the_data(recorder: Recorder) -> None:
    recorder.start()
    assert recorder.data.stat().st_mode & 0o077 == 0


def test_a_corrupt_checkpoint_is_said_and_recording_goes_on(recorder: Recorder) -> None:
    recorder.start()
    recorder.stop()
    checkpoint = next(recorder.data.glob("checkpoint-*.json"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:-20])
    recorder.start()
    assert "checkpoint" in recorder.log.read_text()
    assert "torn or no checkpoint" in recorder.log.read_text()


def test_an_unknown_context_is_refused(lab: Lab, tmp_path: Path) -> None:
    assert refused(up(lab, tmp_path / "d", "--context", "nope"), "no context nope")


def test_an_unreachable_cluster_is_refused(lab: Lab, tmp_path: Path) -> None:
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(lab.kubeconfig.read_text().replace(lab.url, "https://127.0.0.1:9"))
    assert refused(up(lab, tmp_path / "d", KUBECONFIG=str(elsewhere)), "does not answer")


def test_expired_credentials_are_refused(lab: Lab, tmp_path: Path) -> None:
    expired = tmp_path / "kubeconfig"
    expired.write_text(lab.kubeconfig.read_text().replace(lab.token, "expired-token"))
    assert refused(up(lab, tmp_path / "d", KUBECONFIG=str(expired)), "does not accept the credentials")


def test_a_data_directory_that_cannot_be_written_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(up(lab, tmp_path / "file" / "data"), "name another with --data")


def test_a_bad_setting_is_refused_with_its_place(lab: Lab, tmp_path: Path) -> None:
    assert refused(up(lab, tmp_path / "d", KUBELAPSE_LOG="loud"), "KUBELAPSE_LOG: expected console or json")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--kinds", "nosuch"), "leave nothing of this cluster to watch"),
        (("--kinds", "pods", "--exclude", "po"), "leave nothing of this cluster to watch"),
        (("--namespace", "A B"), "--namespace: expected names of namespaces"),
        (("--cluster", "a b"), "--cluster: expected"),
    ],
)
def test_nothing_is_recorded_in_silence(lab: Lab, tmp_path: Path, args: tuple[str, ...], sentence: str) -> None:
    told = up(lab, tmp_path / "d", *args)
    assert refused(told, sentence), told.stderr


def account(lab: Lab, namespace: str, folder: Path, *, name: str = "nobody") -> Path:
    """A kubeconfig of a new service account, which may do nothing."""
    api = lab.client()
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.post(accounts, {"metadata": {"name": name}})
    token = api.post(f"{accounts}/{name}/token", {"spec": {"expirationSeconds": 600}})["status"]["token"]
    file = folder / name
    file.write_text(lab.kubeconfig.read_text().replace(lab.token, token))
    return file


def let_read(lab: Lab, namespace: str, name: str) -> None:
    """This service account may read its own namespace."""
    rbac, api = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}", lab.client()
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    api.post(f"{rbac}/roles", {"metadata": {"name": "reader"}, "rules": [everything]})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    api.post(f"{rbac}/rolebindings", {"metadata": {"name": "reader"}, "roleRef": role, "subjects": [subject]})


def test_without_any_right_nothing_is_recorded_in_silence(lab: Lab, tmp_path: Path, namespace: str) -> None:
    nobody = str(account(lab, namespace, tmp_path))
    assert refused(up(lab, tmp_path / "d", KUBECONFIG=nobody), "set KUBELAPSE_CLUSTER_UID")
    told = up(lab, tmp_path / "d", KUBECONFIG=nobody, KUBELAPSE_CLUSTER_UID="some-uid")
    assert refused(told, "nothing may be listed and watched"), told.stderr


def test_rights_in_one_namespace_record_that_one_and_coverage_says_so(
    lab: Lab, tmp_path: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBELAPSE_CLUSTER_UID", "some-uid")
    kubeconfig = account(lab, namespace, tmp_path, name="reader")
    let_read(lab, namespace, "reader")
    arguments = ("--kinds", "configmaps,nodes", "--namespace", f"{namespace},kube-public")
    recorder = Recorder(kubeconfig=kubeconfig, data=tmp_path / "data", arguments=arguments)
    try:
        recorder.start()
        lab.client().post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "one"}})
        until(lambda: "add one" in names(recorder, namespace))
        listed = recorder.command("coverage").stdout.splitlines()
        states = {tuple(line.split()[:3]) for line in listed if line.startswith(("configmaps", "nodes"))}
        assert ("configmaps", namespace, "watched") in states
        assert {("configmaps", "(all)", "forbidden"), ("nodes", "(all)", "forbidden")} <= states
        asked = recorder.command("changes", "--since", "0s", "--require-complete")
        assert (asked.returncode, "not watched (forbidden)" in asked.stderr) == (3, True)
        until(lambda: complete(recorder, namespace))
    finally:
        recorder.stop()


def complete(recorder: Recorder, namespace: str) -> bool:
    """Whether an answer about this namespace knows all there was in the last moment."""
    asked = recorder.command("changes", "--since", "1s", "--kind", "cm", "-n", namespace, "--require-complete")
    return asked.returncode == 0
