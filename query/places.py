"""Well-known names in Kubernetes objects: what stands where, whether or not the schema of the kind is known.

Each function tells of a path whether a rule of `query.semantics` may look there. Names were taken from the API types of
k8s.io/api; where a name alone could mislead (a label may be called `memory`), the way to it counts as well.
"""

from typing import Final

from schema.canonical import Json
from schema.paths import Field, Path

_QUANTITY_MAPS: Final = frozenset(
    {
        "limits",
        "requests",
        "capacity",
        "allocatable",
        "hard",
        "used",
        "overhead",
        "podFixed",
        "allocatedResources",
        "defaultRequest",
        "default",
        "max",
        "min",
        "maxLimitRequestRatio",
    }
)
_QUANTITIES: Final = frozenset({"sizeLimit", "averageValue", "divisor", "minAvailableMemory"})
_INTS: Final = frozenset({"targetPort", "maxSurge", "maxUnavailable", "minAvailable"})
_TEXTS: Final = frozenset(
    {"data", "stringData", "binaryData", "labels", "annotations", "matchLabels", "args", "command", "name", "value"}
)
_SETS: Final = frozenset(
    {
        "finalizers",
        "accessModes",
        "verbs",
        "apiGroups",
        "resources",
        "resourceNames",
        "nonResourceURLs",
        "policyTypes",
        "categories",
        "shortNames",
        "operations",
        "apiVersions",
        "podCIDRs",
        "namespaces",
    }
)
_SAYS_NOTHING: Final = frozenset(
    {
        "affinity",
        "annotations",
        "data",
        "labels",
        "limits",
        "metadata",
        "nodeSelector",
        "requests",
        "resources",
        "securityContext",
        "spec",
        "status",
        "strategy",
        "updateStrategy",
    }
)
_SERVER_METADATA: Final = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
    }
)
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_MACHINE_ANNOTATIONS: Final = frozenset(
    {
        LAST_APPLIED,
        "autoscaling.alpha.kubernetes.io/behavior",
        "autoscaling.alpha.kubernetes.io/conditions",
        "autoscaling.alpha.kubernetes.io/current-metrics",
        "batch.kubernetes.io/job-tracking",
        "control-plane.alpha.kubernetes.io/leader",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deprecated.daemonset.template.generation",
        "endpoints.kubernetes.io/last-change-trigger-time",
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "pv.kubernetes.io/provisioned-by",
        "volume.beta.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/selected-node",
        "volume.kubernetes.io/storage-provisioner",
    }
)
_MACHINE_FINALIZERS: Final = frozenset(
    {"kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "service.kubernetes.io/load-balancer-cleanup"}
)
_HAVE_STATUS_IN_SPEC: Final = frozenset({"secrets", "configmaps"})
"""Kinds that have no status: whatever bears this name there is their own."""


def names(path: Path) -> list[str]:
    """The member names of a path; items of lists are ""."""
    return [token.name if isinstance(token, Field) else "" for token in path]


def is_quantity(path: Path) -> bool:
    """`resources.limits.*` and its like."""
    steps = names(path)
    if not steps or steps[0] in ("data", "metadata") or "labels" in steps or "annotations" in steps:
        return False
    return steps[-1] in _QUANTITIES or (len(steps) > 1 and steps[-2] in _QUANTITY_MAPS)


def is_int_or_string(path: Path) -> bool:
    """Places of int-or-string in the well-known kinds; probes name ports too."""
    steps = names(path)
    if not steps or steps[0] == "metadata" or not steps[-1]:
        return False
    probe = len(steps) > 1 and steps[-1] == "port" and steps[-2] in ("httpGet", "tcpSocket")
    policy = len(steps) > 2 and steps[-1] == "port" and steps[-3] == "ports"
    return probe or policy or steps[-1] in _INTS


def may_be_duration(path: Path) -> bool:
    """Not where free text stands."""
    steps = names(path)
    return bool(steps) and bool(steps[-1]) and steps[0] != "metadata" and not _TEXTS.intersection(steps)


def is_set(path: Path) -> bool:
    """Lists of scalars in which order says nothing."""
    steps = names(path)
    return bool(steps) and (steps[-1] in _SETS or (len(steps) > 1 and steps[-2] == "capabilities"))


def is_ordered(path: Path, expected: list[Json], actual: list[Json]) -> bool:
    """Keyed lists whose order says something: init containers run in it, variables may refer to earlier ones."""
    last = names(path)[-1:]
    return last == ["initContainers"] or (last == ["env"] and ("$(" in str(expected) or "$(" in str(actual)))


def may_be_empty(path: Path) -> bool:
    """Maps that say the same when they are empty and when they are not there; an empty selector selects everything."""
    return names(path)[-1:][0] in _SAYS_NOTHING if path else False


def is_last_applied(path: Path) -> bool:
    """The annotation that holds what kubectl applied last."""
    return names(path) == ["metadata", "annotations", LAST_APPLIED]


def server_owned(kind: str, path: Path) -> bool:
    """Status, and what the server and its controllers write into metadata."""
    steps = names(path)
    if steps[:1] == ["status"]:
        return kind not in _HAVE_STATUS_IN_SPEC
    if steps[:1] != ["metadata"] or len(steps) < 2:
        return False
    if len(steps) == 2:
        return steps[1] in _SERVER_METADATA
    if steps[1] == "annotations":
        return steps[2] in _MACHINE_ANNOTATIONS
    return steps[1] == "finalizers" and getattr(path[2], "value", None) in _MACHINE_FINALIZERS
