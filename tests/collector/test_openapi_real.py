"""What a real API server's OpenAPI says, also of a kind that is made while we look."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from collector.clock import utc_now
from collector.credentials import load_credentials
from collector.discovery import is_watchable
from collector.kubeapi import KubeApi
from collector.openapi import OpenApi
from collector.skew import Skew
from schema.objects import Kind
from tests.controlplane.lab import Lab

pytestmark = pytest.mark.controlplane

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "schemas.lab.example"
SPEC = {
    "type": "object",
    "properties": {
        "mode": {"type": "string", "default": "auto"},
        "port": {"x-kubernetes-int-or-string": True},
        "hosts": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "rules": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["path"],
            "items": {"type": "object", "required": ["path"], "properties": {"path": {"type": "string"}}},
        },
    },
}
CRD = {
    "metadata": {"name": NAME},
    "spec": {
        "group": "lab.example",
        "scope": "Namespaced",
        "names": {"plural": "schemas", "singular": "schema", "kind": "Schema"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}},
            }
        ],
    },
}


@pytest.fixture
async def cluster(lab: Lab) -> AsyncIterator[KubeApi]:
    credentials = await load_credentials(kubeconfig=str(lab.kubeconfig), environ={}, home=Path.home())
    api = KubeApi(credentials, skew=Skew(), clock=utc_now, random=Random(1))
    yield api
    await api.close()


async def kinds(cluster: KubeApi) -> list[Kind]:
    return [kind for kind in (await cluster.discover()).kinds if is_watchable(kind)]


async def test_every_kind_has_a_schema_and_those_of_workloads_name_their_keys(cluster: KubeApi) -> None:
    learnt = await OpenApi(cluster).refresh(await kinds(cluster))
    assert learnt.missing == 0
    pod = "/spec/template/spec"
    deployment = learnt.schemas["deployments.apps"]
    assert deployment.keys[f"{pod}/containers"] == ["name"]
    assert deployment.keys[f"{pod}/containers/*/ports"] == ["containerPort", "protocol"]
    assert f"{pod}/containers/*/resources/limits/*" in deployment.quantities
    assert "/spec/strategy/rollingUpdate/maxSurge" in deployment.ints
    assert deployment.defaults[f"{pod}/containers/*/ports/*/protocol"] == "TCP"
    assert "/metadata/finalizers" in deployment.sets


async def test_a_kind_made_while_running_is_learnt_within_seconds(lab: Lab, cluster: KubeApi) -> None:
    openapi, api = OpenApi(cluster), lab.client()
    before = await openapi.refresh(await kinds(cluster))
    assert "schemas.lab.example" not in before.schemas
    api.post(CRDS, CRD)
    try:
        deadline = time.monotonic() + 60
        while "schemas.lab.example" not in (found := await openapi.refresh(await kinds(cluster))).schemas:
            assert time.monotonic() < deadline, "never served"
            await asyncio.sleep(0.3)
    finally:
        api.delete(f"{CRDS}/{NAME}")
    schema = found.schemas["schemas.lab.example"]
    assert (schema.keys["/spec/rules"], schema.ints, schema.defaults) == (
        ["path"],
        ["/spec/port"],
        {"/spec/mode": "auto"},
    )
    assert "/spec/hosts" in schema.sets
