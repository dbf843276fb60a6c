"""Questions about oneself in the binary form that typed Go clients send (`application/vnd.kubernetes.protobuf`).

The form is `k8s\\0` and a runtime.Unknown whose `raw` is the object (apimachinery pkg/runtime/serializer/protobuf). Of
the object only what a SelfSubjectAccessReview or a SelfSubjectRulesReview asks is read
(k8s.io/api/authorization/v1/generated.proto); answers go out as JSON, which such clients accept too.
"""

from typing import Final

from query.kubeface.statuses import Refusal
from schema.canonical import Json, JsonObject

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"
_RESOURCE: Final = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
_PATHS: Final = ("path", "verb")


def review(data: bytes, resource: str = "selfsubjectaccessreviews") -> JsonObject:
    """The body as JSON has it: `spec` with its attributes, or its namespace. Raises Refusal."""
    try:
        if not data.startswith(_MAGIC):
            raise ValueError("another beginning")
        spec = _fields(_fields(_fields(data[len(_MAGIC) :]).get(2, b"")).get(2, b""))
        if resource != "selfsubjectaccessreviews":
            return {"spec": {"namespace": spec.get(1, b"").decode()}}
        found: JsonObject = {}
        if 1 in spec:
            found["resourceAttributes"] = _named(spec[1], _RESOURCE)
        if 2 in spec:
            found["nonResourceAttributes"] = _named(spec[2], _PATHS)
    except (ValueError, IndexError):
        raise Refusal("BadRequest", "the body is no Kubernetes protobuf") from None
    return {"spec": found}


def _named(message: bytes, names: tuple[str, ...]) -> Json:
    fields = _fields(message)
    return {name: fields[number].decode() for number, name in enumerate(names, 1) if fields.get(number)}


def _fields(message: bytes) -> dict[int, bytes]:
    """Number → the last value of each length-delimited field; other fields are passed over."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 2:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("cut off")
            found[key >> 3], at = message[at : at + size], at + size
        elif key & 7 == 0:
            _, at = _varint(message, at)
        else:
            raise ValueError("a field of a type that these messages have not")
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number too long")
