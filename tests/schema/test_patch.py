"""A patch leads from one state to the next and back again, for us and for any other implementation of RFC 6902."""

import copy

import jsonpatch
import pytest
from hypothesis import example, given, settings

from schema.canonical import Json, JsonObject, canonical
from schema.diff import diff
from schema.listkeys import heuristic
from schema.patch import PatchConflict, Patcher, PatchOp, apply, invert, to_patch
from tests.fakes.documents import versions


def made(old: Json, new: Json) -> list[PatchOp]:
    return to_patch(diff(old, new, heuristic))


@settings(max_examples=400)
@given(versions())
@example(({"": {"-": [0, 1]}}, {"": {"-": [1]}}))
@example(({"a/b": {"~1": 1, "m~n": [True]}}, {"a/b": {"~1": 1.0, "m~n": [1]}}))
@example(([{"name": "a"}, {"name": "b"}], [{"name": "c"}, {"name": "a", "x": 1}]))
def test_a_patch_leads_forwards_and_back_for_us_and_for_the_referee(pair: tuple[Json, Json]) -> None:
    old, new = pair
    there = made(old, new)
    back = invert(there)
    assert canonical(apply(old, there)) == canonical(jsonpatch.apply_patch(old, there)) == canonical(new)
    assert canonical(apply(new, back)) == canonical(jsonpatch.apply_patch(new, back)) == canonical(old)
    assert invert(back) == there


@given(versions())
def test_every_change_of_an_old_value_is_preceded_by_its_test(pair: tuple[Json, Json]) -> None:
    ops = made(*pair)
    for before, op in zip([{}, *ops], ops, strict=False):
        if op["op"] in ("remove", "replace"):
            assert (before["op"], before["path"]) == ("test", op["path"])


@given(versions())
def test_neither_the_document_nor_the_patch_is_changed_by_applying(pair: tuple[Json, Json]) -> None:
    old, new = pair
    ops = made(old, new)
    seen = canonical(old), canonical(list[Json](ops))
    patcher = Patcher(old)
    patcher.apply(ops)
    patcher.apply(invert(ops))
    assert canonical(patcher.doc) == canonical(old)
    assert (canonical(old), canonical(list[Json](ops))) == seen


def test_no_difference_is_no_patch() -> None:
    assert made({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}) == []


def test_a_patch_reads_as_plain_rfc_6902() -> None:
    assert made({"a": 1, "b": [{"name": "x"}]}, {"a": 2, "b": []}) == [
        {"op": "test", "path": "/a", "value": 1},
        {"op": "replace", "path": "/a", "value": 2},
        {"op": "test", "path": "/b/0", "value": {"name": "x"}},
        {"op": "remove", "path": "/b/0"},
    ]


@pytest.mark.parametrize("base", [{"a": 1.0}, {"a": True}, {"a": "1"}, {"b": 1}, {}, [1], {"a": None}])
def test_a_patch_refuses_another_base(base: Json) -> None:
    with pytest.raises(PatchConflict, match="operation 0 of the patch"):
        apply(base, made({"a": 1}, {"a": 2}))


BASE: JsonObject = {"list": [1, 2], "object": {"a": 1}, "text": "abc"}


@pytest.mark.parametrize(
    "op",
    [
        {"op": "remove", "path": "/none"},
        {"op": "remove", "path": "/list/2"},
        {"op": "remove", "path": "/list/-"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/object/b", "value": 1},
        {"op": "replace", "path": "/list/00", "value": 1},
        {"op": "replace", "path": "/list/-", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/list/x", "value": 1},
        {"op": "add", "path": "/list/" + "9" * 30, "value": 1},
        {"op": "add", "path": "/text/0", "value": 1},
        {"op": "add", "path": "/none/a", "value": 1},
        {"op": "add", "path": "object", "value": 1},
        {"op": "add", "path": "/object/~2", "value": 1},
        {"op": "add", "path": "/object/b"},
        {"op": "add", "value": 1},
        {"op": "test", "path": "/text", "value": "other"},
        {"op": "move", "from": "/text", "path": "/copy"},
        {"op": "merge", "path": "", "value": 1},
        {},
    ],
)
def test_an_operation_that_does_not_fit_is_refused_and_harms_nothing(op: PatchOp) -> None:
    before = copy.deepcopy(BASE)
    with pytest.raises(PatchConflict):
        apply(BASE, [op])
    assert before == BASE


def test_a_conflict_quotes_no_value() -> None:
    with pytest.raises(PatchConflict) as conflict:
        apply({"password": "hunter2"}, [{"op": "test", "path": "/password", "value": "hunter3"}])
    assert "hunter" not in str(conflict.value)
    assert "/password" in str(conflict.value)


@pytest.mark.parametrize(
    "ops",
    [
        [{"op": "remove", "path": "/a"}],
        [{"op": "replace", "path": "/a", "value": 1}],
        [{"op": "test", "path": "/b", "value": 1}, {"op": "remove", "path": "/a"}],
        [{"op": "test", "path": "/a", "value": 1}, {"op": "move", "from": "/b", "path": "/a"}],
    ],
)
def test_what_does_not_write_the_old_value_down_cannot_be_taken_back(ops: list[PatchOp]) -> None:
    with pytest.raises(PatchConflict, match="cannot be taken back"):
        invert(ops)


def test_appending_and_the_whole_document_are_understood() -> None:
    assert apply({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}]) == {"a": [1, 2]}
    assert apply({"a": 1}, [{"op": "replace", "path": "", "value": []}]) == []
    assert apply([], [{"op": "add", "path": "", "value": {"a": None}}]) == {"a": None}
