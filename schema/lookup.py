"""From a readable path to the value it names in one state, and from a state to the paths of its leaves.

The twin of `schema.diff`, which names places that differ: a path that the diff of two states gives finds its value in
either of them, also where the item of a keyed list stands at another index.
"""

from collections.abc import Iterator
from typing import cast

from schema.canonical import ABSENT, Absent, Json, JsonObject, same
from schema.listkeys import heuristic
from schema.paths import Field, Index, Key, Member, Path, Scalar, Token


def value_at(doc: Json | Absent, path: Path) -> Json | Absent:
    """The value at this path, ABSENT where there is none."""
    node = doc
    for token in path:
        node = _step(node, token)
        if isinstance(node, Absent):
            return ABSENT
    return node


def leaves(doc: Json) -> Iterator[tuple[Path, Json]]:
    """Every scalar and every empty container with its path, in the document's order."""
    yield from _leaves(doc, ())


def parts(node: Json, path: Path) -> list[tuple[Token, Json]]:
    """What a container at this path holds, each with its token; nothing for scalars and empty containers."""
    if isinstance(node, dict):
        return [(Field(name), value) for name, value in node.items()]
    return list(zip(_tokens(node, path), node, strict=True)) if isinstance(node, list) else []


def overlap(one: Path, other: Path) -> bool:
    """Whether they name the same place, or one a place within the other's."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def apart(one: Path, other: Path) -> bool:
    """Whether they certainly name places that have nothing in common.

    Two spellings of one list (its items known by different fields, or by place) may mean the same item.
    """
    for mine, theirs in zip(one, other, strict=False):
        if isinstance(mine, Index) or isinstance(theirs, Index):
            return False
        if mine != theirs:
            return _told_apart(mine, theirs)
    return False


def _told_apart(mine: Token, theirs: Token) -> bool:
    if isinstance(mine, Key) and isinstance(theirs, Key):
        return [name for name, _ in mine.fields] == [name for name, _ in theirs.fields]
    return type(mine) is type(theirs)


def _step(node: Json | Absent, token: Token) -> Json | Absent:
    if isinstance(token, Field):
        return node.get(token.name, ABSENT) if isinstance(node, dict) else ABSENT
    if not isinstance(node, list):
        return ABSENT
    if isinstance(token, Index):
        return node[token.position] if token.position < len(node) else ABSENT
    if isinstance(token, Member):
        return next((item for item in node if same(item, token.value)), ABSENT)
    return next((item for item in node if isinstance(item, dict) and _is_known_by(item, token)), ABSENT)


def _is_known_by(item: JsonObject, key: Key) -> bool:
    return all(name in item and same(item[name], value) for name, value in key.fields)


def _leaves(node: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    below = parts(node, path)
    for token, part in below:
        yield from _leaves(part, (*path, token))
    if not below:
        yield path, node


def _tokens(items: list[Json], path: Path) -> list[Token]:
    """How the items of this list are named, as `schema.diff` names them."""
    if fields := heuristic(path, items, items):
        objects = cast(list[dict[str, Scalar]], items)
        return [Key(tuple((field, item[field]) for field in fields)) for item in objects]
    if not any(isinstance(item, dict | list) for item in items):
        scalars = cast(list[Scalar], items)
        if len(set(scalars)) == len(items):
            return [Member(item) for item in scalars]
    return [Index(at) for at in range(len(items))]
