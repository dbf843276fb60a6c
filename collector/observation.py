"""One served object → its canonical state, parsed only where it has to be.

The server writes an unchanged part of an object in the same bytes again. So the top-level sections (`spec`, `status`,
`data` …) are cut out unparsed, and one whose fingerprint equals the remembered one is taken over from the remembered
state. The others are parsed, written canonically and compared as bytes; only sections that differ are ever compared
value by value. Sections are redacted as they are parsed (`collector.redact`). Secrets are always parsed whole, and no
fingerprint of theirs is kept; fingerprints of others are keyed, for a secret may stand in any section.
"""

import hashlib
from functools import lru_cache
from typing import Final

import msgspec
import orjson
from msgspec import Raw

from collector.memory import Section, Version
from collector.redact import Redactor
from schema.canonical import Json, JsonObject, canonical
from schema.objects import Kind

_FINGERPRINT_FROM: Final = 256
"""Sections smaller than this are parsed faster than hashed."""


class Unreadable(ValueError):
    """This object cannot be understood. The message never quotes it."""


class Header(msgspec.Struct, frozen=True, rename="camel"):
    """An object's identity."""

    uid: str = ""
    resource_version: str = ""
    namespace: str = ""
    name: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None

    @property
    def life(self) -> str:
        """The object's uid, or one made of what identifies it where the API gives none (marked by `~`)."""
        if self.uid:
            return self.uid
        text = f"{self.namespace}/{self.name}/{self.creation_timestamp or ''}"
        return "~" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class _Headed(msgspec.Struct):
    metadata: Header


class _Owned(msgspec.Struct, rename="camel"):
    managed_fields: Raw = Raw(b"")


class Composed(msgspec.Struct, frozen=True):
    """A state beside the one before it: `old` and `new` hold only the sections that differ."""

    state: bytes
    sections: list[Section]
    old: JsonObject
    new: JsonObject


class Observation:
    """An object as served, cut into sections: metadata parsed, the others raw."""

    __slots__ = ("_raw", "header", "managed", "metadata")

    def __init__(self, members: dict[str, Raw]) -> None:
        """`members` as `cut` gives them. Raises `Unreadable` when there is no metadata to read."""
        self._raw = dict(members)
        try:
            self.metadata, self.managed = _metadata(self._raw.pop("metadata"))
            self.header = _header_of(self.metadata, self.metadata.pop("resourceVersion", ""))
        except (KeyError, ValueError, msgspec.MsgspecError):
            raise Unreadable("its metadata cannot be read") from None

    def compose(self, before: Version | None, kind: Kind, redactor: Redactor) -> Composed:
        """The canonical, redacted state, and what differs from the one before. Raises `Unreadable`."""
        try:
            raw = dict(self._raw)
            return _Composer(before, kind, redactor).compose(raw, self._parse(raw, kind, redactor))
        except (ValueError, RecursionError):
            raise Unreadable("it has no canonical form") from None

    def _parse(self, raw: dict[str, Raw], kind: Kind, redactor: Redactor) -> JsonObject:
        """What must be looked at in any case, taken out of `raw` and redacted: metadata, types, Secrets as a whole."""
        annotations = self.metadata.get("annotations")
        own = {"annotations": dict(annotations)} if isinstance(annotations, dict) else {}  # redaction writes in there
        parsed: JsonObject = {"metadata": {**self.metadata, **own}}
        for name, text in (("apiVersion", kind.api_version), ("kind", kind.kind)):
            served = raw.pop(name, None)
            parsed[name] = text if served is None else _value(served)
        if redactor.applies(kind):
            parsed |= {name: _value(served) for name, served in raw.items()}
            raw.clear()
        redactor.redact(kind, parsed)
        return parsed


