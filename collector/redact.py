"""Secret values are replaced once, before anything is compared, remembered, logged or sent.

A value becomes a marker: base64 of `hmac:<key id>:<16 hex of HMAC-SHA256 over the decoded bytes>`. Equal values get
equal markers (also across `data`, `stringData` and the last-applied annotation), nothing else of a value survives,
its length neither. Without the key a short value cannot be guessed from its marker. A redacted Secret is still a
valid Secret: where its type asks for JSON (`kubernetes.io/dockerconfigjson`, `kubernetes.io/dockercfg`) the marker
stands inside an empty configuration; other types only ask that keys exist.

Beside Secrets, rules by name, path and pattern (`collector.redact_rules`) hold for every kind and section, for the
texts of Kubernetes Events and for managedFields. There a marker stands as plain text in the place of the secret.

What is a Secret is decided by the kind that was asked for, never by what an object says of itself. kubectl's
last-applied annotation holds a whole manifest again, on any kind: it is redacted alike where its kind is Secret or
cannot be told, and left out when it cannot be read. (Argo CD leaked through that annotation: CVE-2023-40029, and
through a malformed one.)
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Final

import msgspec
import orjson

from collector.redact_rules import RedactionRules
from collector.redact_walk import Walker
from schema.canonical import Json, JsonObject, canonical
from schema.markers import in_docker_cfg, in_docker_config, key_of, marker
from schema.objects import Kind

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET_ANNOTATIONS: Final = ("openshift.io/token-secret.value",)
_DOCKER_CONFIG: Final = ".dockerconfigjson"
_DOCKER_CFG: Final = ".dockercfg"
_JSON_KEYS: Final = {"kubernetes.io/dockerconfigjson": _DOCKER_CONFIG, "kubernetes.io/dockercfg": _DOCKER_CFG}

_VALUES: Final = ("data", "stringData")
_TYPES: Final = ("apiVersion", "kind")
_TELLING: Final = 6
"""Shorter values of a Secret are not looked for elsewhere in it: they are everywhere."""
_FOREIGN: Final = re.compile(rb"hmac:([0-9a-f]{8}):[0-9a-f]{16}")

_NEWLINES: Final = {10: None, 13: None}  # Go's decoder passes over them too


class _Named(msgspec.Struct):
    kind: str


_named: Final = msgspec.json.Decoder(_Named)


def key_id(key: bytes) -> str:
    """8 hex digits that name a key without telling anything of it: markers under different ids are not comparable."""
    return hashlib.sha256(b"kubelapse redaction key\0" + key).hexdigest()[:8]


class Redactor:
    """Replaces secrets by keyed markers, in place."""

    __slots__ = ("_key", "_rules", "_walkers", "fingerprints", "key_id")

    def __init__(self, key: bytes, rules: RedactionRules | None = None) -> None:
        """`key`: at least 16 random bytes, shared by all collectors of a store. `rules` None: the default ones."""
        if len(key) < 16:
            raise ValueError("the redaction key is shorter than 16 bytes; make a new one of 32 random bytes")
        self._key = key
        self._rules = rules or RedactionRules()
        self._walkers: dict[Kind | None, Walker] = {}
        self.key_id = key_id(key)
        self.fingerprints = hashlib.blake2b(key, digest_size=32, person=b"fingerprints").digest()
        """A key for hashes of what has not been redacted yet."""

    def applies(self, kind: Kind) -> bool:
        """Whether objects of this kind hold values that must not be kept."""
        return kind.resource == "secrets" and kind.group == ""

    def redact(self, kind: Kind, obj: JsonObject) -> None:
        """Redact Secrets, and copies of them in annotations, IN PLACE. What rules say of it: `section`."""
        secret = self.applies(kind)
        metadata = obj.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, dict):
            self._annotations(annotations, secret=secret)
            if secret:
                self._copies(annotations, obj)
        if secret:
            self._values(obj)

    def section(self, kind: Kind, name: str, value: Json, body: bytes) -> tuple[Json, bytes]:
        """One top-level member and its canonical JSON, as rules let it be kept. Changed IN PLACE where it can be."""
        if name in _TYPES or (name in _VALUES and self.applies(kind)):
            return value, body
        kept, changed = self._walker(kind).section(name, value, body)
        return (kept, canonical(kept)) if changed else (value, body)

    def text(self, text: str) -> str:
        """A text that belongs to no object, such as what an Event says."""
        return self._walker(None).text(text)

    def hashed(self, raw: bytes) -> str:
        """16 hex digits by which the same bytes are known again; without the key nobody can test a guess."""
        return hashlib.blake2b(raw, digest_size=8, key=self.fingerprints).hexdigest()

    def managed(self, fields: bytes) -> bytes:
        """managedFields, whose keys name members of sets by value (`v:"https://..."`), as they may be kept."""
        return self._walker(None).inside(fields)

    def settled(self, kind: Kind, state: bytes) -> bytes:
        """A canonical state as today's rules would have it; the same bytes where they would have it so."""
        if self._walker(kind).passes(state):
            return state
        sections: JsonObject = orjson.loads(state)
        kept = {name: self.section(kind, name, value, canonical(value)) for name, value in sections.items()}
        return b"{" + b",".join(orjson.dumps(name) + b":" + body for name, (_, body) in kept.items()) + b"}"

    def comparable(self, kind: Kind, state: bytes) -> bool:
        """False when a stored state holds markers of another key: its values cannot be compared with ours."""
        keys = _keys(state) if self.applies(kind) else set()
        return {*keys, *(found.decode() for found in _FOREIGN.findall(state))} <= {"", self.key_id}

    def _walker(self, kind: Kind | None) -> Walker:
        walker = self._walkers.get(kind)
        if walker is None:
            walker = self._walkers[kind] = Walker(self._rules, kind, self._mark)
        return walker

    def _mark(self, text: str) -> str:
        """What stands for a secret. A marker of this key stays what it is: redacting twice is redacting once."""
        bare = text.strip()
        return text if key_of(bare) == self.key_id else self.marker(_encoded(text))

    def _copies(self, annotations: JsonObject, secret: JsonObject) -> None:
        """Values of a Secret that stand in its own annotations, whoever wrote them there and why."""
        held = dict(_held(secret))
        for name, text in annotations.items():
            if isinstance(text, str) and name != LAST_APPLIED:
                for value in sorted(held, key=len, reverse=True):
                    text = text.replace(value, self.marker(held[value]))
                annotations[name] = text

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


def _held(secret: JsonObject) -> Iterator[tuple[str, bytes]]:
    """The values of a Secret as text, in base64 and plain, beside the bytes behind them."""
    for field, decode in (("data", _decoded), ("stringData", _encoded)):
        values = secret.get(field)
        for value in values.values() if isinstance(values, dict) else ():
            held = decode(value)
            if len(held) < _TELLING:
                continue
            yield base64.b64encode(held).decode(), held
            try:
                yield held.decode(), held
            except UnicodeDecodeError:
                continue


def _keys(state: bytes) -> set[str]:
    """The ids of the keys whose markers stand in a stored Secret's `data` and `stringData`."""
    try:
        secret = orjson.loads(state)
    except ValueError:
        return set()
    fields = [secret.get(field) for field in _VALUES] if isinstance(secret, dict) else []
    return {
        key_of(value)
        for values in fields
        for value in (values.values() if isinstance(values, dict) else ())
        if isinstance(value, str)
    }
