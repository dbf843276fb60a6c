"""States from patches: for rows that keep a patch but no state.

Big objects are stored whole only now and then; between those rows a reader folds the patches forward from the newest
state it has, or back from a later one. Patches are the bytes that the rows hold (`Event.patch`).
"""

from collections.abc import Iterable

import orjson

from schema.canonical import JsonObject
from schema.patch import PatchConflict, Patcher, invert


def fold(base_state: JsonObject, patches: Iterable[bytes]) -> JsonObject:
    """The state after these patches, oldest first; raises `PatchConflict`. `base_state` is not changed."""
    patcher = Patcher(base_state)
    for patch in patches:
        patcher.apply(_operations(patch))
    return _object(patcher)


def unfold(state: JsonObject, patches: Iterable[bytes]) -> JsonObject:
    """The state before these patches, NEWEST first; raises `PatchConflict`. `state` is not changed."""
    patcher = Patcher(state)
    for patch in patches:
        patcher.apply(invert(_operations(patch)))
    return _object(patcher)


def _operations(patch: bytes) -> list[JsonObject]:
    try:
        ops = orjson.loads(patch)
    except orjson.JSONDecodeError:
        raise PatchConflict("the patch is not JSON") from None
    if not isinstance(ops, list) or not all(isinstance(op, dict) for op in ops):
        raise PatchConflict("the patch is not a list of operations")
    return ops


def _object(patcher: Patcher) -> JsonObject:
    if not isinstance(patcher.doc, dict):
        raise PatchConflict("what the patches lead to is not an object")
    return patcher.doc
