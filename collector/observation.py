"""One served object → its canonical state, parsed only where it has to be.

The server writes an unchanged part of an object in the same bytes again. So the top-level sections (`spec`, `status`,
`data` …) are cut out unparsed, and one whose fingerprint equals the remembered one is taken over from the remembered state.
The others are parsed, written canonically and compared as bytes; only sections that differ are ever compared value by value.
Secrets are always parsed whole, and no fingerprint of theirs is kept: it would be a hash without a key.
"""

import hashlib
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


class Unreadable(Exception):
    """This object cannot be understood. The message never quotes it."""


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    resource_version: str = ""
    namespace: str = ""
    name: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class Header(msgspec.Struct):
    """An object's identity, parsed past everything else."""

    metadata: _Metadata

    @property
    def uid(self) -> str:
        """The object's uid, or one made of what identifies it where the API gives none (marked by `~`)."""
        metadata = self.metadata
        if metadata.uid:
            return metadata.uid
        text = f"{metadata.namespace}/{metadata.name}/{metadata.creation_timestamp or ''}"
        return "~" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Composed(msgspec.Struct, frozen=True):
    """A state beside the one before it: `old` and `new` hold only the sections that differ."""

    state: bytes
    sections: list[Section]
    old: JsonObject
    new: JsonObject


class Observation:
    """An object as served, cut into sections."""

    __slots__ = ("_kind", "_redactor", "header", "managed", "parsed", "raw")

    def __init__(self, raw: Raw | bytes, kind: Kind, redactor: Redactor) -> None:
        """Raises `Unreadable` when it is no JSON object with metadata."""
        self._kind = kind
        self._redactor = redactor
        try:
            self.header = read_header(raw)
            self.raw = _members(raw)
            metadata = _members(self.raw.pop("metadata"))
        except (msgspec.MsgspecError, KeyError, ValueError):
            raise Unreadable("it is no JSON object with metadata") from None
        metadata.pop("resourceVersion", None)
        self.managed: Raw | None = metadata.pop("managedFields", None)
        self.parsed: JsonObject | None = None
        self._parse(metadata)

    def compose(self, before: Version | None) -> Composed:
        """The canonical state, and what differs from the one before. Raises `Unreadable`."""
        try:
            return _Composer(before).compose(self.raw, self.parsed or {})
        except (ValueError, RecursionError):
            raise Unreadable("it has no canonical form") from None

    def _parse(self, metadata: dict[str, Raw]) -> None:
        """Parse what must be looked at: metadata, what a list leaves out, and Secrets as a whole. Redacts."""
        try:
            parsed: JsonObject = {"metadata": {name: _value(raw) for name, raw in metadata.items()}}
            for name, text in (("apiVersion", self._kind.api_version), ("kind", self._kind.kind)):
                raw = self.raw.pop(name, None)
                parsed[name] = text if raw is None else _value(raw)
            if self._redactor.applies(self._kind):
                parsed |= {name: _value(raw) for name, raw in self.raw.items()}
                self.raw = {}
            self._redactor.redact(self._kind, parsed)
        except (ValueError, TypeError, RecursionError):
            raise Unreadable("a part of it cannot be parsed") from None
        self.parsed = parsed


class _Composer:
    """Puts a state together from sections, in the order of their names."""

    def __init__(self, before: Version | None) -> None:
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
            label = orjson.dumps(name) + b":"
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
        fingerprint = hashlib.blake2b(data, digest_size=16).digest()
        known = self._known.get(name)
        if known is not None and known.fingerprint == fingerprint:
            return self._body(name), fingerprint
        return self._section(name, orjson.loads(data)), fingerprint

    def _section(self, name: str, value: Json) -> bytes:
        body = canonical(value)
        if name not in self._known:
            if self._compare:
                self.new[name] = value
        elif body != (before := self._body(name)):
            self.old[name], self.new[name] = orjson.loads(before), value
        return body


_header: Final = msgspec.json.Decoder(Header)
_object: Final = msgspec.json.Decoder(dict[str, Raw])


def read_header(raw: Raw | bytes) -> Header:
    """Identity of a served object. Raises `Unreadable`."""
    try:
        return _header.decode(raw)
    except (msgspec.MsgspecError, ValueError):
        raise Unreadable("it has no readable metadata") from None


def sections_of(state: bytes) -> list[Section]:
    """Where the sections of a canonical state lie. Raises `Unreadable` for what is no canonical state."""
    try:
        members = _members(state)
    except (msgspec.MsgspecError, ValueError):
        raise Unreadable("it is no JSON object") from None
    sections: list[Section] = []
    at = 1
    for name, raw in members.items():
        start = at + len(orjson.dumps(name)) + 1
        end = start + len(bytes(raw))
        sections.append(Section(name, start, end))
        at = end + 1
    if at != len(state):
        raise Unreadable("it is not written canonically")
    return sections


def _members(raw: Raw | bytes) -> dict[str, Raw]:
    return _object.decode(raw)


def _value(raw: Raw) -> Json:
    value: Json = orjson.loads(memoryview(raw))
    return value
