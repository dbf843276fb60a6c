"""From what was found out about a place to the item of an answer: its beginning as a moment or an interval, and who.

Also whole objects: one that is missing began to be so with its deletion, an extra one with its creation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import orjson

from query import people
from query.baselines import Baseline
from query.drift_compare import Difference
from query.drift_spans import Span, Story, when, writer
from query.drift_tracks import Point, Value
from query.models_drift import DriftItem, DriftSpan
from query.noise_rules import NoiseRules
from query.owners import Owners
from query.presence import Present
from query.refs import ObjectRef
from query.tracing import Step
from schema.canonical import Absent, JsonObject
from schema.events import event_id
from schema.objects import kind_id
from schema.paths import Path, render
from schema.store import Store

_ALLOCATED: Final = {
    "Service": ("clusterIP", "clusterIPs", "healthCheckNodePort"),
    "PersistentVolumeClaim": ("volumeName",),
    "Pod": ("nodeName",),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One place that differs, and its story."""

    actual: Present
    difference: Difference
    story: Story


def item(found: Found, baseline: Baseline, at: datetime) -> DriftItem:
    """A place that is not as expected at `at`."""
    each, version = found.difference, found.actual.version
    made = _named(version.ref, version.kind, version.version, version.uid)
    made.path, made.within, made.op = render(each.path), render(each.within), each.op
    made.expected, made.actual, made.comparable = _shown(each.expected), _shown(each.actual), each.comparable
    made.flaps, made.period, made.between = found.story.flaps, found.story.period, list(found.story.between)
    if not each.comparable:
        return made
    if (span := found.story.current) is not None:
        _begin(made, span, each.path, at)
        if span.begin.step is not None and span.begin.step.ref != version.ref and baseline.sort == "peer":
            made.of = "peer"
    return made


def ended(found: Found, spans: Sequence[Span]) -> list[DriftSpan]:
    """Drifts that ended, as an answer tells them."""
    path = found.difference.path
    return [_span(each, path) for each in spans if each.end is not None]


def _span(span: Span, path: Path) -> DriftSpan:
    begin, end = span.begin.step, span.end.step if span.end else None
    return DriftSpan(
        from_=when(span.begin),
        to=when(span.end) if span.end else None,
        actual=_shown(span.last),
        by=writer(begin, path)[0] or None,
        ended_by=writer(end, path)[0] or None,
        event=begin.id if begin else None,
        ended_event=end.id if end else None,
    )


def _begin(made: DriftItem, span: Span, path: Path, at: datetime) -> None:
    """The onset."""
    point, step = span.begin, span.begin.step
    made.writes, made.basis = span.writes, point.basis
    if step is None:
        made.basis = "unknown"
        return
    manager, confidence = step.writer(path)
    made.since, made.event, made.ts_error = step.ts, step.id, step.ts_error
    if point.basis == "gap":
        made.after = point.after
    elif point.basis in ("first-sight", "horizon"):
        manager, confidence = _owner(made, step, path)
    elif step.origin in ("relist", "audit"):
        made.basis = "relist"
    elif step.ts_error > 0:
        made.basis, made.after = "late", step.ts - timedelta(seconds=step.ts_error)
    made.by, made.confidence = manager or None, confidence
    made.age = max(0.0, (at - made.since).total_seconds())


def _owner(made: DriftItem, step: Step, path: Path) -> tuple[str, str]:
    """It was so when the record begins: managedFields tell whose it was, and when that manager wrote last."""
    owner = Owners(step.managed).of(path)
    times = [each for each in (step.since, owner.wrote if owner else None) if each is not None]
    if times and made.since is not None:
        made.since = min(made.since, *times)
    return (owner.manager, "high") if owner else ("", "none")


def only_noise(
    made: DriftItem, found: Found, points: Sequence[Point], floor: datetime | None, rules: NoiseRules
) -> bool:
    """Whether nothing but machine noise wrote there since the baseline's moment.

    Of a baseline without a moment: whether all who wrote since the onset are covered by rules of the operator. What is
    written down in a manifest is not hidden by itself.
    """
    path, kind = found.difference.path, found.actual.version.ref.kind_id

    def covered(step: Step) -> bool:
        return rules.covers(kind, made.path, step.writer(path)[0])

    steps = [each.step for each in points if each.step is not None]
    if floor is not None:
        return bool(steps) and all(rules.recorded(each.noise) or covered(each) for each in steps)
    if not rules.covers(kind, made.path, made.by or ""):
        return False
    begin = found.story.current.begin.step if found.story.current else None
    return begin is None or all(covered(each) for each in steps if each.ts > begin.ts)


def with_gaps(store: Store, items: list[DriftItem]) -> list[DriftItem]:
    """What was found by a fresh list became so in the gap before it: from its start."""
    doubtful = [each for each in items if each.basis == "relist" and each.event]
    if not doubtful:
        return items
    uids = sorted({str(each.uid) for each in doubtful})
    sql = """
        SELECT e.uid, e.ts, c.from_t FROM events AS e INNER JOIN (SELECT * FROM coverage FINAL) AS c ON c.id = e.gap
        WHERE e.uid IN {uids:Array(String)} AND e.gap != '' AND c.class = 'gap'"""
    starts: Mapping[tuple[str, datetime], datetime] = {
        (uid, ts): start for uid, ts, start in store.rows(sql, {"uids": uids})
    }
    for each in doubtful:
        if each.since is not None:
            each.after = starts.get((str(each.uid), each.since), each.after)
    return items


# ---- whole objects ---------------------------------------------------------------------------------------------------


