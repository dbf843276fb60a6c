"""The store on a ClickHouse server, over HTTP through clickhouse-connect.

    http(s)://USER@HOST:PORT/DATABASE     port 8123 (https: 8443), user `default`, database `kubelapse` unless given

The database is created on first use; tables are the work of `schema.migrate`. Inserts are Arrow with a deduplication
token and without the server's asynchronous inserts, which would lose the token.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from clickhouse_connect.driver.httputil import get_pool_manager
from urllib3.exceptions import HTTPError

from schema.clickhouse_sandbox import ClickHouseSandbox
from schema.dialect import failure, given, quoted, shorten
from schema.pool import Pool
from schema.store import Params, QueryFailed, Row, StoreError, StoreUnavailable

_BUSY_CLIENTS = 10.0  # seconds that close() waits for calls of other threads

_UNKNOWN_DATABASE = 81

# Of every query: FINAL never has to look across days, as the key of an event does not move between them. On a cluster
# (schema.sharding) an insert is done when its shards have it, and a subquery means the rows of all shards.
_SETTINGS: Mapping[str, object] = {
    "async_insert": 0,
    "do_not_merge_across_partitions_select_final": 1,
    "distributed_foreground_insert": 1,
    "distributed_product_mode": "global",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is and as whom to ask it; the password is kept apart and never shown."""

    host: str
    port: int
    secure: bool
    user: str
    database: str

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Of a store URL. Raises StoreError for anything else, and for a password in it (it would be shown by ps)."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StoreError("A ClickHouse store is named http(s)://USER@HOST:PORT/DATABASE.")
        if parts.password is not None:
            raise StoreError("Give the password of the store in a file, not in its URL.")
        secure = parts.scheme == "https"
        return cls(
            host=parts.hostname,
            port=parts.port or (8443 if secure else 8123),
            secure=secure,
            user=unquote(parts.username or "default"),
            database=unquote(parts.path.strip("/")) or "kubelapse",
        )

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.user}@{self.host}:{self.port}/{self.database}"


class ClickHouseStore:
    """`schema.store.Store` on a server."""

    def __init__(self, address: Address, password: str | None, limits: Mapping[str, object]) -> None:
        """Use open()."""
        self._address = address
        self._password = password
        self._settings = {**_SETTINGS, **limits}
        self._network = get_pool_manager(maxsize=16, num_pools=2)
        self._pool = Pool(self._connected, Client.close, self._network.clear)

    @classmethod
    def open(
        cls, url: str, password: str | None = None, *, limits: Mapping[str, object] | None = None
    ) -> "ClickHouseStore":
        """Connect, and create the database if need be. `limits`: settings of every query (max_execution_time ...).

        Raises StoreUnavailable when the server cannot be reached or refuses the password.
        """
        store = cls(Address.parse(url), password, limits or {})
        try:
            store._create_database()
        except BaseException:
            store.close()
            raise
        return store

    @property
    def database(self) -> str:
        """Name of the database that unqualified table names mean."""
        return self._address.database

    def beside(self, database: str) -> "ClickHouseStore":
        """Another database of the same server, made if need be; to be closed by itself."""
        return self.open(str(replace(self._address, database=database)), self._password)

    def insert(self, table: str, rows: pa.Table, *, token: str) -> None:
        """Insert as one block; a repeated (table, token) is dropped where the table keeps a deduplication window."""
        if rows.num_rows:
            settings = {"insert_deduplication_token": token, "async_insert": 0}
            with self._pool.lend() as client, self._errors():
                client.insert_arrow(quoted(table), rows.combine_chunks(), settings=settings)

    def rows(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        """All rows of a small answer. Times come as aware UTC datetimes, String as str."""
        with self._pool.lend() as client, self._errors():
            return cast(Sequence[Row], client.query(sql, parameters=given(sql, params)).result_rows)

    def arrow(self, sql: str, params: Params | None = None) -> pa.Table:
        """All rows of a large answer as one Arrow table."""
        with self._pool.lend() as client, self._errors():
            return client.query_arrow(sql, parameters=given(sql, params))

    def stream(self, sql: str, params: Params | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of an unbounded answer, block by block; close the iterator to stop the query."""
        with (
            self._pool.lend() as client,
            self._errors(),
            client.query_arrow_stream(sql, parameters=given(sql, params)) as batches,
        ):
            yield from batches

    def command(self, sql: str, params: Params | None = None) -> None:
        """A statement without an answer (DDL, OPTIMIZE)."""
        with self._pool.lend() as client, self._errors():
            client.command(sql, parameters=given(sql, params))

    def locked_down(self) -> ClickHouseSandbox:
        """The door of ad-hoc SQL, where this store was opened as the user that may do nothing else (`schema.roles`)."""
        return ClickHouseSandbox(self._pool.lend, self._errors, self.close)

    def close(self) -> None:
        """Release every client. Calls that are under way are waited for."""
        self._pool.close(patience=_BUSY_CLIENTS)

    def _create_database(self) -> None:
        """Unless it is there: a user who may only read needs no right to create one."""
        try:
            with self._pool.lend():
                return
        except QueryFailed as error:
            if error.code != _UNKNOWN_DATABASE:
                raise
        client = self._connected(database="")
        try:
            with self._errors():
                client.command(f"CREATE DATABASE IF NOT EXISTS {quoted(self.database)}")
        finally:
            client.close()

    def _connected(self, database: str | None = None) -> Client:
        with self._errors():
            return clickhouse_connect.get_client(
                host=self._address.host,
                port=self._address.port,
                secure=self._address.secure,
                username=self._address.user,
                password=self._password or "",
                database=self.database if database is None else database,
                settings=dict(self._settings),
                tz_mode="aware",
                autogenerate_session_id=False,
                pool_mgr=self._network,
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Failures of the server and of the way to it as StoreErrors."""
        try:
            yield
        except (ClickHouseError, HTTPError, OSError) as error:
            code = getattr(error, "code", None)
            if isinstance(error, (HTTPError, OSError)) or (isinstance(error, OperationalError) and not code):
                raise StoreUnavailable(f"ClickHouse at {self._address} cannot be reached: {_root(error)}") from error
            raise failure(error, code=code) from error


def _root(error: BaseException) -> str:
    """What the system said at the bottom of a chain of errors, else what the top one says."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return below.strerror
        below = below.__cause__ or below.__context__
    return shorten(str(error))
