"""What `GET /sql/schema` answers: the views of ad-hoc SQL, their columns, the functions."""

import msgspec


class Column(msgspec.Struct, kw_only=True, frozen=True):
    """One column; `type` as ClickHouse writes it."""

    name: str
    type: str
    comment: str


class View(msgspec.Struct, kw_only=True, frozen=True):
    """One view; `arguments` where it is asked with some: states_at(T)."""

    name: str
    arguments: list[str]
    comment: str
    columns: list[Column]


class SqlLimits(msgspec.Struct, kw_only=True, frozen=True):
    """What one statement may take: seconds, bytes of memory, rows and bytes of JSON; `queries` run at once."""

    seconds: float
    memory: int
    rows: int
    bytes: int
    queries: int


class SqlSchema(msgspec.Struct, kw_only=True, frozen=True):
    """Everything that a statement may use."""

    views: list[View]
    functions: list[str]
    types: list[str]
    limits: SqlLimits
