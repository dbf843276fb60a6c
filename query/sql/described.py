"""The views of ad-hoc SQL with their comments, as the store has them."""

from query.models_sql import Column, SqlLimits, SqlSchema, View
from query.sql import lists
from query.sql.bounds import Bounds
from schema.sandbox import PREFIX, VIEWS
from schema.store import Store


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
