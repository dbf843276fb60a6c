"""The views of ad-hoc SQL with their comments, as the store has them."""

import re

from query.models_sql import Column, SqlLimits, SqlSchema, View
from query.sql import lists
from query.sql.bounds import Bounds
from schema.sandbox import PREFIX, VIEWS
from schema.store import Store

_COLUMN = re.compile(r"`([^`]+)` ([^`]+?) COMMENT '((?:[^'\\\\]|\\\\.)*)'")


def described(store: Store, bounds: Bounds) -> SqlSchema:
    """Views in the order in which one meets them, and what a statement may take."""
    about = {"database": store.database, "prefix": PREFIX}
    tables: dict[str, str] = dict(
        store.rows(
            "SELECT name, comment FROM system.tables "
            "WHERE database = {database:String} AND startsWith(name, {prefix:String})",
            about,
        )
    )
    columns: dict[str, list[Column]] = {}
    for table, name, kind, comment in store.rows(
        "SELECT table, name, type, comment FROM system.columns "
        "WHERE database = {database:String} AND startsWith(table, {prefix:String}) ORDER BY table, position",
        about,
    ):
        columns.setdefault(table, []).append(Column(name=name, type=kind, comment=comment))
    # A view with parameters has no columns before it is asked: those that its definition declares.
    for table, definition in store.rows(
        "SELECT name, create_table_query FROM system.tables "
        "WHERE database = {database:String} AND startsWith(name, {prefix:String})",
        about,
    ):
        columns.setdefault(table, _declared(definition))
    views = [
        View(
            name=name,
            arguments=["T"] if name == "states_at" else [],
            comment=tables.get(PREFIX + name, "").removeprefix("states_at(T): "),
            columns=columns.get(PREFIX + name, []),
        )
        for name in VIEWS
    ]
    limits = SqlLimits(
        seconds=bounds.caps.seconds,
        memory=bounds.caps.memory,
        rows=bounds.rows,
        bytes=bounds.bytes,
        queries=bounds.queries,
    )
    return SqlSchema(views=views, functions=sorted(lists.FUNCTIONS), types=sorted(lists.TYPES), limits=limits)


def _declared(definition: str) -> list[Column]:
    """Of `CREATE VIEW name (`column` Type COMMENT 'text', ...) AS SELECT ...`."""
    head = definition.partition(" AS SELECT ")[0]
    return [
        Column(name=name, type=kind, comment=re.sub(r"\\(.)", r"\1", comment))
        for name, kind, comment in _COLUMN.findall(head)
    ]
