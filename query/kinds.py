"""What is known of the places of kinds, for comparing: by which fields lists are known, what stands where, defaults."""

from collections.abc import Mapping
from typing import cast

from query.defaults import defaults_of
from schema.canonical import Absent, Json, JsonObject, same
from schema.diff import ListKeys
from schema.kindschema import EMPTY, KindSchema, Places, flags
from schema.listkeys import heuristic
from schema.paths import Key, Path, Scalar, Token


class KindPlaces:
    """What is known of the places of one kind: its schema, and where that is silent the API's own defaults."""

    __slots__ = ("defaults", "durations", "ints", "keys", "name", "quantities", "sets")

    def __init__(self, name: str, schema: KindSchema) -> None:
        self.name = name
        self.keys = Places((place, tuple(fields)) for place, fields in schema.keys.items())
        self.sets = flags(schema.sets)
        self.quantities = flags(schema.quantities)
        self.durations = flags(schema.durations)
        self.ints = flags(schema.ints)
        self.defaults = defaults_of(name, schema.defaults)

    def fills_in(self, path: Path, value: Json, around: JsonObject) -> bool:
        """Whether the server writes this value where nobody gives one; `around`: the map that it stands in."""
        known = self.defaults.at(path)
        if isinstance(known, Absent):
            return False
        return known(value, around) if callable(known) else same(known, value)


class Kinds:
    """By `resource.group`, each put together when it is asked for. Not thread-safe."""

    def __init__(self, schemas: Mapping[str, KindSchema]) -> None:
        """`schemas`: as far as the servers told them."""
        self._schemas = schemas
        self._known: dict[str, KindPlaces] = {}

    def of(self, kind: str) -> KindPlaces:
        """What is known of it."""
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = KindPlaces(kind, self._schemas.get(kind, EMPTY))
        return known

    def keys(self, kind: str, path: Path) -> tuple[str, ...]:
        """By which fields the kind's schema knows the items of this list; () = it does not say."""
        known = self.of(kind).keys.at(path)
        return () if isinstance(known, Absent) else known

    def list_keys(self, kind: str) -> ListKeys:
        """For `schema.diff`: the schema's keys where all items have them, else those that the items suggest."""

        def keys(path: Path, old: list[Json], new: list[Json]) -> tuple[str, ...] | None:
            fields = self.keys(kind, path)
            return fields if fields and _all_known_by(fields, old, new) else heuristic(path, old, new)

        return keys


def _all_known_by(fields: tuple[str, ...], *lists: list[Json]) -> bool:
    """Whether every item has these fields, and no two items of a list the same."""
    whole = all(isinstance(item, dict) and item.keys() >= {*fields} for items in lists for item in items)
    return whole and all(by_key(items, fields) is not None for items in lists)


def by_key(items: list[Json], fields: tuple[str, ...]) -> "dict[Token, Json] | None":
    """Items by their key; None when an item has none, or two have the same."""
    found: dict[Token, Json] = {}
    for item in items:
        if not isinstance(item, dict):
            return None
        key = tuple((field, cast("Scalar", item[field])) for field in fields if field in item)
        if not key or any(isinstance(value, dict | list) for _, value in key):
            return None
        found[Key(key)] = item
    return found if len(found) == len(items) else None
