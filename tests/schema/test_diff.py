"""A difference is found whenever there is one, and told as a person would tell it."""

import inspect
import sys

import pytest
from hypothesis import given

from schema.canonical import Json, JsonObject, same
from schema.diff import LIST_EDITS, MAX_EDITS, ListKeys, diff
from schema.listkeys import heuristic
from schema.paths import Path, parse, render
from tests.fakes.documents import documents, versions


def told(old: Json, new: Json) -> list[str]:
    """The edits as `op path`."""
    return [f"{edit.op} {render(edit.path)}" for edit in diff(old, new, heuristic)]


def container(name: str, image: str = "app:1", **more: Json) -> JsonObject:
    return {"name": name, "image": image, **more}


def by(*fields: str) -> ListKeys:
    """Every list is identified by these fields."""
    return lambda *_: fields


@given(versions())
def test_there_are_edits_exactly_when_something_differs(pair: tuple[Json, Json]) -> None:
    old, new = pair
    assert bool(diff(old, new, heuristic)) == (not same(old, new))


@given(documents)
def test_an_object_does_not_differ_from_itself(document: Json) -> None:
    assert diff(document, document, heuristic) == []


@given(versions())
def test_every_path_is_read_back_and_names_one_edit(pair: tuple[Json, Json]) -> None:
    edits = diff(*pair, heuristic)
    assert [repr(parse(render(edit.path))) for edit in edits] == [repr(edit.path) for edit in edits]
    assert len({(edit.op, render(edit.path)) for edit in edits}) == len(edits)


@pytest.mark.parametrize(
    ("old", "new"),
    [(1, 1.0), (1, True), (0, False), (1.0, True), (0.0, -0.0), ("1", 1), (None, False), ([], {}), ("", None)],
)
def test_types_count(old: Json, new: Json) -> None:
    for a, b in ((old, new), (new, old)):
        assert told({"a": a}, {"a": b}) == ["replace a"]
        assert told({"a": {"b": [a]}}, {"a": {"b": [b]}}) != []


def test_null_is_not_absent() -> None:
    assert told({"a": None}, {}) == ["remove a"]
    assert told({}, {"a": None}) == ["add a"]


def test_an_edit_says_what_was_and_what_is() -> None:
    (edit,) = diff({"spec": {"replicas": 1}}, {"spec": {"replicas": 3}}, heuristic)
    assert (edit.op, edit.pointer, edit.old, edit.new) == ("replace", "/spec/replicas", 1, 3)


def test_a_container_keeps_its_name_when_another_comes_before_it() -> None:
    old: Json = {"containers": [container("web"), container("log")]}
    new: Json = {"containers": [container("proxy"), container("web", "app:2"), container("log")]}
    assert told(old, new) == ["add containers[name=proxy]", "replace containers[name=web].image"]
    assert [edit.pointer for edit in diff(old, new, heuristic)] == ["/containers/0", "/containers/1/image"]


def test_one_changed_field_in_a_long_keyed_list_is_one_edit() -> None:
    old: list[Json] = [container(f"c{i}") for i in range(100)]
    new: list[Json] = [container(f"c{i}", "app:2" if i == 50 else "app:1") for i in range(100)]
    assert told({"containers": old}, {"containers": new}) == ["replace containers[name=c50].image"]


def test_removed_items_go_last_one_first() -> None:
    old: Json = [container(name) for name in "abcde"]
    assert told(old, [container("b"), container("d", "app:2"), container("f")]) == [
        "remove [name=e]",
        "remove [name=c]",
        "remove [name=a]",
        "add [name=f]",
        "replace [name=d].image",
    ]


def test_reordered_items_are_one_replaced_list() -> None:
    old: Json = {"containers": [container("a"), container("b")]}
    assert told(old, {"containers": [container("b", "app:2"), container("a")]}) == ["replace containers"]
    assert told({"args": ["a", "b"]}, {"args": ["b", "a"]}) == ["replace args"]


def test_ports_are_known_by_number_and_protocol() -> None:
    dns: list[Json] = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]
    named: list[Json] = [dns[0], {"containerPort": 53, "protocol": "TCP", "name": "dns"}]
    assert told({"ports": dns}, {"ports": named}) == ["add ports[containerPort=53,protocol=TCP].name"]


def test_unique_scalars_come_and_go_as_members() -> None:
    old: Json = {"finalizers": ["keep/me", "example.com/a"], "args": ["--v=1", "--x"]}
    new: Json = {"finalizers": ["keep/me"], "args": ["--first", "--v=1", "--x"]}
    assert told(old, new) == ['remove finalizers[="example.com/a"]', 'add args[="--first"]']


def test_repeated_scalars_are_known_by_place() -> None:
    assert told({"a": [1, 1, 2, 2, 2]}, {"a": [1, 1, 2, 2]}) == ["remove a[#4]"]
    assert told({"a": ["x" * 50, "y", "y"]}, {"a": ["x" * 50, "z", "y"]}) == ["replace a[#1]"]


