"""A store in memory: keeps what is inserted, drops repeated tokens as the engine does, and fails when told to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from schema.store import Params, Row, StoreError


@dataclass(frozen=True, slots=True)
class Insert:
    """One call of insert; `stored` is False when the token was known already or the call failed."""

    table: str
    rows: pa.Table
    token: str
    stored: bool


class FakeStore:
    """`failures`: raised by the next inserts, one each; `lost_answers`: the same, but the rows are kept all the same.

    `refuse(table, rows)` may give an error for every insert that it does not like (a poison row).
    """

    def __init__(self) -> None:
        self.database = "kubelapse"
        self.calls: list[Insert] = []
        self.failures: list[StoreError] = []
        self.lost_answers: list[StoreError] = []
        self.refuse: Callable[[str, pa.Table], StoreError | None] = lambda _table, _rows: None
        self.answer: Callable[[str, Params], pa.Table] = lambda _sql, _params: pa.table({})
        self.commands: list[tuple[str, Params]] = []
        self.closed = False
        self._known: set[tuple[str, str]] = set()

    def insert(self, table: str, rows: pa.Table, *, token: str) -> None:
        error = self.failures.pop(0) if self.failures else self.refuse(table, rows)
        new = error is None and (table, token) not in self._known
        self.calls.append(Insert(table, rows, token, new))
        if error is not None:
            raise error
        self._known.add((table, token))
        if self.lost_answers:
            raise self.lost_answers.pop(0)

    def history(self, cluster_uid: str, newest: datetime) -> None:
        """From now on any question about the past is answered with this cluster's identity and newest moment."""
        self.answer = lambda _sql, _params: pa.table({"cluster_uid": [cluster_uid], "observed_at": [newest]})

    def tables(self) -> list[str]:
        """Tables in the order in which rows came to stand in them."""
        return [call.table for call in self.calls if call.stored]

    def stored(self, table: str) -> list[dict[str, object]]:
        """Every row of a table, in the order of insertion."""
        return [row for call in self.calls if call.stored and call.table == table for row in call.rows.to_pylist()]

    def column(self, table: str, name: str) -> list[object]:
        """One column of every row of a table."""
        return [row[name] for row in self.stored(table)]

    def tokens(self, table: str) -> list[str]:
        """Tokens of the inserts that counted."""
        return [call.token for call in self.calls if call.stored and call.table == table]

    def rows(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        answer = self.answer(sql, params or {})
        return list(zip(*(column.to_pylist() for column in answer.columns), strict=True))

    def arrow(self, sql: str, params: Params | None = None) -> pa.Table:
        return self.answer(sql, params or {})

    def stream(self, sql: str, params: Params | None = None) -> Iterator[pa.RecordBatch]:
        yield from self.answer(sql, params or {}).to_batches()

    def command(self, sql: str, params: Params | None = None) -> None:
        self.commands.append((sql, params or {}))

    def close(self) -> None:
        self.closed = True
