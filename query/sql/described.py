"""The views of ad-hoc SQL with their comments, as the store has them."""

from query.models_sql import Column, SqlSchema, View
from query.sql import lists
from schema.sandbox import PREFIX, VIEWS
from schema.store import Store


def described(store: Store) -> SqlSchema:
    """Views in the order in which one meets them."""
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
    return SqlSchema(views=views, functions=sorted(lists.FUNCTIONS), types=sorted(lists.TYPES))
