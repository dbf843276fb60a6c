"""Values over time on the command line: search, blame through all lives, and who last touched what."""

import orjson

from tests.kubelapse.conftest import Run


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_search_tells_from_when_to_when_and_by_whom(run: Run) -> None:
    found = run("search", "web:1")
    (row,) = words(found.stdout)[1:]
    assert row == "≤2026-03-01T12:00:10 <none> shop deployment.apps/web spec.image web:1 <unknown> <none>"
    assert "somewhere from at or before 2026-03-01 12:00:10+00:00 until now (1 object)" in found.stderr


def test_search_says_what_it_needs_and_what_it_did_not_find(run: Run) -> None:
    assert run("search").exit_code == 2
    assert "not known to have been anywhere" in run("search", "no-such-value").stderr
    assert "too short" in run("search", "x").stderr
    answer = orjson.loads(run("search", "--path", "spec.replicas", "-o", "json").stdout)
    assert [each["value"] for each in answer["items"][0]["runs"]] == [2, 5]
    assert set(answer) == {"items", "periods", "next", "hidden", "from", "to", "coverage"}


def test_redacted_values_stay_hidden_in_what_was_found(run: Run) -> None:
    found = run("search", "--path", "data", "--kind", "secret")
    assert "aG1hYz" not in found.stdout
    assert "data.a" in found.stdout


def test_a_field_through_all_lives_of_a_name(run: Run) -> None:
    found = run("blame", "pod/web-1", "-n", "shop", "--path", "spec.node", "--history")
    assert words(found.stdout)[1:] == [
        "2026-03-01T12:01:20 2026-03-01T12:03:20 spec.node a kubelet (deleted)",
        "≈2026-03-01T12:03:40 <none> spec.node b kubelet <none>",
    ]
    assert "2 lives" in found.stderr


def test_who_last_touched_the_spec_here(run: Run) -> None:
    found = run("blame", "-n", "shop", "--kind", "deploy", "--path", "spec")
    assert words(found.stdout)[1:] == ["2026-03-01T12:02:00 shop deployment.apps/web kubectl-scale spec.replicas"]
    assert run("blame", "deploy/web", "-n", "shop", "--kind", "deploy").exit_code == 2


def test_what_is_hidden_is_told_by_rule_and_a_rule_can_be_tried_out(run: Run) -> None:
    found = run("noise", "--rule", "deployments.apps spec.replicas")
    assert words(found.stdout)[1:] == ["status-time recorded 1 1", "deployments.apps spec.replicas setting 1 1"]
    assert "2 of 10 changes are hidden as noise" in found.stderr
    assert "Not a noise rule" in run("noise", "--rule", "nonsense").stderr


def test_nothing_is_suggested_where_nothing_is_written_all_the_time(run: Run) -> None:
    assert "nothing is written often enough" in run("noise", "suggest").stderr
