"""One object through time: its lives, its state at a moment, its revisions.

The state at T is the newest version in (epoch, seq) order with ts <= T, of the life that was alive at T, or of the last
one that had ended by then. A version whose state was left out (large objects) is rebuilt from the newest earlier one
that has it, patch by patch along the seq chain. Whatever is shown has the hash that was recorded with it.

Reading costs time per column and per day of history that is looked into, so the likely answer is tried first: the
newest version of the last hours before T, when it is no delete. Only then the newest version of each life is looked up,
in `objects` for lives that have not changed since T, in the history for others.

What is asked for and not there is an answer of its own:
  Found         the object as it was
  Deleted       it had ended by then; its last content is known
  NotYet        it was watched, and created later
  NeverSeen     nothing of this name was ever recorded, though its kind was watched
  NotRecorded   it is known only from after T, or its kind was not watched then: nobody can say
  BeforeHorizon retention has dropped that time
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from query import records
from query.errors import BadRevision, DamagedHistory
from query.models import Life
from query.refs import ObjectRef
from query.times import EARLIEST, RvRef, rfc3339
from schema.canonical import canonical
from schema.events import Event
from schema.folding import fold
from schema.patch import PatchConflict
from schema.rows import EVENT_COLUMNS
from schema.store import Row, Store

_LIKELY = timedelta(hours=12)

_KEY = """cluster = {cluster:String} AND namespace = {namespace:String} AND resource = {resource:String}
        AND `group` = {group:String} AND name = {name:String}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The object as it was; `event` made it so and carries it in `object`."""

    event: Event
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """It had ended; `last` is the delete, with the last content."""

    deleted_at: datetime
    last: Event
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """Its creation was seen, later than asked."""

    created_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverSeen:
    """Nothing of this name (or uid) was ever recorded."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRecorded:
    """Nobody was watching then. `watched_since`: from when on something is known, None when never."""

    watched_since: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeHorizon:
    """Retention keeps nothing before `horizon`."""

    horizon: datetime
    at: datetime


Outcome = Found | Deleted | NotYet | NeverSeen | NotRecorded | BeforeHorizon


def state_at(store: Store, ref: ObjectRef, at: datetime | RvRef, *, now: datetime, uid: str = "") -> Outcome:
    """The object at a moment, or at a resourceVersion (raises BadRevision when it had none at or before it)."""
    if isinstance(at, RvRef):
        return _outcome(store, ref, _version_at_rv(store, ref, at, uid), now)
    if (recent := _recent(store, ref, at, uid)) is not None:
        return Found(event=with_state(store, recent), at=at)
    newest = _newest_of_each_life(store, ref, at, uid)
    if not newest:
        return _nothing_yet(store, ref, at, uid)
    alive = [row for row in newest if row[3] != "delete"]
    # Two lives at once exist only where one's end was missed or is dated late: the younger one is the truth.
    return _outcome(store, ref, max(alive or newest, key=lambda row: (row[4], row[1], row[2])), at)


def event(store: Store, identity: str) -> Event | None:
    """One event by its id, with its state; None when there is none."""
    parts = identity.split(":")
    if len(parts) < 7:
        return None
    cluster, cluster_uid, kind = parts[:3]
    epoch, rv, op = parts[-3:]
    uid = ":".join(parts[3:-3])
    resource, _, group = kind.partition(".")
    if not epoch.isascii() or not epoch.isdigit() or int(epoch) >= 2**64:
        return None
    life: dict[str, object] = {"cluster": cluster, "resource": resource, "group": group, "uid": uid}
    # The key begins with namespace and name, which an id does not carry: `objects` knows them.
    names = """SELECT namespace, name FROM objects WHERE cluster = {cluster:String} AND resource = {resource:String}
        AND `group` = {group:String} AND uid = {uid:String} LIMIT 1"""
    found = store.rows(names, life)
    if not found:
        return None
    sql = f"""
        SELECT {EVENT_COLUMNS} FROM events
        WHERE {_KEY} AND uid = {{uid:String}} AND epoch = {{epoch:UInt64}} AND rv = {{rv:String}} AND op = {{op:String}}
          AND cluster_uid = {{cluster_uid:String}} LIMIT 1"""
    version = {"epoch": int(epoch), "rv": rv, "op": op, "cluster_uid": cluster_uid}
    rows = store.rows(sql, {**life, **version, "namespace": found[0][0], "name": found[0][1]})
    return with_state(store, records.events(rows)[0]) if rows else None


