"""What there is, and was: clusters, kinds, namespaces, objects at a moment, and their full states as one stream.

Now is read from `objects` (one row per life); a past moment from the history itself, which alone knows what was deleted
and came back. The snapshot reads the newest row of each life and nothing else: cost grows with the objects, not with
their history (0.3 s for 5,000 objects of 6 KB).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from query import cursors, records, timeline
from query.errors import BadCursor
from query.models import ClusterItem, KindItem, NamespaceItem, ObjectItem
from query.refs import KnownKind, ObjectRef, known_kinds
from query.scope import Scope, one_of, where, window
from query.times import LATEST
from schema.objects import kind_id
from schema.store import Row, Store

Deleted = Literal["false", "true", "only"]

_CREATED = "first.origin NOT IN ('list', 'relist', 'audit')"
_IDENTITY = "cluster, resource, `group`, namespace, name, uid"
_REF = ("cluster", "namespace", "resource", "group", "name")
_VERSION = "cluster, namespace, resource, `group`, name, uid, epoch, seq"


def clusters(store: Store) -> list[ClusterItem]:
    """Every recorded cluster."""
    marks = {
        cluster: (since, watermark)
        for cluster, since, watermark in store.rows(
            "SELECT cluster, min(from_t), max(to_t) FROM coverage FINAL WHERE class = 'watched' GROUP BY cluster"
        )
    }
    counted = {
        cluster: (uids, objects)
        for cluster, uids, objects in store.rows(
            "SELECT cluster, groupUniqArray(cluster_uid), countIf(last.op != 'delete') "
            "FROM objects FINAL GROUP BY cluster"
        )
    }
    events: dict[str, int] = dict(store.rows("SELECT cluster, count() FROM changes GROUP BY cluster"))
    names = sorted({*marks, *counted, *events, *(each.cluster for each in known_kinds(store))})
    return [
        ClusterItem(
            cluster=name,
            uids=sorted(counted.get(name, ([], 0))[0]),
            watched_since=marks.get(name, (None, None))[0],
            watermark=marks.get(name, (None, None))[1],
            objects=counted.get(name, ([], 0))[1],
            events=events.get(name, 0),
        )
        for name in names
    ]


def cluster_names(store: Store) -> list[str]:
    """Names of every recorded cluster."""
    rows = store.rows("SELECT DISTINCT cluster FROM kinds UNION DISTINCT SELECT DISTINCT cluster FROM coverage")
    return sorted(row[0] for row in rows)


def kinds(store: Store, scope: Scope) -> list[KindItem]:
    """Every kind that discovery knows, watched or not, with living objects and recorded changes."""
    params: dict[str, object] = {}
    condition = where([one_of("cluster", scope.clusters, params, "cluster")] if scope.clusters else [])
    objects = _counts(
        store,
        f"SELECT cluster, resource, `group`, countIf(last.op != 'delete') FROM objects FINAL {condition} "
        "GROUP BY cluster, resource, `group`",
        params,
    )
    events = _counts(
        store,
        f"SELECT cluster, resource, `group`, count() FROM changes {condition} GROUP BY cluster, resource, `group`",
        params,
    )
    return [
        _kind_item(each, objects.get((each.cluster, each.id), 0), events.get((each.cluster, each.id), 0))
        for each in known_kinds(store, scope.clusters)
    ]


def namespaces(store: Store, scope: Scope) -> list[NamespaceItem]:
    """Namespaces that recorded objects live or lived in."""
    params: dict[str, object] = {}
    conditions = [*scope.conditions(params), "namespace != ''"]
    sql = f"""
        SELECT cluster, namespace, countIf(last.op != 'delete'), countIf(last.op = 'delete'), max(last.ts)
        FROM objects FINAL {where(conditions)} GROUP BY cluster, namespace ORDER BY cluster, namespace"""
    return [
        NamespaceItem(cluster=cluster, namespace=namespace, objects=living, deleted=ended, last_change=last)
        for cluster, namespace, living, ended, last in store.rows(sql, params)
    ]


def objects(
    store: Store, scope: Scope, at: datetime | None, *, deleted: Deleted = "false", limit: int = 500, cursor: str = ""
) -> tuple[list[ObjectItem], str]:
    """Lives at T (None = now) in the order of their names, and the cursor of the next page ("" = none)."""
    params: dict[str, object] = {}
    conditions = scope.conditions(params)
    if cursor:
        conditions.append(_beyond(cursor, params))
    which = {"false": ["last.op != 'delete'"], "only": ["last.op = 'delete'"], "true": []}[deleted]
    source = "objects FINAL"
    if at is not None:
        source = _lives_at(where([*conditions, *window(params, None, at)]))
    if scope.selector and scope.selector.requirements:
        which.append(_among(_selected(store, scope, at), params))
    sql = f"""
        SELECT {_IDENTITY}, last.version, last.kind, last.rv, first.ts, {_CREATED}, last.ts, last.ts_error, last.op
        FROM {source} {where([*conditions, *which])} ORDER BY {_IDENTITY} LIMIT {limit + 1}"""
    found = [_object_item(row) for row in store.rows(sql, params)]
    more = len(found) > limit
    return found[:limit], _cursor(found[limit - 1]) if more else ""


def snapshot(store: Store, scope: Scope, at: datetime) -> Iterator[bytes]:
    """Every object that lived at T as canonical JSON, its hash checked; in the order of the history's key."""
    for _, state in _states(store, scope, at, ended=False):
        yield state


