"""The templates that workloads had, one after the other, and the numbers under which controllers keep them.

A revision begins with the version that changed `spec.template`. Its number stands in an annotation that the controller
writes a moment later (Deployments, Argo Rollouts), or in the ReplicaSet or ControllerRevision that holds the same
template: those also know revisions from before the record began. Rows whose state was left out are rebuilt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from query import timeline
from query.refs import ObjectRef
from query.scope import CLUSTER_SCOPE, Scope, where, window
from query.workloads import (
    ARGO,
    DAEMON_SET,
    DEPLOYMENT,
    REVISION_ANNOTATIONS,
    STATEFUL_SET,
    fingerprint,
    plain_template,
    template_of,
)
from schema.canonical import Json, JsonObject
from schema.events import event_id
from schema.objects import kind_id
from schema.store import Row, Store

MOST_VERSIONS = 400
"""Of one life: newest first, so that more than these only cost the comparison with what is older."""

TOUCHES_TEMPLATE = "arrayExists(p -> p IN ('spec', 'spec.template') OR startsWith(p, 'spec.template.'), paths)"
_HOLDERS = {
    DEPLOYMENT: ("replicasets", "apps"),
    ARGO: ("replicasets", "apps"),
    STATEFUL_SET: ("controllerrevisions", "apps"),
    DAEMON_SET: ("controllerrevisions", "apps"),
}
_EARLIER = "deployment.kubernetes.io/revision-history"
_NUMBER = " OR ".join(f"p = 'metadata.annotations[\"{each}\"]'" for each in REVISION_ANNOTATIONS)
_ANNOTATED = ", ".join(
    f"JSONExtractString(object, 'metadata', 'annotations', '{each}')" for each in REVISION_ANNOTATIONS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of a workload."""

    ref: ObjectRef
    uid: str

    @property
    def kind(self) -> tuple[str, str]:
        """(resource, group)."""
        return self.ref.resource, self.ref.group


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The version that brought a template, and who wrote it; `number` once the controller has counted it."""

    epoch: int
    seq: int
    op: str
    origin: str
    ts: datetime
    ts_error: float
    by: str
    confidence: str
    operation: str
    event: str
    template: JsonObject | None
    number: int | None

    @property
    def place(self) -> tuple[int, int]:
        """Order within the life."""
        return self.epoch, self.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A ReplicaSet or ControllerRevision: keeps one template under a number; `hash` is the label its pods bear.

    `before`: the number it had before its template was rolled out again, where that is known.
    """

    name: str
    number: int | None
    before: int | None
    hash: str
    template: JsonObject | None
    made: datetime | None


def about(lives: Iterable[Life], params: dict[str, object]) -> list[str]:
    """SQL conditions that name exactly these lives, the table's key first."""
    listed = list(lives)
    scope = Scope(
        clusters=tuple(sorted({each.ref.cluster for each in listed})),
        namespaces=tuple(sorted({each.ref.namespace or CLUSTER_SCOPE for each in listed})),
        kinds=tuple(sorted({each.kind for each in listed})),
    )
    params["names"] = sorted({each.ref.name for each in listed})
    params["uids"] = sorted({each.uid for each in listed})
    return [
        *scope.conditions(params), "name IN {names:Array(String)}", "uid IN {uids:Array(String)}",
    ]  # fmt: skip


def templates(store: Store, lives: Sequence[Life], until: datetime) -> dict[str, list[Version]]:
    """uid → the versions that brought another template than the one before, oldest first, beginning with the first."""
    params: dict[str, object] = {}
    conditions = [*about(lives, params), *window(params, None, until)]
    counted = f"arrayExists(p -> p = 'metadata.annotations' OR {_NUMBER}, paths)"
    sql = f"""
        SELECT * FROM (SELECT uid, epoch, seq, cluster_uid, rv, op, origin, ts, ts_error, actor_name, actor_confidence,
            actor_operation, arrayFirst((m, p) -> startsWith(p, 'spec') AND m != '', managers, paths),
            JSONExtractRaw(object, 'spec', 'template'), [{_ANNOTATED}], object = ''
        FROM events
        {where([*conditions, f"(op = 'add' OR origin = 'checkpoint' OR {TOUCHES_TEMPLATE} OR {counted})"])}
        ORDER BY uid, epoch DESC, seq DESC LIMIT 1 BY uid, epoch, seq)
        ORDER BY uid, epoch DESC, seq DESC LIMIT {MOST_VERSIONS} BY uid"""
    of = {each.uid: each for each in lives}
    found: dict[str, list[Version]] = {}
    for row in reversed(store.rows(sql, params)):
        version = _version(store, of[row[0]], row)
        before = found.setdefault(row[0], [])
        if before and fingerprint(before[-1].template) == fingerprint(version.template):
            if before[-1].number is None:
                before[-1] = replace(before[-1], number=version.number)
            continue
        # The number that stands there while a template changes is still that of the template before.
        stale = bool(before) or version.op != "add"
        before.append(replace(version, number=None) if stale and version.op == "update" else version)
    return found


