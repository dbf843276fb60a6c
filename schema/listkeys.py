"""Which fields identify the items of a list, guessed from the items alone: the last resort of key-aware comparison.

Better sources come first, and capture knows them: list-map keys of the OpenAPI schema, then the `k:` entries
of managedFields. The order below follows the list-map keys of the Kubernetes API: pairs and special names before the
general ones, so that a container port is known by number and protocol also when it has a name.
"""

from typing import Final

from schema.canonical import Json
from schema.paths import Path

CANDIDATES: Final[tuple[tuple[str, ...], ...]] = (
    ("containerPort", "protocol"),
    ("port", "protocol"),
    ("mountPath",),
    ("topologyKey", "whenUnsatisfiable"),
    ("uid",),
    ("name",),
    ("type",),
    ("key",),
    ("key", "effect"),
    ("topologyKey",),
    ("devicePath",),
    ("id",),
    ("ip",),
    ("address",),
    ("hostname",),
    ("host",),
    ("path",),
    ("secretName",),
)
_KEY_TYPES: Final = frozenset((str, int))


def heuristic(path: Path, old: list[Json], new: list[Json]) -> tuple[str, ...] | None:  # noqa: ARG001  # a ListKeys
    """The first candidate whose fields every item of both lists has, as texts or integers, without two items alike."""
    present = _shared_fields(old, new)
    for fields in CANDIDATES:
        if present.issuperset(fields) and _unique(old, fields) and _unique(new, fields):
            return fields
    return None


def _shared_fields(old: list[Json], new: list[Json]) -> set[str]:
    """Fields that every item has; none when an item is no object."""
    shared: set[str] | None = None
    for items in (old, new):
        for item in items:
            if not isinstance(item, dict):
                return set()
            shared = set(item) if shared is None else shared & item.keys()
            if not shared:
                return set()
    return shared or set()


def _unique(items: list[Json], fields: tuple[str, ...]) -> bool:
    """Whether these fields tell all items apart."""
    seen: set[tuple[Json, ...]] = set()
    for item in items:
        key = tuple([item[field] if isinstance(item, dict) else None for field in fields])
        if not _KEY_TYPES.issuperset(map(type, key)):
            return False
        seen.add(key)
    return len(seen) == len(items)
