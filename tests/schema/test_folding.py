"""A state is found again from a neighbour and the patches between, in both directions."""

from itertools import pairwise

import orjson
import pytest
from hypothesis import given

from schema.canonical import JsonObject, canonical
from schema.diff import diff
from schema.folding import fold, unfold
from schema.listkeys import heuristic
from schema.patch import PatchConflict, to_patch
from tests.fakes.documents import histories


@given(histories())
def test_every_state_is_reached_from_the_first_and_from_the_last(states: list[JsonObject]) -> None:
    pairs = pairwise(states)
    patches = [orjson.dumps(to_patch(diff(old, new, heuristic))) for old, new in pairs]
    for at, state in enumerate(states):
        assert canonical(fold(states[0], patches[:at])) == canonical(state)
        assert canonical(unfold(states[-1], reversed(patches[at:]))) == canonical(state)


def test_the_state_that_is_given_stays_as_it_is() -> None:
    base: JsonObject = {"spec": {"replicas": 1}}
    patch = b'[{"op":"test","path":"/spec/replicas","value":1},{"op":"replace","path":"/spec/replicas","value":2}]'
    assert fold(base, [patch]) == {"spec": {"replicas": 2}}
    assert base == {"spec": {"replicas": 1}}


@pytest.mark.parametrize("patch", [b"", b"{}", b"[1]", b"null", b"\xff", b'[{"op":"replace","path":"","value":[]}]'])
def test_what_is_no_patch_of_an_object_is_refused(patch: bytes) -> None:
    with pytest.raises(PatchConflict):
        fold({}, [patch])


def test_a_patch_out_of_its_place_is_refused() -> None:
    patch = b'[{"op":"test","path":"/a","value":1},{"op":"replace","path":"/a","value":2}]'
    with pytest.raises(PatchConflict):
        fold({"a": 1}, [patch, patch])
    with pytest.raises(PatchConflict):
        unfold({"a": 1}, [patch])
