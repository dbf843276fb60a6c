"""No Secret value survives: not in an event, not in memory, not in a log; and what is left is a valid Secret."""

import base64
import logging

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.memory import Memory
from collector.redact import LAST_APPLIED, Redactor
from schema.canonical import JsonObject
from schema.events import Record
from schema.objects import Kind
from tests.fakes.served import CONFIG_MAPS, KEY, NOON, SECRETS, at, entry, events, line, served, tracker

CANARY = "canary-value-7f3a"
ENCODED = base64.b64encode(CANARY.encode()).decode()


def redacted(obj: JsonObject, kind: Kind = SECRETS, key: bytes = KEY) -> JsonObject:
    copy: JsonObject = orjson.loads(orjson.dumps(obj))
    Redactor(key).redact(kind, copy)
    return copy


def data(obj: JsonObject, field: str = "data") -> dict[str, str]:
    values = obj[field]
    assert isinstance(values, dict)
    return {name: str(value) for name, value in values.items()}


def applied(manifest: object) -> JsonObject:
    text = manifest if isinstance(manifest, str) else orjson.dumps(manifest).decode()
    return {"metadata": {"annotations": {LAST_APPLIED: text, "keep": "me"}}}


def annotation(obj: JsonObject) -> str | None:
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    annotations = metadata["annotations"]
    assert isinstance(annotations, dict)
    assert annotations["keep"] == "me"
    return annotations.get(LAST_APPLIED)  # type: ignore[return-value]  # a text or nothing, the test says which


def test_a_value_becomes_a_marker_that_is_base64_of_a_keyed_hash() -> None:
    marker = base64.b64decode(data(redacted({"data": {"a": ENCODED}}))["a"]).decode()
    scheme, key, digest = marker.split(":")
    assert (scheme, key, len(digest)) == ("hmac", Redactor(KEY).key_id, 16)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_equal_values_get_equal_markers_and_others_differ_in_nothing_else(one: bytes, two: bytes) -> None:
    values = {"a": base64.b64encode(one).decode(), "b": base64.b64encode(two).decode()}
    found = data(redacted({"data": dict(values)}))
    assert (found["a"] == found["b"]) == (one == two)
    assert len(found["a"]) == len(found["b"])


def test_string_data_gets_the_marker_that_data_gets() -> None:
    found = redacted({"data": {"a": ENCODED}, "stringData": {"a": CANARY}})
    assert data(found) == data(found, "stringData")


def test_another_key_gives_other_markers_that_are_known_as_not_comparable() -> None:
    mine, other = redacted({"data": {"a": ENCODED}}), redacted({"data": {"a": ENCODED}}, key=b"x" * 32)
    assert mine != other
    assert Redactor(KEY).comparable(SECRETS, orjson.dumps(mine))
    assert not Redactor(KEY).comparable(SECRETS, orjson.dumps(other))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("kubernetes.io/dockerconfigjson", ".dockerconfigjson"), ("kubernetes.io/dockercfg", ".dockercfg")],
)
def test_types_that_ask_for_json_keep_json(kind: str, name: str) -> None:
    content = base64.b64encode(orjson.dumps({"auths": {"registry": {"auth": CANARY}}})).decode()
    found = redacted({"type": kind, "data": {name: content}})
    inner = base64.b64decode(data(found)[name])
    assert isinstance(orjson.loads(inner), dict)
    assert b"canary" not in inner
    assert Redactor(b"x" * 32).comparable(SECRETS, orjson.dumps(found)) is False


@pytest.mark.parametrize("value", [None, 7, True, ["canary"], {"a": "canary"}, "canary not base64 !"])
def test_values_of_no_proper_form_are_replaced_as_well(value: object) -> None:
    found = redacted({"data": {"a": value}, "stringData": value})  # type: ignore[dict-item]
    assert b"canary" not in orjson.dumps(found)


def test_the_last_applied_annotation_of_a_secret_is_redacted_alike() -> None:
    manifest = {"kind": "Secret", "data": {"a": ENCODED}, "stringData": {"b": CANARY}}
    kept = annotation(redacted({**applied(manifest), "data": {"a": ENCODED}}))
    assert kept is not None
    assert data(orjson.loads(kept)) == data(redacted({"data": {"a": ENCODED}}))
    assert CANARY not in kept


