"""Kubernetes audit events: which request made a recorded change, and what is known of who sent it.

What can be joined, and how surely (audit.k8s.io/v1; measured on kube-apiserver 1.35):
  resource-version  the answer's object names the uid and the resourceVersion that the write made: exact. Only level
                    RequestResponse has it. A write that changed nothing answers with the version that stood already, so
                    of several requests the earliest counts, and where they differ in user the answer says medium.
  uid               a deletion names the uid of what it deleted, at level Metadata too. The first such request is who
                    asked for the end; what follows (finalizers, a kubelet) only carries it out.
  base-version      an update at level Metadata names the version it was based on. It made the version after it, unless
                    it changed nothing: medium.
A patch or creation at level Metadata names no version and no uid: it cannot be joined, and is not kept.

Only metadata of answers is decoded; bodies are never kept. Reads, refusals, dry runs and other stages are left out.
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec
import pyarrow as pa

from query.errors import BadReference
from query.models_people import AuditTaken
from schema.rows import UTC_MICROS
from schema.store import Store

MOST = 20_000
"""Audit events that are taken at once."""
_TEXT, _LIST = 500, 40
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_DRY_RUN = re.compile(r"[?&]dryRun=")


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    resource_version: str = ""


class _Item(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Details(msgspec.Struct):
    uid: str = ""


class _Response(msgspec.Struct):
    kind: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    details: _Details | None = None
    items: list[_Item] | None = None


class _Status(msgspec.Struct):
    code: int = 0
    details: _Details | None = None


class _Ref(msgspec.Struct, rename="camel"):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_group: str = ""
    resource_version: str = ""
    subresource: str = ""


class _User(msgspec.Struct):
    username: str = ""
    groups: list[str] = []


class _AuditEvent(msgspec.Struct, rename="camel"):
    audit_id: str = msgspec.field(name="auditID", default="")
    stage: str = ""
    verb: str = ""
    request_uri: str = msgspec.field(name="requestURI", default="")
    user: _User = msgspec.field(default_factory=_User)
    impersonated_user: _User | None = None
    source_ips: list[str] = msgspec.field(name="sourceIPs", default_factory=list)
    user_agent: str = ""
    object_ref: _Ref | None = None
    response_status: _Status | None = None
    response_object: _Response | None = None
    stage_timestamp: datetime | None = None


class _EventList(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    items: list[msgspec.Raw] = []


_decode_list = msgspec.json.Decoder(_EventList).decode
_decode = msgspec.json.Decoder(_AuditEvent).decode

Record = dict[str, object]


def take(store: Store, body: bytes, cluster: str) -> AuditTaken:
    """Keep what can be joined of an EventList. Raises BadReference for what is none."""
    try:
        listed = _decode_list(body)
    except msgspec.MsgspecError as error:
        raise BadReference(f"This is no list of audit events: {str(error)[:200]}.", _HINT) from error
    if listed.kind != "EventList" or not listed.api_version.startswith("audit.k8s.io/"):
        raise BadReference(f"This is a {listed.api_version[:60]} {listed.kind[:60]}, no list of audit events.", _HINT)
    if len(listed.items) > MOST:
        raise BadReference(f"{len(listed.items)} audit events at once are too many.", f"Send at most {MOST}.")
    records: list[Record] = []
    unreadable = 0
    for raw in listed.items:
        try:
            records.extend(joinable(_decode(raw), cluster))
        except msgspec.MsgspecError:
            unreadable += 1
    if records:
        store.insert("audit", _rows(records), token=f"audit {uuid.uuid4().hex}")
    return AuditTaken(received=len(listed.items), kept=len(records), unreadable=unreadable)


_HINT = "Send what the API server's audit webhook sends: an EventList of audit.k8s.io/v1."


def joinable(event: _AuditEvent, cluster: str) -> Iterator[Record]:
    """The joins that this audit event allows."""
    ref, status = event.object_ref, event.response_status
    done = status is not None and 200 <= status.code < 300 and event.stage == "ResponseComplete"
    if ref is None or status is None or not done or event.verb not in _WRITES or _DRY_RUN.search(event.request_uri):
        return
    if event.stage_timestamp is None:
        return
    answer = event.response_object or _Response()
    if event.verb == "deletecollection":
        for item in answer.items or ():
            yield from _one(event, ref, cluster, item.metadata.uid, item.metadata.resource_version, "")
        return
    details = answer.details or status.details
    uid = answer.metadata.uid or (details.uid if details else "") or ref.uid
    rv = answer.metadata.resource_version
    yield from _one(event, ref, cluster, uid, rv, "" if rv or event.verb != "update" else ref.resource_version)


def _one(event: _AuditEvent, ref: _Ref, cluster: str, uid: str, rv: str, base: str) -> Iterator[Record]:
    if not uid or not (rv or base or event.verb.startswith("delete")):
        return
    acting = event.impersonated_user or event.user
    yield {
        "cluster": cluster,
        "uid": uid[:_TEXT],
        "rv": rv[:_TEXT],
        "base_rv": base[:_TEXT],
        "audit_id": event.audit_id[:_TEXT],
        "ts": event.stage_timestamp,
        "verb": event.verb,
        "resource": ref.resource[:_TEXT],
        "group": ref.api_group[:_TEXT],
        "subresource": ref.subresource[:_TEXT],
        "namespace": ref.namespace[:_TEXT],
        "name": ref.name[:_TEXT],
        "user": acting.username[:_TEXT],
        "groups": [each[:_TEXT] for each in acting.groups[:_LIST]],
        "impersonator": event.user.username[:_TEXT] if event.impersonated_user else "",
        "source_ips": [each[:_TEXT] for each in event.source_ips[:_LIST]],
        "user_agent": event.user_agent[:_TEXT],
    }


_LISTS = ("groups", "source_ips")


def _rows(records: Sequence[Record]) -> pa.Table:
    types = {
        name: UTC_MICROS if name == "ts" else pa.list_(pa.string()) if name in _LISTS else pa.string()
        for name in records[0]
    }
    return pa.table({name: pa.array([each[name] for each in records], kind) for name, kind in types.items()})


def slim(line: bytes) -> bytes:
    """One line of an audit log with nothing but what `take` reads: no body leaves the machine of the log.

    Raises BadReference.
    """
    try:
        return msgspec.json.encode(_decode(line))
    except msgspec.MsgspecError as error:
        raise BadReference(f"This is no audit event: {str(error)[:200]}.", _HINT) from error


def written_by(store: Store, clusters: Iterable[str], uids: Iterable[str]) -> dict[tuple[str, str], list[Record]]:
    """(cluster, uid) → what the audit log told about writes of these lives, earliest first."""
    params = {"clusters": sorted(set(clusters)), "uids": sorted(set(uids))}
    names = ("cluster", "uid", "rv", "base_rv", "audit_id", "ts", "verb", "subresource", "user", "groups",
             "impersonator", "source_ips", "user_agent")  # fmt: skip
    sql = f"""
        SELECT {", ".join(names)} FROM audit FINAL
        WHERE cluster IN {{clusters:Array(String)}} AND uid IN {{uids:Array(String)}}
        ORDER BY ts, audit_id LIMIT {MOST}"""
    found: dict[tuple[str, str], list[Record]] = {}
    for row in store.rows(sql, params):
        found.setdefault((row[0], row[1]), []).append(dict(zip(names, row, strict=True)))
    return found
