"""What differs between two states, in as few readable edits as the eye would make.

One strict walk over both documents: types are compared before values (`1`, `1.0`, `true` differ, `-0.0` differs from
`0.0`, `null` from absent), and places are spelled out only where something changed. Both documents must be JSON values
that passed `schema.canonical`.

Lists, in this order of preference:
- keyed (the callback names the fields, which identify every item): removes, adds, edits inside the surviving items;
- members (unique scalars: finalizers, args): removes and adds;
- by place: common head and tail are left alone, the rest is compared item by item.
Keyed items or members that changed their order give one `replace` of the list: RFC 6902 knows no readable reordering.
A list is also replaced when its edits by place, or more than `LIST_EDITS` of any sort, take more bytes than the list;
and so is the smallest part of a document that would need more than `MAX_EDITS`: no patch is ever a flood.

Edits come in the order in which RFC 6902 must apply them. Within a list: removes from its end, adds from its start at
their final index, then what changed inside items, at final indices.
"""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, Literal, TypeAlias, cast

import msgspec
import orjson

from schema.canonical import ABSENT, Absent, Json, JsonObject, same, same_types
from schema.paths import Field, Index, Key, Member, Path, Scalar, Token

MAX_EDITS: Final = 2000
LIST_EDITS: Final = 64

ListKeys: TypeAlias = Callable[[Path, list[Json], list[Json]], tuple[str, ...] | None]
"""(path of a list, its old items, its new items) → the fields that identify its items, or None.

Asked only for lists that differ. An item may lack some of the fields but not all; fields that turn out not to be unique
scalars are not used.
"""


class Edit(msgspec.Struct, frozen=True):
    """One changed place: `pointer` (RFC 6901) for machines, `path` for people; the side that is absent is None.

    `old` and `new` are parts of the compared documents, not copies.
    """

    op: Literal["add", "remove", "replace"]
    pointer: str
    path: Path
    old: Json
    new: Json


def diff(old: Json, new: Json, keys: ListKeys) -> list[Edit]:
    """Edits that lead from `old` to `new`, in order of application; none when they are strictly equal."""
    walk = _Walk(keys)
    try:
        walk.pair(old, new, None)
    except RecursionError:  # hundreds of lists inside one another, seen from deep in the program
        return [Edit("replace", "", (), old, new)]
    return walk.edits


# Where the walk is, None at the root, else innermost step first: (the way here, member name or index, token of a list
# item). Linked tuples cost next to nothing on the way down; pointer and path are made from them only for an edit.
_Trail: TypeAlias = "tuple[_Trail, str | int, Token | None] | None"
_Places: TypeAlias = dict[Hashable, int]
_KEY_TYPES: Final = frozenset((str, int, float, bool))
_Namer: TypeAlias = Callable[[Json], Token]


