"""Who may do what on a ClickHouse server: three roles, two profiles of settings, and where row policies go.

    kubelapse_ingest    SELECT and INSERT on the database; inserts wait for a majority of replicas
    kubelapse_query     answers: SELECT, and INSERT into what users write (pins, notes, ...); bounded in time and memory
    kubelapse_readonly  ad-hoc SQL: SELECT on its views and what they read, and no setting may be raised above its bound

Users are the operator's: `CREATE USER reader IDENTIFIED ... DEFAULT ROLE kubelapse_query`. `readonly = 2`, as clients
send settings with each query (clickhouse-connect does); the bounds keep them from raising these. A read-only profile
alone is no sandbox: table functions that reach files and the network are revoked with SOURCES.
"""

from collections.abc import Sequence

from schema.dialect import literal, quoted
from schema.sandbox import PREFIX, READABLE

RECORDED: Sequence[str] = tuple(name for name in READABLE if not name.startswith(PREFIX) and name != "history")
"""Tables with rows of clusters that ad-hoc SQL reads."""
USER_DATA: Sequence[str] = ("pins", "baselines", "notes", "saved", "deliveries", "undelivered", "delivery_claims")
_QUERY_MEMORY = 4 * 2**30
_SQL_MEMORY = 2**30


def roles(*databases: str, on_cluster: str = "") -> list[str]:
    """Statements, all repeatable, that make the roles for the databases (the one that programs know first)."""
    return [
        *(f"CREATE ROLE IF NOT EXISTS {name} {on_cluster}" for name in _ROLES),
        f"CREATE SETTINGS PROFILE IF NOT EXISTS kubelapse_ingest {on_cluster} SETTINGS "
        "async_insert = 0 CONST, insert_quorum = 'auto', distributed_foreground_insert = 1, "
        "select_sequential_consistency = 1 TO kubelapse_ingest",
        f"CREATE SETTINGS PROFILE IF NOT EXISTS kubelapse_query {on_cluster} SETTINGS "
        f"max_memory_usage = {_QUERY_MEMORY} MAX {_QUERY_MEMORY}, max_execution_time = 120 MAX 120, "
        "max_threads = 8 MAX 8, distributed_product_mode = 'global' TO kubelapse_query",
        f"CREATE SETTINGS PROFILE IF NOT EXISTS kubelapse_readonly {on_cluster} SETTINGS readonly = 2 CONST, "
        f"max_memory_usage = {_SQL_MEMORY} MAX {_SQL_MEMORY}, max_execution_time = 30 MAX 30, max_threads = 4 MAX 4, "
        "max_result_rows = 1000000 MAX 1000000, max_result_bytes = 1073741824 MAX 1073741824, "
        "result_overflow_mode = 'throw' CONST, max_concurrent_queries_for_user = 8 CONST, "
        "allow_ddl = 0 CONST, allow_introspection_functions = 0 CONST, "
        "distributed_product_mode = 'global' TO kubelapse_readonly",
        *(grant for database in databases for grant in _grants(database, on_cluster)),
        *(f"REVOKE {on_cluster} SOURCES ON *.* FROM {name}" for name in _ROLES),
    ]


_ROLES = ("kubelapse_ingest", "kubelapse_query", "kubelapse_readonly")


def _grants(database: str, on_cluster: str) -> list[str]:
    every = f"{quoted(database)}.*"
    return [
        f"GRANT {on_cluster} SELECT, INSERT ON {every} TO kubelapse_ingest",
        f"GRANT {on_cluster} SELECT ON {every} TO kubelapse_query",
        *(f"GRANT {on_cluster} INSERT ON {quoted(database)}.{quoted(t)} TO kubelapse_query" for t in USER_DATA),
        *(f"GRANT {on_cluster} SELECT ON {quoted(database)}.{quoted(t)} TO kubelapse_readonly" for t in READABLE),
    ]


def reader(
    name: str, password_sha256: str, *, clusters: Sequence[str] = (), database: str, on_cluster: str = ""
) -> list[str]:
    """Statements that make the user of ad-hoc SQL (KUBELAPSE_SQL_STORE); `clusters`: all that it may see, () = all.

    Row policies hold for the tables, so for every view over them; other users see what they saw.
    """
    made = [
        f"CREATE USER IF NOT EXISTS {quoted(name)} {on_cluster} IDENTIFIED WITH sha256_hash "
        f"BY {literal(password_sha256)} DEFAULT ROLE kubelapse_readonly",
        f"GRANT {on_cluster} kubelapse_readonly TO {quoted(name)}",
    ]
    limited = [row_policy(database, table, clusters, on_cluster=on_cluster) for table in RECORDED] if clusters else []
    open_to_others = [
        f"CREATE ROW POLICY OR REPLACE kubelapse_others {on_cluster} ON {quoted(database)}.{quoted(table)} "
        "FOR SELECT USING 1 TO ALL EXCEPT kubelapse_readonly"
        for table in RECORDED
        if clusters
    ]
    return [*made, *limited, *open_to_others]


def row_policy(database: str, table: str, clusters: Sequence[str], *, on_cluster: str = "") -> str:
    """Limits the read-only role to some recorded clusters in one table; not applied unless somebody asks for it."""
    named = ", ".join(literal(cluster) for cluster in clusters)
    return (
        f"CREATE ROW POLICY OR REPLACE kubelapse_clusters {on_cluster} ON {quoted(database)}.{quoted(table)} "
        f"FOR SELECT USING cluster IN ({named}) TO kubelapse_readonly"
    )
