"""What happened to the pods of a rollout: how many came and went, and what failed meanwhile.

A pod belongs to a workload by its controller's name (its own, or `<workload>-<hash>` of the ReplicaSet between), and to
a revision by the hash label. Trouble is read from pods' status history and from Kubernetes Events of type Warning; both
are bounded, and an answer whose bounds were met says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from query.models_rollouts import Failure, Pods
from query.revisions import Life
from query.scope import CLUSTER_SCOPE, Scope, where
from query.workloads import HASH_LABELS
from schema.store import Row, Store

MOST_ROWS = 20_000
NAMED = 10
_MESSAGE = 300
_NAME_BASE = 58
"""A generated name keeps so much of what it is made from (apiserver names.generate: 63 - 5)."""

_TROUBLE = ('"waiting":', '"terminated":', '"phase":"Failed"', '"reason":"Unschedulable"')
_HARMLESS = frozenset({"ContainerCreating", "PodInitializing", "Completed", ""})


class _State(msgspec.Struct, rename="camel"):
    reason: str = ""
    message: str = ""
    exit_code: int = 0


class _States(msgspec.Struct):
    waiting: _State | None = None
    terminated: _State | None = None


class _Container(msgspec.Struct, rename="camel"):
    name: str = ""
    restart_count: int = 0
    state: _States = msgspec.field(default_factory=_States)
    last_state: _States = msgspec.field(default_factory=_States)


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(msgspec.Struct, rename="camel"):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[_Condition] | None = None
    container_statuses: list[_Container] | None = None
    init_container_statuses: list[_Container] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One rollout: pods are counted in (start, settled], trouble is sought until `end`. `hash`: of the new revision."""

    life: Life
    start: datetime
    settled: datetime
    end: datetime
    hash: str


@dataclass(slots=True)
class Seen:
    """Of one rollout."""

    pods: Pods = field(default_factory=Pods)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AllSeen:
    """Aligned with the looks."""

    of: list[Seen]
    truncated: bool


@dataclass(frozen=True, slots=True)
class _Pod:
    cluster: str
    namespace: str
    name: str
    uid: str
    owner: str
    hash: str
    first: datetime
    created: bool
    last: datetime
    ended: bool


def look(store: Store, looks: Sequence[Look]) -> AllSeen:
    """What happened to the pods of these rollouts."""
    found = [Seen() for _ in looks]
    if not looks:
        return AllSeen(found, False)
    pods = _pods(store, looks)
    mine = {n: [pod for pod in pods if _belongs(pod, each)] for n, each in enumerate(looks)}
    wanted = {pod.uid for listed in mine.values() for pod in listed}
    troubles = _troubles(store, looks, wanted) if wanted else []
    warnings = _warnings(store, looks)
    by_pod: dict[str, list[Row]] = {}
    for row in troubles:
        by_pod.setdefault(row[0], []).append(row)
    for n, each in enumerate(looks):
        new = [pod for pod in mine[n] if each.hash and _same_hash(pod.hash, each.hash)] or _born(mine[n], each)
        found[n].pods = _count(mine[n], new, each, by_pod)
        found[n].failures = _failures(each, new, by_pod, warnings)
    return AllSeen(found, len(pods) >= MOST_ROWS or len(troubles) >= MOST_ROWS or len(warnings) >= MOST_ROWS)


def _place(looks: Sequence[Look], params: dict[str, object]) -> list[str]:
    """SQL conditions on the clusters and namespaces of these rollouts."""
    scope = Scope(
        clusters=tuple(sorted({each.life.ref.cluster for each in looks})),
        namespaces=tuple(sorted({each.life.ref.namespace or CLUSTER_SCOPE for each in looks})),
    )
    params["begin"], params["end"] = min(each.start for each in looks), max(each.end for each in looks)
    params["prefixes"] = sorted({f"{each.life.ref.name}-"[:_NAME_BASE] for each in looks})
    return scope.conditions(params)


