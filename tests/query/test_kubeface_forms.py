"""Pieces of the API server's face that need no store: ages, patches, JSONPath, paths, binary reviews."""

from datetime import timedelta

import pytest

from query.kubeface import customcolumns, dryrun, protobuf
from query.kubeface.durations import human
from query.kubeface.requests import Accepted, Target, accepted, target
from query.kubeface.statuses import Refusal
from schema.canonical import Json, JsonObject

STRATEGIC = "application/strategic-merge-patch+json"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "<invalid>"), (-1, "0s"), (119, "119s"), (120, "2m"), (200, "3m20s"), (3600, "60m"), (4 * 3600, "4h"),
        (5 * 3600 + 180, "5h3m"), (47 * 3600, "47h"), (49 * 3600, "2d1h"), (10 * 86400, "10d"), (800 * 86400, "2y70d"),
    ],
)  # fmt: skip
def test_ages_are_those_of_kubectl(seconds: int, told: str) -> None:
    assert human(timedelta(seconds=seconds)) == told


def containers(*names: str, **more: Json) -> JsonObject:
    return {"spec": {"containers": [{"name": name, "image": f"{name}:1", **more} for name in names]}}


def test_a_strategic_patch_merges_containers_by_name() -> None:
    patch: JsonObject = {
        "spec": {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "c"}],
            "containers": [
                {"name": "c", "image": "c:1"},
                {"name": "b", "image": "b:2"},
                {"name": "a", "$patch": "delete"},
            ],
        }
    }
    made = dryrun.patched(containers("a", "b"), patch, STRATEGIC)
    assert made == {"spec": {"containers": [{"name": "b", "image": "b:2"}, {"name": "c", "image": "c:1"}]}}


def test_lists_without_a_key_are_replaced_and_null_removes() -> None:
    before: JsonObject = {"spec": {"args": ["a"], "paused": True}}
    assert dryrun.patched(before, {"spec": {"args": ["b"], "paused": None}}, STRATEGIC) == {"spec": {"args": ["b"]}}


def test_directives_replace_retain_and_take_out() -> None:
    before: JsonObject = {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "finalizers": ["p", "q"]}
    patch: JsonObject = {
        "a": {"$patch": "replace", "z": 3},
        "b": {"$retainKeys": ["x"], "x": 5},
        "$deleteFromPrimitiveList/finalizers": ["p"],
    }
    assert dryrun.strategic(before, patch) == {"a": {"z": 3}, "b": {"x": 5}, "finalizers": ["q"]}


def test_status_is_not_written_and_a_changed_spec_is_counted() -> None:
    before: JsonObject = {"metadata": {"generation": 4}, "spec": {"n": 1}, "status": {"n": 1}}
    made = dryrun.patched(before, {"spec": {"n": 2}, "status": {"n": 9}}, "application/merge-patch+json")
    assert made == {"metadata": {"generation": 5}, "spec": {"n": 2}, "status": {"n": 1}}


def test_a_json_patch_that_does_not_fit_is_refused() -> None:
    with pytest.raises(Refusal, match="does not fit"):
        dryrun.patched({"a": 1}, [{"op": "remove", "path": "/b"}], "application/json-patch+json")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.a", [1]), (".spec.list[1].n", ["y"]), (".spec.list[*].n", ["x", "y"]), ("spec.a", [1]),
        (".spec.list[?(@.n=='y')].v", [2]), (".spec['a']", [1]), (".spec.none", []), (".spec..a", []), ("{}", []),
    ],
)  # fmt: skip
def test_columns_find_what_their_json_path_says(path: str, found: list[Json]) -> None:
    document: Json = {"spec": {"a": 1, "list": [{"n": "x", "v": 1}, {"n": "y", "v": 2}]}}
    assert customcolumns.results(document, path) == found


def test_paths_name_collections_objects_and_parts() -> None:
    assert target("api/v1/namespaces/shop") == Target(group="", version="v1", resource="namespaces", name="shop")
    one = Target(group="apps", version="v1", resource="deployments", namespace="s", name="w", part="status")
    assert target("apis/apps/v1/namespaces/s/deployments/w/status") == one
    assert target("apis/apps/v1") is None


def test_the_first_form_that_is_known_is_taken() -> None:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    assert accepted(f"application/vnd.kubernetes.protobuf,{table}") == Accepted("Table", "v1")
    assert accepted("application/json;as=Frob;v=v1,application/json") == Accepted("", "")


def test_a_review_of_a_go_client_is_read() -> None:
    attributes = b"\x12\x04list" + b"\x2a\x04pods"
    spec = b"\x0a" + bytes([len(attributes)]) + attributes
    review = b"\x0a\x00\x12" + bytes([len(spec)]) + spec
    body = b"k8s\x00" + b"\x0a\x00\x12" + bytes([len(review)]) + review
    assert protobuf.review(body) == {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}


def test_a_review_of_rules_is_read() -> None:
    spec = b"\x0a\x04shop"
    review = b"\x0a\x00\x12" + bytes([len(spec)]) + spec
    body = b"k8s\x00" + b"\x0a\x00\x12" + bytes([len(review)]) + review
    assert protobuf.review(body, "selfsubjectrulesreviews") == {"spec": {"namespace": "shop"}}


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"k8s\x00\x12\xff", b"k8s\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal):
        protobuf.review(data)
