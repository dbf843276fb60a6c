"""Columns of what makes pods: deployments, replica sets, stateful sets, daemon sets, jobs, cron jobs, autoscalers."""

from datetime import datetime

from query.kubeface.columns import (
    AGE,
    CONTAINERS,
    NAME,
    Cells,
    Printer,
    age,
    columns,
    containers,
    deleting,
    name,
    pairs,
    selector,
)
from query.kubeface.durations import human, parsed, since
from query.kubeface.fields import flag, listed, number, text, value
from schema.canonical import JsonObject

_TEMPLATE = ("spec", "template", "spec")


def _below(one: JsonObject, *path: str) -> Cells:
    """Containers, images and selector, as the wide columns have them."""
    return [*containers(one, *(path or _TEMPLATE)), selector(value(one, "spec", "selector"))]


def _deployment(one: JsonObject, now: datetime) -> Cells:
    ready = f"{number(one, 'status', 'readyReplicas')}/{number(one, 'spec', 'replicas')}"
    counts = (number(one, "status", each) for each in ("updatedReplicas", "availableReplicas"))
    return [name(one), ready, *counts, age(one, now), *_below(one)]


def _replicaset(one: JsonObject, now: datetime) -> Cells:
    counts = (number(one, "status", each) for each in ("replicas", "readyReplicas"))
    return [name(one), number(one, "spec", "replicas"), *counts, age(one, now), *_below(one)]


def _controller(one: JsonObject, now: datetime) -> Cells:
    return [*_replicaset(one, now)[:-1], pairs(value(one, "spec", "selector"))]


def _statefulset(one: JsonObject, now: datetime) -> Cells:
    ready = f"{number(one, 'status', 'readyReplicas')}/{number(one, 'spec', 'replicas')}"
    return [name(one), ready, age(one, now), *containers(one, *_TEMPLATE)]


_DAEMONS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def _daemonset(one: JsonObject, now: datetime) -> Cells:
    counts = (number(one, "status", each) for each in _DAEMONS)
    return [name(one), *counts, pairs(value(one, *_TEMPLATE, "nodeSelector")), age(one, now), *_below(one)]


def _job(one: JsonObject, now: datetime) -> Cells:
    done, wanted, side = (
        number(one, "status", "succeeded"),
        value(one, "spec", "completions"),
        number(one, "spec", "parallelism"),
    )
    completions = f"{done}/{wanted}" if wanted is not None else f"{done}/1 of {side}" if side > 1 else f"{done}/1"
    begun, ended = parsed(value(one, "status", "startTime")), parsed(value(one, "status", "completionTime"))
    lasted = human((ended or now) - begun) if begun else ""
    return [name(one), _job_status(one), completions, lasted, age(one, now), *_below(one)]


def _job_status(one: JsonObject) -> str:
    true = {text(each, "type") for each in listed(one, "status", "conditions") if text(each, "status") == "True"}
    first = next((each for each in ("Complete", "Failed") if each in true), "")
    later = next((each for each in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if each in true), "Running")
    return first or ("Terminating" if deleting(one) else later)


def _cronjob(one: JsonObject, now: datetime) -> Cells:
    last = value(one, "status", "lastScheduleTime")
    return [
        name(one),
        text(one, "spec", "schedule"),
        text(one, "spec", "timeZone", default="<none>"),
        "True" if flag(one, "spec", "suspend") else "False",
        len(listed(one, "status", "active")),
        since(last, now) if last else "<none>",
        age(one, now),
        *containers(one, "spec", "jobTemplate", "spec", "template", "spec"),
        selector(value(one, "spec", "jobTemplate", "spec", "selector")),
    ]


def _autoscaler(one: JsonObject, now: datetime) -> Cells:
    least = value(one, "spec", "minReplicas")
    return [
        name(one),
        f"{text(one, 'spec', 'scaleTargetRef', 'kind')}/{text(one, 'spec', 'scaleTargetRef', 'name')}",
        _targets(one),
        "<unset>" if least is None else str(least),
        number(one, "spec", "maxReplicas"),
        number(one, "status", "currentReplicas"),
        age(one, now),
    ]


_SOURCES = {"External": "external", "Pods": "pods", "Object": "object"}
_RESOURCES = {"Resource": "resource", "ContainerResource": "containerResource"}


def _targets(one: JsonObject) -> str:
    """Current and wanted value of each metric, at most two of them."""
    wanted, current = listed(one, "spec", "metrics"), listed(one, "status", "currentMetrics")
    if not wanted:
        return "<none>"
    told = [_target(each, current[n] if n < len(current) else {}) for n, each in enumerate(wanted)]
    return ", ".join(told[:2]) + (f" + {len(told) - 2} more..." if len(told) > 2 else "")


def _target(wanted: JsonObject, current: JsonObject) -> str:
    kind = text(wanted, "type")
    if (place := _SOURCES.get(kind)) is not None:
        average = kind == "Pods" or value(wanted, place, "target", "averageValue") is not None
        what = "averageValue" if average else "value"
        now = value(current, place, "current", what)
        shown = f"{'<unknown>' if now is None else now}/{value(wanted, place, 'target', what)}"
        return f"{shown} (avg)" if average and kind != "Pods" else shown
    place = _RESOURCES.get(kind)
    if place is None:
        return "<unknown type>"
    resource = text(wanted, place, "name")
    if (absolute := value(wanted, place, "target", "averageValue")) is not None:
        return f"{resource}: {value(current, place, 'current', 'averageValue') or '<unknown>'}/{absolute}"
    share, goal = (
        value(current, place, "current", "averageUtilization"),
        value(wanted, place, "target", "averageUtilization"),
    )
    shown = "<unknown>" if share is None else f"{share}%"
    return f"{resource}: {shown}/{'<auto>' if goal is None else f'{goal}%'}"


_REPLICAS = columns("Desired:integer", "Current:integer", "Ready:integer")

WORKLOADS = {
    "deployments.apps": Printer((NAME, *columns("Ready", "Up-to-date", "Available"), AGE, *CONTAINERS), _deployment),
    "replicasets.apps": Printer((NAME, *_REPLICAS, AGE, *CONTAINERS), _replicaset),
    "replicationcontrollers": Printer((NAME, *_REPLICAS, AGE, *CONTAINERS), _controller),
    "statefulsets.apps": Printer((NAME, *columns("Ready"), AGE, *CONTAINERS[:2]), _statefulset),
    "daemonsets.apps": Printer(
        (NAME, *_REPLICAS, *columns("Up-to-date:integer", "Available:integer", "Node Selector"), AGE, *CONTAINERS),
        _daemonset,
    ),
    "jobs.batch": Printer((NAME, *columns("Status", "Completions", "Duration"), AGE, *CONTAINERS), _job),
    "cronjobs.batch": Printer(
        (
            NAME,
            *columns("Schedule", "Timezone", "Suspend:boolean", "Active:integer", "Last Schedule"),
            AGE,
            *CONTAINERS,
        ),
        _cronjob,
    ),
    "horizontalpodautoscalers.autoscaling": Printer(
        (NAME, *columns("Reference", "Targets", "MinPods", "MaxPods", "Replicas"), AGE), _autoscaler
    ),
}