def holders(store: Store, lives: Sequence[Life], until: datetime) -> dict[str, list[Holder]]:
    """uid of a workload → the objects that keep its templates, by their newest state up to `until`."""
    wanted = [each for each in lives if each.kind in _HOLDERS]
    if not wanted:
        return {}
    params: dict[str, object] = {"prefixes": sorted({f"{each.ref.name}-" for each in wanted})}
    scope = Scope(
        clusters=tuple(sorted({each.ref.cluster for each in wanted})),
        namespaces=tuple(sorted({each.ref.namespace for each in wanted})),
        kinds=tuple(sorted({_HOLDERS[each.kind] for each in wanted})),
    )
    named = [*scope.conditions(params), "arrayExists(p -> startsWith(name, p), {prefixes:Array(String)})"]
    inside = where([*named, *window(params, None, until)])
    sql = f"""
        SELECT object FROM events
        PREWHERE (uid, epoch, seq) IN (
            SELECT uid, newest.1, newest.2
            FROM (SELECT uid, max((epoch, seq)) AS newest FROM events {inside} GROUP BY uid))
        {inside} LIMIT 1 BY uid LIMIT 5000"""
    found: dict[str, list[Holder]] = {}
    for (state,) in store.rows(sql, params):
        document = orjson.loads(state or "{}")
        if (owner := _owner(document)) is not None:
            found.setdefault(owner, []).append(_holder(document))
    return found


def _version(store: Store, life: Life, row: Row) -> Version:
    (
        uid,
        epoch,
        seq,
        cluster_uid,
        rv,
        op,
        origin,
        ts,
        error,
        actor,
        confidence,
        operation,
        manager,
        template,
        notes,
        out,
    ) = row
    parsed = plain_template(orjson.loads(template)) if template else None
    if out:
        whole = bytes(timeline.version(store, life.ref, uid, epoch, seq).object or b"")
        parsed = template_of(whole)
        listed = (orjson.loads(whole or b"{}").get("metadata") or {}).get("annotations") or {}
        notes = [str(listed.get(each) or "") for each in REVISION_ANNOTATIONS]
    number = next((int(each) for each in notes if each.isdigit()), None)
    identity = event_id(
        cluster=life.ref.cluster, cluster_uid=cluster_uid, kind=kind_id(*life.kind), uid=uid, epoch=epoch, rv=rv, op=op
    )
    sure = confidence if not manager or manager == actor else "medium"
    return Version(
        epoch=epoch, seq=seq, op=op, origin=origin, ts=ts, ts_error=error, by=manager or actor, confidence=sure,
        operation=operation if not manager or manager == actor else "", event=identity, template=parsed, number=number,
    )  # fmt: skip


def _owner(document: JsonObject) -> str | None:
    metadata = document.get("metadata")
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    for each in owners if isinstance(owners, list) else []:
        if isinstance(each, dict) and each.get("controller"):
            return str(each.get("uid"))
    return None


def _holder(document: JsonObject) -> Holder:
    metadata = _part(document, "metadata")
    labels, notes = _part(metadata, "labels"), _part(metadata, "annotations")
    name = str(metadata.get("name") or "")
    if document.get("kind") == "ControllerRevision":
        number = document.get("revision")
        template = _part(_part(document, "data"), "spec").get("template")
        # StatefulSets label their pods with the whole name, DaemonSets with the hash alone.
        pods = str(labels.get("controller-revision-hash") or labels.get("controller.kubernetes.io/hash") or name)
        counted = number if isinstance(number, int) else None
        return Holder(
            name=name, number=counted, before=None, hash=pods, template=plain_template(template), made=_made(metadata)
        )
    texts = [str(notes.get(each) or "") for each in REVISION_ANNOTATIONS]
    hashed = str(labels.get("pod-template-hash") or labels.get("rollouts-pod-template-hash") or "")
    number = next((int(each) for each in texts if each.isdigit()), None)
    earlier = [int(each) for each in str(notes.get(_EARLIER) or "").split(",") if each.isdigit()]
    return Holder(
        name=name,
        number=number,
        before=earlier[-1] if earlier else number,
        hash=hashed,
        template=plain_template(_part(document, "spec").get("template")),
        made=_made(metadata),
    )


def _made(metadata: JsonObject) -> datetime | None:
    try:
        return datetime.fromisoformat(str(metadata.get("creationTimestamp")))
    except ValueError:
        return None


def _part(document: JsonObject, name: str) -> JsonObject:
    part: Json = document.get(name)
    return part if isinstance(part, dict) else {}
