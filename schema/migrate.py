"""Brings a database to the schema of this software: numbered, immutable files of SQL, and a ledger of what was applied.

DDL in ClickHouse is not transactional, so every statement is written to be repeatable (`IF NOT EXISTS`) and the ledger
gets a row before and after each file: a file that was begun and not finished is simply applied again. A file that was
applied must never change; what is wrong in it is put right by a later number.

The files name engines and clusters by placeholders (`{replacing}`, `{on_cluster}`), filled in from a `Topology`: the
same tables stand on one node and, replicated, on many.
"""

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from itertools import count

import pyarrow as pa

from schema.store import Store, StoreError, StoreOutdated

log = logging.getLogger(__name__)

IN_PROGRESS = "in progress"
DONE = "done"

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")
# What may hold a semicolon that ends nothing: strings, quoted names, comments.
_TOKEN = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|--[^\n]*|/\*.*?\*/|;", re.DOTALL)


class MigrationChanged(StoreError):
    """A file that this database has had is not what it was: the schema in use is unknown."""


class StoreTooNew(StoreError):
    """The database was made by a newer version of the software."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What differs between one node and a cluster of nodes: names of engines and settings, and where DDL runs."""

    replacing: str
    aggregating: str
    dedup_window: str
    on_cluster: str = ""

    def fill(self, sql: str) -> str:
        """The statement with every placeholder filled in; other braces stay, they may be query parameters."""
        for name in ("replacing", "aggregating", "dedup_window", "on_cluster"):
            sql = sql.replace("{" + name + "}", getattr(self, name))
        return sql


SINGLE = Topology(
    replacing="ReplacingMergeTree",
    aggregating="AggregatingMergeTree",
    dedup_window="non_replicated_deduplication_window",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the file as it is in the package, so that it does not depend on the topology."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.version:04} {self.name}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """The ledger's newest word on one version."""

    sha256: str
    status: str


def migrations() -> list[Migration]:
    """Every migration in the package, in order and without a hole."""
    found = []
    for file in (files("schema") / "ddl").iterdir():
        if match := _FILE.fullmatch(file.name):
            found.append(Migration(version=int(match[1]), name=match[2], sql=file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    if any(migration.version != number for migration, number in zip(found, count(1), strict=False)):
        raise AssertionError("schema/ddl: numbers must run from 1 without a hole")
    return found


def statements(sql: str) -> Iterator[str]:
    """The single statements of a file, comments kept; semicolons in strings and comments part nothing."""
    start = 0
    for token in _TOKEN.finditer(sql):
        if token[0] == ";":
            yield from _unless_empty(sql[start : token.start()])
            start = token.end()
    yield from _unless_empty(sql[start:])


def migrate(store: Store, *, topology: Topology = SINGLE) -> list[int]:
    """Apply what is missing; the numbers applied, none when the database was up to date.

    Raises MigrationChanged and StoreTooNew before anything is touched.
    """
    for statement in statements(topology.fill(ledger_sql())):
        store.command(statement)
    waiting = _waiting(_read_ledger(store))
    for migration in waiting:
        _apply(store, migration, topology)
    return [migration.version for migration in waiting]


def plan(store: Store, *, topology: Topology = SINGLE) -> str:
    """The SQL that `migrate` would run now, for people to read; '' when there is nothing to do. Changes nothing."""
    waiting = _waiting(_ledger_or_none(store) or {})
    return "\n".join(f"-- {migration}\n{topology.fill(migration.sql)}" for migration in waiting)


def check(store: Store) -> None:
    """Raise StoreOutdated (or MigrationChanged, StoreTooNew) unless the schema is exactly what this software needs."""
    ledger = _ledger_or_none(store)
    if ledger is None:
        raise StoreOutdated(
            f"Database {store.database} holds no Kubelapse schema: `kubelapse migrate` (or `kubelapse up`) makes it."
        )
    if waiting := _waiting(ledger):
        raise StoreOutdated(
            f"Database {store.database} is of an earlier version ({len(waiting)} migrations, from {waiting[0]}): "
            "run `kubelapse migrate` (or `kubelapse up`) on it once."
        )


def _apply(store: Store, migration: Migration, topology: Topology) -> None:
    log.debug("migration=%s database=%s", migration, store.database)
    _write_ledger(store, migration, IN_PROGRESS)
    for statement in statements(topology.fill(migration.sql)):
        store.command(statement)
    _write_ledger(store, migration, DONE)


def _waiting(ledger: Mapping[int, _Entry]) -> list[Migration]:
    """What is still to be applied, after checking that what was applied is what we have."""
    known = migrations()
    if ledger and max(ledger) > len(known):
        raise StoreTooNew(
            f"The database has migration {max(ledger)}, this version of Kubelapse knows {len(known)}: "
            "use the version that made it, or a newer one."
        )
    for migration in known:
        entry = ledger.get(migration.version)
        if entry and entry.status == DONE and entry.sha256 != migration.sha256:
            raise MigrationChanged(
                f"Migration {migration} was applied to this database in another wording: "
                "use the version of Kubelapse that made the database, or start a new one."
            )
    return [m for m in known if m.version not in ledger or ledger[m.version].status != DONE]


def _ledger_or_none(store: Store) -> dict[int, _Entry] | None:
    """The ledger, or None where the database has none."""
    sql = "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'"
    [(tables,)] = store.rows(sql, {"database": store.database})
    return _read_ledger(store) if tables else None


def _read_ledger(store: Store) -> dict[int, _Entry]:
    rows = store.rows("SELECT version, sha256, status FROM schema_migrations FINAL")
    return {version: _Entry(sha256, status) for version, sha256, status in rows}


def _write_ledger(store: Store, migration: Migration, status: str) -> None:
    now = datetime.now(UTC)
    columns = {
        "version": pa.array([migration.version], pa.uint32()),
        "name": [migration.name],
        "sha256": [migration.sha256],
        "status": [status],
        "applied_at": pa.array([now], pa.timestamp("us", "UTC")),
    }
    store.insert("schema_migrations", pa.table(columns), token=f"{migration} {status} {now.isoformat()}")


def ledger_sql() -> str:
    """The table that the runner makes before the first numbered file."""
    return (files("schema") / "ddl" / "ledger.sql").read_text(encoding="utf-8")


def _unless_empty(part: str) -> Iterator[str]:
    """The part, unless nothing but space and comments is left of it."""
    if _TOKEN.sub(lambda token: "" if token[0].startswith(("--", "/*")) else token[0], part).strip():
        yield part.strip()
