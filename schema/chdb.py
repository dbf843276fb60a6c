"""The embedded store: ClickHouse in this process (chDB), on a directory that one process holds at a time.

    DIR/lock         who holds it (schema.lockfile)
    DIR/config.xml   the engine's settings, written at each start (else it would look in the working directory)
    DIR/users.xml    defaults of every query, and what the roles of the application and of ad-hoc SQL may do
    DIR/engine/      ClickHouse's own files, temporary ones included

Rows and statements go through clickhouse-connect, as over HTTP. Arrow answers come from the engine directly, without
the statements that the client adds to each of them. Inserts are an Arrow file and one INSERT ... FROM INFILE, never the
streaming insert of the engine: it does not raise what fails when the block is committed
(docs/decisions/0003-inserts-through-files.md).

The engine must not be forked after open(), and holds one directory per process: close every store before the next.
"""

import errno
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import cast
from xml.sax.saxutils import escape

import chdb
import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.binding import bind_query
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from schema import lockfile
from schema.chdb_sandbox import GRANTS_XML, ChdbSandbox, users_xml
from schema.dialect import failure, given, literal, quoted
from schema.lockfile import LockFile
from schema.pool import Pool
from schema.sandbox import Sandbox
from schema.store import Params, Row, StoreError, StoreFull, StoreReadOnly

_BUSY_HANDLES = 10.0  # seconds that close() waits for calls of other threads

_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """What the engine may use. Memory in bytes; `memory` counts the whole process, Python included."""

    memory: int = 3 * _GIB
    query_memory: int = _GIB
    query_threads: int = 3
    query_seconds: int = 120


class _Handle:
    """One caller's way into the engine: a clickhouse-connect client, and a connection for Arrow when asked for."""

    def __init__(self, engine: str, config: str, database: str) -> None:
        self._dsn = f"{engine}?config-file={config}"
        self._database = database
        self._wire: chdb.state.sqlitelike.Connection | None = None
        self.client: Client = clickhouse_connect.get_client(
            interface="chdb", path=engine, chdb_options={"config-file": config}, tz_mode="aware"
        )
        self.client.command(f"CREATE DATABASE IF NOT EXISTS {quoted(database)} ENGINE = Atomic")
        self.client.database = database

    @property
    def wire(self) -> chdb.state.sqlitelike.Connection:
        """A connection of the engine itself, for Arrow in and out."""
        if self._wire is None:
            self._wire = chdb.connect(self._dsn)
            self._wire.query(f"USE {quoted(self._database)}")
        return self._wire

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self.client.close()


class ChdbStore:
    """`schema.store.Store` on a directory of this machine."""

    def __init__(self, path: Path, lock: LockFile, database: str) -> None:
        """Use open()."""
        self._path = path
        self._lock = lock
        self._database = database
        self._pool = Pool(self._new_handle, _Handle.close, lock.release)

    @classmethod
    def open(cls, path: Path, *, database: str = "kubelapse", limits: EngineLimits | None = None) -> "ChdbStore":
        """Open or create the store in this directory.

        Raises StoreInUse when a process holds it, StoreReadOnly and StoreFull when the directory cannot be written.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = LockFile(path / "lock")
        except OSError as error:
            raise _file_failure(path, error) from error
        store = cls(path.resolve(), lock, database)
        try:
            _prepare(store._path, database, limits or EngineLimits())
            with store._pool.lend():  # starts the engine
                return store
        except OSError as error:
            store.close()
            raise _file_failure(path, error) from error
        except BaseException:
            store.close()
            raise

    @property
    def database(self) -> str:
        """Name of the database that unqualified table names mean."""
        return self._database

    @property
    def path(self) -> Path:
        """The directory."""
        return self._path

    def annotate(self, note: Mapping[str, str]) -> None:
        """Leave a note for other processes beside the lock, such as the URL that serves this store (see read_note)."""
        self._lock.annotate(note)

    def insert(self, table: str, rows: pa.Table, *, token: str) -> None:
        """Insert as one block; a repeated (table, token) is dropped where the table keeps a deduplication window."""
        if not rows.num_rows:
            return
        names = ", ".join(quoted(name) for name in rows.schema.names)
        with self._pool.lend() as handle, _engine_errors(), self._file_errors(), _arrow_file(self._path, rows) as file:
            handle.wire.query(
                f"INSERT INTO {quoted(table)} ({names}) FROM INFILE {literal(str(file))} "
                f"SETTINGS async_insert = 0, insert_deduplication_token = {literal(token)} FORMAT Arrow"
            )

    def rows(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        """All rows of a small answer. Times come as aware UTC datetimes, String as str."""
        with self._pool.lend() as handle, _engine_errors():
            return cast(Sequence[Row], handle.client.query(sql, parameters=given(sql, params)).result_rows)

    def arrow(self, sql: str, params: Params | None = None) -> pa.Table:
        """All rows of a large answer as one Arrow table."""
        bound, values = _bind(sql, params)
        with self._pool.lend() as handle, _engine_errors():
            answer = handle.wire.query(bound, "Arrow", params=values).bytes()
        return pa.ipc.open_file(answer).read_all()

    def stream(self, sql: str, params: Params | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of an unbounded answer, block by block; close the iterator to stop the query."""
        bound, values = _bind(sql, params)
        with (
            self._pool.lend() as handle,
            _engine_errors(),
            closing(handle.wire.send_query(bound, "Arrow", params=values)) as chunks,
        ):
            for chunk in chunks:  # every chunk is an Arrow file of its own
                yield from pa.ipc.open_file(chunk.bytes()).read_all().to_batches()

    def command(self, sql: str, params: Params | None = None) -> None:
        """A statement without an answer (DDL, OPTIMIZE)."""
        with self._pool.lend() as handle, _engine_errors():
            handle.client.command(sql, parameters=given(sql, params))

    def sandbox(self) -> Sandbox:
        """The door of ad-hoc SQL."""
        dsn = f"{self._path / 'engine'}?config-file={self._path / 'config.xml'}"
        return ChdbSandbox(dsn, self._database, self._pool.lend, self.command)

    def close(self) -> None:
        """Release every handle, then the directory. Calls that are under way are waited for."""
        self._pool.close(patience=_BUSY_HANDLES)

    @contextmanager
    def _file_errors(self) -> Iterator[None]:
        """What the system refuses to our own files."""
        try:
            yield
        except OSError as error:
            raise _file_failure(self._path, error) from error

    def _new_handle(self) -> _Handle:
        with _engine_errors():
            return _Handle(str(self._path / "engine"), str(self._path / "config.xml"), self._database)


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Failures of the engine (ChdbError is a RuntimeError) and of clickhouse-connect as StoreErrors."""
    try:
        yield
    except (ClickHouseError, RuntimeError) as error:
        if "already initialized with path" in str(error):
            raise StoreError("A process has one embedded store at a time: close the other one first.") from error
        raise failure(error, code=getattr(error, "code", None)) from error


def read_note(path: Path) -> dict[str, str]:
    """The note of the process that holds the store in this directory (see annotate), {} when nobody does."""
    return lockfile.read_note(path / "lock")


def _file_failure(path: Path, error: OSError) -> StoreError:
    if error.errno == errno.ENOSPC:
        return StoreFull(f"No space left for the store in {path}: free some, or choose another place with --data.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreReadOnly(f"The store in {path} cannot be written to: check its owner, or choose another.")
    return StoreError(f"The store in {path} cannot be opened: {error.strerror or error}.")


def _bind(sql: str, params: Params | None) -> tuple[str, dict[str, str]]:
    """Parameters in the server's notation, as clickhouse-connect writes them (it prefixes their names for HTTP)."""
    bound, values = bind_query(sql, given(sql, params), UTC)
    text = bound if isinstance(bound, str) else bound.decode()
    return text, {name.removeprefix("param_"): value for name, value in values.items()}


