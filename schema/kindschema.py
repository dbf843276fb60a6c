"""What a server's OpenAPI says about the fields of one kind, cut down to what comparing needs.

A place is a JSON Pointer in which `*` stands for any item of a list and any key of a map:
`/spec/template/spec/containers/*/resources/limits/*`. So a whole schema of a megabyte becomes a few kilobytes that
travel in the `kinds` record and answer by walking along a path.
"""

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

import msgspec

from schema.canonical import ABSENT, Absent
from schema.paths import Field, Path

ANY: Final = "*"

V = TypeVar("V")


class KindSchema(msgspec.Struct, kw_only=True, frozen=True):
    """Fields of one kind that do not compare as plain JSON does.

    `keys`: lists whose items are known by these fields (x-kubernetes-list-map-keys). `sets`: lists without order.
    `quantities`, `durations`, `ints`: places of such scalars (`ints`: int-or-string). `defaults`: what the server fills
    in. `digest` tells one version of the document from another.
    """

    digest: str = ""
    keys: dict[str, list[str]] = {}
    sets: list[str] = []
    quantities: list[str] = []
    durations: list[str] = []
    ints: list[str] = []
    defaults: dict[str, object] = {}


EMPTY: Final = KindSchema()


class Places(Generic[V]):
    """Values by place, found by a path: an exact name goes before `*`."""

    __slots__ = ("_root",)

    def __init__(self, places: Iterable[tuple[str, V]] = ()) -> None:
        self._root: _Node[V] = _Node()
        for place, value in places:
            self.add(place, value)

    def add(self, place: str, value: V) -> None:
        """Later ones replace earlier ones."""
        node: _Node[V] = self._root
        for step in steps(place):
            node = node.below.setdefault(step, _Node())
        node.value = value

    def at(self, path: Path) -> V | Absent:
        """The value at this place, ABSENT where none is."""
        return self._root.find(path, 0)


class _Node(Generic[V]):
    __slots__ = ("below", "value")

    def __init__(self) -> None:
        self.below: dict[str, _Node[V]] = {}
        self.value: V | Absent = ABSENT

    def find(self, path: Path, at: int) -> V | Absent:
        """The value at what is left of the path."""
        if at == len(path):
            return self.value
        token = path[at]
        named = self.below.get(token.name) if isinstance(token, Field) else None
        if named is not None and not isinstance(found := named.find(path, at + 1), Absent):
            return found
        other = self.below.get(ANY)
        return ABSENT if other is None else other.find(path, at + 1)


def steps(place: str) -> list[str]:
    """The names on the way to a place."""
    return [step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:]]


def step(name: str) -> str:
    """One name as it stands in a place."""
    return name.replace("~", "~0").replace("/", "~1")


def flags(*places: Iterable[str]) -> Places[bool]:
    """Places that have a property."""
    return Places((place, True) for some in places for place in some)
