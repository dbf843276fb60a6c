"""Field sets of managedFields (`fieldsV1`), walked along readable paths.

A set is a tree of `f:<name>` (member), `k:<key as JSON>` (item of a keyed list), `v:<value as JSON>` (member of a set),
`i:<index>`; an empty node owns everything below it (sigs.k8s.io/structured-merge-diff, fieldpath/serialize.go).
"""

import orjson

from schema.canonical import Json, JsonObject
from schema.paths import Field, Index, Key, Path, Token


def owns(fields: JsonObject, path: Path) -> bool:
    """Whether the set holds this very path, or a list or map above it that is owned as a whole."""
    node: Json = fields
    for depth, token in enumerate(path):
        if not node:
            return depth > 0
        node = node.get("f:" + token.name) if type(token) is Field else step(node, token)  # type: ignore[union-attr, arg-type]  # every node is an object, see the end
        if type(node) is not dict:
            return False
    return True


def step(node: JsonObject, token: Token) -> Json:
    """One step down a field set, or None."""
    if isinstance(token, Field):
        return node.get("f:" + token.name)
    if isinstance(token, Key):
        return _keyed_step(node, token)
    return (
        node.get(f"i:{token.position}")
        if isinstance(token, Index)
        else node.get("v:" + orjson.dumps(token.value).decode())
    )


def _keyed_step(node: JsonObject, token: Key) -> Json:
    fields = dict(token.fields)
    found = node.get("k:" + orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode())
    if found is not None:
        return found
    # The list may be known here by other fields than there: a key that agrees where both speak, if it is the only one.
    agreeing = [child for name, child in node.items() if name.startswith("k:") and _agrees(name, fields)]
    return agreeing[0] if len(agreeing) == 1 else None


def _agrees(name: str, fields: dict[str, bool | int | float | str | None]) -> bool:
    other = orjson.loads(name[2:])
    shared = other.keys() & fields.keys() if isinstance(other, dict) else frozenset()
    return bool(shared) and all(other[field] == fields[field] for field in shared)