class _Composer:
    """Puts a state together from sections, in the order of their names."""

    def __init__(self, before: Version | None, kind: Kind, redactor: Redactor) -> None:
        self._kind = kind
        self._redactor = redactor
        self._state = before.state if before else b""
        self._known = {section.name: section for section in before.sections} if before else {}
        self._compare = before is not None
        self.old: JsonObject = {}
        self.new: JsonObject = {}

    def compose(self, raw: dict[str, Raw], parsed: JsonObject) -> Composed:
        parts: list[bytes] = []
        sections: list[Section] = []
        at = 1
        for name in sorted([*raw, *parsed]):
            label = _label(name)
            if name in parsed:
                body, fingerprint = self._section(name, parsed[name]), b""
            else:
                body, fingerprint = self._raw_section(name, raw[name])
            start = at + len(label)
            sections.append(Section(name, start, start + len(body), fingerprint))
            parts.append(label + body)
            at = start + len(body) + 1
        for name in self._known.keys() - raw.keys() - parsed.keys():
            self.old[name] = orjson.loads(self._body(name))
        return Composed(b"{" + b",".join(parts) + b"}", sections, self.old, self.new)

    def _body(self, name: str) -> bytes:
        section = self._known[name]
        return self._state[section.start : section.end]

    def _raw_section(self, name: str, raw: Raw) -> tuple[bytes, bytes]:
        data = bytes(raw)
        if len(data) < _FINGERPRINT_FROM:
            return self._section(name, orjson.loads(data)), b""
        fingerprint = hashlib.blake2b(data, digest_size=16, key=self._redactor.fingerprints).digest()
        known = self._known.get(name)
        if known is not None and known.fingerprint == fingerprint:
            return self._body(name), fingerprint
        return self._section(name, orjson.loads(data)), fingerprint

    def _section(self, name: str, value: Json) -> bytes:
        """What was kept before as it is now is kept again: looking it through once more would change nothing."""
        body, before = canonical(value), self._body(name) if name in self._known else None
        if body == before:
            return body
        value, body = self._redactor.section(self._kind, name, value, body)
        if before is None:
            if self._compare:
                self.new[name] = value
        elif body != before:
            self.old[name], self.new[name] = orjson.loads(before), value
        return body


_headed: Final = msgspec.json.Decoder(_Headed)
_members: Final = msgspec.json.Decoder(dict[str, Raw])
_owned: Final = msgspec.json.Decoder(_Owned)
_MANAGED: Final = b'"managedFields":'


def cut(raw: Raw | bytes) -> dict[str, Raw]:
    """The members of a served object, unparsed; they stand in `raw`, which they keep alive. Raises `Unreadable`."""
    try:
        return _members.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Unreadable("it is no JSON object") from None


def _metadata(raw: Raw) -> tuple[JsonObject, Raw | None]:
    """Metadata without managedFields, which are the larger part of it and stay unparsed."""
    managed, text = _owned.decode(raw).managed_fields, bytes(raw)
    label = _MANAGED + bytes(managed)
    if text.count(_MANAGED) == 1 and label in text:  # in a text its quotes would be escaped, so it is the member
        metadata: JsonObject = orjson.loads(text.replace(label, _MANAGED + b"null"))
        del metadata["managedFields"]
        return metadata, managed
    members = cut(raw)
    found = members.pop("managedFields", None)
    return {name: _value(served) for name, served in members.items()}, found


@lru_cache(maxsize=1024)
def _label(name: str) -> bytes:
    return orjson.dumps(name) + b":"


def read_header(raw: Raw | bytes) -> Header:
    """Identity of a served object, parsed past everything else. Raises `Unreadable`."""
    try:
        return _headed.decode(raw).metadata
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Unreadable("it has no readable metadata") from None


def sections_of(state: bytes) -> list[Section]:
    """Where the sections of a canonical state lie. Raises `Unreadable` for what is no canonical state."""
    sections: list[Section] = []
    at = 1
    for name, raw in cut(state).items():
        start = at + len(orjson.dumps(name)) + 1
        end = start + len(bytes(raw))
        sections.append(Section(name, start, end))
        at = end + 1
    if at != len(state):
        raise Unreadable("it is not written canonically")
    return sections


def _header_of(metadata: JsonObject, rv: Json) -> Header:
    """The same as `read_header`, from what is parsed already."""

    def text(name: str) -> str:
        value = metadata.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(name)
        return value or ""

    return Header(
        uid=text("uid"),
        resource_version=rv if isinstance(rv, str) else "",
        namespace=text("namespace"),
        name=text("name"),
        creation_timestamp=text("creationTimestamp") or None,
        deletion_timestamp=text("deletionTimestamp") or None,
    )


def _value(raw: Raw) -> Json:
    value: Json = orjson.loads(memoryview(raw))
    return value
