"""`diff` of whole scopes and `blame`: what a person reads, and what a script gets."""

import csv
import json
from pathlib import Path

import pytest

from kubelapse.cli import sets
from tests.kubelapse.conftest import MARKERS, Run

WINDOW = ("--from", "12:01:15", "--to", "12:30")


def test_a_scope_is_shown_object_by_object_and_exits_1(run: Run) -> None:
    result = run("diff", "-n", "shop", *WINDOW)
    assert result.exit_code == 1
    assert "-  replicas: 2\n+  replicas: 5\n" in result.stdout
    assert "+++ deployment.apps/web in namespace shop  revision 3, 2026-03-01T12:02:10" in result.stdout
    assert "--- pod/web-1 in namespace shop  (not there)" in result.stdout
    assert not any(marker in result.stdout for marker in MARKERS)


def test_noise_is_left_out_of_the_text_and_counted(run: Run) -> None:
    quiet, whole = (run("diff", "-A", "--kind", "deploy", *WINDOW, f"--noise={mode}") for mode in ("on", "off"))
    assert "seen" not in quiet.stdout
    assert "1 change hidden as noise, --noise=off shows it" in quiet.stderr
    assert "+  seen: 1" in whole.stdout
    only_noise = run("diff", "--kind", "deploy", "--from", "12:02:05", "--to", "12:30")
    assert (only_noise.exit_code, only_noise.stdout) == (0, "")
    assert "nothing is known to differ" in only_noise.stderr


def test_a_summary_counts_by_kind(run: Run) -> None:
    lines = run("diff", *WINDOW, "--summary").stdout.splitlines()
    assert lines[0].split() == ["KIND", "ADDED", "REMOVED", "CHANGED", "RECREATED"]
    assert "deployment.apps 0 0 1 0" in [" ".join(line.split()) for line in lines]


def test_people_are_shown_a_page_and_told_how_much_more_there_is(run: Run) -> None:
    first = run("diff", "-n", "shop", *WINDOW, "--limit", "1")
    assert (first.exit_code, first.stdout.count("\n+++ ")) == (1, 1)
    assert "1 of 3 objects that differ are shown: --limit N shows more, --all all of them" in first.stderr
    assert "deployment.apps: 1 changed" in first.stderr
    whole = run("diff", "-n", "shop", *WINDOW, "--all")
    assert whole.stdout == run("diff", "-n", "shop", *WINDOW).stdout
    assert "are shown" not in whole.stderr


def test_programs_get_every_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("diff", "-n", "shop", *WINDOW, "-o", "json").stdout
    lines = run("diff", "-n", "shop", *WINDOW, "-o", "jsonl").stdout.splitlines()
    monkeypatch.setattr(sets, "PAGE", 1)
    assert json.loads(run("diff", "-n", "shop", *WINDOW, "-o", "json").stdout) == json.loads(whole)
    assert sorted(run("diff", "-n", "shop", *WINDOW, "-o", "jsonl").stdout.splitlines()) == sorted(lines)


def test_formats_for_programs(run: Run) -> None:
    answer = json.loads(run("diff", "-n", "shop", *WINDOW, "-o", "json").stdout)
    assert [each["name"] for each in answer["changed"]] == ["web", "token"]
    assert run("diff", "-n", "shop", "--kind", "deploy", *WINDOW, "-o", "name").stdout == "deployment.apps/web\n"
    (patch,) = map(json.loads, run("diff", "--kind", "deploy", *WINDOW, "-o", "patch").stdout.splitlines())
    assert {"op": "replace", "path": "/spec/replicas", "value": 5} in patch["patch"]
    rows = list(csv.DictReader(run("diff", "--kind", "deploy", *WINDOW, "-o", "csv").stdout.splitlines()))
    assert [(row["path"], row["before"], row["after"], row["by"]) for row in rows] == [
        ("spec.replicas", "2", "5", "kubectl-scale")
    ]


def test_two_namespaces_are_compared_by_name(run: Run) -> None:
    result = run("diff", "cm/settings", "-n", "shop", "--to-namespace", "test")
    assert result.exit_code == 1
    assert "+  mode: slow" in result.stdout
    assert "uid" not in result.stdout
    assert "not compared, as it only tells places apart: metadata.uid" in result.stderr


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ((), "say what to compare"),
        (("deploy/web", "-l", "app=web", "--from", "1h"), "give one or the other"),
        (("--from", "1h", "--uid", "u"), "--uid needs"),
        (("--from", "12:30", "--to", "12:10"), "before it begins"),
        (("--to-namespace", "test"), "(-n)"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(run: Run, args: tuple[str, ...], word: str) -> None:
    result = run("diff", *args)
    assert result.exit_code == 2
    assert word in result.stderr


def test_an_external_program_gets_every_object(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "mydiff"
    program.write_text(f'#!/bin/sh\nls "$1" "$2" > {tmp_path}/seen\nexit 1\n')
    program.chmod(0o700)
    assert run("diff", "-n", "shop", *WINDOW, KUBECTL_EXTERNAL_DIFF=str(program)).exit_code == 1
    assert (tmp_path / "seen").read_text().count("deployment.apps.shop.web") == 2


def test_blame_stands_before_the_yaml(run: Run) -> None:
    result = run("blame", "deploy/web")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "BY SINCE BEFORE"
    assert "kubectl-scale 2026-03-01T12:02:00 2 replicas: 5" in lines
    assert "<unknown> ≤2026-03-01T12:00:10 image: web:1" in lines
    assert "revision 3" in result.stderr


def test_blame_of_a_part_keeps_what_leads_there(run: Run) -> None:
    lines = run("blame", "deploy/web", "--path", "spec.replicas", "--no-headers").stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["spec:", "5"]
    missing = run("blame", "deploy/web", "--path", "spec.nothing")
    assert (missing.stdout, "it has no field spec.nothing" in missing.stderr) == ("", True)


def test_blame_for_programs(run: Run) -> None:
    (field,) = json.loads(run("blame", "deploy/web", "--path", "spec.replicas", "-o", "json").stdout)["fields"]
    assert (field["value"], field["previous"], field["by"]) == (5, 2, "kubectl-scale")
    assert "spec.replicas" in run("blame", "deploy/web", "-o", "table").stdout
    estimate = run("blame", "po/web-1", "--path", "spec.node", "-o", "table").stdout
    assert "≈2026-03-01T12:03:40" in estimate


def test_blame_never_shows_a_redacted_value(run: Run) -> None:
    for output in ("yaml", "table"):
        out = run("blame", "secret/token", "-o", output).stdout
        assert not any(marker in out for marker in MARKERS)
