"""Ad-hoc SQL on a ClickHouse server: a real user with grants, row policies and a constrained profile (`schema.roles`).

The server keeps the limits of that user's profile; the settings sent with each statement can only lower them. A client
that leaves ends its statement on the server (`cancel_http_readonly_queries_on_client_close`).

Written, not run: no server can be had where this was made.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, suppress
from typing import BinaryIO, cast

from clickhouse_connect.driver.client import Client

from schema.dialect import literal
from schema.sandbox import FORMAT, Caps, filter_setting, settings
from schema.store import Params, StoreError

_BLOCK = 1 << 18


class ClickHouseSandbox:
    """`schema.sandbox.Sandbox`."""

    def __init__(
        self,
        lend: Callable[[], AbstractContextManager[Client]],
        errors: Callable[[], AbstractContextManager[None]],
        close: Callable[[], None],
    ) -> None:
        """`lend` gives clients of the read-only user; `errors` makes its failures StoreErrors."""
        self._lend = lend
        self._errors = errors
        self.close = close

    def tree(self, sql: str, params: Params) -> str:
        """As the door says. Over HTTP a server takes one statement only."""
        with self._lend() as client, self._errors():
            answer = client.raw_query(f"EXPLAIN AST {sql}", dict(params) or None, fmt="TSVRaw")
        return answer.decode("utf-8", "replace")

    def ask(
        self, sql: str, params: Params, caps: Caps, *, ticket: str, filters: Mapping[str, str] | None = None
    ) -> Iterator[bytes]:
        """As the door says."""
        sent = {
            **settings(caps),
            **({"additional_table_filters": filter_setting(filters)} if filters else {}),
            "query_id": ticket,
            "log_comment": ticket,
            "cancel_http_readonly_queries_on_client_close": 1,
        }
        with self._lend() as client, self._errors():
            stream = cast(BinaryIO, client.raw_stream(sql, dict(params) or None, settings=sent, fmt=FORMAT))
            with closing(stream):
                yield from iter(lambda: stream.read(_BLOCK), b"")

    def cancel(self, ticket: str) -> None:
        """As the door says; a user may end its own statements."""
        with suppress(StoreError), self._lend() as client, self._errors():
            client.command(f"KILL QUERY WHERE query_id = {literal(ticket)} ASYNC")
