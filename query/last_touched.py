"""Who last touched a path here: the newest change at or below it, for every living object of a scope.

One statement over `changes` finds when each life changed there last, a second reads those that are shown; a life in
which nothing changed there since the record begins is told by its first version.
"""

from datetime import datetime

from query.errors import BadWindow
from query.models_search import Basis, Touched
from query.scope import CLUSTER_SCOPE, ChangeFilter, Scope, where, window
from schema.events import event_id
from schema.objects import kind_id
from schema.store import Row, Store

MOST = 5000
_IDENTITY = "cluster, namespace, resource, `group`, name, uid"


def last_touched(
    store: Store, chosen: ChangeFilter, at: datetime, *, limit: int, untouched: bool = True
) -> tuple[list[Touched], bool]:
    """Newest first, and whether there are more. `untouched`: with those that rest on their first version."""
    if not 1 <= limit <= MOST:
        raise BadWindow(f"limit={limit} is out of range.", f"Ask for 1 to {MOST} objects at a time.")
    params: dict[str, object] = {}
    conditions = [*chosen.conditions(params), *window(params, None, at)]
    quiet = [] if chosen.noise else [f"NOT {chosen.is_noise(params)}"]
    lived = "(last.op != 'delete' OR last.ts > {until:DateTime64(6, 'UTC')})"
    lives = where([*chosen.scope.conditions(params), "first.ts <= {until:DateTime64(6, 'UTC')}", lived])
    born = "op = 'update' AND origin != 'list'"
    sql = f"""
        SELECT {_IDENTITY}, l.kind, l.first_ts, l.first_error, l.first_origin, t.newest
        FROM (
            SELECT {_IDENTITY}, last.kind AS kind, first.ts AS first_ts, first.ts_error AS first_error,
                first.origin AS first_origin
            FROM objects FINAL {lives}) AS l
        {"LEFT" if untouched else "INNER"} JOIN (
            SELECT cluster, uid, max(ts) AS newest
            FROM changes {where([*conditions, *quiet, born])} GROUP BY cluster, uid) AS t
        USING (cluster, uid)
        ORDER BY greatest(l.first_ts, t.newest) DESC, uid LIMIT {limit + 1}"""
    rows = store.rows(sql, params)
    wanted = tuple(each.strip().lstrip(".").rstrip(".") for each in chosen.paths)
    writers = _writers(store, [row for row in rows[:limit] if row[10].year > 1970])
    return [_touched(row, writers.get((row[0], row[5])), wanted) for row in rows[:limit]], len(rows) > limit


def _writers(store: Store, rows: list[Row]) -> dict[tuple[str, str], Row]:
    """(cluster, uid) → what the newest change says: only these rows are read whole."""
    if not rows:
        return {}
    params: dict[str, object] = {
        "names": sorted({row[4] for row in rows}),
        "uids": sorted({row[5] for row in rows}),
        "moments": sorted({row[10] for row in rows}),
    }
    scope = Scope(
        clusters=tuple(sorted({row[0] for row in rows})),
        namespaces=tuple(sorted({row[1] or CLUSTER_SCOPE for row in rows})),
        kinds=tuple(sorted({(row[2], row[3]) for row in rows})),
    )
    conditions = [
        *scope.conditions(params), "name IN {names:Array(String)}", "uid IN {uids:Array(String)}",
        "ts IN {moments:Array(DateTime64(6, 'UTC'))}", "op = 'update'",
    ]  # fmt: skip
    sql = f"""
        SELECT cluster, uid, epoch, seq, ts, ts_error, rv, op, cluster_uid, actor_name, actor_confidence,
            paths, managers
        FROM events {where(conditions)} ORDER BY epoch, seq"""
    asked = {(row[0], row[5], row[10]) for row in rows}
    return {row[:2]: row for row in store.rows(sql, params) if (*row[:2], row[4]) in asked}


def _touched(row: Row, writer: Row | None, wanted: tuple[str, ...]) -> Touched:
    cluster, namespace, resource, group, name, uid, kind, first, error, origin = row[:10]
    if writer is None:
        seen = origin in ("list", "relist", "audit")
        basis: Basis = "first-sight" if seen else "creation"
        return Touched(
            cluster=cluster, namespace=namespace, resource=resource, group=group, kind=kind, name=name, uid=uid,
            basis=basis, by=None, confidence="none", when=first, ts_error=error, paths=[], event="",
        )  # fmt: skip
    _, _, epoch, _, ts, ts_error, rv, op, cluster_uid, actor, confidence, paths, managers = writer
    inside = [(path, manager) for path, manager in zip(paths, managers, strict=False) if _within(path, wanted)]
    by = next((manager for _, manager in inside if manager), actor)
    return Touched(
        cluster=cluster, namespace=namespace, resource=resource, group=group, kind=kind, name=name, uid=uid,
        basis="change", by=by or None, confidence=(confidence if by == actor else "medium") if by else "none",
        when=ts, ts_error=ts_error, paths=[path for path, _ in inside],
        event=event_id(
            cluster=cluster, cluster_uid=cluster_uid, kind=kind_id(resource, group), uid=uid, epoch=epoch, rv=rv, op=op
        ),
    )  # fmt: skip


def _within(path: str, wanted: tuple[str, ...]) -> bool:
    return not wanted or any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in wanted)