def missing(store: Store, refs: Sequence[ObjectRef], baseline: Baseline, at: datetime) -> list[DriftItem]:
    """Objects of the baseline that are not there: since their deletion, where that is on record."""
    ends = _edges(store, refs, "delete", at)
    found = []
    for ref in refs:
        document = baseline.documents[ref]
        version = str(document.get("apiVersion") or "").rpartition("/")[2]
        made = _named(ref, str(document.get("kind") or ""), version, None)
        made.op, made.expected = "missing", None
        _edge(made, ends.get(ref), at)
        found.append(made)
    unknown = {ref: each for ref, each in zip(refs, found, strict=True) if ref in ends and not each.by}
    ended = [_ended(ref, ends[ref]) for ref in unknown]
    for each, candidates in zip(unknown.values(), people.suspects(store, ended), strict=True):
        each.candidates = candidates
    return found


def _ended(ref: ObjectRef, edge: "_Edge") -> people.Ended:
    return people.Ended(
        cluster=ref.cluster, namespace=ref.namespace, resource=ref.resource, group=ref.group, name=ref.name,
        uid=edge.uid, epoch=edge.epoch, seq=edge.seq, ts=edge.ts,
    )  # fmt: skip


def extra(store: Store, there: Sequence[Present], at: datetime) -> list[DriftItem]:
    """Objects that the baseline does not have: since their creation."""
    begins = _edges(store, [each.version.ref for each in there], "add", at)
    found = []
    for each in there:
        version = each.version
        made = _named(version.ref, version.kind, version.version, version.uid)
        made.op = "extra"
        _edge(made, begins.get(version.ref), at)
        found.append(made)
    return found


def edges(store: Store, refs: Sequence[ObjectRef], op: str, at: datetime) -> dict[ObjectRef, datetime]:
    """When each name was newly created (`add`) or deleted last."""
    return {ref: edge.ts for ref, edge in _edges(store, refs, op, at).items()}


@dataclass(frozen=True, slots=True)
class _Edge:
    uid: str
    ts: datetime
    error: float
    origin: str
    by: str
    confidence: str
    event: str
    epoch: int
    seq: int


def _edges(store: Store, refs: Sequence[ObjectRef], op: str, at: datetime) -> dict[ObjectRef, _Edge]:
    """The newest creation or deletion of each name."""
    if not refs:
        return {}
    sql = """
        SELECT cluster, resource, `group`, namespace, name, uid, ts, ts_error, origin, actor_name, actor_confidence,
            epoch, seq, rv, cluster_uid
        FROM changes
        WHERE op = {op:String} AND ts <= {at:DateTime64(6, 'UTC')} AND cluster IN {clusters:Array(String)}
            AND resource IN {resources:Array(String)} AND name IN {names:Array(String)}
        ORDER BY ts DESC LIMIT 1 BY cluster, resource, `group`, namespace, name"""
    params = {
        "op": op,
        "at": at,
        "clusters": sorted({each.cluster for each in refs}),
        "resources": sorted({each.resource for each in refs}),
        "names": sorted({each.name for each in refs}),
    }
    found: dict[ObjectRef, _Edge] = {}
    for row in store.rows(sql, params):
        cluster, resource, group, namespace, name, uid, ts, error, origin, by, confidence, *version = row
        epoch, seq, rv, cluster_uid = version
        ref = ObjectRef(cluster=cluster, resource=resource, group=group, namespace=namespace, name=name)
        event = event_id(
            cluster=cluster,
            cluster_uid=cluster_uid,
            kind=kind_id(resource, group),
            uid=uid,
            epoch=epoch,
            rv=rv,
            op="add" if op == "add" else "delete",
        )
        found[ref] = _Edge(uid, ts, error, origin, by, confidence, event, epoch, seq)
    return found


def _edge(made: DriftItem, edge: _Edge | None, at: datetime) -> None:
    if edge is None:
        return
    made.uid, made.since, made.ts_error, made.event = edge.uid, edge.ts, edge.error, edge.event
    made.by, made.confidence = edge.by or None, edge.confidence if edge.by else "none"
    made.basis = {"list": "first-sight", "relist": "relist"}.get(edge.origin, "late" if edge.error else "change")
    if made.basis == "late":
        made.after = edge.ts - timedelta(seconds=edge.error)
    made.age = max(0.0, (at - edge.ts).total_seconds())


# ---- documents -------------------------------------------------------------------------------------------------------


def document(state: bytes, baseline: Baseline) -> JsonObject:
    """The state as it is compared: between namespaces without its own."""
    found: JsonObject = orjson.loads(state)
    metadata = found.get("metadata")
    if baseline.sort == "peer" and baseline.told.startswith("namespace:") and isinstance(metadata, dict):
        metadata.pop("namespace", None)
    return found


def unallocated(found: JsonObject) -> JsonObject:
    """Without what a cluster hands out to each object: addresses, nodes, volumes."""
    spec = found.get("spec")
    names = _ALLOCATED.get(str(found.get("kind")), ())
    if not names or not isinstance(spec, dict):
        return found
    return {**found, "spec": {name: value for name, value in spec.items() if name not in names}}


def with_documents(baseline: Baseline, documents: dict[ObjectRef, JsonObject]) -> Baseline:
    """The same baseline about fewer objects."""
    return replace(baseline, documents=documents)


def _named(ref: ObjectRef, kind: str, version: str, uid: str | None) -> DriftItem:
    return DriftItem(
        cluster=ref.cluster,
        resource=ref.resource,
        group=ref.group,
        version=version,
        kind=kind,
        namespace=ref.namespace,
        name=ref.name,
        uid=uid,
        path="",
        op="changed",
    )


def _shown(value: Value) -> object:
    return None if isinstance(value, Absent) else value
