"""Patches: plain RFC 6902, applied forwards and, because every removed value is written down, backwards.

Each `remove` and `replace` stands after a `test` of the value it takes away. So a patch proves its base when it is
applied, and `invert` needs nothing but the patch. Only `add`, `remove`, `replace` and `test` occur; any implementation
of RFC 6902 can apply them.

Our `test` is stricter than the RFC's: `1`, `1.0` and `true` differ, because the hashes of such states differ too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from schema.canonical import Json, JsonObject, same
from schema.diff import Edit

PatchOp: TypeAlias = JsonObject
"""{"op": "add" | "remove" | "replace" | "test", "path": JSON Pointer, "value": … (not with remove)}."""

_Container: TypeAlias = dict[str, Json] | list[Json]
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


class PatchConflict(ValueError):
    """The patch does not belong to this state, or is none. The message names operation and place, never a value."""


def to_patch(edits: Iterable[Edit]) -> list[PatchOp]:
    """The operations of these edits, in order, each change after the test of what it changes."""
    ops: list[PatchOp] = []
    for edit in edits:
        if edit.op != "add":
            ops.append({"op": "test", "path": edit.pointer, "value": edit.old})
        if edit.op == "remove":
            ops.append({"op": "remove", "path": edit.pointer})
        else:
            ops.append({"op": edit.op, "path": edit.pointer, "value": edit.new})
    return ops


def apply(doc: Json, ops: Iterable[Mapping[str, Json]]) -> Json:
    """The state after the patch; raises `PatchConflict`.

    `doc` is not changed. The answer shares with it, and with `ops`, every part that was not written to: treat all of
    them as immutable.
    """
    patcher = Patcher(doc)
    patcher.apply(ops)
    return patcher.doc


def invert(ops: Sequence[Mapping[str, Json]]) -> list[PatchOp]:
    """The patch that leads back, with its own tests; raises `PatchConflict` where an old value is not written down.

    RFC 6902 lets `add` overwrite a member, or append at `-`, without a trace. Such patches cannot be inverted, nor told
    apart from others; none that comes from `schema.diff` is such a one.
    """
    back: list[list[PatchOp]] = []
    tested: Mapping[str, Json] | None = None
    for at, op in enumerate(ops):
        if op.get("op") == "test":
            tested = op
        else:
            back.append(_undo(at, op, tested))
            tested = None
    return [op for undo in reversed(back) for op in undo]


def _undo(at: int, op: Mapping[str, Json], tested: Mapping[str, Json] | None) -> list[PatchOp]:
    """What takes back one change, given the test before it."""
    path, name = op.get("path"), op.get("op")
    test: PatchOp = {"op": "test", "path": path, "value": op.get("value")}
    if name == "add":
        return [test, {"op": "remove", "path": path}]
    if tested is None or tested.get("path") != path or name not in ("remove", "replace"):
        raise PatchConflict(f"operation {at} of the patch cannot be taken back: no test of the old value before it")
    if name == "remove":
        return [{"op": "add", "path": path, "value": tested.get("value")}]
    return [test, {"op": "replace", "path": path, "value": tested.get("value")}]


class Patcher:
    """A document that takes patch after patch; a container is copied once, when it is first written to.

    A long chain of patches costs what it touches, and neither the first document nor any patch is ever changed. After a
    `PatchConflict` the document is half patched: leave it.
    """

    __slots__ = ("_own", "doc")

    def __init__(self, doc: Json) -> None:
        self.doc = doc
        # Containers made here, by id; kept alive, so that no other container ever gets the id of one of them.
        self._own: dict[int, _Container] = {}

    def apply(self, ops: Iterable[Mapping[str, Json]]) -> None:
        """Take one patch."""
        for at, op in enumerate(ops):
            try:
                self._take(op)
            except PatchConflict as conflict:
                raise PatchConflict(f"operation {at} of the patch: {conflict}") from None

    def _take(self, op: Mapping[str, Json]) -> None:
        name, steps = op.get("op"), _steps(op.get("path"))
        if name == "remove":
            self._remove(steps)
        elif "value" not in op:
            raise PatchConflict("it has no value, or a name that is not one of add, remove, replace, test")
        elif name == "test":
            if not same(_read(self.doc, steps), op["value"]):
                raise PatchConflict(f"the value at {op['path']} is not the expected one")
        elif name == "replace":
            self._replace(steps, op["value"])
        elif name == "add":
            self._add(steps, op["value"])
        else:
            raise PatchConflict("its name is not one of add, remove, replace, test")

    def _add(self, steps: list[str], value: Json) -> None:
        if not steps:
            self.doc = value
            return
        parent, last = self._parent(steps)
        if isinstance(parent, dict):
            parent[last] = value
        else:
            parent.insert(len(parent) if last == "-" else _index(last, len(parent) + 1), value)

    def _replace(self, steps: list[str], value: Json) -> None:
        if not steps:
            self.doc = value
            return
        parent, last = self._parent(steps)
        _child(parent, last)
        _put(parent, last, value)

    def _remove(self, steps: list[str]) -> None:
        if not steps:
            raise PatchConflict("it removes the whole document")
        parent, last = self._parent(steps)
        _child(parent, last)
        if isinstance(parent, dict):
            del parent[last]
        else:
            del parent[int(last)]

    def _parent(self, steps: list[str]) -> tuple[_Container, str]:
        """The container of the place, our own copy, and the last step."""
        node = self.doc = self._owned(self.doc)
        for step in steps[:-1]:
            child = _child(node, step)
            own = self._owned(child)
            if own is not child:
                _put(node, step, own)
            node = own
        return node, steps[-1]

    def _owned(self, value: Json) -> _Container:
        """The same container, or a copy if it is not yet ours."""
        if id(value) in self._own:
            return self._own[id(value)]
        if not isinstance(value, dict | list):
            raise PatchConflict("its path leads into a value that has no parts")
        own = value.copy()
        self._own[id(own)] = own
        return own


def _steps(pointer: Json) -> list[str]:
    """Reference tokens of a JSON Pointer (RFC 6901)."""
    if pointer == "":
        return []
    if not isinstance(pointer, str) or not pointer.startswith("/") or _BAD_ESCAPE.search(pointer):
        raise PatchConflict("its path is not a JSON Pointer")
    steps = pointer[1:].split("/")
    return [step.replace("~1", "/").replace("~0", "~") for step in steps] if "~" in pointer else steps


def _read(doc: Json, steps: list[str]) -> Json:
    for step in steps:
        doc = _child(doc, step)
    return doc


def _child(node: Json, step: str) -> Json:
    """The value one step down; it must be there."""
    if isinstance(node, list):
        return node[_index(step, len(node))]
    if isinstance(node, dict) and step in node:
        return node[step]
    raise PatchConflict(f"there is no {step!r} where its path leads")


def _put(node: _Container, step: str, value: Json) -> None:
    """Write over what `_child` has found."""
    if isinstance(node, dict):
        node[step] = value
    else:
        node[int(step)] = value


def _index(step: str, size: int) -> int:
    if not _INDEX.fullmatch(step) or (index := int(step)) >= size:
        raise PatchConflict(f"there is no place {step!r} in a list of {size}")
    return index
