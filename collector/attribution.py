"""Who changed what, from managedFields (structured-merge-diff, KEP-555); the limits are stated, never papered over.

Each entry names a manager, an operation, a time (whole seconds) and the set of fields it owns: `f:` members, `k:`
items of keyed lists, `v:` members of sets, `i:` places. Whoever sets a value takes its field over, and with it the
entry's time. So the owner of a changed value in the new version is its writer. What is only removed leaves no owner
and often no time: then the only entry whose time is new is named, with low confidence. Deletions name nobody.
Managers are chosen by clients (a `fieldManager` parameter or the User-Agent): they are names, not authenticated
identities.

Field sets are parsed entry by entry, only when they are asked, newest entries first; walked along changed paths only.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec
import orjson
from msgspec import Raw

from collector.clock import parse_time
from collector.memory import Stamps
from schema.canonical import Absent, Json, JsonObject
from schema.diff import Edit, ListKeys
from schema.events import NOBODY, Actor, Confidence
from schema.fieldsets import owns, step
from schema.kindschema import Places
from schema.listkeys import heuristic
from schema.paths import Field, Path

_UNTRACKED: Final = frozenset(
    {
        "name",
        "namespace",
        "generateName",
        "uid",
        "selfLink",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    }
)
"""Fields of metadata that the server writes and never tracks (apiserver: managedfields stripmeta)."""

ServedKeys = Callable[[], Places[tuple[str, ...]] | None]
"""The list-map keys of one kind as they are known by now."""

_SHAPES: Final = 4096
_PROBES: Final = 8


class ManagedEntry(msgspec.Struct, rename="camel"):
    """One entry as served; its field set stays raw until somebody asks."""

    manager: str = ""
    operation: str = ""
    api_version: str = ""
    time: str | None = None
    subresource: str = ""
    fields_v1: Raw = msgspec.field(default=Raw(b"{}"), name="fieldsV1")


class Claimant:
    """An entry, asked for ownership of paths."""

    __slots__ = ("_fields", "entry", "fresh", "stamp")

    def __init__(self, entry: ManagedEntry, *, fresh: bool) -> None:
        self.entry = entry
        self.fresh = fresh
        self.stamp = entry.time or ""
        self._fields: JsonObject | None = None

    @property
    def fields(self) -> JsonObject:
        """The field set, parsed."""
        if self._fields is None:
            try:
                parsed = orjson.loads(bytes(self.entry.fields_v1))
            except ValueError:
                parsed = None
            self._fields = parsed if isinstance(parsed, dict) else {}
        return self._fields

    def owns(self, path: Path) -> bool:
        """Whether the set holds this very path, or a list or map above it that is owned as a whole."""
        return owns(self.fields, path)

    def node(self, path: Path) -> JsonObject | None:
        """The part of the set below this path; {} when the path is owned as a whole."""
        node: Json = self.fields
        for token in path:
            node = step(node, token) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else None

    def is_leaf(self, path: Path) -> bool:
        """Nothing below this path is owned apart from it."""
        return not self.node(path)

    def actor(self, confidence: Confidence) -> Actor:
        """This entry as an answer."""
        entry = self.entry
        return Actor(
            name=entry.manager,
            operation=entry.operation,
            subresource=entry.subresource,
            time=parse_time(entry.time),
            source="managedFields",
            confidence=confidence,
        )


class Managed:
    """managedFields of one version, set against what is known of the version before."""

    __slots__ = ("claimants", "fingerprint", "known", "stamps")

    def __init__(self, raw: Raw | bytes | None, before: Stamps | None, *, since: datetime | None = None) -> None:
        """`before` None: unknown (after a restart); then an entry is fresh if its time is not before `since`."""
        entries = _entries(raw)
        self.known = before is not None
        self.stamps: Stamps = {}
        self.claimants: list[Claimant] = []
        for entry in entries:
            identity = f"{entry.manager}\0{entry.operation}\0{entry.subresource}\0{entry.api_version}"
            self.stamps[identity] = stamp = entry.time or ""
            self.claimants.append(Claimant(entry, fresh=_is_fresh(stamp, identity, before, since)))
        self.claimants.sort(key=lambda claimant: (claimant.fresh, claimant.stamp), reverse=True)
        self.fingerprint = hashlib.blake2b(raw, digest_size=8).digest() if entries and raw is not None else b""

    @property
    def newest(self) -> datetime | None:
        """The newest time of all entries: the write was not before it."""
        return parse_time(max((claimant.stamp for claimant in self.claimants), default=""))

    def owner(self, path: Path) -> Claimant | None:
        """Whose value stands at this path: entries with a new time first, then the newest."""
        if _is_untracked(path):
            return None
        for claimant in self.claimants:
            if claimant.owns(path):
                return claimant
        return None


class Attribution(msgspec.Struct, frozen=True):
    """Managers aligned with the changed paths, the best single answer, and what dates this very write (or None)."""

    managers: list[str | None]
    actor: Actor
    claim: datetime | None


_METADATA: Final = Field("metadata")
_decode: Final = msgspec.json.Decoder(list[ManagedEntry]).decode
NO_EDITS: Final = Attribution([], NOBODY, None)


def attribute(edits: Sequence[Edit], managed: Managed, *, merged: bool = False) -> Attribution:
    """Whose edits these are. `merged`: several writes may lie between the versions, so nothing is certain."""
    owners = [None if edit.op == "remove" else managed.owner(edit.path) for edit in edits]
    writers = {id(owner): owner for owner in owners if owner is not None}
    complete = all(
        owner is not None or edit.op == "remove" or _is_untracked(edit.path)
        for owner, edit in zip(owners, edits, strict=True)
    )
    managers = [owner.entry.manager if owner else None for owner in owners]
    fresh = [claimant for claimant in managed.claimants if claimant.fresh]
    if not writers:
        guess = fresh[0] if len(fresh) == 1 else None
        claim = parse_time(guess.stamp) if guess is not None and managed.known and not merged else None
        return Attribution(managers, guess.actor("low") if guess else NOBODY, claim)
    best = max(writers.values(), key=lambda writer: (writer.fresh, writer.stamp))
    certain = len(writers) == 1 and complete and best.fresh and not merged
    return Attribution(
        managers, best.actor("high" if certain else "medium"), None if merged else _claim(edits, owners, managed)
    )


def attribute_creation(managed: Managed, created: str, *, merged: bool = False) -> Actor:
    """Who created an object whose first version this is (`merged`: or a later one)."""
    claimants = [claimant for claimant in managed.claimants if claimant.stamp == created] or managed.claimants
    whole = [claimant for claimant in claimants if not claimant.entry.subresource] or claimants
    if not whole:
        return NOBODY
    return whole[0].actor("high" if len(whole) == 1 and not merged else "medium")


class KeyHints:
    """Which fields identify the items of a kind's lists: as served, else learned from `k:` entries, else guessed."""

    __slots__ = ("_learned", "_misses", "_served")

    def __init__(self, served: ServedKeys = lambda: None) -> None:
        """`served`: what the server's schema says of this kind by now."""
        self._served = served
        self._learned: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._misses: dict[tuple[str, ...], int] = {}

    def of(self, managed: Managed) -> ListKeys:
        """Keys for comparing with a version that has these managedFields; asked only for lists that differ."""

        def keys(path: Path, old: list[Json], new: list[Json]) -> tuple[str, ...] | None:
            known = self._served()
            if known is not None and not isinstance(named := known.at(path), Absent):
                return named
            shape = tuple([token.name if isinstance(token, Field) else "*" for token in path])
            found = self._learned.get(shape)
            if found is None:
                found = self._probe(shape, path, managed)
            return found or heuristic(path, old, new)

        return keys

    def _probe(self, shape: tuple[str, ...], path: Path, managed: Managed) -> tuple[str, ...]:
        missed = self._misses.get(shape, 0)
        if missed < _PROBES or missed % 64 == 0:
            found = next((keys for one in managed.claimants if (keys := _keys_below(one.node(path)))), ())
            if found and len(self._learned) < _SHAPES:
                self._learned[shape] = found
            if found:
                return found
        if len(self._misses) >= _SHAPES:  # maps with endless names on the way to a list
            self._misses.clear()
        self._misses[shape] = missed + 1
        return ()


