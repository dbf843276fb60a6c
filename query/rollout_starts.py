"""Where rollouts begin: changes of templates in a window, and workloads that were not complete when it began."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from query import cursors, inventory, records, timeline
from query.errors import BadCursor, BadWindow
from query.refs import ObjectRef
from query.revisions import TOUCHES_TEMPLATE, Life
from query.scope import Scope, where, window
from query.workloads import KINDS, standing
from schema.canonical import Json
from schema.store import Row, Store

MOST = 500
_IDENTITY = "cluster, resource, `group`, namespace, name, uid"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SMALL = """concat('{"metadata":{"generation":', toString(JSONExtractInt(object, 'metadata', 'generation')),
    '},"spec":{"paused":', if(JSONExtractBool(object, 'spec', 'paused'), 'true', 'false'),
    ',"replicas":', if(JSONHas(object, 'spec', 'replicas'), JSONExtractRaw(object, 'spec', 'replicas'), 'null'),
    ',"updateStrategy":', if(JSONHas(object, 'spec', 'updateStrategy'),
                             JSONExtractRaw(object, 'spec', 'updateStrategy'), 'null'),
    '},"status":', if(JSONHas(object, 'status'), JSONExtractRaw(object, 'status'), '{}'), '}')"""
"""What `workloads.standing` reads, cut out of the state by the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Rollouts that were under way in (after, until]; newest `limit` first."""

    scope: Scope
    after: datetime
    until: datetime
    limit: int = 50

    def __post_init__(self) -> None:
        """Raises BadWindow."""
        if not 1 <= self.limit <= MOST:
            raise BadWindow(f"limit={self.limit} is out of range.", f"Ask for 1 to {MOST} rollouts at a time.")


Place = tuple[int, int, int]
"""(epoch, seq, ts in µs) of the version that began a rollout."""


def begun(store: Store, ask: Ask, cursor: str) -> tuple[list[tuple[Life, Place]], bool]:
    """Changes of templates and creations in the window, newest first, and whether there are older ones."""
    params: dict[str, object] = {}
    conditions = [*ask.scope.conditions(params), *window(params, ask.after, ask.until)]
    conditions.append(f"(({TOUCHES_TEMPLATE} AND op = 'update') OR (op = 'add' AND (origin != 'list' OR cause != '')))")
    if cursor:
        micros, uid = cursors.read("rollouts", cursor, length=2)
        if not isinstance(micros, int):
            raise BadCursor(f"{cursor[:40]!r} is not a cursor that was given out here.", "Start again without it.")
        params |= {"last": _EPOCH + timedelta(microseconds=micros), "last_uid": uid}
        conditions.append(
            "ts <= {last:DateTime64(6, 'UTC')} AND (ts, uid) < ({last:DateTime64(6, 'UTC')}, {last_uid:String})"
        )
    sql = f"""
        SELECT {_IDENTITY}, epoch, seq, toUnixTimestamp64Micro(ts) FROM changes FINAL {where(conditions)}
        ORDER BY ts DESC, uid DESC LIMIT {ask.limit + 1}"""
    found = [(_life(row), (row[6], row[7], row[8])) for row in store.rows(sql, params)]
    found = _selected(store, ask, found)
    return found[: ask.limit], len(found) > ask.limit


def cursor_after(last: tuple[Life, Place]) -> str:
    """The cursor of the page that follows this start."""
    return cursors.write("rollouts", [last[1][2], last[0].uid])


def _selected(store: Store, ask: Ask, found: list[tuple[Life, Place]]) -> list[tuple[Life, Place]]:
    """Those whose labels were selected when they began."""
    selector = ask.scope.selector
    if selector is None or not selector.requirements:
        return found
    return [
        (life, place)
        for life, place in found
        if selector.matches(
            records.labels(bytes(timeline.version(store, life.ref, life.uid, *place[:2]).object or b"{}"))
        )
    ]


def under_way(store: Store, ask: Ask) -> list[tuple[Life, Place | None]]:
    """Workloads that were not complete when the window began, or when they were first seen in it."""
    names: dict[str, tuple[str, str]] = {}
    for state in inventory.snapshot(store, ask.scope, ask.after):
        document = orjson.loads(state)
        kind = _kind_of(document)
        if kind is not None and not standing(kind, state).done:
            metadata = document["metadata"]
            names[metadata.get("uid") or ""] = (metadata.get("namespace") or "", metadata["name"])
    found = _named(store, ask, names) if names else []
    params: dict[str, object] = {}
    conditions = [*ask.scope.conditions(params), *window(params, ask.after, ask.until)]
    sql = f"""
        SELECT {_IDENTITY}, epoch, seq, toUnixTimestamp64Micro(ts), {SMALL} FROM events
        {where([*conditions, "op = 'add' AND origin = 'list' AND cause = '' AND object != ''"])} LIMIT 1 BY uid"""
    for row in store.rows(sql, params):
        life = _life(row)
        if not standing(life.kind, row[9].encode()).done:
            found.append((life, (row[6], row[7], row[8])))
    return found


def _named(store: Store, ask: Ask, names: dict[str, tuple[str, str]]) -> list[tuple[Life, Place | None]]:
    params: dict[str, object] = {
        "uids": list(names),
        "names": sorted({name for _, name in names.values()}),
        "spaces": sorted({space for space, _ in names.values()}),
    }
    sql = f"""
        SELECT DISTINCT {_IDENTITY} FROM objects
        {
        where(
            [
                *ask.scope.conditions(params),
                "namespace IN {spaces:Array(String)}",
                "name IN {names:Array(String)}",
                "uid IN {uids:Array(String)}",
            ]
        )
    }"""
    return [(_life(row), None) for row in store.rows(sql, params)]


def _kind_of(document: dict[str, Json]) -> tuple[str, str] | None:
    group = str(document.get("apiVersion")).rpartition("/")[0]
    plural = f"{str(document.get('kind')).lower()}s"
    return (plural, group) if (plural, group) in KINDS else None


def _life(row: Row) -> Life:
    cluster, resource, group, namespace, name, uid = row[:6]
    ref = ObjectRef(cluster=cluster, resource=resource, group=group, namespace=namespace, name=name)
    return Life(ref=ref, uid=uid)
