"""Kubernetes Events of the record as Event objects.

An API server keeps an Event for an hour after it was counted last, so at T those of the hour before T were there. What
the light record does not hold (labels, `eventTime`, actions) is not made up.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from query.scope import where
from query.times import rfc3339
from schema.canonical import JsonObject
from schema.store import Store

KEPT = timedelta(hours=1)
"""How long an API server keeps an Event, unless told otherwise (--event-ttl)."""

COLUMNS = """namespace, name, uid, rv, involved_kind, involved_namespace, involved_name, involved_uid, involved_group,
    involved_version, involved_field_path, event_type, reason, message, count, first_seen, last_seen, component, host,
    ts"""


def at(store: Store, cluster: str, moment: datetime, namespace: str = "") -> list[JsonObject]:
    """Those that were there, by namespace and name."""
    params: dict[str, object] = {"cluster": cluster, "until": moment, "after": moment - KEPT}
    conditions = [
        "cluster = {cluster:String}",
        "ts > {after:DateTime64(6, 'UTC')}",
        "ts <= {until:DateTime64(6, 'UTC')}",
    ]
    if namespace:
        params["namespace"] = namespace
        conditions.append("namespace = {namespace:String}")
    sql = f"""
        SELECT {COLUMNS} FROM k8s_events {where(conditions)}
        ORDER BY namespace, name, uid, rv_order DESC LIMIT 1 BY uid"""
    return [event(row) for row in store.rows(sql, params)]


def version(store: Store, cluster: str, moment: datetime) -> str:
    """The resourceVersion of the newest one at the moment."""
    sql = """SELECT max(rv_order) FROM k8s_events
        WHERE cluster = {cluster:String} AND ts <= {until:DateTime64(6, 'UTC')}"""
    newest: int = store.rows(sql, {"cluster": cluster, "until": moment})[0][0]
    return str(max(newest, 1))


def event(row: Sequence[Any]) -> JsonObject:
    """A row of COLUMNS as a core/v1 Event."""
    (namespace, name, uid, rv, kind, its_namespace, its_name, its_uid, group, its_version, field_path, sort, reason,
     message, count, first, last, component, host, ts) = row  # fmt: skip
    involved: JsonObject = {
        "kind": kind,
        "namespace": its_namespace,
        "name": its_name,
        "uid": its_uid,
        "apiVersion": f"{group}/{its_version}" if group else its_version,
        "fieldPath": field_path,
    }
    source: JsonObject = {"component": component, "host": host}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": rv,
            "creationTimestamp": _stamp(first or ts),
        },
        "involvedObject": {key: value for key, value in involved.items() if value},
        "reason": reason,
        "message": message,
        "type": sort,
        "count": count,
        "firstTimestamp": _stamp(first or ts),
        "lastTimestamp": _stamp(last or ts),
        "source": {key: value for key, value in source.items() if value},
        "reportingComponent": component,
        "reportingInstance": host,
    }


def in_new_api(one: JsonObject) -> JsonObject:
    """The same as an events.k8s.io/v1 Event."""
    renamed = {
        "involvedObject": "regarding",
        "message": "note",
        "source": "deprecatedSource",
        "count": "deprecatedCount",
        "firstTimestamp": "deprecatedFirstTimestamp",
        "lastTimestamp": "deprecatedLastTimestamp",
        "reportingComponent": "reportingController",
    }
    shaped = {renamed.get(key, key): value for key, value in one.items()}
    return {**shaped, "apiVersion": "events.k8s.io/v1", "eventTime": None}


def _stamp(moment: datetime) -> str:
    """To the second, as these fields are."""
    return rfc3339(moment.replace(microsecond=0))
