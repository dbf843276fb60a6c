"""`show` and `diff`: one object as it was, and what became of it."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from kubelapse.cli.references import Found, which
from tests.kubelapse.conftest import MARKERS, Run


def test_show_gives_the_object_as_it_was(run: Run) -> None:
    result = run("show", "deploy/web", "--at", "12:01")
    assert yaml.safe_load(result.stdout)["spec"] == {"replicas": 2, "image": "web:1"}
    assert "revision 1, first seen 2026-03-01 12:00:10+00:00" in result.stderr
    assert yaml.safe_load(run("show", "deploy", "web").stdout)["spec"]["replicas"] == 5


def test_show_keeps_texts_readable(run: Run) -> None:
    assert "mode: |\n    fast\n    and loud\n" in run("show", "cm/settings", "-n", "shop").stdout


def test_show_takes_a_resource_version(run: Run) -> None:
    rv = json.loads(run("history", "deploy/web", "-o", "json").stdout)["items"][1]["rv"]
    assert json.loads(run("show", "deploy/web", "--at", f"rv:{rv}", "-o", "json").stdout)["spec"]["replicas"] == 5


def test_clean_is_ready_to_apply(run: Run) -> None:
    shown = yaml.safe_load(run("show", "deploy/web", "--clean").stdout)
    assert set(shown) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(shown["metadata"]) == {"name", "namespace", "labels"}


def test_redacted_values_are_never_applied_by_accident(run: Run) -> None:
    refused = run("show", "secret/token", "--clean")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--allow-redacted leaves these keys out" in refused.stderr
    assert yaml.safe_load(run("show", "secret/token", "--clean", "--allow-redacted").stdout)["data"] == {}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("show", "po/web-1", "--at", "12:03:30"), "was deleted at"),
        (("show", "po/web-1", "--at", "12:01"), "was created at"),
        (("show", "deploy/web", "--at", "11:00"), "recorded since"),
        (("show", "deploy/nope"), "never seen"),
        (("show", "gadgets/nope"), "No recorded cluster serves a type 'gadgets'"),
        (("show", "deploy/web", "--at", "rv:1"), "resourceVersion"),
        (("show", "deploy/web", "--uid", "nope"), "with uid nope"),
        (("diff", "deploy/nope", "--from", "11:00"), "never seen"),
        (("diff", "deploy/web", "--from", "11:00"), "recorded since"),
    ],
)
def test_why_there_is_nothing_to_show(run: Run, args: tuple[str, ...], sentence: str) -> None:
    result = run(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert "/api/v1" not in result.stderr


def test_diff_is_unified_and_exits_1_when_something_differs(run: Run) -> None:
    result = run("diff", "deploy/web", "--from", "12:01", "--to", "12:30")
    assert result.exit_code == 1
    assert "-  replicas: 2\n+  replicas: 5\n" in result.stdout


def test_diff_of_the_same_is_silent_and_exits_0(run: Run) -> None:
    result = run("diff", "deploy/web", "--from", "12:10", "--to", "12:30")
    assert (result.exit_code, result.stdout) == (0, "")


def test_diff_as_patch_and_fields(run: Run) -> None:
    args = ("diff", "deploy/web", "--from", "12:01", "--to", "12:02:05")
    assert json.loads(run(*args, "-o", "patch").stdout)[-1] == {"op": "replace", "path": "/spec/replicas", "value": 5}
    assert run(*args, "-o", "table", "--no-headers").stdout.split() == ["spec.replicas", "2", "5"]
    assert run(*args, "-o", "json").exit_code == 1


def test_diff_shows_that_a_secret_changed_and_nothing_of_it(run: Run) -> None:
    out = run("diff", "secret/token", "--from", "12:02", "--to", "12:30").stdout
    assert "-  b: '*** (before)'\n+  b: '*** (after)'\n" in out.replace('"', "'")
    assert "  a: '***'\n" in out.replace('"', "'")
    assert not any(marker in out for marker in MARKERS)


def test_diff_of_what_was_not_there_yet_is_all_new(run: Run) -> None:
    out = run("diff", "cm/settings", "-n", "test", "--from", "12:03", "--to", "12:30").stdout
    assert "+  mode: slow\n" in out
    assert not [line for line in out.splitlines() if line.startswith("-") and not line.startswith("---")]


def test_diff_of_what_was_gone_at_both_moments_says_so(run: Run) -> None:
    result = run("diff", "po/web-1", "--from", "12:03:21", "--to", "12:03:30")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "did not exist at either moment" in result.stderr


def test_an_external_program_is_run_on_two_directories(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "mydiff"
    program.write_text(f'#!/bin/sh\ncat "$2"/* "$3"/* > {tmp_path}/seen\necho "$1" >> {tmp_path}/seen\nexit 1\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    result = run("diff", "deploy/web", "--from", "12:01", "--to", "12:30", KUBECTL_EXTERNAL_DIFF=f"{program} -w")
    seen = (tmp_path / "seen").read_text()
    assert result.exit_code == 1
    assert "replicas: 2" in seen
    assert "replicas: 5" in seen
    assert seen.endswith("-w\n")


def test_an_external_program_that_fails_or_is_missing_is_an_error_above_1(run: Run) -> None:
    args = ("diff", "deploy/web", "--from", "12:01", "--to", "12:30")
    assert run(*args, KUBECTL_EXTERNAL_DIFF="no-such-program").exit_code == 2
    assert run(*args, KUBECTL_EXTERNAL_DIFF="sh -c;reboot").exit_code == 2
    assert "no program with plain arguments" in run(*args, KUBECTL_EXTERNAL_DIFF="diff -u 'a").stderr


def test_a_namespace_says_nothing_of_what_has_none(run: Run) -> None:
    assert run("show", "no/node-1", "-n", "shop", "-o", "name").stdout == "node/node-1\n"
    assert run("changes", "--kind", "no,cm", "-n", "shop", "-o", "name").stdout.split() == [
        "configmap/settings",
        "node/node-1",
    ]


def test_a_name_that_fits_several_objects_asks_for_one() -> None:
    pods = [Found(cluster="lab", kind="pods", namespace="shop", name=name) for name in ("web-2", "web-1")]
    assert which("po", "web-*", pods) == "po/web-* fits several objects (web-1, web-2): name one"


def test_names_are_written_as_kubectl_writes_them(run: Run) -> None:
    assert run("show", "deploy/web", "-o", "name").stdout == "deployment.apps/web\n"
    assert run("diff", "deploy/web", "--from", "12:01", "--to", "12:30", "-o", "name").stdout == "deployment.apps/web\n"
    gone = ("diff", "po/web-1", "--from", "12:03", "--to", "12:03:30", "-o", "name")
    assert run(*gone).stdout == "pod/web-1\n"


def test_diff_needs_an_earlier_moment(run: Run) -> None:
    assert run("diff", "deploy/web").exit_code == 2
