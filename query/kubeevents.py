"""What components said about an object (Kubernetes Events), newest first: of the object and of what it owns by name.

A workload's own Events are few; what went wrong is said of its pods. Their names begin with the workload's, so they are
found without asking who owns whom. An Event that was counted up is one item, with its newest count.
"""

from datetime import datetime

import msgspec

from query.models import Coverage
from query.refs import ObjectRef
from query.scope import where, window
from schema.store import Store

WORKLOADS = frozenset({"deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "rollouts"})


class Said(msgspec.Struct, kw_only=True, frozen=True):
    """One Event. `ts`: when it was counted last."""

    ts: datetime
    ts_error: float
    type: str
    reason: str
    message: str
    count: int
    first_seen: datetime | None
    component: str
    kind: str
    name: str
    uid: str


class SaidAbout(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `…/events`."""

    items: list[Said]
    more: bool
    from_: datetime | None
    to: datetime
    coverage: Coverage


def about(
    store: Store, ref: ObjectRef, kind: str, after: datetime | None, until: datetime, limit: int
) -> tuple[list[Said], bool]:
    """At most `limit` Events in (after, until], and whether there are more. `kind`: as Events spell it, Deployment."""
    params: dict[str, object] = {"cluster": ref.cluster, "kind": kind, "name": ref.name, "space": ref.namespace}
    mine = "involved_kind = {kind:String} AND involved_name = {name:String}"
    if ref.resource in WORKLOADS:
        params["below"] = f"{ref.name}-"
        mine = f"({mine} OR startsWith(involved_name, {{below:String}}))"
    conditions = ["cluster = {cluster:String}", "involved_namespace = {space:String}", mine]
    conditions += window(params, after, until)
    sql = f"""
        SELECT max((ts, ts_error, count)) AS newest, event_type, reason, argMax(message, ts), min(first_seen),
               any(component), involved_kind, involved_name, any(involved_uid)
        FROM k8s_events {where(conditions)}
        GROUP BY uid, event_type, reason, involved_kind, involved_name
        ORDER BY newest DESC LIMIT {limit + 1}"""
    found = [
        Said(
            ts=newest[0], ts_error=newest[1], count=newest[2], type=sort, reason=reason, message=message,
            first_seen=first, component=component, kind=involved, name=name, uid=uid,
        )
        for newest, sort, reason, message, first, component, involved, name, uid in store.rows(sql, params)
    ]  # fmt: skip
    return found[:limit], len(found) > limit
