import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from schema import migrate as module
from schema.chdb import ChdbStore
from schema.migrate import (
    DONE,
    SINGLE,
    Migration,
    MigrationChanged,
    StoreTooNew,
    Topology,
    check,
    migrate,
    migrations,
    plan,
    statements,
)
from schema.store import QueryFailed, StoreOutdated

FIRST = Migration(version=1, name="first", sql="CREATE TABLE IF NOT EXISTS a (n Int8) ENGINE = {replacing} ORDER BY n;")
SECOND = Migration(version=2, name="second", sql="CREATE TABLE IF NOT EXISTS b AS a; ALTER TABLE b ADD COLUMN m UInt8")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChdbStore]:
    opened = ChdbStore.open(tmp_path / "store")
    yield opened
    opened.close()


def ship(monkeypatch: pytest.MonkeyPatch, *shipped: Migration) -> None:
    monkeypatch.setattr(module, "migrations", lambda: list(shipped))


def test_a_new_database_gets_everything_once(store: ChdbStore) -> None:
    assert migrate(store) == [migration.version for migration in migrations()]
    assert migrate(store) == []
    check(store)


def test_every_statement_can_be_repeated(store: ChdbStore) -> None:
    migrate(store)
    store.command("TRUNCATE TABLE schema_migrations")
    assert migrate(store) == [migration.version for migration in migrations()]


def test_a_later_version_brings_only_what_is_new(store: ChdbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, FIRST)
    migrate(store)
    ship(monkeypatch, FIRST, SECOND)
    with pytest.raises(StoreOutdated, match=r"0002 second.*kubelapse up"):
        check(store)
    assert migrate(store) == [2]


def test_a_plan_changes_nothing(store: ChdbStore) -> None:
    text = plan(store)
    assert "CREATE TABLE IF NOT EXISTS events" in text
    assert "{replacing}" not in text
    with pytest.raises(StoreOutdated, match="no Kubelapse schema"):
        check(store)
    migrate(store)
    assert plan(store) == ""


def test_a_migration_that_broke_off_is_applied_again(store: ChdbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, Migration(version=1, name="first", sql=FIRST.sql + "SELECT broken"))
    with pytest.raises(QueryFailed):
        migrate(store)
    ship(monkeypatch, FIRST)
    with pytest.raises(StoreOutdated):
        check(store)
    assert migrate(store) == [1]


def test_an_applied_migration_must_not_change(store: ChdbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, FIRST)
    migrate(store)
    ship(monkeypatch, Migration(version=1, name="first", sql=FIRST.sql + "-- better"))
    for ask in (migrate, check, plan):
        with pytest.raises(MigrationChanged, match="0001 first"):
            ask(store)


def test_a_newer_database_is_left_alone(store: ChdbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, FIRST, SECOND)
    migrate(store)
    ship(monkeypatch, FIRST)
    for ask in (migrate, check):
        with pytest.raises(StoreTooNew, match="migration 2, this version of Kubelapse knows 1"):
            ask(store)


def test_the_ledger_says_what_was_applied_when(store: ChdbStore) -> None:
    migrate(store)
    [(rows, done, hashes)] = store.rows(
        "SELECT count(), countIf(status = {done:String}), uniq(sha256) FROM schema_migrations FINAL", {"done": DONE}
    )
    assert rows == done == hashes == len(migrations())


def test_a_cluster_gets_the_same_tables_with_replicated_engines() -> None:
    cluster = Topology(
        replacing="ReplicatedReplacingMergeTree",
        aggregating="ReplicatedAggregatingMergeTree",
        dedup_window="replicated_deduplication_window",
        on_cluster="ON CLUSTER main",
    )
    for migration in migrations():
        filled = [cluster.fill(sql) for sql in statements(migration.sql)]
        assert all("ON CLUSTER main" in sql for sql in filled if "CREATE" in sql)
        # What is left is a parameter that a view is asked with.
        assert all("{" not in re.sub(r"\{[A-Z]:[^{}]+\}", "", sql) for sql in filled)


def test_no_table_is_made_twice() -> None:
    every = "".join(SINGLE.fill(migration.sql) for migration in migrations())
    names = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", every)
    assert "events" in names
    assert len(names) == len(set(names))


def test_the_migrations_are_shipped_with_the_package() -> None:
    assert (files("schema") / "ddl" / "ledger.sql").is_file()
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';', 'it''s; \\'; x'; SELECT `a;b`", ["SELECT ';', 'it''s; \\'; x'", "SELECT `a;b`"]),
        ("-- one; two\nSELECT 1 /* a; b */; -- the end; really", ["-- one; two\nSELECT 1 /* a; b */"]),
        ("  ;\n;", []),
    ],
)
def test_only_a_semicolon_between_statements_parts_them(sql: str, parts: list[str]) -> None:
    assert list(statements(sql)) == parts
