"""Wherever people leave a secret, it is replaced before anything is made of the object, and what is no secret stays."""

import logging
from datetime import timedelta

import orjson
import pytest

from collector.clock import Capture
from collector.kubeevents import KubeEventTracker
from collector.redact import Redactor
from collector.redact_rules import RedactionRules, Rule, parse_path
from collector.sink import Remembered
from collector.skew import Skew
from schema.canonical import Json, JsonObject, canonical, digest
from schema.events import KubeEvent
from schema.objects import Kind, Scope
from tests.fakes.canaries import Canary, canaries, forms, secret
from tests.fakes.clock import FakeClock
from tests.fakes.observed import KINDS, observed
from tests.fakes.served import CONFIG_MAPS, KEY, NOON, PODS, at, entry, events, line, served, tracker, watching


def kept(body: JsonObject, kind: Kind = CONFIG_MAPS, rules: RedactionRules | None = None) -> JsonObject:
    """The sections of an object as they would be recorded."""
    redactor = Redactor(KEY, rules)
    copy: JsonObject = orjson.loads(orjson.dumps(body))
    return {name: redactor.section(kind, name, value, canonical(value))[0] for name, value in copy.items()}


def data(text: str, rules: RedactionRules | None = None) -> str:
    """A text in a ConfigMap as it would be recorded."""
    found = kept({"data": {"x": text}}, rules=rules)["data"]
    assert isinstance(found, dict)
    return str(found["x"])


@pytest.mark.parametrize("canary", canaries(), ids=lambda one: one.name)
def test_no_canary_in_events_patches_memory_or_logs(canary: Canary, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    records, found = observed(canary)
    assert len(events(records)) == 4
    told = repr(records) + caplog.text
    told += "".join(
        bytes(raw or b"").decode() for one in events(records) for raw in (one.object, one.patch, one.managed)
    )
    memory = found.__dict__["_memory"]
    told += "".join(memory.unpack(memory.get(uid)).state.decode() for uid in memory)
    assert [form for held in canary.secrets for form in forms(held) if form in told] == []


@pytest.mark.parametrize("canary", canaries(), ids=lambda one: one.name)
def test_redacting_twice_is_redacting_once(canary: Canary) -> None:
    once = kept(canary.body, KINDS[canary.resource])
    assert kept(once, KINDS[canary.resource]) == once


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.org/a?b=c@d and ssh://git@github.com/x.git",
        'secret "db" not found; token expired; basic authentication is off; bearer of bad news',
        "password: ''\ntokenFile: /var/run/token\nsecretName: db\nallow-password: false",
        "PASSWORD_FILE=/run/secrets/x",
        '{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}',
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "the users: list, the clusters: list",
        "mail ann@example.org, image r/x@sha256:0123456789abcdef",
    ],
)
def test_what_is_no_secret_stays_as_served(text: str) -> None:
    assert data(text) == text


def test_references_switches_and_names_of_files_stay() -> None:
    env: Json = [
        {"name": "DB_PASSWORD_FILE", "value": "/run/x"},
        {"name": "TOKEN_AUTH", "value": "true"},
        {"name": "PASSWORD", "value": "$(OTHER)"},
        {"name": "MAX_TOKENS", "value": "4096"},
        {"name": "SECRET_NAME", "value": "db"},
    ]
    body: JsonObject = {"spec": {"containers": [{"env": env}], "volumes": [{"secret": {"secretName": "db"}}]}}
    assert kept(body, PODS) == body


def test_a_url_keeps_its_user_and_host_and_shows_that_its_password_changed() -> None:
    one, other = (data(f"postgres://shop:{value}@db/x") for value in ("first1", "second"))
    assert one.startswith("postgres://shop:hmac:")
    assert one.endswith("@db/x")
    assert one != other == data("postgres://shop:second@db/x")


def test_a_changed_secret_is_a_change_whose_patch_shows_markers_only() -> None:
    def config(rv: int, value: str) -> bytes:
        return served(rv, {"data": {"DB_PASSWORD": value}})

    found = watching(config(7, "hunter2!"))
    (event,) = events(found.observe([line("MODIFIED", config(101, "hunter3!"))], at=at(1), not_before=None))
    assert event.paths == ["data.DB_PASSWORD"]
    assert b"hunter" not in bytes(event.patch)
    assert [step["op"] for step in orjson.loads(bytes(event.patch))] == ["test", "replace"]