def test_items_without_a_key_are_known_by_place() -> None:
    rules: list[Json] = [{"verbs": ["get"], "resources": ["pods"]}, {"verbs": ["list"], "resources": ["pods"]}]
    more: list[Json] = [rules[0], {"verbs": ["list", "watch"], "resources": ["pods"]}]
    assert told({"rules": rules}, {"rules": more}) == ['add rules[#1].verbs[="watch"]']


def test_a_key_that_is_not_unique_is_no_key() -> None:
    old: Json = {"x": [{"name": "a", "v": "long enough " * 9}, {"name": "a", "v": 1}]}
    new: Json = {"x": [{"name": "a", "v": "long enough " * 9}, {"name": "a", "v": 2}]}
    assert told(old, new) == ["replace x[#1].v"]


def test_the_caller_decides_what_identifies_an_item() -> None:
    old: Json = {"x": [{"name": "a", "slot": 1}, {"name": "b", "slot": 2}]}
    new: Json = {"x": [{"name": "z", "slot": 1}, {"name": "b", "slot": 2}]}
    asked: list[tuple[str, int, int]] = []

    def by_slot(path: Path, before: list[Json], after: list[Json]) -> tuple[str, ...] | None:
        asked.append((render(path), len(before), len(after)))
        return ("slot",)

    assert [render(edit.path) for edit in diff(old, new, by_slot)] == ["x[slot=1].name"]
    assert asked == [("x", 2, 2)]


def test_fields_that_identify_nothing_are_not_used() -> None:
    old: Json = [{"name": "a", "v": 1}, {"name": "b"}]
    new: Json = [{"name": "a", "v": 2}, {"name": "b"}]
    assert [render(edit.path) for edit in diff(old, new, by("v"))] == ["[#0].v"]


def test_an_item_may_lack_a_part_of_its_key() -> None:
    old: Json = {"ports": [{"port": 80, "v": 1}, {"port": 80, "protocol": "UDP", "v": 1}]}
    new: Json = {"ports": [{"port": 80, "v": 2}, {"port": 80, "protocol": "UDP", "v": 1}]}
    edits = diff(old, new, by("port", "protocol"))
    assert [render(edit.path) for edit in edits] == ["ports[port=80].v"]


def test_edits_by_place_never_take_more_room_than_the_list() -> None:
    old: Json = {"a": [[1, 1], [2, 2], [3, 3]]}
    assert told(old, {"a": [[0, 0], [1, 1], [2, 2], [3, 3]]}) == ["add a[#0]"]
    assert told(old, {"a": [[0, 0], [1, 1], [2, 2], [4, 4]]}) == ["replace a"]


def test_many_members_that_all_change_are_one_replaced_list() -> None:
    old: Json = {"a": [f"old{i}" for i in range(LIST_EDITS)]}
    assert told(old, {"a": [f"new{i}" for i in range(LIST_EDITS)]}) == ["replace a"]


@pytest.mark.parametrize("size", [MAX_EDITS + 1, 50_000])
def test_a_flood_of_changes_is_one_edit(size: int) -> None:
    old: Json = {"kind": "ConfigMap", "data": {f"k{i}": "a" for i in range(size)}}
    new: Json = {"kind": "ConfigMap", "data": {f"k{i}": "b" for i in range(size)}}
    assert told(old, new) == ["replace data"]
    assert told({"data": {}}, new) == ["replace data", "add kind"]
    assert told(old, {"kind": "ConfigMap", "data": {}}) == ["replace data"]


def test_a_flood_over_several_parts_is_one_edit() -> None:
    old: Json = {part: {f"k{i}": 1 for i in range(MAX_EDITS // 2)} for part in "abc"}
    new: Json = {part: {f"k{i}": 2 for i in range(MAX_EDITS // 2)} for part in "abc"}
    assert told(old, new) == ["replace "]


@pytest.mark.parametrize("width", [MAX_EDITS + 1, 20_000])
def test_a_flood_in_a_list_is_one_edit(width: int) -> None:
    keyed: Json = {"x": [container(f"c{i}") for i in range(width)]}
    assert told(keyed, {"x": [container(f"c{i}", "app:2") for i in range(width)]}) == ["replace x"]
    assert told(keyed, {"x": []}) == ["replace x"]
    assert told({"x": [[1]] * width}, {"x": [[2]]}) == ["replace x"]
    assert told({"x": [[1]] * width}, {"x": [[2]] * width}) == ["replace x"]


def deep(levels: int, leaf: Json) -> Json:
    for _ in range(levels):
        leaf = [leaf]
    return leaf


def test_the_deepest_document_is_compared_to_its_last_level() -> None:
    assert {edit.pointer for edit in diff(deep(240, 1), deep(240, 2), by())} == {"/0" * 240}


def test_when_the_stack_does_not_suffice_the_document_is_one_edit() -> None:
    def called_from(frames: int) -> list[str]:
        return called_from(frames - 1) if frames else told(deep(240, 1), deep(240, 2))

    room = sys.getrecursionlimit() - len(inspect.stack())
    assert called_from(room - 300) == ["replace "]
