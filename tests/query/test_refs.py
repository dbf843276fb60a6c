"""TYPE is resolved as kubectl resolves it."""

import pytest

from query.errors import BadReference, UnknownKind
from query.refs import KnownKind, object_ref, parse_words, resolve_kind, resolve_kinds


def known(resource: str, group: str, kind: str, *short: str, version: str = "v1", watching: str = "yes") -> KnownKind:
    return KnownKind(
        cluster="lab",
        resource=resource,
        group=group,
        version=version,
        kind=kind,
        namespaced=True,
        singular=kind.lower(),
        short_names=short,
        categories=("all",) if resource in ("pods", "deployments") else (),
        watching=watching,
    )


SERVED = [
    known("events", "events.k8s.io", "Event", "ev"),
    known("events", "", "Event", "ev"),
    known("pods", "", "Pod", "po"),
    known("pods", "metrics.k8s.io", "PodMetrics", watching="unwatchable"),
    known("deployments", "example.com", "Deployment", version="v1alpha1"),
    known("deployments", "apps", "Deployment", "deploy"),
    known("services", "serving.knative.dev", "Service", "ksvc"),
    known("services", "", "Service", "svc"),
    known("po", "odd.example.com", "Po"),
]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("pods", ("pods", "")),
        ("Pod", ("pods", "")),
        ("deploy", ("deployments", "apps")),
        ("Deployment", ("deployments", "apps")),
        ("deployments.apps", ("deployments", "apps")),
        ("deployments.v1.apps", ("deployments", "apps")),
        ("deployment.example.com", ("deployments", "example.com")),
        ("deployments.v1alpha1.example.com", ("deployments", "example.com")),
        ("pods.v1.", ("pods", "")),
        ("events", ("events", "")),
        ("ev", ("events", "")),
        ("events.events.k8s.io", ("events", "events.k8s.io")),
        ("svc", ("services", "")),
        ("ksvc", ("services", "serving.knative.dev")),
        ("services.serving", ("services", "serving.knative.dev")),
        ("po", ("po", "odd.example.com")),
    ],
)
def test_a_spelling_means_this_kind(text: str, meaning: tuple[str, str]) -> None:
    assert resolve_kind(text, SERVED) == meaning


def test_an_unknown_type_is_refused_with_a_guess() -> None:
    with pytest.raises(UnknownKind) as refused:
        resolve_kind("deploymnet", SERVED)
    assert "deployment" in refused.value.hint
    with pytest.raises(UnknownKind) as nothing:
        resolve_kind("pods", [])
    assert "Nothing has been recorded" in nothing.value.hint


def test_several_types_and_categories() -> None:
    assert resolve_kinds("po.odd.example.com,svc", SERVED) == (("po", "odd.example.com"), ("services", ""))
    assert ("deployments", "apps") in resolve_kinds("all", SERVED)


def test_words_name_objects_as_in_kubectl() -> None:
    assert parse_words(["deploy/web"]) == [("deploy", "web")]
    assert parse_words(["deploy", "web", "db"]) == [("deploy", "web"), ("deploy", "db")]
    assert parse_words(["deploy/web", "svc/db"]) == [("deploy", "web"), ("svc", "db")]


@pytest.mark.parametrize("words", [[], ["deploy"], ["deploy/"], ["deploy/web", "db"], ["a/b/c"]])
def test_words_that_name_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises(BadReference):
        parse_words(words)


def test_a_place_in_a_url() -> None:
    ref = object_ref("lab", ("nodes", ""), "_", "node-1")
    assert (ref.namespace, ref.path, str(ref)) == ("", "lab/nodes/_/node-1", "nodes node-1")
    with pytest.raises(BadReference):
        object_ref("a/b", ("nodes", ""), "_", "node-1")
