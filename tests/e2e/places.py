"""Three hundred objects in two places, cluster or namespace, that differ in twelve known ways and in no other."""

import copy
from concurrent.futures import ThreadPoolExecutor

from tests.controlplane.api import Api, Json
from tests.e2e.recorder import Recorder

Objects = dict[str, Json]
"""`deployments/web-0` → its body without a namespace."""

ROOTS = {"deployments": "/apis/apps/v1", "configmaps": "/api/v1", "secrets": "/api/v1"}
COUNTS = {"deployments": 20, "configmaps": 270, "secrets": 10}
BODIES: dict[str, Json] = {
    "deployments": {
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": "web:1",
                            "env": [{"name": "MODE", "value": "fast"}],
                            "resources": {"requests": {"cpu": "1000m"}},
                        }
                    ]
                },
            },
        }
    },
    "configmaps": {"data": {"mode": "fast", "app.json": '{"a":1,"b":[2]}'}},
    "secrets": {"stringData": {"token": "not-to-be-seen"}},
}


def objects() -> Objects:
    """Three hundred of them."""
    return {
        f"{kind}/o{number}": {"metadata": {"name": f"o{number}"}, **copy.deepcopy(BODIES[kind])}
        for kind, count in COUNTS.items()
        for number in range(count)
    }


def changed(there: Objects) -> Objects:
    """The same with twelve differences, and two things that are only written otherwise."""

    def container(name: str) -> Json:
        found: Json = there[f"deployments/{name}"]["spec"]["template"]["spec"]["containers"][0]
        return found

    container("o0")["image"] = "web:2"
    there["deployments/o1"]["spec"]["replicas"] = 3
    there["deployments/o2"]["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    container("o3")["env"][0]["value"] = "slow"
    there["deployments/more"] = {**there.pop("deployments/o4"), "metadata": {"name": "more"}}
    there["configmaps/o0"]["data"]["mode"] = "slow"
    there["configmaps/o1"]["data"].pop("mode")
    there["configmaps/o2"]["data"]["more"] = "1"
    there["configmaps/o3"]["metadata"]["labels"] = {"team": "a"}
    there["configmaps/o4"]["data"]["app.json"] = '{"a":1,"b":[3]}'
    there["secrets/o0"]["stringData"]["token"] = "another"
    container("o5")["resources"]["requests"]["cpu"] = "1"
    there["configmaps/o5"]["data"]["app.json"] = '{"b": [2], "a": 1}'
    return there


DIFFERENCES = {
    ("deployments", "o0", "spec.template.spec.containers[name=web].image"),
    ("deployments", "o1", "spec.replicas"),
    ("deployments", "o2", "spec.template.spec.containers[name=proxy]"),
    ("deployments", "o3", "spec.template.spec.containers[name=web].env[name=MODE].value"),
    ("deployments", "o4", "removed"),
    ("deployments", "more", "added"),
    ("configmaps", "o0", "data.mode"),
    ("configmaps", "o1", "data.mode"),
    ("configmaps", "o2", "data.more"),
    ("configmaps", "o3", "metadata.labels"),
    ("configmaps", "o4", 'data["app.json"]'),
    ("secrets", "o0", "data.token"),
}


def create(api: Api, recorder: Recorder, namespace: str, bodies: Objects) -> None:
    """All of them, and wait until they are recorded."""
    api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})

    def post(name: str) -> tuple[str, int]:
        kind = name.partition("/")[0]
        made = api.post(f"{ROOTS[kind]}/namespaces/{namespace}/{kind}", bodies[name])
        return kind, int(made["metadata"]["resourceVersion"])

    with ThreadPoolExecutor(8) as pool:
        for kind, rv in sorted(dict(sorted(pool.map(post, bodies))).items()):
            recorder.wait_for("deployments.apps" if kind == "deployments" else kind, rv, 90)


def told(answer: Json) -> set[tuple[str, str, str]]:
    """(kind, name, place) of everything in an answer."""
    found = {(each["resource"], each["name"], sort) for sort in ("added", "removed") for each in answer[sort]}
    return found | {
        (each["resource"], each["name"], field["path"]) for each in answer["changed"] for field in each["fields"]
    }
