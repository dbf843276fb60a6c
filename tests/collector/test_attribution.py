"""Who changed what: as sure as managedFields allow, and never surer."""

import orjson
import pytest
from msgspec import Raw

from collector.attribution import KeyHints, Managed, attribute, attribute_creation
from collector.memory import Stamps
from schema.canonical import Json, JsonObject
from schema.diff import diff
from schema.events import Event
from schema.paths import parse, render
from tests.fakes.served import PODS, at, entry, events, exact_skew, lates, line, served, stamp, watching


def managed(*entries: JsonObject, before: Stamps | None = None) -> Managed:
    return Managed(Raw(orjson.dumps(entries)), before)


def changed(
    old: Json, new: Json, entries: list[JsonObject], before: list[JsonObject] | None
) -> tuple[dict[str, str | None], str, str, str]:
    """Managers by path, then the actor's name, confidence and the claimed second."""
    stamps = None if before is None else managed(*before).stamps
    found = managed(*entries, before=stamps)
    edits = diff(old, new, KeyHints().of(found))
    answer = attribute(edits, found)
    managers = {render(edit.path): manager for edit, manager in zip(edits, answer.managers, strict=True)}
    claim = answer.claim.strftime("%H:%M:%S") if answer.claim else ""
    return managers, answer.actor.name, answer.actor.confidence, claim


def replicas(manager: str, **kwargs: float) -> JsonObject:
    return entry(manager, {"f:spec": {"f:replicas": {}}}, **kwargs)  # type: ignore[arg-type]


def test_the_only_owner_with_a_new_time_is_sure() -> None:
    old, new = {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}
    before = [replicas("kubectl", time=0)]
    answer = changed(old, new, [replicas("hpa", time=5)], before)  # type: ignore[arg-type]
    assert answer == ({"spec.replicas": "hpa"}, "hpa", "high", "12:00:05")


def test_the_generation_that_the_server_counts_takes_nothing_from_that() -> None:
    old: Json = {"metadata": {"generation": 1}, "spec": {"replicas": 1}}
    new: Json = {"metadata": {"generation": 2}, "spec": {"replicas": 2}}
    managers, name, confidence, _ = changed(old, new, [replicas("hpa", time=5)], [])
    assert managers == {"metadata.generation": None, "spec.replicas": "hpa"}
    assert (name, confidence) == ("hpa", "high")


def test_a_second_write_in_the_same_second_is_less_sure_and_dates_nothing() -> None:
    old, new = {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}
    same = [replicas("hpa", time=5)]
    assert changed(old, new, same, same) == ({"spec.replicas": "hpa"}, "hpa", "medium", "")  # type: ignore[arg-type]


def test_after_a_restart_ownership_of_a_single_value_still_dates_the_write() -> None:
    old, new = {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}
    answer = changed(old, new, [replicas("hpa", time=5)], None)  # type: ignore[arg-type]
    assert answer == ({"spec.replicas": "hpa"}, "hpa", "medium", "12:00:05")


def test_two_owners_are_both_named_per_path() -> None:
    old: Json = {"data": {"a": "1", "b": "1"}}
    new: Json = {"data": {"a": "2", "b": "2"}}
    entries = [entry("one", {"f:data": {"f:a": {}}}, time=3), entry("two", {"f:data": {"f:b": {}}}, time=2)]
    managers, name, confidence, _ = changed(old, new, entries, [])
    assert managers == {"data.a": "one", "data.b": "two"}
    assert (name, confidence) == ("one", "medium")


def test_removals_leave_no_owner_and_only_a_guess() -> None:
    old: Json = {"data": {"a": "1", "b": "2"}}
    new: Json = {"data": {"b": "2"}}
    before = [entry("one", {"f:data": {"f:a": {}, "f:b": {}}})]
    after = [entry("one", {"f:data": {"f:b": {}}}, time=9)]
    assert changed(old, new, after, before) == ({"data.a": None}, "one", "low", "12:00:09")
    assert changed(old, new, before, before) == ({"data.a": None}, "", "none", "")


def test_a_list_owned_as_a_whole_owns_what_is_inside() -> None:
    old: Json = {"spec": {"rules": [{"host": "a", "weight": 1}]}}
    new: Json = {"spec": {"rules": [{"host": "a", "weight": 2}]}}
    managers, *_ = changed(old, new, [entry("one", {"f:spec": {"f:rules": {}}}, time=1)], [])
    assert managers == {"spec.rules[host=a].weight": "one"}


