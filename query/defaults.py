"""What API servers and their controllers fill in for the well-known kinds, where OpenAPI does not say so.

Source: the SetDefaults_* and SetObjectDefaults_* functions of k8s.io/kubernetes pkg/apis/*/v1/defaults.go and the
strategies beside them. Places are those of `schema.kindschema`. A value is what is filled in, or a judge that is told
the map around it; `given` = whatever stands there, the server chose it.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, cast

from schema.canonical import Json, JsonObject
from schema.kindschema import Places

Judge: TypeAlias = Callable[[Json, JsonObject], bool]
"""(value, the map it stands in) → whether the server fills it in like this."""

_Table: TypeAlias = Mapping[str, Json | Judge]


def given(value: Json, around: JsonObject) -> bool:  # noqa: ARG001  # a Judge
    """Chosen by the server: any value."""
    return True


def _pull_policy(value: Json, around: JsonObject) -> bool:
    image = str(around.get("image") or around.get("reference") or "")
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    latest = "@" not in image and tag in ("", "latest")
    return value == ("Always" if latest else "IfNotPresent")


def _same_as(other: str) -> Judge:
    return lambda value, around: value == around.get(other)


def _update_strategy(value: Json, around: JsonObject) -> bool:  # noqa: ARG001 - every rule is asked alike
    return value == "RollingUpdate"


def _requests(value: Json, around: JsonObject) -> bool:
    """Without requests the limits are taken."""
    return isinstance(value, dict) and value == around.get("limits")


_PROBE: Final[_Table] = {
    "/timeoutSeconds": 1,
    "/periodSeconds": 10,
    "/successThreshold": 1,
    "/failureThreshold": 3,
    "/httpGet/scheme": "HTTP",
    "/httpGet/path": "/",
    "/grpc/service": "",
}
_HOOK: Final[_Table] = {"/httpGet/scheme": "HTTP", "/httpGet/path": "/"}


def _under(place: str, table: _Table) -> dict[str, Json | Judge]:
    return {place + below: value for below, value in table.items()}


_CONTAINER: Final[_Table] = {
    "/imagePullPolicy": _pull_policy,
    "/terminationMessagePath": "/dev/termination-log",
    "/terminationMessagePolicy": "File",
    "/resources": {},
    "/resources/requests": _requests,
    "/securityContext": {},
    "/ports/*/protocol": "TCP",
    "/env/*/valueFrom/fieldRef/apiVersion": "v1",
    **_under("/livenessProbe", _PROBE),
    **_under("/readinessProbe", _PROBE),
    **_under("/startupProbe", _PROBE),
    **_under("/lifecycle/postStart", _HOOK),
    **_under("/lifecycle/preStop", _HOOK),
}
_CLAIM: Final[_Table] = {"/volumeMode": "Filesystem", "/storageClassName": given, "/volumeName": given}
_VOLUME: Final[_Table] = {
    "/configMap/defaultMode": 420,
    "/secret/defaultMode": 420,
    "/projected/defaultMode": 420,
    "/projected/sources/*/serviceAccountToken/expirationSeconds": 3600,
    "/downwardAPI/defaultMode": 420,
    "/downwardAPI/items/*/fieldRef/apiVersion": "v1",
    "/projected/sources/*/downwardAPI/items/*/fieldRef/apiVersion": "v1",
    "/hostPath/type": "",
    "/emptyDir": {},
    "/image/pullPolicy": _pull_policy,
    "/iscsi/iscsiInterface": "default",
    "/rbd/pool": "rbd",
    "/rbd/user": "admin",
    "/rbd/keyring": "/etc/ceph/keyring",
    "/azureDisk/cachingMode": "ReadWrite",
    "/azureDisk/kind": "Shared",
    "/azureDisk/fsType": "ext4",
    "/azureDisk/readOnly": False,
    "/scaleIO/storageMode": "ThinProvisioned",
    "/scaleIO/fsType": "xfs",
    "/ephemeral/volumeClaimTemplate/metadata/creationTimestamp": None,
    **_under("/ephemeral/volumeClaimTemplate/spec", _CLAIM),
}
_POD: Final[_Table] = {
    "/restartPolicy": "Always",
    "/terminationGracePeriodSeconds": 30,
    "/dnsPolicy": "ClusterFirst",
    "/schedulerName": "default-scheduler",
    "/securityContext": {},
    "/enableServiceLinks": True,
    "/serviceAccount": _same_as("serviceAccountName"),
    "/topologySpreadConstraints/*/nodeAffinityPolicy": "Honor",
    "/topologySpreadConstraints/*/nodeTaintsPolicy": "Ignore",
    **_under("/containers/*", _CONTAINER),
    **_under("/initContainers/*", _CONTAINER),
    **_under("/ephemeralContainers/*", _CONTAINER),
    **_under("/volumes/*", _VOLUME),
}
_NOT_READY: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def _pod_toleration(value: Json, around: JsonObject) -> bool:  # noqa: ARG001 - every rule is asked alike
    return isinstance(value, dict) and value.get("key") in _NOT_READY and value.get("tolerationSeconds") == 300


def _api_access(value: Json, around: JsonObject) -> bool:  # noqa: ARG001 - every rule is asked alike
    """The token volume of ServiceAccount admission, or its mount."""
    return isinstance(value, dict) and str(value.get("name")).startswith("kube-api-access-")


_ADMITTED: Final[_Table] = {
    "/nodeName": given,
    "/serviceAccountName": "default",
    "/serviceAccount": "default",
    "/preemptionPolicy": "PreemptLowerPriority",
    "/priority": 0,
    "/tolerations/*": _pod_toleration,
    "/volumes/*": _api_access,
    "/containers/*/volumeMounts/*": _api_access,
    "/initContainers/*/volumeMounts/*": _api_access,
}
_TEMPLATE: Final[_Table] = {"/metadata/creationTimestamp": None, **_under("/spec", _POD)}
_JOB: Final[_Table] = {
    "/backoffLimit": 6,
    "/completions": 1,
    "/parallelism": 1,
    "/completionMode": "NonIndexed",
    "/suspend": False,
    "/manualSelector": False,
    "/podReplacementPolicy": given,
    "/selector": given,
    "/template/metadata/labels/controller-uid": given,
    "/template/metadata/labels/job-name": given,
    "/template/metadata/labels/batch.kubernetes.io~1controller-uid": given,
    "/template/metadata/labels/batch.kubernetes.io~1job-name": given,
    **_under("/template", _TEMPLATE),
}
_WEBHOOK: Final[_Table] = {
    "/timeoutSeconds": 10,
    "/failurePolicy": "Fail",
    "/matchPolicy": "Equivalent",
    "/namespaceSelector": {},
    "/objectSelector": {},
    "/reinvocationPolicy": "Never",
    "/rules/*/scope": "*",
    "/clientConfig/service/port": 443,
}
_EXTERNAL: Final = ("NodePort", "LoadBalancer")


def _for_external(wanted: Json) -> Judge:
    return lambda value, around: value == wanted and around.get("type") in _EXTERNAL


def _single(value: Json, around: JsonObject) -> bool:  # noqa: ARG001 - every rule is asked alike
    return isinstance(value, list) and len(value) == 1 and value[0] in ("IPv4", "IPv6")


_KINDS: Final[Mapping[str, _Table]] = {
    "pods": {**_under("/spec", _POD), **_under("/spec", _ADMITTED)},
    "podtemplates": _under("/template", _TEMPLATE),
    "replicationcontrollers": {
        "/spec/replicas": 1,
        "/spec/selector": given,
        **_under("/spec/template", _TEMPLATE),
    },
    "replicasets.apps": {"/spec/replicas": 1, **_under("/spec/template", _TEMPLATE)},
    "deployments.apps": {
        "/spec/replicas": 1,
        "/spec/revisionHistoryLimit": 10,
        "/spec/progressDeadlineSeconds": 600,
        "/spec/strategy/type": _update_strategy,
        "/spec/strategy/rollingUpdate/maxSurge": "25%",
        "/spec/strategy/rollingUpdate/maxUnavailable": "25%",
        **_under("/spec/template", _TEMPLATE),
    },
    "statefulsets.apps": {
        "/spec/replicas": 1,
        "/spec/revisionHistoryLimit": 10,
        "/spec/podManagementPolicy": "OrderedReady",
        "/spec/serviceName": "",
        "/spec/updateStrategy/type": _update_strategy,
        "/spec/updateStrategy/rollingUpdate/partition": 0,
        "/spec/updateStrategy/rollingUpdate/maxUnavailable": 1,
        "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted": "Retain",
        "/spec/persistentVolumeClaimRetentionPolicy/whenScaled": "Retain",
        "/spec/volumeClaimTemplates/*/apiVersion": "v1",
        "/spec/volumeClaimTemplates/*/kind": "PersistentVolumeClaim",
        "/spec/volumeClaimTemplates/*/status": {"phase": "Pending"},
        "/spec/volumeClaimTemplates/*/metadata/creationTimestamp": None,
        **_under("/spec/volumeClaimTemplates/*/spec", _CLAIM),
        **_under("/spec/template", _TEMPLATE),
    },
    "daemonsets.apps": {
        "/spec/revisionHistoryLimit": 10,
        "/spec/updateStrategy/type": _update_strategy,
        "/spec/updateStrategy/rollingUpdate/maxSurge": 0,
        "/spec/updateStrategy/rollingUpdate/maxUnavailable": 1,
        **_under("/spec/template", _TEMPLATE),
    },
    "jobs.batch": _under("/spec", _JOB),
    "cronjobs.batch": {
        "/spec/concurrencyPolicy": "Allow",
        "/spec/suspend": False,
        "/spec/successfulJobsHistoryLimit": 3,
        "/spec/failedJobsHistoryLimit": 1,
        "/spec/jobTemplate/metadata/creationTimestamp": None,
        **_under("/spec/jobTemplate/spec", _JOB),
    },
    "services": {
        "/spec/type": "ClusterIP",
        "/spec/sessionAffinity": "None",
        "/spec/sessionAffinityConfig/clientIP/timeoutSeconds": 10800,
        "/spec/clusterIP": given,
        "/spec/clusterIPs": given,
        "/spec/ipFamilies": _single,
        "/spec/ipFamilyPolicy": "SingleStack",
        "/spec/internalTrafficPolicy": "Cluster",
        "/spec/externalTrafficPolicy": _for_external("Cluster"),
        "/spec/allocateLoadBalancerNodePorts": _for_external(True),
        "/spec/healthCheckNodePort": given,
        "/spec/ports/*/protocol": "TCP",
        "/spec/ports/*/targetPort": _same_as("port"),
        "/spec/ports/*/nodePort": given,
    },
    "namespaces": {
        "/spec/finalizers": ["kubernetes"],
        "/metadata/labels/kubernetes.io~1metadata.name": given,
    },
    "secrets": {"/type": "Opaque"},
    "serviceaccounts": {"/secrets": given},
    "persistentvolumeclaims": {**_under("/spec", _CLAIM), "/spec/dataSourceRef": _same_as("dataSource")},
    "persistentvolumes": {
        "/spec/persistentVolumeReclaimPolicy": "Retain",
        "/spec/volumeMode": "Filesystem",
        "/spec/hostPath/type": "",
        "/spec/claimRef": given,
    },
    "storageclasses.storage.k8s.io": {"/reclaimPolicy": "Delete", "/volumeBindingMode": "Immediate"},
    "horizontalpodautoscalers.autoscaling": {"/spec/minReplicas": 1},
    "networkpolicies.networking.k8s.io": {
        "/spec/podSelector": {},
        "/spec/policyTypes": given,
        "/spec/ingress/*/ports/*/protocol": "TCP",
        "/spec/egress/*/ports/*/protocol": "TCP",
    },
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _under("/webhooks/*", _WEBHOOK),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _under("/webhooks/*", _WEBHOOK),
    "customresourcedefinitions.apiextensions.k8s.io": {
        "/spec/conversion": {"strategy": "None"},
        "/spec/names/listKind": given,
        "/spec/names/singular": given,
    },
    "rolebindings.rbac.authorization.k8s.io": {
        "/roleRef/apiGroup": "rbac.authorization.k8s.io",
        "/subjects/*/apiGroup": given,
    },
    "clusterrolebindings.rbac.authorization.k8s.io": {
        "/roleRef/apiGroup": "rbac.authorization.k8s.io",
        "/subjects/*/apiGroup": given,
    },
    "priorityclasses.scheduling.k8s.io": {"/preemptionPolicy": "PreemptLowerPriority"},
}


def defaults_of(kind: str, served: Mapping[str, object]) -> Places[Json | Judge]:
    """What is filled in for `resource.group`; `served`: as its OpenAPI schema says. The tables here go before it."""
    said = cast("Mapping[str, Json]", served)  # it was read as JSON
    return Places([*said.items(), *_KINDS.get(kind, {}).items()])
