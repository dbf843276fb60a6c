"""Memory after a restart: what the store and the checkpoint together still know of a cluster.

Three things must fit before capture may go on as if nothing had happened: the checkpoint (where each watch goes on),
the store (the newest version of every object), and both being of the same past. Where they do not fit, the answer
carries no resume points and says why in `lost`; capture then compares fresh lists with memory and declares gaps.

Of a kind, memory is every living object's newest row, plus the lives that ended so near the checkpoint that the watch
may tell of them again (known by their resourceVersion, they are skipped). Rows of large objects carry no state: it is
folded forward from the newest row that has one. A state whose hash does not fit is not remembered (`object` None).

A crash may fall between an insert into `events` and its views. The replay would be skipped, because `events` has it, so
the views are mended here, from the rows that are young enough to have been in flight.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import orjson
import pyarrow as pa

from collector.sink import Remembered, Restored
from kubelapse.checkpoint import Checkpoint, CheckpointDamaged, State
from schema.canonical import Json, canonical, digest
from schema.objects import split_kind_id
from schema.patch import PatchConflict, apply
from schema.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")
Params = dict[str, object]

# Watches are read side by side and clocks are not exact: what is older than the checkpoint may be told again.
MARGIN: Final = timedelta(minutes=10)
NEVER: Final = datetime(2200, 1, 1, tzinfo=UTC)
NO_RV: Final = 2**64 - 1
FOLD_AT_ONCE: Final = 50

HISTORY = """
SELECT cluster_uid, observed_at FROM events WHERE cluster = {cluster:String} ORDER BY observed_at DESC LIMIT 1
"""

KIND = "cluster = {cluster:String} AND resource = {resource:String} AND `group` = {group:String}"
LIVES = f"{KIND} AND cluster_uid = {{cluster_uid:String}}"

NEWEST = f"""
SELECT namespace, name, uid, epoch, seq, rv, op = 'delete' AS deleted, lower(hex(hash)) AS digest,
       if(op = 'delete', '', object) AS state, if(op = 'delete', '', managed) AS fields, ts
FROM events
WHERE {LIVES} AND (uid, epoch, seq) IN (
    SELECT uid, last.epoch, last.seq FROM objects FINAL
    WHERE {LIVES}
      AND (last.op != 'delete' OR last.ts >= {{since:DateTime64(6, 'UTC')}} OR last.rv_order > {{rv:UInt64}})
)
LIMIT 1 BY uid
"""

# From the newest row with a state on, everything of these lives, oldest first.
CHAINS = f"""
SELECT uid, patch, object FROM events
INNER JOIN (
    SELECT uid, max((epoch, seq)) AS base FROM events
    WHERE {LIVES} AND uid IN {{uids:Array(String)}} AND object != '' GROUP BY uid
) AS bases USING (uid)
WHERE {LIVES} AND uid IN {{uids:Array(String)}} AND (epoch, seq) >= base
ORDER BY uid, epoch, seq
LIMIT 1 BY uid, epoch, seq
"""

YOUNG = """
cluster = {cluster:String} AND observed_at >= {since:DateTime64(6, 'UTC')} AND ts >= {day:DateTime64(6, 'UTC')}
AND origin != 'checkpoint'
"""

NARROW = """
cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op, cluster_uid, version, kind, rv, prev_rv, seq,
origin, cause, ts_error, observed_at, claimed_at, paths, managers, actor_name, actor_operation, actor_subresource,
actor_time, actor_source, actor_confidence, noise, gap
"""

MEND_CHANGES = f"""
INSERT INTO changes ({NARROW}, patch, hash)
SELECT {NARROW}, if(length(events.patch) <= 4096 AND managed = '', events.patch, ''), hash FROM events
WHERE {YOUNG} AND (resource, `group`, uid, epoch, rv_order, op) NOT IN (
    SELECT resource, `group`, uid, epoch, rv_order, op FROM changes WHERE {YOUNG}
)
"""

MARKED = """
cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op, seq, origin, ts_error, observed_at,
actor_name, noise, paths, object
"""

MEND_MARKS = f"""
INSERT INTO marks ({MARKED}) SELECT {MARKED} FROM events
WHERE {YOUNG} AND (resource, `group`, uid, epoch, rv_order, op) NOT IN (
    SELECT resource, `group`, uid, epoch, rv_order, op FROM marks WHERE {YOUNG}
)
"""

MEND_STATES = f"""
INSERT INTO states (cluster, day, resource, `group`, namespace, name, uid, ts, state, note, owner)
SELECT cluster, toDate(marks.ts) AS day, resource, `group`, namespace, name, uid, max(marks.ts),
       argMax(marks.state, (epoch, seq)), argMax(marks.note, (epoch, seq)), argMax(marks.owner, (epoch, seq))