def version(store: Store, ref: ObjectRef, uid: str, epoch: int, seq: int) -> Event:
    """One version of which it is known that it exists, with its state. Raises DamagedHistory."""
    sql = f"""
        SELECT {EVENT_COLUMNS} FROM events
        WHERE {_KEY} AND uid = {{uid:String}} AND epoch = {{epoch:UInt64}} AND seq = {{seq:UInt64}} LIMIT 1"""
    return with_state(store, records.events(store.rows(sql, _params(ref, uid=uid, epoch=epoch, seq=seq)))[0])


def lives(store: Store, ref: ObjectRef, uid: str = "") -> list[Life]:
    """Every life that this name had, oldest first."""
    sql = f"""
        SELECT uid, first.ts, first.origin, last.ts, last.op FROM objects FINAL
        WHERE {_KEY} {"AND uid = {uid:String}" if uid else ""} ORDER BY first.ts, uid"""
    return [
        Life(
            uid=found,
            first_seen=first,
            created=origin not in ("list", "relist", "audit"),
            last_change=last,
            deleted=op == "delete",
            deleted_at=last if op == "delete" else None,
        )
        for found, first, origin, last, op in store.rows(sql, _params(ref, uid=uid))
    ]


def with_state(store: Store, event: Event) -> Event:
    """The same event with its state, rebuilt where it was left out, and proved by its hash."""
    state = bytes(event.object) if event.object else _folded(store, event)
    event.object = records.proved(event, state)
    return event


def _recent(store: Store, ref: ObjectRef, at: datetime, uid: str) -> Event | None:
    """The newest version of the last hours, when nothing else can be meant.

    ts rises with (epoch, seq) within a life. A delete is left to the careful way: another life may have begun before
    its end was dated; so is a second row that stands out of order.
    """
    sql = f"""
        SELECT {EVENT_COLUMNS} FROM events
        PREWHERE {_KEY} {"AND uid = {uid:String}" if uid else ""}
            AND ts <= {{at:DateTime64(6, 'UTC')}} AND ts > {{after:DateTime64(6, 'UTC')}}
        ORDER BY ts DESC, epoch DESC, seq DESC LIMIT 2"""
    found = records.events(store.rows(sql, _params(ref, uid=uid, at=at, after=max(EARLIEST, at - _LIKELY))))
    if not found or found[0].op == "delete":
        return None
    newest, before = found[0], found[-1]
    in_order = newest.uid != before.uid or (newest.epoch, newest.seq) >= (before.epoch, before.seq)
    return newest if in_order else None


def _newest_of_each_life(store: Store, ref: ObjectRef, at: datetime, uid: str) -> Sequence[Row]:
    """(uid, epoch, seq, op, ts, rv_order) of the newest version at T, one per life."""
    sql = f"""
        SELECT uid, last.epoch, last.seq, last.op, last.ts, last.rv_order FROM objects FINAL
        WHERE {_KEY} {"AND uid = {uid:String}" if uid else ""} AND first.ts <= {{at:DateTime64(6, 'UTC')}}"""
    known = store.rows(sql, _params(ref, uid=uid, at=at))
    if known and all(row[4] <= at for row in known):
        return known
    return _newest_in_history(store, ref, at, uid)


def _newest_in_history(store: Store, ref: ObjectRef, at: datetime, uid: str) -> Sequence[Row]:
    """The same from the history itself, which also has what retention left (checkpoints)."""
    sql = f"""
        SELECT uid, epoch, seq, op, ts, rv_order FROM events
        WHERE {_KEY} {"AND uid = {uid:String}" if uid else ""} AND ts <= {{at:DateTime64(6, 'UTC')}}
        ORDER BY uid, epoch DESC, seq DESC LIMIT 1 BY uid"""
    return store.rows(sql, _params(ref, uid=uid, at=at))


def _version_at_rv(store: Store, ref: ObjectRef, at: RvRef, uid: str) -> Row:
    """The version with this resourceVersion, else (it counts all writes of the cluster) the newest one below it."""
    below = "rv_order <= {rv_order:UInt64}" if at.rv.isascii() and at.rv.isdigit() and int(at.rv) < 2**64 else "false"
    sql = f"""
        SELECT uid, epoch, seq, op, ts, rv_order FROM events
        WHERE {_KEY} {"AND uid = {uid:String}" if uid else ""} AND (rv = {{rv:String}} OR {below})
        ORDER BY rv = {{rv:String}} DESC, epoch DESC, seq DESC, ts DESC LIMIT 1"""
    extra: dict[str, object] = {"rv": at.rv} | ({"rv_order": int(at.rv)} if below != "false" else {})
    rows = store.rows(sql, _params(ref, uid=uid, **extra))
    if not rows:
        raise BadRevision(
            f"{ref} has no recorded version at or before resourceVersion {at.rv}.",
            "Its history lists the resourceVersions that were recorded.",
        )
    return rows[0]


