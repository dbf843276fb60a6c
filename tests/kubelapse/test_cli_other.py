"""`coverage`, `verify`, `version`, the plugin's name, and servers that are not there."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kubelapse.cli.main import COMMANDS, cli, program_name
from kubelapse.cli.session import Surroundings
from tests.kubelapse.conftest import Run


def test_coverage_lists_what_was_watched_since_when(run: Run) -> None:
    lines = [line.split() for line in run("coverage").stdout.splitlines()]
    assert lines[0] == ["KIND", "NAMESPACE", "STATE", "SINCE", "UNTIL", "REASON"]
    assert lines[1] == ["configmaps", "(all)", "watched", "2026-03-01T12:00:00", "2026-03-01T13:00:00", "-"]
    assert len(lines) == 6


def test_coverage_without_a_gap_says_so(run: Run) -> None:
    result = run("coverage", "--gaps")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no gap is known in this time" in result.stderr


def test_coverage_as_csv_keeps_whole_times(run: Run) -> None:
    rows = list(csv.DictReader(run("coverage", "--kind", "pods", "-o", "csv").stdout.splitlines()))
    assert [(row["kind"], row["since"]) for row in rows] == [("pods", "2026-03-01T12:00:00Z")]


def test_coverage_as_json_is_the_answer_itself(run: Run) -> None:
    assert {"coverage", "watched", "from", "to"} <= set(json.loads(run("coverage", "-o", "json").stdout))


def test_verify_proves_the_history(run: Run) -> None:
    result = run("verify", "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["ok"] is True


def test_verify_of_an_unknown_type_is_an_error_not_a_damage(run: Run) -> None:
    assert run("verify", "--kind", "gadgets").exit_code == 2


def test_version_tells_both_sides(run: Run) -> None:
    found = json.loads(run("version", "-o", "json").stdout)
    assert found["client"] == found["server"]


@pytest.mark.parametrize(("argv0", "name"), [("/usr/bin/kubelapse", "kubelapse"), ("kubectl-lapse", "kubectl lapse")])
def test_the_usage_names_the_command_as_it_was_typed(argv0: str, name: str) -> None:
    result = CliRunner().invoke(cli, ["--help"], prog_name=program_name(argv0))
    assert result.output.startswith(f"Usage: {name} ")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


def test_no_server_is_one_sentence_that_says_what_to_do(tmp_path: object) -> None:
    around = Surroundings(environ={"XDG_STATE_HOME": str(tmp_path)})
    result = CliRunner().invoke(cli, ["changes", "--server", "127.0.0.1:9"], obj=around)
    assert result.exit_code == 2
    assert "no Kubelapse server answers at http://127.0.0.1:9: start one with `kubelapse up`" in result.stderr


def test_server_and_data_exclude_one_another() -> None:
    result = CliRunner().invoke(cli, ["changes", "--server", "x", "--data", "y"])
    assert (result.exit_code, "exclude one another" in result.stderr) == (2, True)


def test_a_directory_without_store_is_said(tmp_path: object) -> None:
    result = CliRunner().invoke(cli, ["changes", "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert re.search(r"there is no store in .*: record one with kubelapse up", result.stderr)


def test_watch_needs_a_server(tmp_path: object) -> None:
    assert CliRunner().invoke(cli, ["watch", "--data", str(tmp_path)]).exit_code == 2


def test_a_reader_that_leaves_early_is_no_error() -> None:
    whole = f"{sys.executable} -m kubelapse --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", whole], capture_output=True, text=True)
    assert done.stdout.strip() in ("0", "141")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_output_that_takes_nothing_more_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "kubelapse", "version", "--client"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "error: the answer cannot be written: No space left on device\n")