def _pods(store: Store, looks: Sequence[Look]) -> list[_Pod]:
    """Lives of pods whose names could be theirs, with the owner and hash of their first version in the record."""
    params: dict[str, object] = {}
    place = [*_place(looks, params), "resource = 'pods'", "`group` = ''"]
    named = "arrayExists(p -> startsWith(name, p), {prefixes:Array(String)})"
    labels = ", ".join(f"JSONExtractString(object, 'metadata', 'labels', '{each}')" for each in HASH_LABELS)
    sql = f"""
        SELECT cluster, namespace, name, uid,
            JSONExtractString(object, 'metadata', 'ownerReferences', 1, 'name'), [{labels}],
            l.first_ts, l.created, l.last_ts, l.ended
        FROM events
        INNER JOIN (
            SELECT uid, first.epoch AS epoch, first.seq AS seq, first.ts AS first_ts,
                first.origin NOT IN ('list', 'relist', 'audit') AS created, last.ts AS last_ts,
                last.op = 'delete' AS ended
            FROM objects FINAL
            {
        where(
            [
                *place,
                named,
                "(last.op != 'delete' OR last.ts >= {begin:DateTime64(6, 'UTC')})",
                "first.ts <= {end:DateTime64(6, 'UTC')}",
            ]
        )
    }
            LIMIT {MOST_ROWS}) AS l USING (uid, epoch, seq)
        {where([*place, named, "op = 'add'"])} LIMIT 1 BY uid"""
    return [
        _Pod(
            cluster,
            namespace,
            name,
            uid,
            owner,
            next((h for h in hashes if h), ""),
            first,
            bool(created),
            last,
            bool(ended),
        )
        for cluster, namespace, name, uid, owner, hashes, first, created, last, ended in store.rows(sql, params)
    ]


def _belongs(pod: _Pod, of: Look) -> bool:
    ref = of.life.ref
    if (pod.cluster, pod.namespace) != (ref.cluster, ref.namespace):
        return False
    between = pod.owner == f"{ref.name}-{pod.hash}"  # a ReplicaSet
    alive = pod.first <= of.end and not (pod.ended and pod.last < of.start)
    return alive and (pod.owner == ref.name or between)


def _same_hash(pod: str, revision: str) -> bool:
    return bool(pod) and (pod == revision or revision.endswith(f"-{pod}"))


def _born(pods: Iterable[_Pod], of: Look) -> list[_Pod]:
    """Where no hash is known (Jobs, holders that are not recorded): what was created while it was under way."""
    return [] if of.hash else [pod for pod in pods if pod.created and of.start <= pod.first <= of.settled]


def _count(pods: Sequence[_Pod], new: Sequence[_Pod], of: Look, rows: dict[str, list[Row]]) -> Pods:
    own = {pod.uid for pod in new}
    within = [pod for pod in pods if pod.created and of.start <= pod.first <= of.settled and pod.uid in own]
    # Pods take their grace period: an old one that ended a little later was still replaced by this rollout.
    gone = [pod for pod in pods if pod.ended and of.start <= pod.last <= of.end and pod.uid not in own]
    restarts = sum(max((_restarts(row) for row in rows.get(uid, ()) if row[2] <= of.end), default=0) for uid in own)
    return Pods(created=len(within), removed=len(gone), restarts=restarts)


def _restarts(row: Row) -> int:
    status = _status(row[3])
    return sum(each.restart_count for each in [*(status.container_statuses or ())])


def _troubles(store: Store, looks: Sequence[Look], uids: Iterable[str]) -> Sequence[Row]:
    """(uid, name, ts, status) of the versions of these pods that may tell of trouble."""
    params: dict[str, object] = {"uids": sorted(uids), "trouble": list(_TROUBLE)}
    conditions = [
        *_place(looks, params), "resource = 'pods'", "`group` = ''",
        "arrayExists(p -> startsWith(name, p), {prefixes:Array(String)})", "uid IN {uids:Array(String)}",
        "ts > {begin:DateTime64(6, 'UTC')}", "ts <= {end:DateTime64(6, 'UTC')}", "op != 'delete'",
        "multiSearchAny(object, {trouble:Array(String)})",
    ]  # fmt: skip
    sql = f"""
        SELECT uid, name, ts, JSONExtractRaw(object, 'status') FROM events {where(conditions)}
        ORDER BY uid, epoch, seq LIMIT 1 BY uid, epoch, seq LIMIT {MOST_ROWS}"""
    return store.rows(sql, params)


