"""From the components of an OpenAPI v3 document to what comparing needs of each kind. Pure.

Extensions: x-kubernetes-list-type, x-kubernetes-list-map-keys, x-kubernetes-int-or-string (KEP-555, CRD structural
schemas). Quantities, int-or-string and durations of built-in kinds are told by the component they refer to.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from schema.kindschema import ANY, KindSchema, step
from schema.objects import Kind

DEEPEST: Final = 32
MOST: Final = 4000
"""Places of one kind."""

_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_DURATION: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.Duration"
_SCALARS: Final = {_QUANTITY: "quantities", _INT_OR_STRING: "ints", _DURATION: "durations"}
_FORMATS: Final = {"quantity": "quantities", "int-or-string": "ints", "duration": "durations"}
_PREFIX: Final = "#/components/schemas/"


class _GroupVersionKind(msgspec.Struct):
    group: str = ""
    version: str = ""
    kind: str = ""


class Component(msgspec.Struct):
    """A schema object of the document, as far as it matters here."""

    ref: str = msgspec.field(default="", name="$ref")
    all_of: list["Component"] = msgspec.field(default_factory=list, name="allOf")
    properties: dict[str, "Component"] = msgspec.field(default_factory=dict)
    additional: "Component | bool | None" = msgspec.field(default=None, name="additionalProperties")
    items: "Component | None" = None
    format: str = ""
    default: object = msgspec.UNSET
    list_type: str = msgspec.field(default="", name="x-kubernetes-list-type")
    list_map_keys: list[str] = msgspec.field(default_factory=list, name="x-kubernetes-list-map-keys")
    int_or_string: bool = msgspec.field(default=False, name="x-kubernetes-int-or-string")
    kinds: list[_GroupVersionKind] = msgspec.field(default_factory=list, name="x-kubernetes-group-version-kind")


def extract(components: Mapping[str, Component], kinds: Iterable[Kind]) -> dict[str, KindSchema]:
    """What the document says of these kinds, by `resource.group`."""
    named = {(each.group, each.version, each.kind): name for name, one in components.items() for each in one.kinds}
    found: dict[str, KindSchema] = {}
    for kind in kinds:
        name = named.get((kind.group, kind.version, kind.kind))
        if name is not None:
            found[kind.id] = _Extraction(components).of(name)
    return found


class _Extraction:
    """One kind."""

    def __init__(self, components: Mapping[str, Component]) -> None:
        self._components = components
        self._places = 0
        self._keys: dict[str, list[str]] = {}
        self._defaults: dict[str, object] = {}
        self._flags: dict[str, list[str]] = {"sets": [], "quantities": [], "durations": [], "ints": []}

    def of(self, name: str) -> KindSchema:
        """The component of this name."""
        self._walk("", self._components[name], (name,))
        found = KindSchema(
            keys=dict(sorted(self._keys.items())),
            sets=sorted(self._flags["sets"]),
            quantities=sorted(self._flags["quantities"]),
            durations=sorted(self._flags["durations"]),
            ints=sorted(self._flags["ints"]),
            defaults=dict(sorted(self._defaults.items())),
        )
        digest = hashlib.blake2b(msgspec.json.encode(found), digest_size=8).hexdigest()
        return msgspec.structs.replace(found, digest=digest)

    def _walk(self, place: str, schema: Component, above: tuple[str, ...]) -> None:
        self._places += 1
        if self._places > MOST or place.count("/") > DEEPEST:
            return
        self._note(place, schema, built_in=above[-1].startswith("io.k8s.api"))
        for ref in (schema.ref, *(each.ref for each in schema.all_of)):
            self._follow(place, ref.removeprefix(_PREFIX), above)
        for name, below in schema.properties.items():
            self._walk(f"{place}/{step(name)}", below, above)
        for each in schema.all_of:
            for name, below in each.properties.items():
                self._walk(f"{place}/{step(name)}", below, above)
        if isinstance(schema.additional, Component):
            self._walk(f"{place}/{ANY}", schema.additional, above)
        if schema.items is not None:
            self._walk(f"{place}/{ANY}", schema.items, above)

    def _follow(self, place: str, name: str, above: tuple[str, ...]) -> None:
        if flag := _SCALARS.get(name):
            self._flags[flag].append(place)
        elif name in self._components and name not in above:  # a schema may hold itself
            self._walk(place, self._components[name], (*above, name))

    def _note(self, place: str, schema: Component, *, built_in: bool) -> None:
        if schema.list_type == "map" and schema.list_map_keys:
            self._keys[place] = schema.list_map_keys
        elif schema.list_type == "set":
            self._flags["sets"].append(place)
        if flag := "ints" if schema.int_or_string else _FORMATS.get(schema.format):
            self._flags[flag].append(place)
        # Go's zero values stand as defaults at every field that is always written: these are nobody's choice.
        if schema.default is not msgspec.UNSET and not (built_in and schema.default in ("", {}, 0, False)):
            self._defaults[place] = schema.default
