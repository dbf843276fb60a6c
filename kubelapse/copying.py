"""One store into another, whole: every table, checked by counts and hashes, and begun again wherever it broke off.

The unit is a day of a table (tables without days: the table). A unit whose rows have the same count and the same hash
on both sides is skipped, any other is sent whole. Sending twice changes nothing: rows replace themselves by key, and a
repeated block is known by its token, which is the hash of its content. So nothing is remembered between two runs.

Tables that views fill are filled by them while `events` is copied, and then only compared; so are aggregates. Numbers
that the engine itself gives out (the order of the feed) are new: followers of the feed begin anew on the other store.

What is compared is what the source has: rows of other clusters in the target do not matter, nor does history that was
written there since.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from schema.dialect import quoted
from schema.store import Params, Store, StoreError

Say = Callable[[str], None]

BLOCK_ROWS = 20_000
BLOCK_BYTES = 32 * 2**20
# Rows that the source reads at once: a row may carry 64 KiB of state.
READ_ROWS = 2_000
# Positions of deliveries are those of the other store's log.
SKIPPED = ("schema_migrations", "deliveries", "undelivered", "delivery_claims")
# First what others are made of.
FIRST = ("events",)


class CopyFailed(StoreError):
    """The target does not hold what the source holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. `columns`: those that can be inserted; `compared`: the same as SQL whose hash is never NULL.

    `clock`: the column that says when a row was written.
    """

    name: str
    columns: tuple[str, ...]
    compared: tuple[str, ...]
    clustered: bool
    clock: str
    days: bool
    sendable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Rows of one table, of one day where it has days (YYYYMMDD, else 0)."""

    table: Table
    day: int

    def __str__(self) -> str:
        return f"{self.table.name} {self.day}" if self.day else self.table.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Rows and their hash, in whatever order they lie."""

    rows: int
    hash: int


@dataclass(slots=True)
class Copied:
    """What was done. `rows`: of the source, once each; `sent`: rows that had to be sent."""

    units: int = 0
    rows: int = 0
    sent: int = 0


def copy(source: Store, target: Store, *, say: Say) -> Copied:
    """Everything of `source` into `target`; both have the schema of this version.

    Raises CopyFailed when the target differs in the end, StoreError as the stores do.
    """
    clusters = [str(name) for (name,) in source.rows("SELECT DISTINCT cluster FROM kinds ORDER BY cluster")]
    found = sorted(tables(source), key=lambda table: (table.name not in FIRST, not table.sendable, table.name))
    copied = Copied()
    for unit in (unit for table in found for unit in units(source, table)):
        _copy_unit(Sides(source, target, clusters), unit, copied, say)
    return copied


@dataclass(frozen=True, slots=True)
class Sides:
    """Both stores, and the recorded clusters in question."""

    source: Store
    target: Store
    clusters: Sequence[str]

    def sums(self, unit: Unit) -> tuple[Sum, Sum]:
        """Of the source, and of the same rows in the target."""
        return tuple(self._sum(side, unit) for side in (self.source, self.target))  # type: ignore[return-value]  # two

    def _sum(self, store: Store, unit: Unit) -> Sum:
        """Only what the source can have: its clusters, up to its newest row."""
        table, params = unit.table, dict[str, object]({})
        conditions = _of_day(unit)
        if table.clustered and store is self.target:
            conditions.append("cluster IN {clusters:Array(String)}")
            params["clusters"] = list(self.clusters)
        if table.clock and store is self.target:
            newest = self.source.rows(f"SELECT max({table.clock}) FROM {quoted(table.name)}")[0][0]
            conditions.append(f"{table.clock} <= {{newest:DateTime64(6, 'UTC')}}")
            params["newest"] = newest
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        hashed = ", ".join(table.compared)
        sql = f"SELECT count(), sum(sipHash64({hashed})) FROM {quoted(table.name)} FINAL {where}"
        [(rows, hash_)] = store.rows(sql, params)
        return Sum(rows=rows, hash=hash_)


def _of_day(unit: Unit) -> list[str]:
    return [f"toYYYYMMDD(ts) = {unit.day}"] if unit.day else []


def _copy_unit(sides: Sides, unit: Unit, copied: Copied, say: Say) -> None:
    have, there = sides.sums(unit)
    if have != there and unit.table.sendable:
        say(f"{unit}: {have.rows:,} rows")
        for number, block in enumerate(blocks(sides.source, unit)):
            sides.target.insert(unit.table.name, block, token=_token(unit, number, block))
            copied.sent += block.num_rows
        _, there = sides.sums(unit)
    if have != there:
        raise CopyFailed(
            f"{unit} differs after copying: {have.rows:,} rows in the source, {there.rows:,} in the target. "
            "End whatever writes to either store and copy again; if it stays so, the target has other history of the "
            "same cluster: take an empty database."
        )
    copied.units += 1
    copied.rows += have.rows


def blocks(source: Store, unit: Unit) -> Iterator[pa.Table]:
    """The rows of a unit, duplicates resolved, in pieces of bounded rows and bytes."""
    columns = ", ".join(map(quoted, unit.table.columns))
    where = "".join(f" WHERE {condition}" for condition in _of_day(unit))
    sql = f"SELECT {columns} FROM {quoted(unit.table.name)} FINAL{where} SETTINGS max_block_size = {READ_ROWS}"
    waiting: list[pa.RecordBatch] = []
    for batch in source.stream(sql):
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= BLOCK_ROWS or sum(one.nbytes for one in waiting) >= BLOCK_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _token(unit: Unit, number: int, block: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, block.schema) as writer:
        writer.write_table(block.combine_chunks())
    return f"copy:{unit}:{number}:{hashlib.blake2b(sink.getvalue(), digest_size=16).hexdigest()}"


_TABLES = """
SELECT name, engine, partition_key FROM system.tables
WHERE database = {database:String} AND engine LIKE '%MergeTree%' ORDER BY name
"""
_COLUMNS = """
SELECT name, type FROM system.columns
WHERE database = {database:String} AND table = {table:String} AND default_kind IN ('', 'DEFAULT')
  AND default_expression != 'generateSnowflakeID()'
