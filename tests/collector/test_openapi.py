"""What capture learns from OpenAPI v3, and that it never has to."""

import asyncio
from collections.abc import Mapping

import orjson
import pytest

from collector.cluster import Busy, ClusterError, Forbidden, NotServed
from collector.openapi import ListMapKeys, OpenApi, SchemaWatch
from schema.kindschema import KindSchema
from schema.objects import Kind
from schema.paths import parse
from tests.fakes.cluster import FakeCluster

WIDGETS = Kind(group="lab", version="v1", resource="widgets", kind="Widget", namespaced=True)
PATH = "/openapi/v3/apis/lab/v1?hash=1"
QUANTITY = "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"
SPEC = {
    "properties": {
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
            "items": {"properties": {"protocol": {"default": "TCP"}, "target": {"x-kubernetes-int-or-string": True}}},
        },
        "hosts": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "limits": {"additionalProperties": {"allOf": [{"$ref": QUANTITY}]}},
        "within": {"$ref": "#/components/schemas/lab.v1.Widget"},
    }
}
DOCUMENT = {
    "components": {
        "schemas": {
            "lab.v1.Widget": {
                "properties": {"spec": SPEC},
                "x-kubernetes-group-version-kind": [{"group": "lab", "version": "v1", "kind": "Widget"}],
            }
        }
    }
}
LEARNT = {
    "keys": {"/spec/ports": ["port", "protocol"]},
    "sets": ["/spec/hosts"],
    "quantities": ["/spec/limits/*"],
    "ints": ["/spec/ports/*/target"],
    "defaults": {"/spec/ports/*/protocol": "TCP"},
}


def serve(cluster: FakeCluster, number: int = 1, **more: object) -> None:
    """A document with this hash."""
    path = f"/openapi/v3/apis/lab/v1?hash={number}"
    cluster.documents["/openapi/v3"] = orjson.dumps({"paths": {"apis/lab/v1": {"serverRelativeURL": path}}})
    cluster.documents[path] = orjson.dumps(DOCUMENT | more)


async def test_a_kind_is_cut_down_to_what_comparing_needs() -> None:
    cluster = FakeCluster(WIDGETS)
    serve(cluster)
    learnt = await OpenApi(cluster).refresh([WIDGETS])
    schema = learnt.schemas["widgets.lab"]
    assert {name: getattr(schema, name) for name in LEARNT} == LEARNT
    assert learnt.missing == 0


async def test_a_document_is_read_again_only_when_its_hash_is_another() -> None:
    cluster = FakeCluster(WIDGETS)
    serve(cluster)
    openapi = OpenApi(cluster)
    first = await openapi.refresh([WIDGETS])
    assert (await openapi.refresh([WIDGETS])).schemas == {}
    assert cluster.read.count(PATH) == 1
    serve(cluster, 2, info={"title": "another version of the same"})
    assert (await openapi.refresh([WIDGETS])).schemas == {}
    assert (len(first.schemas), len(cluster.read)) == (1, 5)


async def test_a_kind_without_a_document_is_looked_for_again() -> None:
    cluster = FakeCluster(WIDGETS)
    cluster.documents["/openapi/v3"] = b'{"paths":{}}'
    openapi = OpenApi(cluster)
    assert (await openapi.refresh([WIDGETS])).missing == 1
    serve(cluster)
    assert (await openapi.refresh([WIDGETS])).missing == 0


@pytest.mark.parametrize(
    "broken", [NotServed("404"), Forbidden("403"), Busy("500"), b"no JSON", b'{"paths": 1}', b" " * 25 * 2**20]
)
async def test_whatever_is_wrong_with_the_endpoint_is_one_refusal(broken: bytes | ClusterError) -> None:
    cluster = FakeCluster(WIDGETS)
    cluster.documents["/openapi/v3"] = broken
    with pytest.raises(ClusterError):
        await OpenApi(cluster).refresh([WIDGETS])
    serve(cluster)
    cluster.documents[PATH] = broken
    learnt = await OpenApi(cluster).refresh([WIDGETS])
    assert (learnt.schemas, learnt.missing) == ({}, 1)


async def test_the_watch_goes_on_after_a_failure_and_tells_what_it_learns() -> None:
    cluster, keys, failed = FakeCluster(WIDGETS), ListMapKeys(), asyncio.Event()
    told: asyncio.Queue[Mapping[str, KindSchema]] = asyncio.Queue()
    watch = SchemaWatch(cluster, keys=keys, failed=failed.set)
    watch.want({WIDGETS.id: WIDGETS})
    task = asyncio.create_task(watch.run(told.put))
    await failed.wait()
    serve(cluster)
    watch.poke()
    assert set(await told.get()) == {"widgets.lab"}
    known = keys.of("widgets.lab")
    assert known is not None
    assert known.at(parse("spec.ports")) == ("port", "protocol")
    task.cancel()
