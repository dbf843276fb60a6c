"""A cluster that GitOps, a human, an autoscaler and a webhook write to: drift names what differs, and nothing else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.controlplane.api import APPLY, JSON_PATCH, Api, Json
from tests.controlplane.lab import Lab
from tests.e2e.recorder import Recorder

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(300)]

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
LABELS = {"app": "web"}
CONTAINER: Json = {
    "name": "web",
    "image": "registry.example/web:1.0",
    "ports": [{"containerPort": 8080, "name": "http"}],
    "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"memory": "1Gi"}},
    "env": [
        {"name": "MODE", "value": "fast"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ],
    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
}
DEPLOYMENT: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": None},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"hostNetwork": False, "containers": [CONTAINER]}},
    },
}
OTHERS: tuple[tuple[str, Json], ...] = (
    (
        "/api/v1/namespaces/shop/services",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": "http"}]},
        },
    ),
    (
        "/api/v1/namespaces/shop/configmaps",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "app"},
            "data": {"app.json": '{"a": 1, "b": [2]}'},
        },
    ),
    (
        "/api/v1/namespaces/shop/secrets",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "db"},
            "stringData": {"password": "not-to-be-seen"},
        },
    ),
    (
        "/api/v1/namespaces/shop/serviceaccounts",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"}},
    ),
    (
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers",
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "unrelated"},
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
        "/apis/batch/v1/namespaces/shop/cronjobs",
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "report"},
            "spec": {
                "schedule": "0 3 * * *",
                "jobTemplate": {
                    "spec": {
                        "template": {
                            "spec": {"restartPolicy": "Never", "containers": [{"name": "report", "image": "report:1"}]}
                        }
                    }
                },
            },
        },
    ),
    (
        "/apis/networking.k8s.io/v1/namespaces/shop/ingresses",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "web"},
            "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
        },
    ),
)


@pytest.fixture
def shop(make_lab: Callable[..., Lab], tmp_path: Path) -> Iterator[tuple[Api, Recorder, Path]]:
    """A recorded control plane with a namespace, and a folder of its manifests."""
    lab = make_lab(nodes=2, controllers=True)
    api, recorder = lab.client(), Recorder(lab.kubeconfig, tmp_path / "data")
    folder = tmp_path / "deploy"
    folder.mkdir()
    documents = [DEPLOYMENT, *(body for _, body in OTHERS)]
    (folder / "all.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False))
    try:
        recorder.start()
        api.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        yield api, recorder, folder
    finally:
        recorder.stop()


def sync(api: Api) -> Json:
    """What GitOps does: server-side apply of everything; the deployment as it came back."""
    for path, body in OTHERS:
        api.apply(f"{path}/{body['metadata']['name']}", body, manager="argocd", force=True)
    return api.apply(WEB, DEPLOYMENT, manager="argocd", force=True)


def image(api: Api, name: str) -> Json:
    container = {"name": "web", "image": name}
    body: Json = {"spec": {"template": {"spec": {"containers": [container]}}}}
    return api.patch(WEB, body, "application/strategic-merge-patch+json", manager="kubectl-edit")


def scaled(api: Api, count: int) -> Json:
    return api.patch(WEB, {"spec": {"replicas": count}}, manager="autoscaler")


def test_drift_names_what_differs_with_its_onset_actor_and_flapping(shop: tuple[Api, Recorder, Path]) -> None:
    api, recorder, folder = shop
    sync(api)
    for count in (4, 5):
        scaled(api, count)
        sync(api)
    sidecar = {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "proxy", "image": "proxy:1"}}
    injected = api.patch(WEB, [sidecar], JSON_PATCH, manager="sidecar-injector")
    edited = image(api, "registry.example/web:hotfix")
    image(api, "registry.example/web:hotfix2")
    onset = scaled(api, 3)
    last = scaled(api, 4)
    recorder.wait_for("deployments.apps", int(last["metadata"]["resourceVersion"]))
    done = recorder.command("drift", "-n", "shop", "--baseline", f"file:{folder}", "-o", "json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    told = {each["path"]: each for each in answer["items"]}
    assert answer["compared"] == 8
    assert answer["not_compared"] == []
    begun = {path: each["event"].split(":")[-2] for path, each in told.items()}
    containers = "spec.template.spec.containers"
    assert begun == {
        "spec.replicas": onset["metadata"]["resourceVersion"],
        f"{containers}[name=proxy]": injected["metadata"]["resourceVersion"],
        f"{containers}[name=web].image": edited["metadata"]["resourceVersion"],
    }
    assert [told[path]["by"] for path in sorted(told)] == ["autoscaler", "sidecar-injector", "kubectl-edit"]
    replicas = told["spec.replicas"]
    assert (replicas["expected"], replicas["actual"], replicas["flaps"]) == (2, 4, 2)
    assert replicas["between"] == ["autoscaler", "argocd"]
    assert (replicas["basis"], bool(replicas["after"])) == (
        ("late", True) if replicas["ts_error"] else ("change", False)
    )
    assert "not-to-be-seen" not in done.stdout + done.stderr
    heal(api, recorder)
    healed = recorder.command("drift", "-n", "shop", "--baseline", f"file:{folder}", "-o", "name")
    assert healed.returncode == 0, healed.stdout + healed.stderr


def heal(api: Api, recorder: Recorder) -> None:
    """GitOps brings everything back, somebody takes the sidecar out, and a ConfigMap says the same otherwise."""
    sync(api)
    last = api.patch(WEB, [{"op": "remove", "path": "/spec/template/spec/containers/1"}], JSON_PATCH, manager="fix")
    config = api.patch(
        "/api/v1/namespaces/shop/configmaps/app", {"data": {"app.json": '{"b":[2],"a":1}'}}, manager="fmt"
    )
    recorder.wait_for("deployments.apps", int(last["metadata"]["resourceVersion"]))
    recorder.wait_for("configmaps", int(config["metadata"]["resourceVersion"]))


def test_clean_output_can_be_applied_where_it_came_from_and_elsewhere(shop: tuple[Api, Recorder, Path]) -> None:
    api, recorder, _ = shop
    sync(api)
    job: Json = {"restartPolicy": "Never", "containers": [{"name": "once", "image": "once:1"}]}
    api.post("/apis/batch/v1/namespaces/shop/jobs", {"metadata": {"name": "once"}, "spec": {"template": {"spec": job}}})
    api.post("/api/v1/namespaces", {"metadata": {"name": "copy"}})
    last = api.post(
        "/api/v1/namespaces/shop/pods", {"metadata": {"name": "bare"}, "spec": {"containers": [job["containers"][0]]}}
    )
    recorder.wait_for("pods", int(last["metadata"]["resourceVersion"]))
    paths = {"jobs/once": "/apis/batch/v1", "pods/bare": "/api/v1", "deployments/web": "/apis/apps/v1"}
    paths |= {
        f"{path.rsplit('/', 1)[1]}/{body['metadata']['name']}": path.split("/namespaces")[0] for path, body in OTHERS
    }
    for name, root in paths.items():
        shown = recorder.command("show", name, "-n", "shop", "--clean", "--allow-redacted")
        assert shown.returncode == 0, shown.stderr
        body = yaml.safe_load(shown.stdout)
        query = {"dryRun": "All", "fieldManager": "restore", "force": "true"}
        api.request("PATCH", f"{root}/namespaces/shop/{name}", body, content_type=APPLY, query=query)
        body["metadata"]["namespace"] = "copy"
        api.request("PATCH", f"{root}/namespaces/copy/{name}", body, content_type=APPLY, query=query)
        api.request("POST", f"{root}/namespaces/copy/{name.split('/')[0]}", body, query={"dryRun": "All"})
