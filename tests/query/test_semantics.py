"""When two values that are written differently mean the same."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from query.semantics import RULES, Difference, Rule, Rules
from schema.canonical import Json, JsonObject
from schema.kindschema import KindSchema

DEPLOYMENT = "deployments.apps"


def rules_of(found: list[Difference]) -> dict[str, Rule | None]:
    return {each.text: each.rule for each in found}


def container(**more: Json) -> JsonObject:
    return {"name": "web", "image": "web:1", **more}


def deployment(*containers: JsonObject, **spec: Json) -> JsonObject:
    return {"spec": {**spec, "template": {"spec": {"containers": [*containers]}}}}


C = "spec.template.spec.containers[name=web]"


@pytest.mark.parametrize(
    ("expected", "actual", "path", "rule"),
    [
        (
            deployment(container(resources={"limits": {"cpu": "1000m"}})),
            deployment(container(resources={"limits": {"cpu": "1"}})),
            f"{C}.resources.limits.cpu",
            "quantity",
        ),
        (
            deployment(container(resources={"limits": {"memory": "1Gi"}})),
            deployment(container(resources={"limits": {"memory": "1024Mi"}})),
            f"{C}.resources.limits.memory",
            "quantity",
        ),
        (
            deployment(container(livenessProbe={"httpGet": {"port": 80}})),
            deployment(container(livenessProbe={"httpGet": {"port": "80"}})),
            f"{C}.livenessProbe.httpGet.port",
            "int-or-string",
        ),
        ({"spec": {"renewBefore": "1h"}}, {"spec": {"renewBefore": "60m"}}, "spec.renewBefore", "duration"),
        ({"spec": {"ratio": 1}}, {"spec": {"ratio": 1.0}}, "spec.ratio", "number"),
        (
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"finalizers": ["b", "a"]}},
            "metadata.finalizers",
            "set",
        ),
        (
            deployment(container(), {"name": "side"}),
            deployment({"name": "side"}, container()),
            "spec.template.spec.containers",
            "list-map",
        ),
        ({"data": {"a": '{"b": 1}'}}, {"data": {"a": '{"b":1}\n'}}, "data.a", "embedded-document"),
        ({"data": {"a.yaml": "b: 1\nc: [2]\n"}}, {"data": {"a.yaml": "c:\n- 2\nb: 1"}}, None, "embedded-document"),
        ({"spec": {"volumes": []}}, {"spec": {}}, "spec.volumes", "empty"),
        ({"metadata": {"labels": None}}, {"metadata": {}}, "metadata.labels", "empty"),
    ],
)
def test_the_same_written_otherwise_is_named_by_its_rule(
    expected: Json, actual: Json, path: str | None, rule: Rule
) -> None:
    (found,) = Rules().compare(DEPLOYMENT, expected, actual)
    assert (found.rule, found.text if path else None) == (rule, path)
    assert not Rules(without=[rule]).equal(DEPLOYMENT, expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"metadata": {"labels": {"cpu": "1000m"}}}, {"metadata": {"labels": {"cpu": "1"}}}),
        ({"data": {"port": "80"}}, {"data": {"port": "080"}}),
        ({"data": {"wait": "1h"}}, {"data": {"wait": "60m"}}),
        ({"spec": {"paused": True}}, {"spec": {"paused": 1}}),
        ({"spec": {"namespaceSelector": {}}}, {"spec": {}}),
        (deployment(container(args=["a", "b"])), deployment(container(args=["b", "a"]))),
        (
            {"spec": {"initContainers": [{"name": "a"}, {"name": "b"}]}},
            {"spec": {"initContainers": [{"name": "b"}, {"name": "a"}]}},
        ),
    ],
)
def test_what_means_something_else_is_a_difference(expected: Json, actual: Json) -> None:
    assert [each.rule for each in Rules().compare(DEPLOYMENT, expected, actual)] == [None]


def test_a_document_inside_a_string_differs_in_its_own_places() -> None:
    old, new = "server:\n  port: 80\n  host: a\n", "server: {port: 81, host: a}"
    (found,) = Rules().compare("configmaps", {"data": {"app.yaml": old}}, {"data": {"app.yaml": new}})
    assert (found.text, found.expected, found.actual) == ('data["app.yaml"]:server.port', 80, 81)


def test_a_text_with_yaml_aliases_is_compared_as_text() -> None:
    bomb = "a: &a [x]\nb: [*a, *a]\n"
    (found,) = Rules().compare("configmaps", {"data": {"a": bomb}}, {"data": {"a": bomb + "c: 1"}})
    assert (found.text, found.rule) == ("data.a", None)


def test_what_the_server_fills_in_is_no_difference_from_a_manifest() -> None:
    manifest: Json = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        **deployment(container(ports=[{"containerPort": 80}])),
    }
    filled = container(
        ports=[{"containerPort": 80, "protocol": "TCP"}],
        imagePullPolicy="IfNotPresent",
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    strategy: Json = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    actual = deployment(filled, replicas=1, strategy=strategy, progressDeadlineSeconds=600, revisionHistoryLimit=10)
    actual |= {"apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 1}, "metadata": {"uid": "1"}}
    found = Rules().compare(DEPLOYMENT, manifest, actual, partial=True)
    assert {each.rule for each in found} == {"default", "server-owned"}
    assert rules_of(found)["spec.strategy"] == "default"


def test_what_somebody_added_is_a_difference_from_a_manifest() -> None:
    actual = deployment(container(), {"name": "proxy"}, replicas=3, strategy={"type": "Recreate"})
    found = Rules().compare(DEPLOYMENT, deployment(container()), actual, partial=True)
    assert {each.text: each.op for each in found if each.rule is None} == {
        "spec.replicas": "add",
        "spec.strategy": "add",
        "spec.template.spec.containers[name=proxy]": "add",
    }
    left = Rules(also=["unmentioned"]).compare(DEPLOYMENT, deployment(container()), actual, partial=True)
    assert [each.text for each in left if each.rule is None] == ["spec.template.spec.containers[name=proxy]"]


def test_the_schema_of_a_kind_tells_what_names_cannot() -> None:
    schema = KindSchema(
        keys={"/spec/routes": ["path", "verb"]},
        sets=["/spec/hosts"],
        quantities=["/spec/budget"],
        defaults={"/spec/mode": "auto"},
    )
    old: Json = {"spec": {"hosts": ["a", "b"], "budget": "1k", "routes": [{"path": "/", "verb": "GET"}]}}
    new: Json = {
        "spec": {
            "hosts": ["b", "a"],
            "budget": "1000",
            "mode": "auto",
            "routes": [{"path": "/", "verb": "PUT"}, {"path": "/", "verb": "GET"}],
        }
    }
    found = rules_of(Rules(schemas={"widgets.lab": schema}).compare("widgets.lab", old, new, partial=True))
    assert found == {
        "spec.budget": "quantity",
        "spec.hosts": "set",
        "spec.mode": "default",
        "spec.routes[path=/,verb=PUT]": None,
    }


def hook(bundle: str) -> Json:
    return {"webhooks": [{"name": "a", "caBundle": bundle}]}


def certificate(name: str, *, days: int) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), 7)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = made.not_valid_before(begin).not_valid_after(begin + timedelta(days=days))
    signed = made.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def test_a_renewed_certificate_differs_in_its_dates() -> None:
    old, new = (hook(certificate("ca", days=days)) for days in (30, 60))
    found = rules_of(Rules().compare("validatingwebhookconfigurations.admissionregistration.k8s.io", old, new))
    assert set(found) == {f"webhooks[name=a].caBundle:[#0].{each}" for each in ("notAfter", "sha256")}


def test_the_same_certificate_in_another_coat_is_the_same() -> None:
    pem = certificate("ca", days=30)
    (found,) = Rules().compare("webhooks.lab", hook(pem), hook(base64.b64encode(pem.encode()).decode()))
    assert (found.text, found.rule) == ("webhooks[name=a].caBundle", "certificate")


def test_every_rule_can_be_switched_off() -> None:
    assert Rules(without=RULES).on == frozenset()
    assert Rules(only=["set"]).on == {"set"}
