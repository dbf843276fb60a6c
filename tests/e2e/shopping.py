"""A shop with one object of nearly every kind that kubectl has columns for; then trouble in it."""

from tests.controlplane.api import Api, Json

CONTAINER: Json = {"name": "web", "image": "registry.example/web:1.0", "ports": [{"containerPort": 8080}]}
SIDECAR: Json = {"name": "proxy", "image": "registry.example/proxy:2", "env": [{"name": "A", "value": "b"}]}


def pods(app: str, *containers: Json) -> Json:
    """A pod template."""
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": list(containers) or [CONTAINER]}}


def _selected(app: str, **spec: object) -> Json:
    return {"selector": {"matchLabels": {"app": app}}, "template": pods(app), **spec}


WEB: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {**_selected("web", replicas=2), "template": pods("web", CONTAINER, SIDECAR)},
}
OTHER_WEB: Json = {
    **WEB,
    "spec": {
        **_selected("web", replicas=5),
        "template": pods("web", {**CONTAINER, "image": "registry.example/web:2.0"}, SIDECAR),
    },
}
CRD: Json = {
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
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "First", "type": "string", "jsonPath": ".spec.parts[0].name"},
                    {"name": "Parts", "type": "string", "jsonPath": ".spec.parts"},
                    {"name": "On", "type": "boolean", "jsonPath": ".spec.on", "priority": 1},
                    {"name": "B", "type": "string", "jsonPath": '.spec.parts[?(@.name=="b")].color'},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
            }
        ],
    },
}
SHOP: tuple[tuple[str, Json], ...] = (
    ("/apis/apps/v1/namespaces/shop/deployments", WEB),
    (
        "/apis/apps/v1/namespaces/shop/statefulsets",
        {"metadata": {"name": "db"}, "spec": _selected("db", serviceName="db")},
    ),
    ("/apis/apps/v1/namespaces/shop/daemonsets", {"metadata": {"name": "agent"}, "spec": _selected("agent")}),
    (
        "/apis/batch/v1/namespaces/shop/jobs",
        {
            "metadata": {"name": "once"},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}},
        },
    ),
    (
        "/apis/batch/v1/namespaces/shop/cronjobs",
        {
            "metadata": {"name": "report"},
            "spec": {
                "schedule": "0 3 1 1 *",
                "suspend": True,
                "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}},
            },
        },
    ),
    (
        "/api/v1/namespaces/shop/services",
        {
            "metadata": {"name": "web"},
            "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        },
    ),
    (
        "/api/v1/namespaces/shop/services",
        {"metadata": {"name": "out"}, "spec": {"type": "ExternalName", "externalName": "example.org"}},
    ),
    ("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "app"}, "data": {"a": "1", "b": "2\n3\n"}}),
    ("/api/v1/namespaces/shop/secrets", {"metadata": {"name": "db"}, "stringData": {"password": "not-to-be-seen"}}),
    (
        "/api/v1/namespaces/shop/persistentvolumeclaims",
        {
            "metadata": {"name": "disk"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        },
    ),
    (
        "/apis/networking.k8s.io/v1/namespaces/shop/ingresses",
        {
            "metadata": {"name": "web"},
            "spec": {
                "tls": [{"hosts": ["a.example"]}],
                "rules": [
                    {
                        "host": f"{host}.example",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "web", "port": {"number": 80}}},
                                }
                            ]
                        },
                    }
                    for host in "abcd"
                ],
            },
        },
    ),
    (
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers",
        {
            "metadata": {"name": "web"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "unrelated"},
                "minReplicas": 2,
                "maxReplicas": 5,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                    }
                ],
            },
        },
    ),
    (
        "/apis/policy/v1/namespaces/shop/poddisruptionbudgets",
        {"metadata": {"name": "web"}, "spec": {"minAvailable": "50%"}},
    ),
    (
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
        {
            "metadata": {"name": "web"},
            "spec": {
                "podSelector": {
                    "matchLabels": {"app": "web"},
                    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["b", "a"]}],
                }
            },
        },
    ),
    (
        "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings",
        {
            "metadata": {"name": "readers"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"},
                {"kind": "ServiceAccount", "name": "default", "namespace": "shop"},
            ],
        },
    ),
)
WIDGET: Json = {
    "apiVersion": "example.org/v1",
    "kind": "Widget",
    "metadata": {"name": "one"},
    "spec": {"size": 3, "on": True, "parts": [{"name": "a"}, {"name": "b", "color": "red"}]},
}


def open_shop(api: Api) -> None:
    """Everything in it."""
    api.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
    for path, body in SHOP:
        api.post(path, body)


def trouble(api: Api) -> None:
    """Something changes, goes, and comes back under the same name."""
    web = "/apis/apps/v1/namespaces/shop/deployments/web"
    api.post("/apis/example.org/v1/namespaces/shop/widgets", WIDGET)
    api.patch(web, {"spec": {"replicas": 3}})
    config = "/api/v1/namespaces/shop/configmaps"
    api.delete(f"{config}/app")
    api.post(config, {"metadata": {"name": "app"}, "data": {"a": "4"}})
    api.delete("/apis/batch/v1/namespaces/shop/cronjobs/report")
    api.patch("/api/v1/nodes/node-0", {"spec": {"unschedulable": True}})
    api.patch("/api/v1/namespaces/shop", {"metadata": {"labels": {"state": "trouble"}}})


def closing(api: Api) -> Json:
    """The last change, after everything that was looked at."""
    api.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 1}})
    api.delete("/api/v1/namespaces/shop/services/out")
    return api.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "closed"}, "data": {}})
