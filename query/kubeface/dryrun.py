"""What a write would have made of an object (`dryRun=All`), so that `kubectl diff -f` works against the past.

Nothing is written: the patch is applied to the recorded state and the outcome given back. Admission and defaults are
the cluster's own and not known here; what a manifest leaves out and the object has not is left out.

Strategic merge patches as of apimachinery pkg/util/strategicpatch: lists of objects are merged by key where the API
types say so (`patchMergeKey`), others are replaced.
"""

from collections.abc import Mapping
from typing import Final

from query.kubeface.fields import mapping, number
from query.kubeface.statuses import Refusal
from schema.canonical import Json, JsonObject
from schema.patch import PatchConflict, apply

MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "addresses": ("type",),
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "port"),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
    "webhooks": ("name",),
}
"""Field → its merge key (k8s.io/api); of `ports` those of containers, then those of services."""

_SETS = frozenset({"finalizers"})
_ORDER, _DELETE_FROM = "$setElementOrder/", "$deleteFromPrimitiveList/"


def patched(one: JsonObject, patch: Json, content_type: str) -> JsonObject:
    """The object after the patch. Raises Refusal."""
    sort = content_type.partition(";")[0].strip()
    if sort == "application/json-patch+json":
        made = _json_patched(one, patch)
    elif not isinstance(patch, dict):
        raise Refusal("BadRequest", "a patch of this type is an object")
    elif sort == "application/merge-patch+json":
        made = merged(one, patch)
    elif sort in ("application/strategic-merge-patch+json", "application/apply-patch+yaml"):
        made = strategic(one, patch)
    else:
        raise Refusal("UnsupportedMediaType", f"patches of type {sort[:80]!r} are not known")
    if not isinstance(made, dict):
        raise Refusal("BadRequest", "the patch leaves no object")
    # Status is written by controllers, through a part of its own; whatever a manifest says of it is passed over.
    if "status" in one:
        made = {**made, "status": one["status"]}
    return _counted(one, made)


def _json_patched(one: JsonObject, patch: Json) -> Json:
    operations = [each for each in patch if isinstance(each, dict)] if isinstance(patch, list) else []
    try:
        return apply(one, operations)
    except PatchConflict as error:
        raise Refusal("Invalid", f"the patch does not fit: {error}") from None


def _counted(before: JsonObject, after: JsonObject) -> JsonObject:
    """With the next generation, where one is counted and more than metadata and status has changed."""
    generation = number(before, "metadata", "generation")
    aside = ("metadata", "status")
    if generation and {k: v for k, v in before.items() if k not in aside} != {
        k: v for k, v in after.items() if k not in aside
    }:
        after = {**after, "metadata": {**mapping(after, "metadata"), "generation": generation + 1}}
    return after


def merged(before: Json, patch: Json) -> Json:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    made: JsonObject = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made


def strategic(before: Json, patch: JsonObject) -> Json:
    """A strategic merge patch of an object."""
    if patch.get("$patch") == "delete":
        return None
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    made: JsonObject = dict(before) if isinstance(before, dict) else {}
    kept = patch.get("$retainKeys")
    if isinstance(kept, list):
        made = {key: value for key, value in made.items() if key in kept}
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            name = key.removeprefix(_DELETE_FROM)
            made[name] = [each for each in _list(made.get(name)) if each not in _list(value)]
        elif key.startswith("$"):
            continue
        elif value is None:
            made.pop(key, None)
        else:
            made[key] = _value(key, made.get(key), value)
    for key, order in patch.items():
        if key.startswith(_ORDER) and (name := key.removeprefix(_ORDER)) in made:
            made[name] = _ordered(name, _list(made[name]), _list(order))
    return made


def _value(field: str, before: Json, value: Json) -> Json:
    if isinstance(value, dict):
        return strategic(before, value)
    if not isinstance(value, list):
        return value
    if field in _SETS:
        known = _list(before)
        return [*known, *(each for each in value if each not in known)]
    key = _merge_key(field, value)
    return value if key is None else _merged_list(_list(before), value, key)


def _merged_list(before: list[Json], patch: list[Json], key: str) -> Json:
    items = [each for each in patch if isinstance(each, dict)]
    if any(each.get("$patch") == "replace" for each in items):
        return [each for each in items if each.get("$patch") != "replace"]
    made = list(before)
    for each in items:
        place = next((n for n, known in enumerate(made) if _key(known, key) == each[key]), None)
        if each.get("$patch") == "delete":
            if place is not None:
                del made[place]
        elif place is None:
            made.append(strategic({}, each))
        else:
            made[place] = strategic(made[place], each)
    return made


def _merge_key(field: str, items: list[Json]) -> str | None:
    """None: the list is replaced."""
    found = [each for each in items if not isinstance(each, dict) or "$patch" not in each or len(each) > 1]
    for key in MERGE_KEYS.get(field, ()):
        if all(isinstance(each, dict) and key in each for each in found):
            return key
    return None


def _ordered(field: str, items: list[Json], order: list[Json]) -> list[Json]:
    """Those that are named in their order; the others stay where they stood among them."""
    key = _merge_key(field, order) if order and isinstance(order[0], dict) else None
    wanted = [_key(each, key) if key else each for each in order]
    names = [_key(each, key) if key else each for each in items]
    sorted_items = iter(
        sorted((n for n, each in enumerate(names) if each in wanted), key=lambda n: wanted.index(names[n]))
    )
    return [items[next(sorted_items)] if name in wanted else items[n] for n, name in enumerate(names)]


def _key(item: Json, key: str) -> Json:
    return item.get(key) if isinstance(item, dict) else None


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
