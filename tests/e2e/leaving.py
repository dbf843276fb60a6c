"""People who leave secrets in a real cluster: each canary made, changed, and half of them deleted."""

from tests.controlplane.api import Api, Json
from tests.fakes.canaries import Canary, canaries, said

KINDS = "configmaps,secrets,pods,deployments.apps,serviceaccounts,events"


def leave(api: Api, namespace: str) -> Json:
    """All of them, an Event that says one more, and a ConfigMap `last`, which is given back."""
    for number, canary in enumerate(canaries()):
        collection = f"{_root(canary, namespace)}/{canary.resource}"
        metadata = canary.body.get("metadata")
        named = {**(metadata if isinstance(metadata, dict) else {}), "name": canary.name}
        api.post(collection, {**canary.body, "metadata": named})
        api.patch(f"{collection}/{canary.name}", {"metadata": {"labels": {"changed": "yes"}}})
        if number % 2:
            api.delete(f"{collection}/{canary.name}", gracePeriodSeconds="0")
    event = {
        "metadata": {"name": "told"},
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "c19"},
        "message": said(),
        "reason": "Failed",
        "type": "Warning",
    }
    api.post(f"/api/v1/namespaces/{namespace}/events", event)
    return api.post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "last"}})


def _root(canary: Canary, namespace: str) -> str:
    group = "/apis/apps/v1" if canary.resource == "deployments" else "/api/v1"
    return f"{group}/namespaces/{namespace}"
