"""`changes`, `history` and what all reading commands have in common."""

import csv
import io
import json

import pytest
import yaml

from tests.kubelapse.conftest import Run


def test_changes_are_listed_with_who_and_what_newest_last(run: Run) -> None:
    result = run("changes", "--since", "1h", "-n", "shop")
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["TIME", "NAMESPACE", "OBJECT", "OP", "BY", "CHANGED"]
    assert lines[4] == [
        "2026-03-01T12:02:00",
        "shop",
        "deployment.apps/web",
        "update",
        "kubectl-scale",
        "spec.replicas",
    ]
    assert lines[-1][:3] == ["≈2026-03-01T12:03:40", "shop", "pod/web-1"]


def test_what_is_hidden_is_counted_and_can_be_shown(run: Run) -> None:
    hidden = run("changes", "--kind", "deploy")
    assert "1 change hidden as noise, --noise=off shows it" in hidden.stderr
    assert "1 change hidden as first sight, --first-sight shows it" in hidden.stderr
    shown = run("changes", "--kind", "deploy", "--noise=off", "--first-sight")
    assert "hidden" not in shown.stderr
    assert len(shown.stdout.splitlines()) == len(hidden.stdout.splitlines()) + 2


def test_the_window_is_echoed_in_the_zone_that_was_asked_for(run: Run) -> None:
    assert "from 2026-03-01 12:00:00+00:00 to 2026-03-01 13:00:00+00:00" in run("changes").stderr


def test_json_carries_items_coverage_and_hidden_counts(run: Run) -> None:
    answer = json.loads(run("changes", "-o", "json", "--name", "web").stdout)
    assert answer["items"][0]["paths"] == ["spec.replicas"]
    assert answer["coverage"]["complete"] is True
    assert answer["hidden"] == {"noise": 1, "first_sight": 1}


@pytest.mark.parametrize("output", ["table", "wide", "json", "jsonl", "yaml", "csv", "name", "patch"])
def test_every_format_holds_every_change_and_nothing_else(run: Run, output: str) -> None:
    out = run("changes", "-o", output, "--no-headers", "--name", "settings").stdout
    counts = {"json": lambda: len(json.loads(out)["items"]), "yaml": lambda: len(yaml.safe_load(out)["items"])}
    assert counts.get(output, lambda: len(out.splitlines()))() == (1 if output == "name" else 2)


def test_patches_are_rfc_6902(run: Run) -> None:
    out = run("changes", "-o", "patch", "--name", "web").stdout
    assert json.loads(out) == [
        {"op": "test", "path": "/spec/replicas", "value": 2},
        {"op": "replace", "path": "/spec/replicas", "value": 5},
    ]


def test_paths_can_be_several(run: Run) -> None:
    rows = run("changes", "--path", "spec.replicas", "--path", "data", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(row)["paths"] for row in rows] == [["spec.replicas"], ["data.b"]]


def test_csv_has_whole_times(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("changes", "-o", "csv", "--name", "web-1").stdout)))
    assert [(row["time"], row["op"]) for row in rows][-1] == ("2026-03-01T12:03:40Z", "add")


def test_the_newest_few_can_be_asked_for(run: Run) -> None:
    out = run("changes", "-o", "jsonl", "--limit", "2").stdout
    assert [json.loads(line)["name"] for line in out.splitlines()] == ["settings", "node-1"]


def test_no_escape_sequence_reaches_the_terminal(run: Run) -> None:
    assert all("\x1b" not in run("changes", "-o", form).output for form in ("table", "wide", "json", "yaml", "csv"))


def test_colour_only_when_wanted(run: Run) -> None:
    assert "\x1b[" in run("changes", "--color", "always").stdout
    assert "\x1b[" not in run("changes").stdout


def test_nothing_changed_is_said_in_words(run: Run) -> None:
    result = run("changes", "--from", "12:30", "--to", "12:40")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no changes are known in this window" in result.stderr
    assert "not complete" not in result.stderr


def test_what_cannot_be_known_is_a_warning_or_exit_code_3(run: Run) -> None:
    early = ("changes", "--from", "11:00", "--to", "12:10")
    result = run(*early)
    assert (result.exit_code, "warning: this answer is not complete" in result.stderr) == (0, True)
    assert run(*early, "--require-complete").exit_code == 3
    assert run("changes", "--require-complete").exit_code == 0


def test_history_tells_every_revision_across_lives(run: Run) -> None:
    result = run("history", "po/web-1", "-n", "shop")
    assert "2 lives" in result.stderr
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["OP", "add", "delete", "add"]


def test_history_of_first_sight_says_so(run: Run) -> None:
    assert "(first seen)" in run("history", "Deployment/web").stdout.splitlines()[1]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("changes", "--since", "noon-ish"), "'noon-ish' is not a time"),
        (("changes", "--kind", "widgets"), "No recorded cluster serves a type 'widgets'"),
        (("changes", "-l", "a=b=c"), "selector"),
        (("changes", "--from", "12:40", "--to", "12:30"), "before it begins"),
        (("changes", "--timezone", "Mars/Base"), "is not a time zone"),
        (("history", "pod/none", "-n", "shop"), "never seen"),
        (("history", "cm/settings"), "several namespaces (shop, test): say which with -n"),
    ],
)
def test_bad_questions_get_one_sentence_and_an_exit_code_above_1(
    run: Run, args: tuple[str, ...], sentence: str
) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [("changes", "-n", "a", "-A"), ("changes", "--since", "1h", "--from", "2h"), ("history", "po"), ("chnages",)],
)
def test_usage_errors_exit_2(run: Run, args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == 2


def test_a_mistyped_command_gets_a_suggestion(run: Run) -> None:
    assert "did you mean changes?" in run("chnages").stderr