def _states(store: Store, scope: Scope, at: datetime, *, ended: bool) -> Iterator[tuple[str, bytes]]:
    """(uid, state) of each life at T (`ended`: also the last content of those that had ended), block by block."""
    params: dict[str, object] = {}
    within = where([*scope.conditions(params), *window(params, None, at)])
    selector = scope.selector
    matches = f"AND (object = '' OR ({selector.sql('object', params)}))" if selector and selector.requirements else ""
    sql = f"""
        SELECT {_VERSION}, hash, object FROM events
        PREWHERE (uid, epoch, seq) IN (
            SELECT uid, newest.1, newest.2
            FROM (
                SELECT uid, max((epoch, seq)) AS newest FROM events {within} GROUP BY cluster, resource, `group`, uid))
        {within} {"" if ended else "AND op != 'delete'"} {matches}
        LIMIT 1 BY cluster, resource, `group`, uid"""
    left_out: list[Row] = []
    for batch in store.stream(sql, params):
        # As bytes: hashed, and sent on, as they are.
        columns = [*batch.columns[:-1], batch.columns[-1].cast("binary")]
        for *key, promised, state in zip(*(column.to_pylist() for column in columns), strict=True):
            if state:
                yield key[5], records.checked(state, promised.hex(), _named(key))
            else:
                left_out.append(tuple(key))
    # Rebuilt after the stream has ended: they need questions of their own.
    for version in left_out:
        ref = ObjectRef(**dict(zip(_REF, version[:5], strict=True)))
        state = bytes(timeline.version(store, ref, *version[5:]).object or b"")
        if selector is None or selector.matches(records.labels(state)):
            yield version[5], state


def _named(key: Sequence[object]) -> str:
    return f"{kind_id(str(key[2]), str(key[3]))} {key[1]}/{key[4]} (uid {key[5]})"


def _lives_at(within: str) -> str:
    """The history up to T in the shape of `objects`."""
    return f"""(
        SELECT {_IDENTITY},
            CAST(min((epoch, seq, ts, toString(origin))),
                 'Tuple(epoch UInt64, seq UInt64, ts DateTime64(6, \\'UTC\\'), origin String)') AS first,
            CAST(max((epoch, seq, ts, ts_error, toString(op), rv, toString(version), toString(kind))),
                 'Tuple(epoch UInt64, seq UInt64, ts DateTime64(6, \\'UTC\\'), ts_error Float64, op String, rv String,
                        version String, kind String)') AS last
        FROM events {within} GROUP BY {_IDENTITY})"""


def _selected(store: Store, scope: Scope, at: datetime | None) -> list[str]:
    """Uids of the lives whose labels match at T (now: at their newest version)."""
    return [uid for uid, _ in _states(store, scope, at or LATEST, ended=True)]


def _among(uids: Sequence[str], params: dict[str, object]) -> str:
    params["uids"] = list(uids)
    return "has({uids:Array(String)}, uid)"


def _beyond(cursor: str, params: dict[str, object]) -> str:
    values = cursors.read("objects", cursor, length=6)
    if not all(isinstance(value, str) for value in values):
        raise BadCursor(f"{cursor[:40]!r} is not a cursor that was given out here.", "Start again without it.")
    params.update({f"last{n}": value for n, value in enumerate(values)})
    return f"({_IDENTITY}) > ({', '.join(f'{{last{n}:String}}' for n in range(6))})"


def _cursor(last: ObjectItem) -> str:
    return cursors.write("objects", [last.cluster, last.resource, last.group, last.namespace, last.name, last.uid])


def _object_item(row: Row) -> ObjectItem:
    cluster, resource, group, namespace, name, uid, version, kind, rv, first, created, last, error, op = row
    return ObjectItem(
        cluster=cluster,
        resource=resource,
        group=group,
        version=version,
        kind=kind,
        namespace=namespace,
        name=name,
        uid=uid,
        rv=rv,
        first_seen=first,
        created=bool(created),
        last_change=last,
        ts_error=error,
        deleted=op == "delete",
        deleted_at=last if op == "delete" else None,
    )


def _counts(store: Store, sql: str, params: dict[str, object]) -> dict[tuple[str, str], int]:
    return {(cluster, kind_id(resource, group)): n for cluster, resource, group, n in store.rows(sql, params)}


def _kind_item(each: KnownKind, living: int, events: int) -> KindItem:
    return KindItem(
        cluster=each.cluster,
        resource=each.resource,
        group=each.group,
        version=each.version,
        kind=each.kind,
        singular=each.singular,
        short_names=list(each.short_names),
        categories=list(each.categories),
        namespaced=each.namespaced,
        watching=each.watching,
        reason=each.reason,
        objects=living,
        events=events,
    )