def _outcome(store: Store, ref: ObjectRef, version: Row, at: datetime) -> Outcome:
    uid, epoch, _, op, ts, rv_order = version
    sql = f"""
        SELECT {EVENT_COLUMNS} FROM events
        PREWHERE {_KEY} AND uid = {{uid:String}} AND epoch = {{epoch:UInt64}} AND rv_order = {{rv_order:UInt64}}
            AND op = {{op:String}} AND ts = {{ts:DateTime64(6, 'UTC')}} LIMIT 1"""
    rows = store.rows(sql, _params(ref, uid=uid, epoch=epoch, rv_order=rv_order, op=op, ts=ts))
    if not rows:  # retention took it, and left a checkpoint in its place
        older = [row for row in _newest_in_history(store, ref, at, uid) if row != version]
        return _outcome(store, ref, older[0], at) if older else _nothing_yet(store, ref, at, uid)
    found = with_state(store, records.events(rows)[0])
    return Deleted(deleted_at=found.ts, last=found, at=at) if op == "delete" else Found(event=found, at=at)


def _nothing_yet(store: Store, ref: ObjectRef, at: datetime, uid: str) -> Outcome:
    """Nothing at or before T: created later, known only from later, dropped, or never seen at all."""
    sql = f"""
        SELECT ts, origin, op FROM events WHERE {_KEY} {"AND uid = {uid:String}" if uid else ""}
        ORDER BY ts, epoch, seq LIMIT 1"""
    first = store.rows(sql, _params(ref, uid=uid))
    since = _watched_since(store, ref)
    if first:
        seen, origin, op = first[0]
        if origin == "checkpoint":
            return BeforeHorizon(horizon=seen, at=at)
        if origin == "watch" and op == "add" and since is not None and since <= at:
            return NotYet(created_at=seen, at=at)
        return NotRecorded(watched_since=seen if since is None or since <= at else since, at=at)
    return NeverSeen(at=at) if since is not None and since <= at else NotRecorded(watched_since=since, at=at)


def _watched_since(store: Store, ref: ObjectRef) -> datetime | None:
    """When the watch that would have seen this object began; None when there never was one."""
    sql = """
        SELECT min(from_t), count() FROM coverage FINAL
        WHERE cluster = {cluster:String} AND resource = {resource:String} AND `group` = {group:String}
          AND namespace IN ('', {namespace:String}) AND class = 'watched'"""
    params = {"cluster": ref.cluster, "resource": ref.resource, "group": ref.group, "namespace": ref.namespace}
    since, count = store.rows(sql, params)[0]
    return since if count else None


def _folded(store: Store, event: Event) -> bytes:
    """The state of a version that carries none: the newest earlier state of its chain, patched forward."""
    chain = f"{_KEY} AND uid = {{uid:String}} AND epoch = {{epoch:UInt64}} AND seq <= {{seq:UInt64}}"
    base = f"(SELECT max(seq) FROM events WHERE {chain} AND object != '')"
    sql = f"""
        SELECT seq, patch, if(seq = {base}, object, '') FROM events
        WHERE {chain} AND seq >= {base} ORDER BY seq LIMIT 1 BY seq"""
    ref = ObjectRef(
        cluster=event.cluster,
        resource=event.resource,
        group=event.group,
        namespace=event.namespace,
        name=event.name,
    )
    rows = store.rows(sql, _params(ref, uid=event.uid, epoch=event.epoch, seq=event.seq))
    if not rows or not rows[0][2] or [row[0] for row in rows] != list(range(rows[0][0], event.seq + 1)):
        raise _broken(event, "versions before it are missing")
    try:
        return canonical(fold(orjson.loads(rows[0][2]), [row[1] for row in rows[1:]]))
    except (PatchConflict, orjson.JSONDecodeError) as error:
        raise _broken(event, "a patch does not fit the version before it") from error


def _broken(event: Event, what: str) -> DamagedHistory:
    return DamagedHistory(
        f"The state of {event.kind_id} {event.namespace}/{event.name} at {rfc3339(event.ts)} "
        f"(resourceVersion {event.rv}) cannot be rebuilt: {what}.",
        "Run `kubelapse verify` to see what is damaged; other revisions are not affected.",
    )


def _params(ref: ObjectRef, **more: object) -> dict[str, object]:
    key: dict[str, object] = {
        "cluster": ref.cluster,
        "namespace": ref.namespace,
        "resource": ref.resource,
        "group": ref.group,
        "name": ref.name,
    }
    return key | {name: value for name, value in more.items() if name != "uid" or value}