FROM marks WHERE {YOUNG} AND state >= 0 GROUP BY cluster, day, resource, `group`, namespace, name, uid
"""

MEND_OBJECTS = f"""
INSERT INTO objects (cluster, resource, `group`, namespace, name, uid, cluster_uid, oldest, newest)
SELECT cluster, resource, `group`, namespace, name, uid, anyLast(toString(events.cluster_uid)),
       min((epoch, seq, ts, ts_error, toString(origin))),
       max((epoch, seq, ts, ts_error, toString(origin), toString(op), rv, rv_order, toString(version), toString(kind)))
FROM events WHERE {YOUNG} GROUP BY cluster, resource, `group`, namespace, name, uid
"""


class Restorer:
    """Reads what is known of one cluster; every statement runs in one thread of its own."""

    def __init__(self, store: Store, checkpoint: Checkpoint) -> None:
        self._store, self._checkpoint = store, checkpoint
        self._thread = ThreadPoolExecutor(1, "restore")
        # A stream keeps its thread's handle busy: one kind after the other.
        self._turn = asyncio.Lock()
        self._known = State(cluster_uid="")

    async def restore(self, cluster: str) -> Restored:
        """The checkpoint, if it fits the store; else what is lost, in a sentence."""
        answer = await self._in_thread(partial(self._restore, cluster))
        if answer.lost:
            log.warning("%s; fresh lists are compared with memory and coverage shows a gap", answer.lost)
        self._known = State(cluster_uid=answer.cluster_uid, positions=answer.positions)
        return answer

    async def remembered(self, cluster: str, kind: str) -> AsyncGenerator[Remembered, None]:
        """Newest version of every object of this kind, as `collector.sink.Sink` describes. Call `restore` first."""
        lives = self._lives(cluster, kind)
        bare: list[Remembered] = []
        async with self._turn:
            stream = await self._in_thread(partial(self._store.stream, NEWEST, {**lives, **self._near(kind)}))
            try:
                while (block := await self._in_thread(partial(next, stream, None))) is not None:
                    for one in _objects(kind, block):
                        if one.object is None and not one.deleted:
                            bare.append(one)
                        else:
                            yield one
            finally:
                await self._in_thread(partial(_close, stream))
            for start in range(0, len(bare), FOLD_AT_ONCE):
                few = bare[start : start + FOLD_AT_ONCE]
                states = await self._in_thread(partial(self._fold, lives, few))
                for one in few:
                    yield replace(one, object=states.get(one.uid))

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _restore(self, cluster: str) -> Restored:
        newest = self._store.rows(HISTORY, {"cluster": cluster})
        try:
            saved = self._checkpoint.load()
        except CheckpointDamaged as error:
            return self._lost(cluster, str(error))
        if newest:
            self._mend(cluster, saved, newest[0][1])
        if saved is None:
            why = f"the store has history of {cluster}, but there is no checkpoint {self._checkpoint.path}"
            return self._lost(cluster, why) if newest else Restored(cluster_uid="", positions={})
        if not newest and saved.positions:
            return Restored(
                cluster_uid=saved.cluster_uid,
                positions={},
                lost=f"the checkpoint {self._checkpoint.path} is there, but the store has no history of {cluster}",
            )
        return Restored(cluster_uid=saved.cluster_uid, positions=saved.positions)

    def _lost(self, cluster: str, why: str) -> Restored:
        newest = self._store.rows(HISTORY, {"cluster": cluster})
        if newest:
            self._mend(cluster, None, newest[0][1])
        return Restored(cluster_uid=newest[0][0] if newest else "", positions={}, lost=why)

    def _mend(self, cluster: str, saved: State | None, newest: datetime) -> None:
        positions = saved.positions.values() if saved is not None else ()
        since = min([newest, *(position.at for position in positions)]) - MARGIN
        # Late events are dated back as far as the watch was away at most; the bound keeps old days out of the scan.
        params: Params = {"cluster": cluster, "since": since, "day": since - timedelta(days=2)}
        for statement in (MEND_CHANGES, MEND_OBJECTS, MEND_MARKS, MEND_STATES):
            self._store.command(statement, params)

    def _lives(self, cluster: str, kind: str) -> Params:
        resource, group = split_kind_id(kind)
        return {"cluster": cluster, "resource": resource, "group": group, "cluster_uid": self._known.cluster_uid}

    def _near(self, kind: str) -> Params:
        """From where on ended lives may be told of again: by time, or by resourceVersion where that is a number.

        Without a resume point a fresh list is compared, and no list tells of ended lives.
        """
        mine = [position for scope, position in self._known.positions.items() if scope.kind == kind]
        numbers = [int(position.rv) if position.rv.isdigit() else NO_RV for position in mine]
        since = min(position.at for position in mine) - MARGIN if mine else NEVER
        return {"since": since, "rv": min(numbers, default=NO_RV)}

    def _fold(self, lives: Params, bare: list[Remembered]) -> dict[str, bytes]:
        """States of these lives by uid, folded from their newest row with a state; only those whose hash fits."""
        wanted = {one.uid: one.hash for one in bare}
        states: dict[str, Json] = {}
        for uid, patch, state in self._store.rows(CHAINS, {**lives, "uids": list(wanted)}):
            states[uid] = _next(uid, states.get(uid), patch, state)
        whole = {uid: canonical(state) for uid, state in states.items() if isinstance(state, dict)}
        for uid in wanted.keys() - whole.keys():
            log.warning("the stored history of life %s has no state to start from: it is not remembered", uid)
        return {uid: state for uid, state in whole.items() if _fits(uid, state, wanted[uid])}


def _fits(uid: str, state: bytes, wanted: str) -> bool:
    if digest(state) == wanted:
        return True
    log.warning("the stored patches of life %s do not lead to its hash: its state is not remembered", uid)
    return False


def _next(uid: str, before: Json, patch: str | bytes, state: str | bytes) -> Json:
    """The state after one row; None where the patch does not lead anywhere."""
    if state:
        whole: Json = orjson.loads(state)
        return whole
    if before is None:
        return None
    try:
        return apply(before, orjson.loads(patch))
    except PatchConflict as error:
        log.warning("a stored patch of life %s does not fit its base: %s", uid, error)
        return None


def _objects(kind: str, block: pa.RecordBatch) -> Iterator[Remembered]:
    columns = [column.to_pylist() for column in block.columns]
    for namespace, name, uid, epoch, seq, rv, deleted, hash_, state, fields, ts in zip(*columns, strict=True):
        yield Remembered(
            kind=kind,
            namespace=namespace,
            name=name,
            uid=uid,
            epoch=epoch,
            seq=seq,
            rv=rv,
            deleted=bool(deleted),
            hash=hash_,
            object=_raw(state),
            managed=_raw(fields),
            ts=ts,
        )


def _raw(value: str | bytes) -> bytes | None:
    """Arrow gives ClickHouse strings as text or as bytes, as the adapter was told; '' means left out."""
    return (value.encode() if isinstance(value, str) else value) or None


def _close(stream: Iterator[pa.RecordBatch]) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()
