"""Generated objects in six states per kind: JSON with holes (@NAME@, @NS@, @UID@, @RV@, @BORN@, @TIME@)."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sort:
    """One kind of object in the workload: how many exist, and its share of the changes."""

    kind: str
    resource: str
    group: str
    version: str
    objects: int
    share: float

    @property
    def path(self) -> str:
        """The collection's path on the API server."""
        return (
            f"/apis/{self.group}/{self.version}/{self.resource}"
            if self.group
            else f"/api/{self.version}/{self.resource}"
        )

    @property
    def namespaced(self) -> bool:
        """Nodes are not."""
        return self.kind != "Node"


def _managed(manager: str, fields: Json, subresource: str = "", time: str = "@TIME@") -> Json:
    entry: Json = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "time": time,
    }
    return {**entry, "fieldsV1": fields, **({"subresource": subresource} if subresource else {})}


def _metadata(sort: Sort, managed: list[Json]) -> Json:
    labels = {
        f"app.kubernetes.io/{key}": f"value-of-{key}" for key in ("name", "instance", "component", "part-of", "version")
    }
    meta: Json = {
        "name": "@NAME@",
        "uid": "@UID@",
        "resourceVersion": "@RV@",
        "creationTimestamp": "@BORN@",
    }
    meta |= {
        "labels": labels,
        "annotations": {f"example.org/note-{i}": "x" * 60 for i in range(6)},
        "managedFields": managed,
    }
    return meta | ({"namespace": "@NS@"} if sort.namespaced else {})


def _conditions(kinds: tuple[str, ...], state: int) -> list[Json]:
    flip = "True" if state % 2 else "False"
    time = {"lastTransitionTime": "@TIME@" if state % 2 else "2026-01-01T00:00:00Z"}
    return [
        {"type": kind, "status": flip if kind == kinds[-1] else "True", "message": "m" * 40, **time} for kind in kinds
    ]


def _pod(sort: Sort, state: int) -> Json:
    def container(i: int) -> Json:
        env = [{"name": f"VARIABLE_{j}", "value": f"value-{j}-of-this-container"} for j in range(25)]
        probe = {
            "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
            "periodSeconds": 10,
            "timeoutSeconds": 1,
        }
        mounts = [{"name": f"volume-{j}", "mountPath": f"/var/lib/data/{j}", "readOnly": True} for j in range(5)]
        resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}
        body: Json = {
            "name": f"c{i}",
            "image": f"registry.example/team/service-{i}:v1.42.0",
            "env": env,
            "livenessProbe": probe,
        }
        return body | {
            "volumeMounts": mounts,
            "resources": resources,
            "readinessProbe": probe,
            "args": ["--flag=value"] * 6,
        }

    spec: Json = {"containers": [container(0), container(1)], "nodeName": "node-17", "serviceAccountName": "default"}
    spec["volumes"] = [
        {"name": f"volume-{j}", "configMap": {"name": f"config-{j}", "defaultMode": 420}} for j in range(5)
    ]
    spec["tolerations"] = [
        {"key": f"node.kubernetes.io/{k}", "operator": "Exists"} for k in ("not-ready", "unreachable")
    ]
    statuses = [
        {"name": f"c{i}", "ready": state % 2 == 1, "restartCount": state, "image": "i" * 60, "containerID": "d" * 70}
        for i in (0, 1)
    ]
    conditions = _conditions(("PodScheduled", "Initialized", "ContainersReady", "Ready"), state)
    status: Json = {"phase": "Running" if state else "Pending", "conditions": conditions, "containerStatuses": statuses}
    status |= {"podIP": f"10.0.0.{state}", "hostIP": "192.0.2.7", "startTime": "2026-01-01T00:00:00Z"}
    env: Json = {f'k:{{"name":"VARIABLE_{j}"}}': {".": {}, "f:name": {}, "f:value": {}} for j in range(25)}
    fields: Json = {"f:name": {}, "f:image": {}, "f:resources": {}, "f:args": {}, "f:env": {".": {}, **env}}
    containers = {f'k:{{"name":"c{i}"}}': {".": {}, **fields} for i in (0, 1)}
    owned: Json = {
        f'k:{{"type":"{c["type"]}"}}': {"f:status": {}, "f:lastTransitionTime": {}, "f:message": {}} for c in conditions
    }
    seen: Json = {"f:conditions": owned, "f:containerStatuses": {}, "f:phase": {}, "f:podIP": {}}
    managers = [
        _managed("kube-controller-manager", {"f:spec": {"f:containers": containers}}, time="2026-01-01T00:00:00Z"),
        _managed("kubelet", {"f:status": seen}, "status"),
    ]
    return {"metadata": _metadata(sort, managers), "spec": spec, "status": status}


