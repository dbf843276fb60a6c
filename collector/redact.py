"""Secret values are replaced once, before anything is compared, remembered, logged or sent.

A value becomes a marker: base64 of `hmac:<key id>:<16 hex of HMAC-SHA256 over the decoded bytes>`. Equal values get
equal markers (also across `data`, `stringData` and the last-applied annotation), nothing else of a value survives,
its length neither. Without the key a short value cannot be guessed from its marker. A redacted Secret is still a
valid Secret: where its type asks for JSON (`kubernetes.io/dockerconfigjson`, `kubernetes.io/dockercfg`) the marker
stands inside an empty configuration; other types only ask that keys exist.

What is a Secret is decided by the kind that was asked for, never by what an object says of itself. kubectl's
last-applied annotation holds a whole manifest again, on any kind: it is redacted alike where its kind is Secret or
cannot be told, and left out when it cannot be read. (Argo CD leaked through that annotation: CVE-2023-40029, and
through a malformed one.)
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

import msgspec
import orjson

from schema.canonical import Json, JsonObject
from schema.markers import in_docker_cfg, in_docker_config, key_of, marker
from schema.objects import Kind

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET_ANNOTATIONS: Final = ("openshift.io/token-secret.value",)
_DOCKER_CONFIG: Final = ".dockerconfigjson"
_DOCKER_CFG: Final = ".dockercfg"
_JSON_KEYS: Final = {"kubernetes.io/dockerconfigjson": _DOCKER_CONFIG, "kubernetes.io/dockercfg": _DOCKER_CFG}

_NEWLINES: Final = {10: None, 13: None}  # Go's decoder passes over them too


class _Named(msgspec.Struct):
    kind: str


_named: Final = msgspec.json.Decoder(_Named)


def key_id(key: bytes) -> str:
    """8 hex digits that name a key without telling anything of it: markers under different ids are not comparable."""
    return hashlib.sha256(b"kubelapse redaction key\0" + key).hexdigest()[:8]


class Redactor:
    """Replaces Secret values by keyed markers, in place."""

    __slots__ = ("_key", "key_id")

    def __init__(self, key: bytes) -> None:
        """`key`: at least 16 random bytes, shared by all collectors of a store."""
        if len(key) < 16:
            raise ValueError("the redaction key is shorter than 16 bytes; make a new one of 32 random bytes")
        self._key = key
        self.key_id = key_id(key)

    def applies(self, kind: Kind) -> bool:
        """Whether objects of this kind hold values that must not be kept."""
        return kind.resource == "secrets" and kind.group == ""

    def redact(self, kind: Kind, obj: JsonObject) -> None:
        """Redact one object IN PLACE. For kinds other than Secret only `metadata` is looked at."""
        secret = self.applies(kind)
        if secret:
            self._values(obj)
        metadata = obj.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, dict):
            self._annotations(annotations, secret=secret)

    def comparable(self, state: bytes) -> bool:
        """False when a stored Secret holds markers of another key: its values cannot be compared with ours."""
        return _keys(state) <= {"", self.key_id}

    def marker(self, value: bytes) -> str:
        """The marker's text, before base64."""
        return marker(self.key_id, hmac.digest(self._key, value, "sha256").hex())

    def _values(self, secret: JsonObject) -> None:
        json_key = _JSON_KEYS.get(secret_type) if isinstance(secret_type := secret.get("type"), str) else None
        for field, decode in (("data", _decoded), ("stringData", _encoded)):
            values = secret.get(field)
            if isinstance(values, dict):
                for name, value in values.items():
                    values[name] = self._replacement(decode(value), json_key if name == json_key else None)
            elif values is not None:
                secret[field] = self._replacement(_encoded(values), None)

    def _replacement(self, value: bytes, json_key: str | None) -> str:
        text = self.marker(value)
        if json_key == _DOCKER_CONFIG:
            text = in_docker_config(text)
        elif json_key == _DOCKER_CFG:
            text = in_docker_cfg(text)
        return base64.b64encode(text.encode()).decode()

    def _annotations(self, annotations: JsonObject, *, secret: bool) -> None:
        applied = annotations.get(LAST_APPLIED)
        if applied is not None:
            kept = self._applied(applied, secret=secret)
            if kept is None:
                del annotations[LAST_APPLIED]
            else:
                annotations[LAST_APPLIED] = kept
        if secret:
            for name in _SECRET_ANNOTATIONS:
                if name in annotations:
                    annotations[name] = self.marker(_encoded(annotations[name]))

    def _applied(self, text: Json, *, secret: bool) -> str | None:
        """The annotation as it may be kept, or None: it must go."""
        if not isinstance(text, str):
            return None
        if not secret and _kind_of(text) not in ("Secret", ""):
            return text
        try:
            manifest = orjson.loads(text)
        except ValueError:
            return None
        if not isinstance(manifest, dict):
            return None
        self._values(manifest)
        metadata = manifest.get("metadata")
        inner = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(inner, dict):
            inner.pop(LAST_APPLIED, None)  # kubectl never nests them; whoever did gets no second hiding place
            for name in _SECRET_ANNOTATIONS:
                inner.pop(name, None)
        return orjson.dumps(manifest).decode() + ("\n" if text.endswith("\n") else "")


def _kind_of(text: str) -> str:
    """The kind that a manifest names; "" where it cannot be told."""
    try:
        return _named.decode(text).kind
    except (msgspec.MsgspecError, ValueError):
        return ""


def _decoded(value: Json) -> bytes:
    """The bytes behind a value of `data`; what is no base64 stands for itself."""
    if isinstance(value, str):
        try:
            return base64.b64decode(value.translate(_NEWLINES), validate=True)
        except (binascii.Error, ValueError):
            return _encoded(value)
    return _encoded(value)


def _encoded(value: Json) -> bytes:
    """The bytes of a plain value; null is empty, what is no text is taken as JSON."""
    if value is None:
        return b""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else orjson.dumps(value)


def _keys(state: bytes) -> set[str]:
    """The ids of the keys whose markers stand in a stored Secret's `data` and `stringData`."""
    try:
        secret = orjson.loads(state)
    except ValueError:
        return set()
    fields = [secret.get(field) for field in ("data", "stringData")] if isinstance(secret, dict) else []
    return {
        key_of(value)
        for values in fields
        for value in (values.values() if isinstance(values, dict) else ())
        if isinstance(value, str)
    }