def _warnings(store: Store, looks: Sequence[Look]) -> Sequence[Row]:
    """Kubernetes Events of type Warning about what bears these names, newest count of each."""
    params: dict[str, object] = {}
    exact = sorted({each.life.ref.name for each in looks})
    conditions = [
        *_place(looks, params), "event_type = 'Warning'",
        "(involved_name IN {exact:Array(String)} "
        "OR arrayExists(p -> startsWith(involved_name, p), {prefixes:Array(String)}))",
        "ts > {begin:DateTime64(6, 'UTC')}", "ts <= {end:DateTime64(6, 'UTC')}",
    ]  # fmt: skip
    sql = f"""
        SELECT cluster, namespace, involved_name, involved_uid, reason, message, involved_field_path,
            min(ts), max(ts), max(count), involved_kind
        FROM k8s_events {where(conditions)}
        GROUP BY cluster, namespace, involved_name, involved_uid, uid, reason, message, involved_field_path,
            involved_kind
        ORDER BY 8 LIMIT {MOST_ROWS}"""
    return store.rows(sql, params | {"exact": exact})


@dataclass(slots=True)
class _Trouble:
    message: str
    first: datetime
    last: datetime
    count: int
    pods: dict[str, None]


def _failures(of: Look, new: Sequence[_Pod], rows: dict[str, list[Row]], warnings: Sequence[Row]) -> list[Failure]:
    found: dict[tuple[str, str, str], _Trouble] = {}

    def note(key: tuple[str, str, str], message: str, name: str, first: datetime, last: datetime, count: int) -> None:
        known = found.setdefault(key, _Trouble(message[:_MESSAGE], first, last, 0, {}))
        known.first, known.last = min(known.first, first), max(known.last, last)
        known.count += count
        known.pods[name] = None

    for pod in new:
        for _, name, ts, status in rows.get(pod.uid, ()):
            if of.start < ts <= of.end:
                for reason, container, message in set(_reasons(_status(status))):
                    note((reason, container, "pod-status"), message, name, ts, ts, 1)
    ref, own = of.life.ref, {pod.uid for pod in new} | {of.life.uid}
    for cluster, namespace, name, uid, reason, message, place, first, last, count, kind in warnings:
        sets = kind == "ReplicaSet" and name == f"{ref.name}-{of.hash}"
        if (cluster, namespace) == (ref.cluster, ref.namespace) and (uid in own or sets) and of.start < first <= of.end:
            container = place.partition("{")[2].rstrip("}")
            note((reason, container, "event"), message, name, first, last, count)
    listed = sorted(found.items(), key=lambda each: each[1].first)
    return [_failure(key, trouble, of) for key, trouble in listed]


def _failure(key: tuple[str, str, str], trouble: _Trouble, of: Look) -> Failure:
    reason, container, source = key
    return Failure(
        reason=reason,
        message=trouble.message,
        container=container,
        source="event" if source == "event" else "pod-status",
        count=trouble.count,
        pods=list(trouble.pods)[:NAMED],
        first=trouble.first,
        last=trouble.last,
        after_completion=trouble.first > of.settled,
    )


def _reasons(status: _Status) -> Iterable[tuple[str, str, str]]:
    """(reason, container, message) of everything in this status that is wrong."""
    if status.phase == "Failed":
        yield status.reason or "Failed", "", status.message
    for condition in status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False" and condition.reason == "Unschedulable":
            yield condition.reason, "", condition.message
    for each in [*(status.init_container_statuses or ()), *(status.container_statuses or ())]:
        if each.state.waiting is not None and each.state.waiting.reason not in _HARMLESS:
            yield each.state.waiting.reason, each.name, each.state.waiting.message
        ended = each.state.terminated or each.last_state.terminated
        if ended is not None and (ended.exit_code or ended.reason not in _HARMLESS):
            yield ended.reason or f"exit code {ended.exit_code}", each.name, ended.message


def _status(text: str) -> _Status:
    try:
        return msgspec.json.decode(text or "{}", type=_Status)
    except msgspec.MsgspecError:
        return _Status()
