"""The incident of the demo, played on a real control plane: everything here happens through the API server.

A shop: `web` (the front), `api` (reads the ConfigMap `api-config`), a Secret, an autoscaler-like writer, a GitOps tool
and people. Pods are kwok's; when one must fail, its status is written as a kubelet would.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.controlplane.api import STRATEGIC, Api, Json, Refused

SHOP, STAGING = "shop", "staging"
APPS = "/apis/apps/v1"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def path(resource: str, name: str = "", *, namespace: str = SHOP, root: str = "/api/v1") -> str:
    """URL path of a collection or an object."""
    return f"{root}/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "")


def deployment(name: str, image: str, replicas: int) -> Json:
    """A Deployment as GitOps applies it."""
    labels = {"app": name}
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}
    container: Json = {"name": name, "image": image, "ports": [{"containerPort": 8080}], "readinessProbe": probe}
    container["resources"] = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}
    container["envFrom"] = [{"configMapRef": {"name": f"{name}-config"}}]
    spec: Json = {"replicas": replicas, "selector": {"matchLabels": labels}}
    spec["template"] = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": spec}


def config(name: str, data: Json) -> Json:
    """A ConfigMap as GitOps applies it."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@dataclass(frozen=True, slots=True)
class Incident:
    """The scenes, in the order in which they are played; `pause` waits that many seconds of the story."""

    api: Api
    pause: Callable[[float], None] = time.sleep

    def before(self) -> None:
        """What stands when recording begins."""
        for namespace in (SHOP, STAGING):
            self.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        api_data = {"DATABASE_URL": "postgres://db.shop.svc:5432/orders", "LOG_LEVEL": "info"}
        for body in (config("api-config", api_data), config("web-config", {"FEATURE_CHECKOUT": "on"})):
            self._apply(path("configmaps", body["metadata"]["name"]), body, "gitops")
        for name, image in (("web", "registry.example/shop/web:1.8.2"), ("api", "registry.example/shop/api:3.1.0")):
            self._apply(path("deployments", name, root=APPS), deployment(name, image, 3), "gitops")
        self._apply(
            path("secrets", "db-credentials"),
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "db-credentials"},
                "stringData": {"password": "one"},
            },
            "vault-agent",
        )
        self.api.post(path("configmaps", namespace=STAGING), config("web-config", {"FEATURE_CHECKOUT": "beta"}))
        self.pause(8)

    def normal_life(self) -> None:
        """A harmless deploy, a Secret rotated."""
        self._apply(
            path("configmaps", "web-config"),
            config("web-config", {"FEATURE_CHECKOUT": "on", "BANNER": "sale"}),
            "gitops",
        )
        self.pause(6)
        self.api.patch(path("secrets", "db-credentials"), {"stringData": {"password": "two"}}, manager="vault-agent")
        self.pause(6)

    def broken_config(self) -> None:
        """Somebody edits the ConfigMap by hand; the api's pods can't reach their database any more."""
        change = {"data": {"DATABASE_URL": "postgres://db.staging.svc:5432/orders"}}
        self.api.patch(path("configmaps", "api-config"), change, manager="kubectl-edit")
        self.pause(5)
        for restart in (1, 2, 3):
            for pod in self._pods("api"):
                self._fail(pod, "api", "CrashLoopBackOff", "back-off restarting failed container", restart)
            self.pause(4)

    def bad_rollout(self) -> None:
        """A new image of web that can't be pulled."""
        self._image("web", "registry.example/shop/web:1.9.0", "deploy-bot")
        self.pause(2)
        for _ in range(3):
            for pod in self._pods("web"):
                if pod["spec"]["containers"][0]["image"].endswith(":1.9.0"):
                    self._fail(pod, "web", "ImagePullBackOff", "manifest for web:1.9.0 not found", 0)
            self.pause(4)

    def tug_of_war(self) -> None:
        """A person scales web up, the autoscaler scales it back, three times."""
        where = path("deployments", "web", root=APPS)
        for _ in range(3):
            self.api.patch(f"{where}/scale", {"spec": {"replicas": 6}}, manager="kubectl-scale")
            self.pause(5)
            self.api.patch(f"{where}/scale", {"spec": {"replicas": 3}}, manager="web-autoscaler")
            self.pause(5)

    def reborn_namespace(self) -> None:
        """A namespace is deleted and comes back under the same name."""
        self.api.delete(f"/api/v1/namespaces/{STAGING}")
        while self._exists(f"/api/v1/namespaces/{STAGING}"):
            self.pause(0.5)
        self.pause(3)
        self.api.post("/api/v1/namespaces", {"metadata": {"name": STAGING}}, manager="kubectl-create")
        self.api.post(
            path("configmaps", namespace=STAGING),
            config("web-config", {"FEATURE_CHECKOUT": "off"}),
            manager="kubectl-create",
        )

    def unwatched(self) -> None:
        """What happens while the recorder is away, and is then forgotten by the API server (ConfigMaps only)."""
        for level in ("debug", "trace", "debug"):
            self.api.patch(path("configmaps", "api-config"), {"data": {"LOG_LEVEL": level}}, manager="kubectl-edit")
            self.pause(2)

    def repaired(self) -> None:
        """The rollback and the fix."""
        fixed = {"data": {"DATABASE_URL": "postgres://db.shop.svc:5432/orders"}}
        self.api.patch(path("configmaps", "api-config"), fixed, manager="kubectl-edit")
        self._image("web", "registry.example/shop/web:1.8.2", "deploy-bot")
        self.pause(3)
        self.api.patch(
            path("deployments", "api", root=APPS),
            {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": _now()}}}}},
            manager="kubectl-rollout",
        )
        self.pause(10)

    def _apply(self, where: str, body: Json, manager: str) -> None:
        self.api.apply(where, body, manager=manager, force=True)

    def _image(self, name: str, image: str, manager: str) -> None:
        change: Json = {"spec": {"template": {"spec": {"containers": [{"name": name, "image": image}]}}}}
        self.api.patch(path("deployments", name, root=APPS), change, STRATEGIC, manager=manager)

    def _pods(self, app: str) -> list[Json]:
        return self.api.items(path("pods"), labelSelector=f"app={app}")

    def _fail(self, pod: Json, container: str, reason: str, message: str, restarts: int) -> None:
        """As a kubelet writes it: the container waits, the pod isn't ready, and an Event says why."""
        state = {"waiting": {"reason": reason, "message": message}}
        image = pod["spec"]["containers"][0]["image"]
        statuses = [
            {"name": container, "ready": False, "restartCount": restarts, "image": image, "imageID": "", "state": state}
        ]
        ready = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
        status: Json = {"conditions": [ready], "containerStatuses": statuses}
        name = pod["metadata"]["name"]
        try:
            self.api.patch(path("pods", f"{name}/status"), {"status": status}, STRATEGIC, manager="kubelet")
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return
        now = _now()
        event: Json = {
            "metadata": {"generateName": f"{name}."},
            "reason": "BackOff",
            "message": message,
            "type": "Warning",
        }
        event["involvedObject"] = {"kind": "Pod", "namespace": SHOP, "name": name, "uid": pod["metadata"]["uid"]}
        event |= {"source": {"component": "kubelet"}, "count": 1, "firstTimestamp": now, "lastTimestamp": now}
        self.api.post(path("events"), event, manager="kubelet")

    def _exists(self, where: str) -> bool:
        try:
            self.api.get(where)
        except Refused:
            return False
        return True