ORDER BY position
"""
# When a row was written, by the first of these that the table has.
_CLOCKS = ("observed_at", "updated", "since", "at", "applied_at")


def tables(store: Store) -> list[Table]:
    """Every table with rows of its own."""
    return [_table(store, *row) for row in store.rows(_TABLES, {"database": store.database}) if row[0] not in SKIPPED]


def _table(store: Store, name: str, engine: str, partition_key: str) -> Table:
    params: Params = {"database": store.database, "table": name}
    known = store.rows(_COLUMNS, params)
    columns = [column for column, _ in known]
    aggregating = "Aggregating" in engine
    return Table(
        name=name,
        columns=tuple(columns),
        compared=tuple(_comparable(*one) for one in known),
        clustered="cluster" in columns,
        clock="" if aggregating else next((clock for clock in _CLOCKS if clock in columns), ""),
        days=partition_key == "toYYYYMMDD(ts)",
        sendable=not aggregating,
    )


def _comparable(column: str, kind: str) -> str:
    """What is hashed of a column: the hash of a NULL would be NULL, and be left out of the sum."""
    return f"ifNull(toString({quoted(column)}), 'NULL')" if kind.startswith("Nullable") else quoted(column)


def units(store: Store, table: Table) -> list[Unit]:
    """The units of a table that has rows."""
    if not table.days:
        return [Unit(table=table, day=0)]
    days = store.rows(f"SELECT DISTINCT toYYYYMMDD(ts) AS day FROM {quoted(table.name)} ORDER BY day")
    return [Unit(table=table, day=day) for (day,) in days]