class _Walk:
    """One comparison; collects edits. `trail` is None at the root, `mark` the number of edits before a container."""

    __slots__ = ("edits", "keys")

    def __init__(self, keys: ListKeys) -> None:
        self.keys = keys
        self.edits: list[Edit] = []

    def pair(self, old: Json, new: Json, trail: _Trail) -> None:
        """Two values at one place."""
        if isinstance(old, dict) and isinstance(new, dict):
            self.members(old, new, trail)
        elif isinstance(old, list) and isinstance(new, list):
            self.items(old, new, trail)
        elif not same(old, new):
            self.emit("replace", trail, old, new)

    def members(self, old: JsonObject, new: JsonObject, trail: _Trail) -> None:
        """Two objects: the hot loop, where most members are equal texts or small containers."""
        edits, mark, get, common = self.edits, len(self.edits), new.get, 0
        for name, a in old.items():
            b = get(name, ABSENT)
            if a is b or (a == b and (isinstance(a, str) or same_types(a, b))):
                common += 1
                continue
            if isinstance(b, Absent):
                self.emit("remove", (trail, name, None), a, None)
            else:
                common += 1
                self.pair(a, b, (trail, name, None))
            if len(edits) - mark > MAX_EDITS:
                break
        else:
            if common < len(new):
                self.added(old, new, trail, mark)
        self.shorten(mark, MAX_EDITS, trail, old, new)

    def added(self, old: JsonObject, new: JsonObject, trail: _Trail, mark: int) -> None:
        """Members that only the new object has."""
        for name, value in new.items():
            if name not in old:
                self.emit("add", (trail, name, None), None, value)
                if len(self.edits) - mark > MAX_EDITS:
                    return

    def items(self, old: list[Json], new: list[Json], trail: _Trail) -> None:
        """Two lists."""
        head = _common_head(old, new)
        if head == len(old) == len(new):
            return
        mark = len(self.edits)
        if self.identified(old, new, trail):
            self.shorten(mark, LIST_EDITS, trail, old, new)
        else:
            self.placed(old, new, head, trail)
            self.shorten(mark, 1, trail, old, new)

    def identified(self, old: list[Json], new: list[Json], trail: _Trail) -> bool:
        """Items that are known by key or by value; False when these are neither."""
        fields = self.keys(_place(trail)[1], old, new)
        if fields and (a := _by_key(old, fields)) is not None and (b := _by_key(new, fields)) is not None:
            self.matched(old, new, a, b, trail, partial(_key, fields))
        elif (a := _by_value(old)) is not None and (b := _by_value(new)) is not None:
            self.matched(old, new, a, b, trail, _member)
        else:
            return False
        return True

    def matched(self, old: list[Json], new: list[Json], a: _Places, b: _Places, trail: _Trail, token: _Namer) -> None:
        """Items that `a` and `b` identify, with the index of each."""
        survivors = [name for name in a if name in b]
        if len(a) + len(b) - 2 * len(survivors) > MAX_EDITS or survivors != [name for name in b if name in a]:
            self.emit("replace", trail, old, new)
            return
        for name in reversed(a):
            if name not in b:
                self.emit("remove", (trail, a[name], token(old[a[name]])), old[a[name]], None)
        for name, at in b.items():
            if name not in a:
                self.emit("add", (trail, at, token(new[at])), None, new[at])
        mark = len(self.edits)
        for name in survivors:
            item = new[b[name]]
            if not same(old[a[name]], item):
                self.pair(old[a[name]], item, (trail, b[name], token(item)))
                if len(self.edits) - mark > MAX_EDITS:
                    return

    def placed(self, old: list[Json], new: list[Json], head: int, trail: _Trail) -> None:
        """Items known by nothing but their place; the first `head` are equal."""
        tail = _common_tail(old, new, min(len(old), len(new)) - head)
        shared = min(len(old), len(new)) - tail
        if abs(len(old) - len(new)) > MAX_EDITS:
            self.emit("replace", trail, old, new)
            return
        for at in range(len(old) - tail - 1, shared - 1, -1):
            self.emit("remove", (trail, at, Index(at)), old[at], None)
        for at in range(shared, len(new) - tail):
            self.emit("add", (trail, at, Index(at)), None, new[at])
        mark = len(self.edits)
        for at in range(head, shared):
            self.pair(old[at], new[at], (trail, at, Index(at)))
            if len(self.edits) - mark > MAX_EDITS:
                return

    def emit(self, op: Literal["add", "remove", "replace"], trail: _Trail, old: Json, new: Json) -> None:
        """Write one edit down."""
        pointer, path = _place(trail)
        self.edits.append(Edit(op, pointer, path, old, new))

    def shorten(self, mark: int, allowed: int, trail: _Trail, old: Json, new: Json) -> None:
        """Replace a container as a whole when it has too many edits, or more than `allowed` that are also longer."""
        count = len(self.edits) - mark
        if count <= allowed:
            return
        if count <= MAX_EDITS:
            whole = Edit("replace", _place(trail)[0], (), old, new)
            if sum(map(_cost, self.edits[mark:])) <= _cost(whole):
                return
        del self.edits[mark:]
        self.emit("replace", trail, old, new)


def _place(trail: _Trail) -> tuple[str, Path]:
    """Pointer and path of a trail."""
    steps: list[str] = []
    tokens: list[Token] = []
    while trail is not None:
        trail, step, token = trail
        if isinstance(step, str):
            steps.append(step.replace("~", "~0").replace("/", "~1") if "~" in step or "/" in step else step)
            tokens.append(Field(step))
        elif token is not None:
            steps.append(str(step))
            tokens.append(token)
    if not steps:
        return "", ()
    steps.append("")
    return "/".join(reversed(steps)), tuple(reversed(tokens))


def _common_head(old: list[Json], new: list[Json]) -> int:
    """How many items at the start are the same."""
    at = 0
    for a, b in zip(old, new, strict=False):
        if not same(a, b):
            break
        at += 1
    return at


def _common_tail(old: list[Json], new: list[Json], at_most: int) -> int:
    """How many items at the end are the same."""
    at = 0
    while at < at_most and same(old[-1 - at], new[-1 - at]):
        at += 1
    return at


def _by_key(items: list[Json], fields: tuple[str, ...]) -> _Places | None:
    """Where each key is, or None when an item has none, two have the same, or one is no scalar."""
    places: _Places = {}
    for at, item in enumerate(items):
        if not isinstance(item, dict):
            return None
        name = [(field, type(item[field]), item[field]) for field in fields if field in item]
        if not name or not _KEY_TYPES.issuperset([kind for _, kind, _ in name]):
            return None
        places[tuple(name)] = at
    return places if len(places) == len(items) else None


def _by_value(items: list[Json]) -> _Places | None:
    """Where each scalar is, or None when there are equal ones, or containers."""
    kinds = [type(item) for item in items]
    if dict in kinds or list in kinds:
        return None
    places: _Places = {name: at for at, name in enumerate(zip(kinds, items, strict=True))}
    return places if len(places) == len(items) else None


def _key(fields: tuple[str, ...], item: Json) -> Token:
    """The token of an item that `_by_key` knows."""
    values = cast(dict[str, Scalar], item)
    return Key(tuple([(field, values[field]) for field in fields if field in values]))


def _member(item: Json) -> Token:
    """The token of an item that `_by_value` knows."""
    return Member(cast(Scalar, item))


def _cost(edit: Edit) -> int:
    """About how many bytes the edit takes in a patch, with its `test`."""
    step = 32 + len(edit.pointer)
    removed = 0 if edit.op == "add" else step + len(orjson.dumps(edit.old))
    return removed + (0 if edit.op == "remove" else step + len(orjson.dumps(edit.new)))