def test_what_events_say_is_redacted() -> None:
    found = KubeEventTracker(
        origin=Capture(cluster="lab", cluster_uid="c"),
        kind=Kind(group="", version="v1", resource="events", kind="Event", namespaced=True),
        scope=Scope("events"),
        redactor=Redactor(KEY),
        skew=Skew(),
        clock=FakeClock(NOON),
    )
    said = f"mount failed: mount -o username=u,password={secret(1)} //host: exit 32"
    (record,) = found.observe(
        [line("ADDED", served(7, {"message": said, "type": "Warning"}))], at=NOON, not_before=None
    )
    assert isinstance(record, KubeEvent)
    assert secret(1) not in record.message
    assert record.message.startswith("mount failed: mount -o username=u,password=hmac:")


def test_members_of_sets_in_managed_fields_are_redacted() -> None:
    owned = entry("kubectl", {"f:spec": {f'v:"https://u:{secret(2)}@host"': {}}})
    found = tracker()
    found.restore([], None)
    (event,) = events(found.replace([served(7, {}, managed=[owned])], rv="9", at=NOON, reason=""))
    assert event.managed is not None
    assert secret(2).encode() not in bytes(event.managed)
    assert isinstance(orjson.loads(bytes(event.managed)), list)


def test_nobody_can_write_markers_of_another_key() -> None:
    forged = "hmac:00000000:0123456789abcdef"
    assert forged not in data(f"x={forged}")
    assert Redactor(KEY).comparable(CONFIG_MAPS, canonical(kept({"data": {"x": forged}})))


def test_own_rules_by_kind_and_path_name_and_pattern() -> None:
    rules = RedactionRules(
        own=(
            Rule(
                name="license", kinds=("configmaps",), paths=(parse_path("data.license"), parse_path("spec.keys[].v"))
            ),
            Rule(name="pin", names=("PIN",)),
            Rule(name="card", pattern=r"card (?P<value>[0-9]{12})"),
        )
    )
    body: JsonObject = {
        "data": {"license": "LIC-1", "note": "card 123456789012 ok"},
        "spec": {"keys": [{"v": "one"}, {"v": 2}], "pin": "0000", "env": [{"name": "PIN", "value": 1234}]},
    }
    text = orjson.dumps(kept(body, rules=rules)).decode()
    assert [held for held in ("LIC-1", "123456789012", "one", "0000", "1234") if f'"{held}"' in text] == []
    assert "card hmac:" in text
    assert orjson.dumps(kept(body, PODS, rules)).decode().count("LIC-1") == 1


@pytest.mark.parametrize("path", ["data", "", "a..b", "a[b", 'metadata.annotations["a"x'])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="expected a path"):
        parse_path(path)


def test_paths_name_annotations_in_quotes() -> None:
    assert parse_path('metadata.annotations["a.b/c"]') == ("metadata", "annotations", "a.b/c")


def test_a_rule_can_be_switched_off_by_name_and_a_wrong_name_is_refused() -> None:
    text = "postgres://shop:pass1word@db/x"
    assert data(text, RedactionRules(off=frozenset({"urls"}))) == text
    with pytest.raises(ValueError, match="no such rule: uris"):
        RedactionRules(off=frozenset({"uris"}))


def test_what_was_recorded_before_there_was_a_rule_opens_a_new_epoch_and_no_patch_shows_it() -> None:
    old = canonical(
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"TOKEN": secret(3)}, "metadata": {"name": "web"}}
    )
    known = Remembered(
        kind="configmaps", uid="u-1", namespace="shop", name="web", epoch=5, seq=3, rv="7", hash=digest(old),
        object=old, managed=None, deleted=False,
    )  # fmt: skip
    found = tracker()
    before = watching().position
    assert before is not None
    found.restore([known], before)
    assert found.position is None
    item = served(8, {"data": {"TOKEN": secret(4)}})
    records = events(found.replace([item], rv="100", at=NOON + timedelta(seconds=5), reason="checkpoint lost"))
    assert [(one.cause, one.op, one.origin) for one in records] == [("redaction-rules", "add", "list")]
    assert secret(3) not in repr(records) + "".join(bytes(one.object or b"").decode() for one in records)


@pytest.mark.parametrize("canary", canaries(), ids=lambda one: one.name)
def test_a_state_from_the_store_is_kept_as_one_that_is_served(canary: Canary) -> None:
    kind = KINDS[canary.resource]
    assert orjson.loads(Redactor(KEY).settled(kind, canonical(canary.body))) == kept(canary.body, kind)


def test_what_needs_no_redaction_is_taken_from_the_store_as_it_is() -> None:
    state = canonical({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"image": "web:1"}]}})
    assert Redactor(KEY).settled(PODS, state) is state