def _entries(raw: Raw | bytes | None) -> list[ManagedEntry]:
    """The entries as served; what is no list of entries attributes nothing."""
    if not raw:
        return []
    try:
        return _decode(raw)
    except msgspec.MsgspecError:
        return []


def _is_fresh(stamp: str, identity: str, before: Stamps | None, since: datetime | None) -> bool:
    if before is not None:
        return before.get(identity) != stamp
    moment = parse_time(stamp)
    return since is not None and moment is not None and moment >= since


def _claim(edits: Sequence[Edit], owners: Sequence[Claimant | None], managed: Managed) -> datetime | None:
    """The time of this very write: that of an owner of a changed value, if nothing else could have stamped it earlier.

    With the times of the version before at hand a new one is proof. Without, ownership of a single value (not of a
    whole map or list, parts of which may be older) is.
    """
    stamps = [
        owner.stamp
        for owner, edit in zip(owners, edits, strict=True)
        if owner is not None and (owner.fresh if managed.known else edit.op == "add" or owner.is_leaf(edit.path))
    ]
    return parse_time(max(stamps, default=""))


def _is_untracked(path: Path) -> bool:
    if len(path) < 2 or path[0] != _METADATA:
        return False
    return isinstance(path[1], Field) and path[1].name in _UNTRACKED


def _keys_below(node: JsonObject | None) -> tuple[str, ...]:
    """The fields that the `k:` children of a list's node name."""
    for name in node or ():
        if name.startswith("k:"):
            try:
                key = orjson.loads(name[2:])
            except ValueError:
                return ()
            return tuple(sorted(key)) if isinstance(key, dict) else ()
    return ()