def _node(sort: Sort, state: int) -> Json:
    images = [{"names": [f"registry.example/image-{i}@sha256:{'a' * 64}"], "sizeBytes": 1234567 + i} for i in range(40)]
    kinds = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    conditions: list[Json] = [
        {"type": kind, "status": "False", "lastHeartbeatTime": "@TIME@", "reason": "Kubelet", "message": "m" * 40}
        for kind in kinds
    ]
    status: Json = {
        "images": images[: 40 - state % 2],
        "conditions": conditions,
        "allocatable": {"cpu": "16", "pods": "110"},
    }
    owned: Json = {
        "f:conditions": {f'k:{{"type":"{kind}"}}': {"f:lastHeartbeatTime": {}} for kind in kinds},
        "f:images": {},
    }
    meta = _metadata(sort, [_managed("kubelet", {"f:status": owned}, "status")])
    return {"metadata": meta, "spec": {"podCIDR": "10.0.0.0/24"}, "status": status}


def _deployment(sort: Sort, state: int) -> Json:
    template = _pod(sort, 1)["spec"]
    status: Json = {"replicas": 3, "readyReplicas": state % 4, "updatedReplicas": state, "observedGeneration": 4}
    status["conditions"] = _conditions(("Progressing", "Available"), state)
    fields: Json = {"f:readyReplicas": {}, "f:updatedReplicas": {}, "f:conditions": {}}
    meta = _metadata(sort, [_managed("kube-controller-manager", {"f:status": fields}, "status")])
    return {"metadata": meta, "spec": {"replicas": 3, "template": {"spec": template}}, "status": status}


def _slice(sort: Sort, state: int) -> Json:
    endpoints = [
        {
            "addresses": [f"10.1.{i // 250}.{i % 250}"],
            "conditions": {"ready": i != state, "serving": True, "terminating": False},
            "nodeName": f"node-{i}",
            "zone": "zone-a",
            "targetRef": {
                "kind": "Pod",
                "namespace": "@NS@",
                "name": f"pod-{i}",
                "uid": f"{i:08d}-0000-4000-8000-000000000000",
            },
        }
        for i in range(60)
    ]
    fields: Json = {"f:addressType": {}, "f:endpoints": {}, "f:ports": {}}
    meta = _metadata(sort, [_managed("kube-controller-manager", fields)])
    return {
        "metadata": meta,
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"port": 8080, "protocol": "TCP"}],
    }


def _event(sort: Sort, state: int) -> Json:
    involved = {
        "kind": "Pod",
        "namespace": "@NS@",
        "name": "pod-1",
        "uid": "u" * 36,
        "apiVersion": "v1",
        "resourceVersion": "1",
    }
    body: Json = {
        "involvedObject": involved,
        "reason": ("Pulled", "Created", "Started", "Scheduled", "Killing", "BackOff")[state],
    }
    body |= {"message": "m" * 120, "type": "Normal", "count": 1, "source": {"component": "kubelet", "host": "node-17"}}
    fields: Json = {
        f"f:{name}": {} for name in ("count", "firstTimestamp", "involvedObject", "lastTimestamp", "message", "reason")
    }
    times: Json = {"firstTimestamp": "@TIME@", "lastTimestamp": "@TIME@"}
    return {"metadata": _metadata(sort, [_managed("kubelet", fields)]), **body, **times}


MAKERS = {"Pod": _pod, "Node": _node, "Deployment": _deployment, "EndpointSlice": _slice, "Event": _event}
