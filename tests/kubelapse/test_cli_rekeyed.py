"""A new redaction key is no change of a Secret: wherever it shows, it is told as what it is."""

import json

import pytest

from schema.canonical import JsonObject
from schema.chdb import ChdbStore
from tests.fakes.history import History
from tests.kubelapse.conftest import HOUR, MARKERS, Run

OTHER_KEY = "aG1hYzprMjowMDAwMDAwMDAwMDAwMDAx"


@pytest.fixture(scope="module")
def shop_store(store: ChdbStore) -> ChdbStore:
    """A Secret whose values were redacted under another key from 12:20 on."""
    told = History("lab")
    told.watch(from_=0, to=HOUR)
    before: JsonObject = {"data": {"a": MARKERS[0]}}
    told.put("secrets", "shop/token", before, at=60, by="ops")
    told.reopen(cause="redaction-key")
    told.put("secrets", "shop/token", {"data": {"a": OTHER_KEY}}, at=1200, origin="list")
    told.store(store)
    return store


def test_it_is_neither_listed_as_a_change_nor_as_a_first_sight(run: Run) -> None:
    assert "no changes are known" in run("changes", "--from", "12:10").stderr
    rows = run("history", "secret/token", "--no-headers").stdout.splitlines()
    assert [row.split("   ")[-1].strip() for row in rows] == ["(created)", "(recorded anew: redaction-key)"]
    assert "recorded anew 2026-03-01 12:20:00+00:00" in run("show", "secret/token").stderr


def test_diff_claims_neither_change_nor_sameness(run: Run) -> None:
    args = ("diff", "secret/token", "--from", "12:05", "--to", "12:30")
    result = run(*args)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "warning: data.a was redacted under different keys: whether it changed cannot be said" in result.stderr
    assert run(*args, "--require-complete").exit_code == 3
    assert run(*args, "-o", "name").stdout == ""
    assert json.loads(run(*args, "-o", "patch").stdout) == []
    assert json.loads(run(*args, "-o", "json").stdout)["result"] == "not-comparable"
