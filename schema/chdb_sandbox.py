"""Ad-hoc SQL in the embedded engine: a handle of its own for each statement, locked before it is used and closed after.

Measured on chdb-core 26.9: a handle costs 0.5 ms and its lock 1 ms. `SET ROLE` drops the rights of the application,
`readonly = 1` forbids every other SET; neither can be taken back, so handles are not used twice. That they are not has
a second reason: after a failed statement the rest of its output precedes the answer of the next one.

`readonly = 1` and a role alone are no sandbox: they still allow `SELECT file('/etc/passwd')`, INTO OUTFILE, SET ROLE,
KILL QUERY and system tables. These are for the walls before this one.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC

import chdb
import orjson
from chdb.state.sqlitelike import Connection
from clickhouse_connect.driver.binding import bind_query

from schema.dialect import failure, literal, quoted
from schema.sandbox import FORMAT, READABLE, Caps, filter_setting, settings
from schema.store import Params, QueryFailed, StoreError

APP_ROLE = "kubelapse_app"
SQL_ROLE = "kubelapse_sql"

_APP_RIGHTS = "SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, SHOW, SYSTEM, KILL QUERY, BACKUP"
"""What the application needs. No sources: not even its own handles can read files or reach the network by SQL."""

_SEPARATOR = b"\n"
_HEADER_LINES = 2


def users_xml(database: str) -> str:
    """The roles, and that the one user (every handle is `default`) has both: elements of users.xml."""
    readable = "".join(f"<query>GRANT SELECT ON {quoted(database)}.{quoted(name)}</query>" for name in READABLE)
    return (
        f"<roles><{APP_ROLE}><grants><query>GRANT {_APP_RIGHTS} ON *.*</query></grants></{APP_ROLE}>"
        f"<{SQL_ROLE}><grants>{readable}</grants></{SQL_ROLE}></roles>"
    )


GRANTS_XML = f"<grants><query>GRANT {APP_ROLE}</query><query>GRANT {SQL_ROLE}</query></grants>"
"""Within the user's element."""


class ChdbSandbox:
    """`schema.sandbox.Sandbox`."""

    def __init__(
        self,
        dsn: str,
        database: str,
        lend: Callable[[], AbstractContextManager[object]],
        command: Callable[[str], None],
    ) -> None:
        """`lend` keeps the store open for the length of a statement; `command` runs one of the application's own."""
        self._dsn = dsn
        self._database = database
        self._lend = lend
        self._command = command

    def tree(self, sql: str, params: Params) -> str:
        """As the door says."""
        with self._handle(Caps(seconds=5), "tree") as handle:
            _only_reads(handle, sql)
            bound, values = _bind(sql, params)
            answer = handle.query(f"EXPLAIN AST {bound}", "TSVRaw", params=values)
            return str(answer.bytes().decode("utf-8", "replace"))

    def ask(
        self, sql: str, params: Params, caps: Caps, *, ticket: str, filters: Mapping[str, str] | None = None
    ) -> Iterator[bytes]:
        """As the door says."""
        with self._handle(caps, ticket, filters) as handle:
            _only_reads(handle, sql)
            bound, values = _bind(sql, params)
            with closing(handle.send_query(bound, FORMAT, params=values)) as chunks:
                nothing = True
                for block in _one_header(bytes(chunk.bytes()) for chunk in chunks):
                    nothing = False
                    yield block
            if nothing:  # then the engine gives no names and types either
                yield _header(handle.query(f"DESCRIBE ({bound})", "JSONCompactColumns", params=values).bytes())

    def cancel(self, ticket: str) -> None:
        """As the door says."""
        with suppress(StoreError):  # the store has been closed, and every statement with it
            self._command(f"KILL QUERY WHERE Settings['log_comment'] = {literal(ticket)} ASYNC FORMAT Null")

    @contextmanager
    def _handle(self, caps: Caps, ticket: str, filters: Mapping[str, str] | None = None) -> Iterator[Connection]:
        with self._lend(), _engine_errors(), closing(chdb.connect(self._dsn)) as handle:
            if filters:
                handle.query(f"SET additional_table_filters = {filter_setting(filters)}")
            _lock(handle, self._database, {**settings(caps), "log_comment": ticket})
            yield handle


def _lock(handle: Connection, database: str, limits: Mapping[str, int | float | str]) -> None:
    """Limits first, the role, then nothing can be set any more."""
    written = ", ".join(
        f"{name} = {literal(value) if isinstance(value, str) else value}" for name, value in limits.items()
    )
    for statement in (f"USE {quoted(database)}", f"SET {written}", f"SET ROLE {SQL_ROLE}", "SET readonly = 1"):
        handle.query(statement)


def _only_reads(handle: Connection, sql: str) -> None:
    """The engine's own classification. Raises QueryFailed."""
    found = handle._conn.classify_query(sql)  # the one way to ask the engine's parser without running anything
    if found["statement_count"] != 1 or str(found["query_class"]).rpartition(".")[2] != "READ_ONLY":
        raise QueryFailed("The engine does not take this for one statement that reads.", 164)


def _bind(sql: str, params: Params) -> tuple[str, dict[str, str]]:
    """Parameters in the server's notation; the statement names every one of them, so none is put into its text."""
    bound, values = bind_query(sql, dict(params) or None, UTC)
    text = bound if isinstance(bound, str) else bound.decode()
    return text, {name.removeprefix("param_"): value for name, value in values.items()}


def _one_header(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Every block begins with names and types; only those of the first one are kept."""
    for number, block in zip(itertools.count(), blocks, strict=False):
        if number:
            block = block.split(_SEPARATOR, _HEADER_LINES)[-1]
        if block:
            yield block


def _header(described: bytes) -> bytes:
    names, types, *_ = orjson.loads(described)
    return orjson.dumps(names) + _SEPARATOR + orjson.dumps(types) + _SEPARATOR


@contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise failure(error) from error
