"""What of an object somebody would write: without status, without what the server or a controller sets for each one.

Such an object can be applied over the one it came from, after that is gone, in another namespace, or in another
cluster: addresses, nodes and volumes that a cluster had handed out are left out, and what admission adds is added anew.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schema.canonical import Json, JsonObject

# What the server sets and refuses, or what would tie a copy to the original's life.
SERVER_SET = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "ownerReferences",
)
_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/selected-node",
)
_JOB_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name")
_TOKEN = "kube-api-access-"


def written(content: "JsonObject") -> "JsonObject":
    """The object as someone would write it; the original is not changed."""
    kept: JsonObject = {key: value for key, value in content.items() if key != "status"}
    metadata, spec = content.get("metadata"), content.get("spec")
    if isinstance(metadata, dict):
        kept["metadata"] = _metadata(metadata)
    rule = _SPECS.get((str(content.get("apiVersion")), str(content.get("kind"))))
    if rule is not None and isinstance(spec, dict):
        kept["spec"] = rule(spec)
    return kept


def _metadata(metadata: "JsonObject") -> "JsonObject":
    kept = _without(metadata, *SERVER_SET)
    annotations = kept.get("annotations")
    if isinstance(annotations, dict):
        own = _without(annotations, *_ANNOTATIONS)
        kept = {**kept, "annotations": own} if own else _without(kept, "annotations")
    return kept


def _service(spec: "JsonObject") -> "JsonObject":
    """A headless one says so by its address."""
    headless = spec.get("clusterIP") == "None"
    return spec if headless else _without(spec, "clusterIP", "clusterIPs", "healthCheckNodePort")


def _claim(spec: "JsonObject") -> "JsonObject":
    return _without(spec, "volumeName")


def _pod(spec: "JsonObject") -> "JsonObject":
    """Without its node, and without the token's volume: admission adds another one."""
    kept = _without(spec, "nodeName")
    if isinstance(spec.get("volumes"), list):
        kept["volumes"] = _others(spec["volumes"])
    for part in ("containers", "initContainers"):
        listed = spec.get(part)
        if isinstance(listed, list):
            kept[part] = [_unmounted(each) for each in listed]
    return kept


def _unmounted(container: "Json") -> "Json":
    if not isinstance(container, dict) or "volumeMounts" not in container:
        return container
    mounts = _others(container["volumeMounts"])
    return {**container, "volumeMounts": mounts} if mounts else _without(container, "volumeMounts")


def _others(items: "Json") -> "list[Json]":
    listed = items if isinstance(items, list) else []
    return [each for each in listed if not (isinstance(each, dict) and str(each.get("name")).startswith(_TOKEN))]


def _job(spec: "JsonObject") -> "JsonObject":
    """Without the selector and labels that the server made from its uid (batch/v1 Job, "manualSelector")."""
    if spec.get("manualSelector"):
        return spec
    kept, template = _without(spec, "selector"), spec.get("template")
    metadata = template.get("metadata") if isinstance(template, dict) else None
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if isinstance(template, dict) and isinstance(metadata, dict) and isinstance(labels, dict):
        kept["template"] = {**template, "metadata": {**metadata, "labels": _without(labels, *_JOB_LABELS)}}
    return kept


def _without(some: "JsonObject", *names: str) -> "JsonObject":
    return {key: value for key, value in some.items() if key not in names}


_SPECS: "dict[tuple[str, str], Callable[[JsonObject], JsonObject]]" = {
    ("v1", "Service"): _service,
    ("v1", "PersistentVolumeClaim"): _claim,
    ("v1", "Pod"): _pod,
    ("batch/v1", "Job"): _job,
}