def test_a_secret_cannot_hide_its_manifest_behind_another_kind() -> None:
    manifest = {"kind": "ConfigMap", "data": {"a": ENCODED}}
    assert ENCODED not in str(annotation(redacted(applied(manifest))))


@pytest.mark.parametrize(
    "manifest", ['{"kind":"Secret","data":{"a":"canary', "canary", "[]", '"canary"', '{"kind":"Secret"']
)
@pytest.mark.parametrize("kind", [SECRETS, CONFIG_MAPS])
def test_an_annotation_that_cannot_be_read_goes(manifest: str, kind: Kind) -> None:
    assert annotation(redacted(applied(manifest), kind)) is None


def test_manifests_of_a_secret_are_redacted_on_any_kind_and_nested_ones_go() -> None:
    inner = {"annotations": {LAST_APPLIED: CANARY, "openshift.io/token-secret.value": CANARY}}
    for manifest in ({"kind": "Secret", "data": {"a": CANARY}, "metadata": inner}, {"stringData": {"a": CANARY}}):
        assert CANARY not in str(annotation(redacted(applied(manifest), CONFIG_MAPS)))


def test_manifests_of_other_kinds_stay_as_served() -> None:
    text = ' {"kind": "ConfigMap", "data": {"a": "b"}}\n'
    assert annotation(redacted(applied(text), CONFIG_MAPS)) == text


def test_a_secret_of_another_group_is_not_a_secret() -> None:
    kind = Kind(group="example.org", version="v1", resource="secrets", kind="Secret", namespaced=True)
    assert redacted({"data": {"a": "b"}}, kind) == {"data": {"a": "b"}}


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than 16 bytes"):
        Redactor(b"short")


def test_no_canary_in_events_memory_logs_or_gaps(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found = tracker(SECRETS)
    found.restore([], None)

    def secret(rv: int, value: str, broken: str = "") -> bytes:
        manifest = orjson.dumps({"kind": "Secret", "stringData": {"p": value}}).decode() + broken
        body: JsonObject = {"data": {"p": base64.b64encode(value.encode()).decode()}, "stringData": {"p": value}}
        owned = entry("kubectl", {"f:data": {"f:p": {}}})
        notes: JsonObject = {"annotations": {LAST_APPLIED: manifest}}
        return served(rv, body, kind=SECRETS, managed=[owned], metadata=notes)

    records: list[Record] = found.replace([secret(7, CANARY + "1")], rv="100", at=NOON, reason="")
    lines = [
        line("MODIFIED", secret(101, CANARY + "2")),
        line("MODIFIED", secret(102, CANARY + "3", broken="{")),
        line("MODIFIED", secret(103, CANARY + "4"))[:-9],
        line("MODIFIED", secret(104, CANARY + "5").replace(b'"web"', b'"\\ud800"')),
        line("DELETED", secret(105, CANARY + "6")),
    ]
    records += found.observe(lines, at=at(1), not_before=None)
    assert len(events(records)) == 4
    memory = found.__dict__["_memory"]
    assert isinstance(memory, Memory)
    everything = repr(records) + caplog.text + "".join(bytes(one.object or b"").decode() for one in events(records))
    everything += "".join(bytes(one.patch).decode() for one in events(records))
    for n in range(1, 7):
        assert CANARY not in everything
        assert base64.b64encode(f"{CANARY}{n}".encode()).decode() not in everything


def test_memory_of_a_secret_holds_markers_only() -> None:
    found = tracker(SECRETS)
    found.restore([], None)
    body: JsonObject = {"data": {"p": ENCODED, "long": base64.b64encode(CANARY.encode() * 50).decode()}}
    found.replace([served(7, body, kind=SECRETS)], rv="100", at=NOON, reason="")
    memory = found.__dict__["_memory"]
    assert isinstance(memory, Memory)
    for uid in memory:
        kept = memory.get(uid)
        assert kept is not None
        version = memory.unpack(kept)
        assert b"canary" not in version.state
        assert ENCODED.encode() not in version.state
        assert {section.fingerprint for section in version.sections} == {b""}
