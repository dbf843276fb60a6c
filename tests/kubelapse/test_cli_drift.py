"""`drift`, `baseline`, `pin`, `pins` and `note`: what a person reads, what a script gets, what is refused."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from kubelapse.server import offline_app
from schema.chdb import ChdbStore
from tests.fakes.records import NOON
from tests.kubelapse.conftest import MARKERS, Run

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: test}
data: {mode: slow}
"""


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """A folder with two manifests in one file."""
    (tmp_path / "web.yaml").write_text(WEB)
    return tmp_path


def test_drift_from_files_names_the_field_its_onset_and_its_actor(run: Run, manifests: Path) -> None:
    result = run("drift", "-n", "shop", "--baseline", f"file:{manifests}")
    assert result.exit_code == 1
    header, line = [" ".join(each.split()) for each in result.stdout.splitlines()]
    assert header == "NAMESPACE OBJECT FIELD EXPECTED ACTUAL SINCE BY FLAPS"
    assert line == "shop deployment.apps/web spec.replicas 2 5 2026-03-01T12:02:00 kubectl-scale 0"
    assert "2 objects compared with file:" in result.stderr


def test_no_drift_is_exit_code_0_and_a_sentence(run: Run, manifests: Path) -> None:
    result = run("drift", "-n", "shop", "--baseline", f"file:{manifests}", "--at", "12:01:30")
    assert "configmap/settings" in result.stdout  # it came later
    (manifests / "web.yaml").write_text(WEB.split("---")[0])
    quiet = run("drift", "-n", "shop", "--baseline", f"file:{manifests}", "--at", "12:01:30")
    assert (quiet.exit_code, quiet.stdout) == (0, "")
    assert "nothing is known to drift" in quiet.stderr


def test_drift_says_who_may_have_deleted_what_is_missing(run: Run, tmp_path: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1}\n"
    (tmp_path / "pod.yaml").write_text(pod)
    result = run("drift", "-n", "shop", "--baseline", f"file:{tmp_path}", "--at", "12:03:30")
    assert result.exit_code == 1
    assert " ".join(result.stdout.splitlines()[1].split()).endswith("<unknown> (kubelet?) 0")


def test_drift_from_a_revision_of_a_checkout(run: Run, manifests: Path) -> None:
    def git(*args: str) -> None:
        names = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", "-C", str(manifests), *names, *args], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    (manifests / "web.yaml").unlink()
    result = run("drift", "-n", "shop", "--baseline", f"git:HEAD:{manifests}", "-o", "name")
    assert result.stdout == "deployment.apps/web\n"
    gone = run("drift", "--baseline", f"git:HEAD:{manifests}/web.yaml", "-n", "shop", "-o", "name")
    assert gone.stdout == "deployment.apps/web\n"
    assert "git failed" in run("drift", "--baseline", f"git:nowhere:{manifests}").stderr


def test_formats_for_programs(run: Run, manifests: Path) -> None:
    answer = json.loads(run("drift", "-n", "shop", "--baseline", f"file:{manifests}", "-o", "json").stdout)
    (item,) = answer["items"]
    assert {item[key] for key in ("path", "expected", "actual", "by")} == {"spec.replicas", 2, 5, "kubectl-scale"}
    assert "BASIS" in run("drift", "-n", "shop", "--baseline", f"file:{manifests}", "-o", "wide").stdout


def test_one_object_and_a_moment(run: Run) -> None:
    result = run("drift", "deploy/web", "--baseline", "time:12:01:30")
    assert result.exit_code == 1
    assert "spec.replicas" in result.stdout


def test_a_template_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '*'}\nspec: {replicas: {$range: [1, 9]}}\n"
    )
    assert run("drift", "--baseline", f"template:{file}").exit_code == 0


def test_a_secret_in_a_manifest_leaves_no_trace(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {a: plain-text-value}\n")
    result = run("drift", "-n", "shop", "--baseline", f"file:{file}")
    assert "whether redacted values drift cannot be said" in result.stderr
    assert not any(each in result.output for each in (*MARKERS, "plain-text-value"))


def test_pins_are_named_moments_to_compare_with(run: Run) -> None:
    assert run("pin", "before", "--at", "12:01:30", "the last good state").exit_code == 0
    assert "the last good state" in run("pins").stdout
    assert "spec.replicas" in run("drift", "deploy/web", "--baseline", "pin:before").stdout
    assert run("pin", "before", "--delete").exit_code == 0
    assert "no moment has a name yet" in run("pins").stderr


def test_a_baseline_is_kept_without_the_file(run: Run, manifests: Path) -> None:
    assert run("baseline", "shop", "--set", f"file:{manifests}", "-n", "shop").exit_code == 0
    (manifests / "web.yaml").unlink()
    assert "spec.replicas" in run("drift", "--baseline", "stored:shop").stdout
    assert "manifests" in run("baseline").stdout
    assert run("baseline", "shop", "--delete").exit_code == 0


def test_a_note_is_about_an_object(run: Run) -> None:
    answer = json.loads(run("note", "deploy 1.4", "--about", "deploy/web", "-n", "shop", "-o", "json").stdout)
    assert (answer["resource"], answer["name"], answer["text"]) == ("deployments.apps", "web", "deploy 1.4")


@pytest.mark.parametrize(
    ("baseline", "word"),
    [
        ("nonsense", "is no baseline"),
        ("pin:nowhere", "There is no pin"),
        ("stored:nowhere", "There is no stored baseline"),
        ("file:/nowhere", "there is no file or folder"),
        ("helm:chart", "needs the program helm"),
        ("kustomize:dir", "needs the program"),
        ("git:HEAD", "names no revision and path"),
    ],
)
def test_what_is_no_baseline_is_refused_in_a_sentence(
    run: Run, baseline: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    result = run("drift", "--baseline", baseline)
    assert result.exit_code == 2
    assert word in result.stderr


def test_a_manifest_that_does_not_parse_is_named_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("kind: Pod\nmetadata: [\n")
    result = run("drift", "--baseline", f"file:{tmp_path}/bad.yaml")
    assert result.exit_code == 2
    assert "bad.yaml: line 3" in result.stderr


@pytest.mark.parametrize(("program", "baseline"), [("helm", "helm:./chart"), ("kustomize", "kustomize:overlay")])
def test_charts_and_kustomizations_are_rendered_by_the_users_own_program(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, baseline: str
) -> None:
    (tmp_path / "out.yaml").write_text(WEB.split("---")[0])
    script = tmp_path / program
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {tmp_path}/out.yaml\n')
    script.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    result = run("drift", "-n", "shop", "--baseline", baseline)
    assert "spec.replicas" in result.stdout
    script.write_text("#!/bin/sh\necho no such chart >&2\nexit 3\n")
    assert f"{program} failed (3): no such chart" in run("drift", "--baseline", baseline).stderr


def test_manifests_from_stdin(shop_store: ChdbStore) -> None:
    around = Surroundings(environ={}, clock=lambda: NOON + timedelta(hours=1), app=lambda: offline_app(shop_store))
    args = ["drift", "-n", "shop", "--baseline", "file:-", "-o", "name"]
    result = CliRunner().invoke(cli, args, obj=around, input=WEB.split("---")[0])
    assert result.stdout == "deployment.apps/web\n"
