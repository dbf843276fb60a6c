"""The schema for a cluster of servers; as none can be had here, its statements are parsed by the engine, not run."""

import re
from collections.abc import Callable, Iterator

import chdb
import pyarrow as pa
import pytest

from schema.migrate import migrations
from schema.roles import roles, row_policy
from schema.sharding import KEYS, Sharded, UnknownCluster, plan, require, tables
from tests.fakes.store import FakeStore

CLUSTER = Sharded(cluster="main", database="kubelapse")
ROLES = roles("kubelapse", "kubelapse_shard", on_cluster=CLUSTER.topology.on_cluster)


@pytest.fixture(scope="module")
def parse() -> Iterator[Callable[[str], str]]:
    """The engine's own parser; it raises where a statement is none."""
    engine = chdb.connect(":memory:")
    yield lambda sql: str(engine.query(f"EXPLAIN AST {sql}", "TabSeparated").data())
    engine.close()


def test_the_engine_understands_every_statement_for_a_cluster(parse: Callable[[str], str]) -> None:
    for statement in [*plan(CLUSTER), *ROLES, *roles("kubelapse"), row_policy("kubelapse", "events", ["prod", "it's"])]:
        assert parse(statement), statement


def moves_rows(statement: str) -> bool:
    """Such a statement concerns the rows of the shard that `migrate` talks to."""
    return bool(re.search(r"^INSERT INTO ", statement, re.MULTILINE))


def test_every_statement_reaches_every_node_and_every_table_is_replicated() -> None:
    for statement in [*plan(CLUSTER), *ROLES]:
        assert "ON CLUSTER `main`" in statement or moves_rows(statement), statement
        assert not re.search(r"ENGINE = (Replacing|Aggregating)", statement)


def test_whatever_can_be_read_is_there_over_all_shards() -> None:
    made = {name for file in migrations() for name in re.findall(r"(?:TABLE|VIEW) IF NOT EXISTS (\w+)", file.sql)}
    views_that_fill = set(re.findall(r"MATERIALIZED VIEW IF NOT EXISTS (\w+)", "".join(f.sql for f in migrations())))
    assert set(tables(migrations())) == (made - views_that_fill) | {"schema_migrations"}


def test_one_object_lies_on_one_shard() -> None:
    for table in ("events", "changes", "objects"):
        assert CLUSTER.distributed(table).endswith(
            f"ENGINE = Distributed('main', 'kubelapse_shard', '{table}', "
            "cityHash64(cluster, resource, `group`, namespace, name))"
        )
    assert CLUSTER.distributed("coverage").endswith("'coverage', 0)")
    assert set(KEYS) <= set(tables(migrations()))


def test_a_view_with_parameters_stands_over_the_tables_of_all_shards() -> None:
    [view] = [each for each in CLUSTER.distribute() if "sql_states_at" in each]
    assert "CREATE OR REPLACE VIEW `kubelapse`.`sql_states_at` ON CLUSTER `main`" in view
    assert view.count("FROM `kubelapse`.`events`") == 2
    assert "Distributed" not in view


def test_settings_that_profiles_bound_are_settings_of_the_engine() -> None:
    engine = chdb.connect(":memory:")
    known = set(str(engine.query("SELECT name FROM system.settings", "TabSeparated").data()).split())
    engine.close()
    profiles = [each for each in ROLES if "SETTINGS PROFILE" in each]
    named = {name for each in profiles for name in re.findall(r"(\w+) = ", each)}
    assert len(profiles) == 3
    assert named <= known


def test_an_unknown_cluster_is_one_sentence_that_names_the_known_ones() -> None:
    store = FakeStore()
    store.answer = lambda _sql, _params: pa.table({"cluster": ["main", "test"]})
    require(store, "main")
    with pytest.raises(UnknownCluster, match=r"no cluster 'mian' \(it knows: main, test\).*KUBELAPSE_STORE_CLUSTER"):
        require(store, "mian")
