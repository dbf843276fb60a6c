"""The schema on a cluster of ClickHouse servers: the same numbered files, replicated and sharded.

Two databases stand on every node. DATABASE_shard holds what the migrations make, with replicated engines: each shard
has its own rows, and the views that fill `changes` and `objects` run where the rows are. DATABASE holds one
`Distributed` table of the same name over each of them. Programs know DATABASE only, so no statement of theirs differs
from that on one server. The `Distributed` tables keep nothing, so they are simply made anew after each migration.
The ledger is the shard's own: run `migrate` once against a node of each shard, so that files which move rows move
those of every shard.

All rows of one object lie on one shard (`KEYS`): its duplicates meet in merges and under FINAL, its versions are in
order. What is small lies on one shard as a whole. Shards are found by `internal_replication` clusters of the servers'
configuration; `{shard}` and `{replica}` are macros of it (ClickHouse documentation, "Data Replication", "Distributed
Table Engine").
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from schema import migrate as runner
from schema.dialect import literal, quoted
from schema.migrate import Migration, Topology, migrations, statements
from schema.store import Store, StoreError

OBJECT = "cityHash64(cluster, resource, `group`, namespace, name)"
KEYS = {
    "events": OBJECT,
    "changes": OBJECT,
    "objects": OBJECT,
    "k8s_events": "cityHash64(cluster, namespace, involved_kind, involved_name)",
}
WHOLE = "0"  # every row goes to the first shard

_MADE = re.compile(r"CREATE (?:TABLE|VIEW) IF NOT EXISTS (\w+)")
_PARAMETER = re.compile(r"\{\w+:[A-Z]")
_SOURCE = re.compile(r"\bFROM ([a-z]\w*)")


class UnknownCluster(StoreError):
    """The server's configuration has no cluster of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharded:
    """A cluster by its name in `remote_servers`, and the database that programs know."""

    cluster: str
    database: str

    @property
    def local(self) -> str:
        """The database with the rows of one shard."""
        return f"{self.database}_shard"

    @property
    def topology(self) -> Topology:
        """Engines of the local database."""
        return Topology(
            replacing="ReplicatedReplacingMergeTree",
            aggregating="ReplicatedAggregatingMergeTree",
            dedup_window="replicated_deduplication_window",
            on_cluster=f"ON CLUSTER {quoted(self.cluster)}",
        )

    def databases(self) -> list[str]:
        """Statements that make both databases on every node."""
        on = self.topology.on_cluster
        return [f"CREATE DATABASE IF NOT EXISTS {quoted(name)} {on}" for name in (self.local, self.database)]

    def distributed(self, table: str) -> str:
        """The statement that makes the table over all shards, or makes it anew with the columns of now."""
        key = KEYS.get(table, WHOLE)
        return (
            f"CREATE OR REPLACE TABLE {quoted(self.database)}.{quoted(table)} {self.topology.on_cluster} "
            f"AS {quoted(self.local)}.{quoted(table)} "
            f"ENGINE = Distributed({literal(self.cluster)}, {literal(self.local)}, {literal(table)}, {key})"
        )

    def again(self, view: str, sql: str) -> str:
        """A view with parameters, which no table can stand for: made once more, over the tables over all shards."""
        made = self.topology.fill(sql)
        made = _MADE.sub(f"CREATE OR REPLACE VIEW {quoted(self.database)}.{quoted(view)}", made, count=1)
        return _SOURCE.sub(lambda found: f"FROM {quoted(self.database)}.{quoted(found[1])}", made)

    def distribute(self) -> list[str]:
        """`distributed` of everything that can be read, or `again`."""
        asking = parameterised(migrations())
        return [
            self.again(name, asking[name]) if name in asking else self.distributed(name)
            for name in tables(migrations())
        ]


def tables(files: Sequence[Migration]) -> list[str]:
    """Names of all tables and views that can be read, the ledger first; views that only fill tables are left out."""
    return ["schema_migrations", *(name for file in files for name in _MADE.findall(file.sql))]


def parameterised(files: Sequence[Migration]) -> dict[str, str]:
    """Views that are asked with parameters, by name: their statements."""
    every = (sql for file in files for sql in statements(file.sql))
    return {found[1]: sql for sql in every if "VIEW" in sql and _PARAMETER.search(sql) and (found := _MADE.search(sql))}


def migrate(store: Store, beside: Callable[[str], Store], sharded: Sharded) -> list[int]:
    """As `schema.migrate.migrate`, on every node. `beside` opens another database of the server behind `store`.

    Raises UnknownCluster before anything is touched.
    """
    require(store, sharded.cluster)
    for statement in sharded.databases():
        store.command(statement)
    local = beside(sharded.local)
    try:
        applied = runner.migrate(local, topology=sharded.topology)
    finally:
        local.close()
    for statement in sharded.distribute():
        store.command(statement)
    return applied


def require(store: Store, cluster: str) -> None:
    """Raise UnknownCluster unless the server knows the cluster by this name."""
    known = [name for (name,) in store.rows("SELECT DISTINCT cluster FROM system.clusters ORDER BY cluster")]
    if cluster not in known:
        listed = ", ".join(known) or "none"
        raise UnknownCluster(
            f"ClickHouse knows no cluster {cluster!r} (it knows: {listed}): name one of its remote_servers, "
            "or leave KUBELAPSE_STORE_CLUSTER unset for a single server."
        )


def plan(sharded: Sharded) -> Iterator[str]:
    """Every statement for an empty cluster, for people to read and for tests to parse."""
    yield from sharded.databases()
    for part in (runner.ledger_sql(), *(file.sql for file in migrations())):
        yield from statements(sharded.topology.fill(part))
    yield from sharded.distribute()