def test_owning_a_map_is_not_owning_what_others_put_into_it() -> None:
    old: Json = {"metadata": {"labels": {"a": "1"}}}
    new: Json = {"metadata": {"labels": {"a": "1", "b": "1"}}}
    creator = entry("creator", {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}})
    assert changed(old, new, [creator], [creator])[:2] == ({"metadata.labels.b": None}, "")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("spec.containers[name=web].image", {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}),
        (
            "ports[containerPort=80,protocol=TCP].name",
            {"f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {"f:name": {}}}},
        ),
        ("ports[name=http].port", {"f:ports": {'k:{"name":"http","protocol":"TCP"}': {"f:port": {}}}}),
        ('metadata.finalizers[="a/b"]', {"f:metadata": {"f:finalizers": {'v:"a/b"': {}}}}),
        ('metadata.annotations["a.b/c"]', {"f:metadata": {"f:annotations": {"f:a.b/c": {}}}}),
        ("list[#2]", {"f:list": {"i:2": {}}}),
    ],
)
def test_every_step_of_a_path_is_found_in_a_field_set(path: str, fields: JsonObject) -> None:
    owner = managed(entry("one", fields)).owner(parse(path))
    assert owner is not None
    assert owner.entry.manager == "one"


@pytest.mark.parametrize(
    "raw", [b"null", b"[]", b"{}", b'[{"fieldsV1":7}]', b'[{"manager":7}]', b"[{}]", b'[{"time":"x"}]']
)
def test_odd_managed_fields_attribute_nothing(raw: bytes) -> None:
    found = Managed(Raw(raw), None)
    edits = diff({"a": 1}, {"a": 2}, KeyHints().of(found))
    assert attribute(edits, found).actor.confidence == "none"


def test_creation_is_by_the_entry_of_that_second() -> None:
    found = managed(entry("controller", {}, time=7, sub="status"), entry("kubectl", {}, time=5))
    assert attribute_creation(found, stamp(5)).name == "kubectl"
    assert attribute_creation(found, stamp(5)).confidence == "high"
    assert attribute_creation(managed(), stamp(5)).confidence == "none"


def test_keys_of_a_list_are_learned_from_managed_fields() -> None:
    hints = KeyHints()
    fields: JsonObject = {"f:items": {'k:{"slot":1,"zone":"a"}': {".": {}}}}
    old: list[Json] = [{"slot": 1, "zone": "a", "name": "x"}]
    new: list[Json] = [{"slot": 1, "zone": "a", "name": "y"}]
    assert hints.of(managed(entry("one", fields)))(parse("items"), old, new) == ("slot", "zone")
    assert hints.of(managed())(parse("items"), old, new) == ("slot", "zone")
    assert KeyHints().of(managed())(parse("items"), old, old) == ("name",)


def pod(rv: int, phase: str, time: float) -> bytes:
    owned = entry("kubelet", {"f:status": {"f:phase": {}}}, time=time, sub="status")
    return served(rv, {"status": {"phase": phase}}, kind=PODS, managed=[owned])


def test_events_name_manager_actor_and_claim() -> None:
    found = watching(pod(7, "Pending", 0), kind=PODS)
    (event,) = events(found.observe([line("MODIFIED", pod(101, "Running", 5))], at=at(6), not_before=None))
    assert (event.managers, event.claimed_at) == (["kubelet"], at(5))
    actor = event.actor
    assert (actor.name, actor.subresource, actor.source, actor.confidence) == (
        "kubelet",
        "status",
        "managedFields",
        "high",
    )


def test_deletions_name_nobody_and_first_sight_neither() -> None:
    found = watching(kind=PODS)
    lines = [line("ADDED", pod(101, "Pending", 1)), line("DELETED", pod(102, "Pending", 1))]
    born, gone = events(found.observe(lines, at=at(6), not_before=None))
    assert (born.actor.name, gone.actor.source) == ("kubelet", "none")
    (seen,) = events(watching().replace([pod(200, "Running", 3)], rv="300", at=at(9), reason="memory lost"))
    assert seen.actor.source == "none"
    assert seen.managed is not None


def test_a_write_without_a_claim_is_dated_between_its_neighbours() -> None:
    found = watching(pod(7, "A", 0), kind=PODS, skew=exact_skew())
    lines = [
        line("MODIFIED", pod(101, "B", 10)),
        line("MODIFIED", pod(102, "C", 10)),
        line("MODIFIED", pod(103, "D", 12)),
    ]
    found.observe(lines, at=at(60), not_before=at(1))
    records = found.settle(at=at(61))
    made: list[Event] = events(records)
    assert [at(10) <= one.ts <= at(13.3) for one in made] == [True] * 3
    assert [one.ts_error < 1.8 for one in made] == [True] * 3
    assert len(lates(records)) == 1
