"""The store door: one small Protocol, two adapters (`schema.chdb` in process, `schema.clickhouse` over HTTP).

Every call blocks; async callers run it in a thread. A Store may be used from several threads at once: each
adapter lends a client to each call. SQL uses ClickHouse's server-side parameters (`{name:Type}`), never string
formatting of values.

StoreError
├── StoreInUse        another process holds the embedded store
├── StoreUnavailable  unreachable, or refused the credentials; worth another try
├── StoreReadOnly     the disk or the rights do not allow writing
├── StoreFull         no space left
├── StoreOutdated     the schema is not what this version needs; `kubelapse migrate` or `up` brings it there
└── QueryFailed       the engine refused or ended a statement; code = ClickHouse's error code
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # the command line reads the errors below and should not wait for Arrow to load
    import pyarrow as pa

# A row's values are whatever type ClickHouse gives for the column: only the caller's SQL knows them.
Row = tuple[Any, ...]
Params = Mapping[str, object]


class StoreError(Exception):
    """Any failure of the store, with a sentence that says what to do."""


class StoreInUse(StoreError):
    """Another process holds the embedded store."""


class StoreUnavailable(StoreError):
    """Unreachable, or refused the credentials; worth another try."""


class StoreReadOnly(StoreError):
    """The disk or the rights do not allow writing."""


class StoreFull(StoreError):
    """No space left."""


class StoreOutdated(StoreError):
    """The schema is not what this version needs."""


class QueryFailed(StoreError):
    """The engine refused or ended a statement."""

    def __init__(self, message: str, code: int = 0) -> None:
        """`code` is ClickHouse's error code, 0 when it gave none."""
        super().__init__(message)
        self.code = code


class Store(Protocol):
    """A ClickHouse database, wherever it runs."""

    @property
    def database(self) -> str:
        """Name of the database that unqualified table names mean."""
        ...

    def insert(self, table: str, rows: pa.Table, *, token: str) -> None:
        """Insert as one block per call; a repeated (table, token) is dropped by the engine."""
        ...

    def rows(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        """All rows of a small answer. Times come as aware UTC datetimes, String as str."""
        ...

    def arrow(self, sql: str, params: Params | None = None) -> pa.Table:
        """All rows of a large answer as one Arrow table."""
        ...

    def stream(self, sql: str, params: Params | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of an unbounded answer, block by block; close the iterator to stop the query."""
        ...

    def command(self, sql: str, params: Params | None = None) -> None:
        """A statement without an answer (DDL, OPTIMIZE)."""
        ...

    def close(self) -> None:
        """Release every client; the store must not be used afterwards."""
        ...
