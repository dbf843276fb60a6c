"""The records of the log as JSON Schema (2020-12), made from the Structs that are encoded: the public contract.

What is carried raw (`object`, `patch`, `managed`) is any JSON there, with its own sentence. Unknown fields are allowed,
for readers ignore them; `v` and `type` are not open.
"""

from typing import Any, Final

import msgspec
from msgspec import structs

from schema.events import VERSION, Event, Record

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
IDENTITY: Final = f"urn:kubelapse:contract:record:{VERSION}"

Schema = dict[str, Any]
"""A tree of mixed JSON."""


def record_schema() -> Schema:
    """Of one message of the topic of changes."""
    kinds = [_described() if kind is Event else kind for kind in Record.__args__]
    shapes, parts = msgspec.json.schema_components(kinds, schema_hook=_any, ref_template="#/$defs/{name}")
    for kind in kinds:
        known: Schema = parts[kind.__name__]["properties"]
        known["v"] = {"const": VERSION, "default": VERSION}
        known["type"] = {"const": kind.__struct_config__.tag}
        for name, said in _RAW.items():
            if kind.__name__ == "Event":
                known[name] = said
    return {
        "$schema": DIALECT,
        "$id": IDENTITY,
        "title": "A record of the log: a change, or a control record beside it",
        "oneOf": list(shapes),
        "$defs": parts,
    }


def _described() -> type[msgspec.Struct]:
    """The event with what is raw in it as types: msgspec describes no Raw with a default."""
    fields = [
        (each.encode_name, _RAW_TYPES.get(each.name, each.type), _default(each)) for each in structs.fields(Event)
    ]
    return msgspec.defstruct("Event", fields, tag_field="type", tag="change", kw_only=True)


def _default(field: structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.UNSET if field.name in _RAW_TYPES else field.default


def _any(_: type) -> Schema:
    return {"description": "Any JSON value"}


_RAW_TYPES: Final[dict[str, Any]] = {
    "patch": list[dict[str, Any]],
    "managed": list[Any] | None,
    "object": dict[str, Any] | None,
}
_RAW: Final[Schema] = {
    "patch": {
        "description": "RFC 6902, with a test before each replace and remove: it goes forwards and backwards",
        "type": "array",
        "items": {"type": "object", "required": ["op", "path"]},
        "default": [],
    },
    "managed": {"description": "managedFields as served, null where not kept", "type": ["array", "null"]},
    "object": {
        "description": "The state after the change; of a delete the last one; null where a large object left it out",
        "type": ["object", "null"],
    },
}
