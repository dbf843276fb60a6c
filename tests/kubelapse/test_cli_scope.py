"""What is recorded only in part is said with every answer about it."""

import pytest

from schema.chdb import ChdbStore
from schema.events import FORBIDDEN_IN
from tests.fakes.history import History, kind_info
from tests.kubelapse.conftest import HOUR, Run


@pytest.fixture(scope="module")
def shop_store(store: ChdbStore) -> ChdbStore:
    """Recorded with rights in one of two namespaces, with none to nodes, and without leases."""
    told = History(
        "lab",
        kinds=(
            kind_info("configmaps", "ConfigMap"),
            kind_info("secrets", "Secret", reason=f"{FORBIDDEN_IN}bank"),
            kind_info("nodes", "Node", namespaced=False, watching="forbidden", reason="no right"),
            kind_info("events", "Event", short="ev"),
            kind_info("leases", "Lease", watching="off", reason="not by default"),
        ),
    )
    told.watch("events", from_=0, to=HOUR)
    told.watch("configmaps", "secrets", from_=0, to=HOUR, namespace="shop")
    told.watch("configmaps", from_=0, to=HOUR, namespace="bank")
    told.store(store)
    return store


def test_an_answer_about_everything_says_where_it_ends(run: Run) -> None:
    result = run("changes", "--require-complete")
    assert result.exit_code == 3
    assert "error: this answer is not complete: 2 kinds are not watched (forbidden): nodes, secrets." in result.stderr
    assert "1 kind is recorded only in bank, shop\n1 kind is recorded only in shop\n" in result.stderr


def test_an_answer_about_what_is_recorded_has_no_doubts(run: Run) -> None:
    result = run("changes", "-n", "shop", "--require-complete")
    assert result.exit_code == 0
    assert "only in" not in result.stderr


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("-n", "bank"), "secrets is not watched (forbidden: in bank)"),
        (("--kind", "nodes"), "nodes is not watched (forbidden: no right)"),
        (("--kind", "leases"), "leases is not watched (off: not by default)"),
        (("--cluster", "other"), "Nothing that was asked for has ever been watched"),
        (("-n", "elsewhere", "--kind", "configmaps"), "Nothing that was asked for has ever been watched"),
    ],
)
def test_what_is_not_recorded_is_never_just_empty(run: Run, args: tuple[str, ...], sentence: str) -> None:
    result = run("changes", *args, "--require-complete")
    assert result.exit_code == 3
    assert sentence in result.stderr


def test_coverage_lists_what_may_not_be_read(run: Run) -> None:
    lines = [line.split()[:3] for line in run("coverage", "--gaps").stdout.splitlines()[1:]]
    assert lines == [["nodes", "(all)", "forbidden"], ["secrets", "(all)", "forbidden"]]


def test_kubernetes_events_are_not_passed_off_as_never_seen(run: Run) -> None:
    for command in (("show", "ev/web.17"), ("history", "event/web.17"), ("diff", "events/web.17", "--from", "12:01")):
        result = run(*command)
        assert result.exit_code == 2
        assert "error: Kubernetes Events are recorded as a class of their own, not as objects" in result.stderr
    assert run("changes", "--kind", "ev", "--require-complete").exit_code == 3
