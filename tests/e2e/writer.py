"""A seeded writer: many managers change ConfigMaps, Secrets, Deployments and custom resources at random."""

import base64
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.controlplane.api import Api, Json, Refused

MANAGERS = ("gitops", "kubectl-edit", "autoscaler", "operator", "deploy-bot")
CANARY = "canary-7f3a-do-not-leak"
CRD: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
WIDGETS = "/apis/example.org/v1"


@dataclass(slots=True)
class Writer:
    """`run` makes about `writes` writes in one namespace; a refused write (conflict, gone) is simply another try."""

    api: Api
    namespace: str
    seed: int
    written: int = 0
    refused: int = 0
    widgets: bool = False
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def prepare(self) -> None:
        """The namespace and its service account, as the controllers make them."""
        self.api.post("/api/v1/namespaces", {"metadata": {"name": self.namespace}})

    def run(
        self, writes: int, *, stop: threading.Event | None = None, pause: Callable[[], None] = lambda: None
    ) -> None:
        """Write until `writes` were taken (or stop is set); pause is called before each one."""
        target = self.written + writes
        while self.written < target and not (stop and stop.is_set()):
            pause()
            try:
                self._random.choice(self._moves())()
                self.written += 1
            except Refused as error:
                if error.status not in (404, 409, 422):
                    raise
                self.refused += 1

    def _moves(self) -> list[Callable[[], None]]:
        moves = (
            [self._config] * 6 + [self._secret] * 3 + [self._deployment] * 2 + [self._scale, self._recreate, self._drop]
        )
        return moves + ([self._widget] * 3 + [self._widget_status] if self.widgets else [])

    def _name(self, prefix: str, count: int) -> str:
        return f"{prefix}-{self._random.randrange(count)}"

    def _manager(self) -> str:
        return self._random.choice(MANAGERS)

    def _path(self, resource: str, name: str = "", *, root: str = "/api/v1") -> str:
        return f"{root}/namespaces/{self.namespace}/{resource}" + (f"/{name}" if name else "")

    def _apply(self, api_version: str, kind: str, path: str, name: str, body: Json) -> None:
        metadata = {
            "name": name,
            "labels": {"app": name, f"x{self._random.randrange(3)}": str(self._random.randrange(5))},
        }
        body = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}
        self.api.apply(path, body, manager=self._manager(), force=True)

    def _config(self) -> None:
        name = self._name("config", 40)
        data = {
            f"key.{self._random.randrange(6)}": str(self._random.random()) for _ in range(self._random.randrange(1, 4))
        }
        if self._random.random() < 0.5:
            self._apply("v1", "ConfigMap", self._path("configmaps", name), name, {"data": data})
        else:
            gone = {f"key.{self._random.randrange(6)}": None}
            note = {"annotations": {"example.org/a.b~c": str(self._random.randrange(9))}}
            self.api.patch(
                self._path("configmaps", name), {"data": {**gone, **data}, "metadata": note}, manager=self._manager()
            )

    def _secret(self) -> None:
        name, value = self._name("secret", 15), f"{CANARY}-{self._random.random()}"
        body: Json = {"stringData": {"password": value}} if self._random.random() < 0.5 else {}
        body["data"] = {"token": base64.b64encode(value.encode()).decode()}
        if self._random.random() < 0.3:
            last = f'{{"apiVersion":"v1","kind":"Secret","stringData":{{"password":"{value}"}}}}'
            body["metadata"] = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": last}}
            self.api.patch(self._path("secrets", name), body, manager=self._manager())
        else:
            self._apply("v1", "Secret", self._path("secrets", name), name, body)

    def _deployment(self) -> None:
        name = self._name("app", 6)
        image = f"registry.example/app:{self._random.randrange(1, 9)}"
        env = [{"name": f"E{i}", "value": str(self._random.randrange(99))} for i in range(self._random.randrange(4))]
        pod = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": image, "env": env}, {"name": "side", "image": "side:1"}]},
        }
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": pod}
        self.api.apply(
            self._path("deployments", name, root="/apis/apps/v1"),
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec},
            manager=self._manager(),
            force=True,
        )

    def _scale(self) -> None:
        path = self._path("deployments", self._name("app", 6), root="/apis/apps/v1")
        self.api.patch(path, {"spec": {"replicas": self._random.randrange(1, 5)}}, manager="autoscaler")

    def _recreate(self) -> None:
        name = self._name("config", 40)
        self.api.delete(self._path("configmaps", name))
        self.api.post(
            self._path("configmaps"), {"metadata": {"name": name}, "data": {"again": "yes"}}, manager=self._manager()
        )

    def _drop(self) -> None:
        resource, name = self._random.choice(
            (("configmaps", self._name("config", 40)), ("secrets", self._name("secret", 15)))
        )
        self.api.delete(self._path(resource, name))

    def _widget(self) -> None:
        name = self._name("widget", 10)
        spec: Json = {
            "size": self._random.choice((1, 1.0, True, None, "1")),
            "parts": [{"id": i} for i in range(self._random.randrange(4))],
        }
        spec["deep"] = {"a/b": {"~": self._random.randrange(5)}, "": self._random.randrange(3)}
        self._apply("example.org/v1", "Widget", self._path("widgets", name, root=WIDGETS), name, {"spec": spec})

    def _widget_status(self) -> None:
        path = self._path("widgets", self._name("widget", 10), root=WIDGETS)
        self.api.patch(
            f"{path}/status",
            {"status": {"phase": self._random.choice(("Ready", "Broken", "Waiting"))}},
            manager="operator",
        )
