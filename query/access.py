"""What a caller may see of the history, and the one place where that becomes SQL.

A `Reach` says which (cluster, kind, namespace) somebody may read. For whoever may not read everything, every route gets
a `LimitedStore` in place of the store (`query.web.context_of`): each statement carries the setting
`additional_table_filters`, by which the engine itself puts the condition on every read of every table: in subqueries,
views, joins and counts. So no question can forget it, and a question about what may not be seen is the same work with
the same answer as one about what never existed.

The door for whoever does not ask through a route's own store (SQL in a process of its own, say): `settings_clause` is
the clause to end a statement with, and `filters` its conditions table by table. They hold for tables that are named;
table functions (`merge`) go around them and must not be let in.

Whoever sees a part does not see what people have written down (pins, notes, saved searches, baselines): it is free text
about anything. A kind's names and columns (`kinds`) and what was recorded when (`coverage` of whole kinds) are no
secret within a cluster, as discovery is none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from query.errors import NotAllowed, TooManyObjects
from schema.dialect import literal
from schema.store import Params, Row, Store

if TYPE_CHECKING:
    import pyarrow as pa

KindKey = tuple[str, str]
"""(resource, group)"""

SECRETS: Final[KindKey] = ("secrets", "")
EVENTS: Final = frozenset({("events", ""), ("events", "events.k8s.io")})

OBJECT_TABLES: Final = ("events", "changes", "objects", "marks", "states", "audit")
"""Every row is about one object: cluster, resource, group, namespace."""
CLUSTER_TABLES: Final = ("kinds",)
"""Every row is about a cluster; what discovery tells everybody."""
CLOSED_TABLES: Final = (
    "offsets", "dead_letters", "log_watermarks", "pins", "notes", "saved", "baselines", "drift_results",
    "deliveries", "undelivered", "delivery_claims", "schema_migrations",
)  # fmt: skip
"""Nothing of them is for whoever sees a part."""
_LONGEST: Final = 200_000
"""Characters of a condition: a statement has 262,144 (`max_query_size`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One rectangle of what may be seen; None = all of them. `secrets`: Secrets are among "all kinds".

    `since`: what happened before it is not seen, as it was in another namespace of the same name.
    """

    clusters: frozenset[str] | None = None
    kinds: frozenset[KindKey] | None = None
    namespaces: frozenset[str] | None = None
    secrets: bool = False
    since: datetime | None = None

    def allows(self, cluster: str, kind: KindKey, namespace: str) -> bool:
        """`namespace` is "" for cluster-scoped objects."""
        return (
            (self.clusters is None or cluster in self.clusters)
            and (kind in self.kinds if self.kinds is not None else self.secrets or kind != SECRETS)
            and (self.namespaces is None or namespace in self.namespaces)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """All that a caller may see: what any of the grants allows. `everything`: also what people have written down."""

    grants: tuple[Grant, ...] = ()
    everything: bool = False

    def allows(self, cluster: str, kind: KindKey, namespace: str) -> bool:
        """Whether objects of this kind in this namespace may be seen."""
        return self.everything or any(each.allows(cluster, kind, namespace) for each in self.grants)

    def allows_all(self, cluster: str, kind: KindKey) -> bool:
        """Whether objects of this kind may be seen in every namespace, those to come too."""
        return self.everything or any(
            each.namespaces is None and each.allows(cluster, kind, "") for each in self.grants
        )


SCOPE_KEY: Final = "kubelapse.reach"
"""Where the ASGI scope of a request carries its caller's Reach, when callers sign in (`query.login`)."""

CALLER_KEY: Final = "kubelapse.caller"
"""Where it carries the caller's name; nobody signs in, nobody has one."""

SESSION_KEY: Final = "kubelapse.session"
"""Where it says whether a session's cookie told who the caller is."""

EVERYTHING: Final = Reach(everything=True)
NOTHING: Final = Reach()


def filters(reach: Reach) -> Mapping[str, str]:
    """The condition on each table of the store, {} for whoever sees everything. Raises TooManyObjects."""
    if reach.everything:
        return {}
    objects = _any(_object(each) for each in reach.grants)
    clusters = _any(_cluster(each) for each in reach.grants)
    places = _any(_object(replace(each, since=None)) for each in reach.grants)
    said = _any(_namespaces(each) for each in reach.grants if each.kinds is None or not each.kinds.isdisjoint(EVENTS))
    found = dict.fromkeys(OBJECT_TABLES, objects) | dict.fromkeys(CLUSTER_TABLES, clusters)
    found |= dict.fromkeys(CLOSED_TABLES, "0")
    found |= {"k8s_events": said, "coverage": _either(f"namespace = '' AND ({clusters})", places)}
    if sum(map(len, found.values())) > _LONGEST:
        raise TooManyObjects(
            "Your rights are too many single ones to ask with.", "Ask for read access to whole kinds or namespaces."
        )
    return found


def settings_clause(reach: Reach, database: str) -> str:
    """What a statement must end with so that it reads no more than this; "" for whoever sees everything.

    Each table is named in two ways: as programs know it, and as it stands on the shards of a
    cluster (`schema.sharding`).
    """
    found = filters(reach)
    if not found:
        return ""
    names = [
        f"{literal(spelled)}: {literal(condition)}"
        for table, condition in found.items()
        for spelled in (table, f"{database}_shard.{table}")
    ]
    return f"SETTINGS additional_table_filters = {{{', '.join(names)}}}"


class LimitedStore:
    """`schema.store.Store` that reads within a reach and writes nothing."""

    def __init__(self, store: Store, reach: Reach) -> None:
        """Raises TooManyObjects."""
        self._store = store
        self._clause = settings_clause(reach, store.database)
        self.reach = reach

    @property
    def database(self) -> str:
        """Name of the database that unqualified table names mean."""
        return self._store.database

    def rows(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        """All rows of a small answer."""
        return self._store.rows(self._within(sql), params)

    def arrow(self, sql: str, params: Params | None = None) -> "pa.Table":
        """All rows of a large answer as one Arrow table."""
        return self._store.arrow(self._within(sql), params)

    def stream(self, sql: str, params: Params | None = None) -> "Iterator[pa.RecordBatch]":
        """Rows of an unbounded answer, block by block."""
        return self._store.stream(self._within(sql), params)

    def insert(self, table: str, rows: "pa.Table", *, token: str) -> None:
        """Refused: raises NotAllowed."""
        raise _no_writing(table, rows, token)

    def command(self, sql: str, params: Params | None = None) -> None:
        """Refused: raises NotAllowed."""
        raise _no_writing(sql, params)

    def close(self) -> None:
        """Nothing: the store belongs to the application."""

    def _within(self, sql: str) -> str:
        """The statement with its clause; a statement of ours that has settings has them at its end."""
        if not self._clause:
            return sql
        head, found, tail = sql.rpartition("SETTINGS ")
        if found and ")" not in tail:
            return f"{head}{self._clause}, {tail}"
        return f"{sql} {self._clause}"


def _no_writing(*_: object) -> NotAllowed:
    return NotAllowed("Writing needs the right to read everything.", "Ask whoever runs this server.")


def _object(grant: Grant) -> str:
    """On tables whose rows are about one object."""
    conditions = [_in("cluster", grant.clusters), _kinds(grant), _in("namespace", grant.namespaces)]
    return " AND ".join(each for each in (*conditions, _since(grant)) if each) or "1"


def _cluster(grant: Grant) -> str:
    return _in("cluster", grant.clusters) or "1"


def _namespaces(grant: Grant) -> str:
    """On the table of Kubernetes Events, whose rows are all of one kind."""
    conditions = [_in("cluster", grant.clusters), _in("namespace", grant.namespaces)]
    return " AND ".join(each for each in (*conditions, _since(grant)) if each) or "1"


def _since(grant: Grant) -> str:
    return f"ts >= toDateTime64({literal(f'{grant.since:%Y-%m-%d %H:%M:%S.%f}')}, 6, 'UTC')" if grant.since else ""


def _kinds(grant: Grant) -> str:
    if grant.kinds is not None:
        listed = ", ".join(f"({literal(resource)}, {literal(group)})" for resource, group in sorted(grant.kinds))
        return f"(resource, `group`) IN ({listed})" if listed else "0"
    return "" if grant.secrets else "NOT (resource = 'secrets' AND `group` = '')"


def _in(column: str, values: frozenset[str] | None) -> str:
    if values is None:
        return ""
    return f"{column} IN ({', '.join(map(literal, sorted(values)))})" if values else "0"


def _any(conditions: Iterable[str]) -> str:
    return _either(*dict.fromkeys(conditions))


def _either(*conditions: str) -> str:
    return " OR ".join(f"({each})" for each in conditions) or "0"