@contextmanager
def _arrow_file(directory: Path, rows: pa.Table) -> Iterator[Path]:
    """The rows as one batch (one block, so one part per partition) in a file that is gone afterwards."""
    with NamedTemporaryFile(dir=directory / "tmp", suffix=".arrow") as file:
        with pa.ipc.new_file(file, rows.schema) as writer:
            writer.write_table(rows.combine_chunks())
        file.flush()
        yield Path(file.name)


def _prepare(path: Path, database: str, limits: EngineLimits) -> None:
    """Write the engine's settings, and sweep what a killed process left in its temporary directory."""
    shutil.rmtree(path / "tmp", ignore_errors=True)
    (path / "tmp").mkdir()
    rights = {"roles": users_xml(escape(database)), "grants": GRANTS_XML}
    values = {"directory": escape(str(path)), **rights, **asdict(limits)}
    (path / "config.xml").write_text(_CONFIG.format_map(values), encoding="utf-8")
    (path / "users.xml").write_text(_USERS.format_map(values), encoding="utf-8")


# Small caches and pools: one cluster's history on one machine, beside a collector that needs the memory more.
_CONFIG = """<clickhouse>
  <!-- Written by kubelapse at every start; changes are lost. -->
  <!-- Without `console` the engine logs everything, at whatever level, when it finds itself on a terminal. -->
  <logger><level>none</level><console>false</console></logger>
  <users_config>{directory}/users.xml</users_config>
  <tmp_path>{directory}/tmp/</tmp_path>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>33554432</mark_cache_size>
  <index_mark_cache_size>8388608</index_mark_cache_size>
  <primary_index_cache_size>33554432</primary_index_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <query_condition_cache_size>8388608</query_condition_cache_size>
  <!-- Column by column: a third less memory than row by row for tables with a large column, and no more CPU. -->
  <merge_tree>
    <vertical_merge_algorithm_min_rows_to_activate>5000</vertical_merge_algorithm_min_rows_to_activate>
  </merge_tree>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>2</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
</clickhouse>
"""

_USERS = """<clickhouse>
  <!-- Written by kubelapse at every start; changes are lost. -->
  <profiles><default>
    <async_insert>0</async_insert>
    <session_timezone>UTC</session_timezone>
    <do_not_merge_across_partitions_select_final>1</do_not_merge_across_partitions_select_final>
    <max_threads>{query_threads}</max_threads>
    <max_memory_usage>{query_memory}</max_memory_usage>
    <max_execution_time>{query_seconds}</max_execution_time>
  </default></profiles>
  {roles}
  <users><default>
    <password></password>
    <networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    {grants}
  </default></users>
  <quotas><default></default></quotas>
</clickhouse>
"""
