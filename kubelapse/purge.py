"""A leaked value taken out of a store afterwards: every table, every copy, with chains and hashes whole again.

A table in which the value stands is made anew beside it: days without the value keep their files (hard links), of the
others every row is written, with markers in its place. Then the two change places in one step and the old one goes with
all its files, also those of parts that had been merged away; an end in the middle leaves either. States get the hash of
what they say now; of states that a row leaves out, by folding. A note at the moment of the purge keeps it in the
history.

What is not reached from here: backups, logs of a ClickHouse server (`system.query_log`), and Kafka's topics, where
only the broker removes.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

import orjson
import pyarrow as pa

from kubelapse.purge_value import Leak
from query.userdata import About, add_note
from schema.canonical import JsonObject, canonical, digest
from schema.dialect import quoted
from schema.folding import fold
from schema.store import Store, StoreError

if TYPE_CHECKING:
    from schema.store import Params

Say = Callable[[str], None]

_BESIDE: Final = "purge_"
_BLOCK: Final = 500
_STATES: Final = {("events", "object")}
_DOCUMENTS: Final = {
    ("events", "patch"), ("events", "managed"), ("changes", "patch"), ("saved", "query"), ("baselines", "content"),
    ("baselines", "scope"), ("drift_results", "expected"), ("drift_results", "actual"),
}  # fmt: skip
_TABLES: Final = """
SELECT name FROM system.tables WHERE database = {database:String} AND engine LIKE '%MergeTree%' ORDER BY name
"""
_COLUMNS: Final = """
SELECT name, type FROM system.columns
WHERE database = {database:String} AND table = {table:String} AND default_kind IN ('', 'DEFAULT') ORDER BY position
"""
_Chain = tuple[str, str, int]
_Version = tuple[str, str, int, int]


class PurgeError(StoreError):
    """The value cannot be taken out of this store; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with rows of its own. `columns`: all that are stored; `texts`: those that can hold a text, with types."""

    name: str
    columns: tuple[str, ...]
    texts: Mapping[str, str]

    @property
    def holds(self) -> str:
        """SQL: this row holds one of the `needles`."""
        return " OR ".join(_holds(quoted(name), kind) for name, kind in self.texts.items()) or "false"


@dataclass(slots=True)
class Purged:
    """What was found: rows by table, events and lives. `left`: rows that still hold it after a purge."""

    rows: dict[str, int] = field(default_factory=dict)
    lives: int = 0
    left: int = 0

    @property
    def total(self) -> int:
        """Rows in all tables."""
        return sum(self.rows.values())


def look(store: Store, leak: Leak) -> Purged:
    """Where the value stands; changes nothing."""
    found = Purged()
    for table in tables(store):
        count = _count(store, table, leak)
        if count:
            found.rows[table.name] = count
        if count and table.name == "events":
            sql = f"SELECT uniq(cluster, uid) FROM events WHERE {table.holds}"
            [(found.lives,)] = store.rows(sql, _needles(leak))
    return found


def purge(store: Store, leak: Leak, *, marker: str, now: datetime, say: Say) -> Purged:
    """Take it out, and put that on record. Nobody else may write meanwhile."""
    for (name,) in store.rows(_TABLES, {"database": store.database}):
        if name.startswith(_BESIDE):  # of a purge that broke off
            store.command(f"DROP TABLE {quoted(name)} SYNC")
    found = look(store, leak)
    holding = [table for table in tables(store) if table.name in found.rows]
    for table in holding:
        say(f"{table.name}: {found.rows[table.name]:,} rows")
        _rewrite(store, table, leak)
    if holding:
        _bind_views(store)
    found.left = look(store, leak).total
    if found.rows:
        add_note(store, now, _record(found, marker), About(cluster="", namespace="", resource="", name=""), now=now)
    return found


def tables(store: Store) -> list[Table]:
    """Every table with rows of its own."""
    database: Params = {"database": store.database}
    found = []
    for (name,) in store.rows(_TABLES, database):
        if name.startswith(_BESIDE):
            continue
        known = store.rows(_COLUMNS, {**database, "table": name})
        texts = {column: kind for column, kind in known if _is_text(kind)}
        found.append(Table(name=name, columns=tuple(column for column, _ in known), texts=texts))
    return found


def _is_text(kind: str) -> bool:
    bare = kind.replace("LowCardinality(", "").replace("Nullable(", "").replace("Array(", "").rstrip(")")
    return bare == "String"


def _holds(column: str, kind: str) -> str:
    if kind.startswith("Array"):
        return f"arrayExists(x -> {_any('x')}, {column})"
    return _any(column)


def _any(value: str) -> str:
    return f"arrayExists(n -> position(ifNull(toString({value}), ''), n) > 0, {{needles:Array(String)}})"


def _needles(leak: Leak) -> dict[str, object]:
    return {"needles": list(leak.needles)}


def _count(store: Store, table: Table, leak: Leak) -> int:
    [(count,)] = store.rows(f"SELECT count() FROM {quoted(table.name)} WHERE {table.holds}", _needles(leak))
    return int(count)


def _rewrite(store: Store, table: Table, leak: Leak) -> None:
    """The whole table anew: partitions with the value are written again, others keep their files (hard links)."""
    hashes = _left_out(store, table, leak) if table.name == "events" else {}
    chains = {(cluster, uid, epoch) for cluster, uid, epoch, _ in hashes}
    name, beside = quoted(table.name), quoted(_BESIDE + table.name)
    sql = f"SELECT _partition_id AS part, countIf({_touched(table, chains)}) FROM {name} GROUP BY part"
    store.command(f"CREATE TABLE {beside} AS {name}")
    for part, touched in store.rows(sql, {**_needles(leak), **_chains(chains)}):
        if touched:
            _fill(store, table, _BESIDE + table.name, part, leak, hashes)
        else:
            store.command(f"ALTER TABLE {beside} ATTACH PARTITION ID '{part}' FROM {name}")
    [(here, there)] = store.rows(f"SELECT (SELECT count() FROM {name}), (SELECT count() FROM {beside})")
    if here != there:
        store.command(f"DROP TABLE {beside} SYNC")
        raise PurgeError(f"{table.name}: of {here} rows {there} were written again, so nothing was replaced; try again")
    store.command(f"EXCHANGE TABLES {name} AND {beside}")
    store.command(f"DROP TABLE {beside} SYNC")  # with every file, also of parts that had been merged into others


def _bind_views(store: Store) -> None:
    """Views that fill tables look these up anew: an open server knows them by what they were."""
    sql = "SELECT name FROM system.tables WHERE database = {database:String} AND engine = 'MaterializedView'"
    for (view,) in store.rows(sql, {"database": store.database}):
        store.command(f"DETACH TABLE {quoted(view)}")
        store.command(f"ATTACH TABLE {quoted(view)}")


def _touched(table: Table, chains: set[_Chain]) -> str:
    """SQL: rows that have to be written again. Of chains with states left out, these too: their hashes change."""
    if not chains:
        return f"({table.holds})"
    chain = "concat(toString(cluster), ' ', uid, ' ', toString(epoch))"
    return f"({table.holds} OR (object = '' AND {chain} IN {{chains:Array(String)}}))"


def _chains(chains: set[_Chain]) -> dict[str, object]:
    return {"chains": [f"{cluster} {uid} {epoch}" for cluster, uid, epoch in sorted(chains)]} if chains else {}


def _fill(store: Store, table: Table, beside: str, part: str, leak: Leak, hashes: Mapping[_Version, bytes]) -> None:
    """The table beside, with the rows of one part."""
    columns = ", ".join(map(quoted, table.columns))
    chains = {(cluster, uid, epoch) for cluster, uid, epoch, _ in hashes}
    touched = _touched(table, chains)
    params = {**_needles(leak), **_chains(chains), "p": part}
    here = f"FROM {quoted(table.name)} WHERE _partition_id = {{p:String}}"
    store.command(f"INSERT INTO {quoted(beside)} ({columns}) SELECT {columns} {here} AND NOT {touched}", params)
    sql = f"SELECT {columns} {here} AND {touched} SETTINGS max_block_size = {_BLOCK}"
    for batch in _batches(store, sql, params):
        rows = pa.Table.from_batches([batch])
        store.insert(beside, _without(rows, table, leak, hashes), token=uuid.uuid4().hex)


def _batches(store: Store, sql: str, params: "Params") -> Iterator[pa.RecordBatch]:
    for batch in store.stream(sql, params):
        if batch.num_rows:
            yield batch


def _without(rows: pa.Table, table: Table, leak: Leak, hashes: Mapping[_Version, bytes]) -> pa.Table:
    """The same rows without the value, states with the hashes of what they are now."""
    for name in table.texts:
        index = rows.schema.get_field_index(name)
        kind = rows.schema.field(index).type
        clean = _cleaner(table.name, name, leak)
        values = [_each(value, clean) for value in rows.column(index).to_pylist()]
        rows = rows.set_column(index, rows.schema.field(index), pa.array(values, kind))
    return _hashed(rows, hashes) if table.name == "events" else rows


def _cleaner(table: str, column: str, leak: Leak) -> Callable[[str], str]:
    if (table, column) in _STATES:
        return lambda text: leak.state(text.encode()).decode() if leak.held(text) else text
    return leak.document if (table, column) in _DOCUMENTS else leak.text


def _each(value: object, clean: Callable[[str], str]) -> object:
    if isinstance(value, bytes):
        return clean(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return clean(value)
    return [_each(one, clean) for one in value] if isinstance(value, list) else value


def _hashed(rows: pa.Table, hashes: Mapping[_Version, bytes]) -> pa.Table:
    """Hashes anew, of the states that stand in the rows and of those that are left out."""
    names = ("cluster", "uid", "epoch", "seq", "object", "hash")
    columns = [rows.column(name).to_pylist() for name in names]
    made = [
        bytes.fromhex(digest(_bytes(state))) if state else hashes.get((_str(cluster), _str(uid), epoch, seq), known)
        for cluster, uid, epoch, seq, state, known in zip(*columns, strict=True)
    ]
    index = rows.schema.get_field_index("hash")
    return rows.set_column(index, rows.schema.field(index), pa.array(made, rows.schema.field(index).type))


def _left_out(store: Store, table: Table, leak: Leak) -> dict[_Version, bytes]:
    """New hashes of states that rows leave out, of every chain in which the value stands."""
    sql = (
        f"SELECT DISTINCT toString(cluster), uid, epoch FROM events WHERE {table.holds} AND (cluster, uid, epoch) IN "
        "(SELECT cluster, uid, epoch FROM events WHERE object = '')"
    )
    found: dict[_Version, bytes] = {}
    for cluster, uid, epoch in store.rows(sql, _needles(leak)):
        found |= _folded(store, leak, (cluster, uid, epoch))
    return found


def _folded(store: Store, leak: Leak, chain: _Chain) -> dict[_Version, bytes]:
    """One chain walked through."""
    cluster, uid, epoch = chain
    sql = (
        "SELECT seq, patch, object FROM events FINAL WHERE cluster = {cluster:String} AND uid = {uid:String} "
        "AND epoch = {epoch:UInt64} ORDER BY seq"
    )
    state: JsonObject | None = None
    found: dict[_Version, bytes] = {}
    for seq, patch, body in store.rows(sql, {"cluster": cluster, "uid": uid, "epoch": epoch}):
        if body:
            state = orjson.loads(body)
        elif state is not None:
            state = fold(state, [_bytes(patch)])
            kept = canonical(leak.value(state))
            found[cluster, uid, epoch, seq] = bytes.fromhex(digest(kept))
    return found


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else cast(str, value).encode("utf-8", "surrogateescape")


def _str(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else cast(str, value)


def _record(found: Purged, marker: str) -> str:
    """What the note says; never the value."""
    rows = ", ".join(f"{count} of {name}" for name, count in sorted(found.rows.items()))
    return f"kubelapse purge: a leaked value was taken out of {found.total} rows ({rows}); {marker} stands in its place"


def answer(found: Purged) -> Mapping[str, object]:
    """As JSON."""
    return {"rows": found.total, "tables": dict(found.rows), "lives": found.lives, "left": found.left}


def counts(found: Purged) -> Sequence[Sequence[str]]:
    """As rows of a table."""
    return [(name, f"{count:,}") for name, count in sorted(found.rows.items())]
