"""From an observation and what is remembered to one change event. Knows nothing of streams, lists or lateness.

Every method remembers the new version and returns the event, dated by the moment of reading, with what the server
claims about the time of the write beside it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import orjson
from msgspec import Raw

from collector.attribution import NO_EDITS, Attribution, KeyHints, Managed, ServedKeys, attribute, attribute_creation
from collector.clock import Capture, parse_time
from collector.dating import Sighting
from collector.memory import Ended, Entry, Memory, Version
from collector.noise import MANAGED_FIELDS, TOUCH, classify
from collector.observation import Composed, Observation, Unreadable
from collector.redact import Redactor
from collector.skew import Skew
from schema.canonical import Json, JsonObject, canonical, digest
from schema.diff import Edit, diff
from schema.events import NOBODY, Actor, Event, Op, Origin, event_id
from schema.objects import Kind
from schema.patch import to_patch
from schema.paths import Field, render

log = logging.getLogger(__name__)

_NOTHING: Final = Raw(b"[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerPolicy:
    """Up to `keyframe_bytes` an event carries the whole state; above only when it must, and every so many events."""

    keyframe_bytes: int = 65536
    keyframe_every: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighted:
    """How an observation came about: when it was read, the chain it belongs to, and the gap it closes.

    `since`: after a restart, from when on a managedFields time counts as new. `merged`: several writes may lie between.
    """

    at: datetime
    origin: Origin
    epoch: int
    cause: str = ""
    gap: str | None = None
    since: datetime | None = None

    @property
    def merged(self) -> bool:
        """Several writes may lie between this version and the one before."""
        return self.origin == "relist"

    @property
    def streamed(self) -> bool:
        """It is one of all writes, in their order: from a watch, or what a watch would have said."""
        return self.origin in ("watch", "healed")


class Recorded(NamedTuple):
    """An event; `claim`: the second in which the server stamped this very write; `floor`: it was not before."""

    event: Event
    claim: datetime | None
    floor: datetime | None


def sighting(found: Recorded, not_before: datetime, skew: Skew) -> Sighting:
    """What bounds the time of an event that was read late."""
    exact = skew.bounds(found.claim) if found.claim else None
    floor = skew.bounds(found.floor) if found.floor else None
    earliest = exact[0] if exact else floor[0] if floor else None
    observed = found.event.observed_at
    if earliest is not None and earliest > observed:  # claimed for the future: not the server's doing
        earliest = None
    latest = exact[1] if exact else None
    return Sighting(not_before=min(not_before, observed), observed=observed, earliest=earliest, latest=latest)


class Recorder:
    """Makes events of one kind."""

    def __init__(
        self,
        *,
        capture: Capture,
        kind: Kind,
        redactor: Redactor,
        policy: TrackerPolicy,
        memory: Memory,
        keys: ServedKeys = lambda: None,
    ) -> None:
        """`keys`: list-map keys as the server's schema names them by now."""
        self._capture = capture
        self._redactor = redactor
        self._kind = kind
        self._policy = policy
        self._memory = memory
        self._hints = KeyHints(keys)
        self.diff_fallbacks = 0

    def first(self, seen: Observation, how: Sighted, *, op: Op = "add") -> Recorded:
        """The first event of a chain: a life begins, or is seen for the first time."""
        composed = self.compose(seen, None)
        managed = Managed(seen.managed, None)
        created = seen.header.creation_timestamp or ""
        stamped = parse_time(created)
        actor = NOBODY if how.origin == "list" else attribute_creation(managed, created, merged=how.merged)
        rv, seq = self._follows(seen.header.life, None, how)
        event = self._event(seen, composed, how, op=op, seq=seq, prev_rv=rv, actor=actor)
        event.claimed_at = managed.newest or stamped
        event.managed = self._managed(seen)
        self._remember(event, composed, managed)
        return Recorded(event, stamped if how.streamed else None, managed.newest or stamped)

    def change(self, seen: Observation, entry: Entry, how: Sighted) -> Recorded:
        """The next event of a chain."""
        before = self._memory.unpack(entry)
        composed = self.compose(seen, before)
        managed = Managed(seen.managed, before.stamps, since=how.since)
        edits = self.edits(composed, before, managed)
        found = attribute(edits, managed, merged=how.merged) if edits else NO_EDITS
        event = self._event(seen, composed, how, op="update", seq=entry.seq + 1, prev_rv=entry.rv, actor=found.actor)
        event.claimed_at = managed.newest
        if edits:
            self._describe(event, edits, found)
        else:
            event.noise = TOUCH if managed.fingerprint == before.managed else MANAGED_FIELDS
        if how.merged:
            event.managed = self._managed(seen)
        self._remember(event, composed, managed)
        return Recorded(event, found.claim, managed.newest)

    def rebase(self, seen: Observation, entry: Entry, how: Sighted) -> Recorded:
        """The first event of a new chain for a known life: places that differ from the old one are only named."""
        before = self._memory.unpack(entry)
        composed = self.compose(seen, before)
        managed = Managed(seen.managed, before.stamps, since=how.since)
        edits = self.edits(composed, before, managed)
        recorded = self.first(seen, how, op="update")
        if edits:
            found = attribute(edits, managed, merged=True)
            recorded.event.paths = [render(edit.path) for edit in edits]
            recorded.event.managers = found.managers
            recorded.event.actor = found.actor
        return recorded

    def deletion(self, seen: Observation, entry: Entry | None, how: Sighted) -> Recorded:
        """The end of a life as a watch shows it, with the object's last content."""
        before = self._memory.unpack(entry) if entry else None
        try:
            composed = self.compose(seen, before)
        except Unreadable:
            if entry is None:
                raise
            return self.ending(seen.header.life, entry, seen.header.resource_version, how)
        rv, seq = self._follows(seen.header.life, entry, how)
        event = self._event(seen, composed, how, op="delete", seq=seq, prev_rv=rv, actor=NOBODY)
        event.claimed_at = parse_time(seen.header.deletion_timestamp)
        self._memory.end(event.uid, Ended(event.rv, event.epoch, event.seq))
        return Recorded(event, None, None)

    def _follows(self, uid: str, entry: Entry | None, how: Sighted) -> tuple[str, int]:
        """The version and number that an event of this life comes after in its chain: ("", 1) for the first."""
        before = entry or self._memory.ended(uid)
        return (before.rv, before.seq + 1) if before is not None and before.epoch == how.epoch else ("", 1)

    def ending(self, uid: str, entry: Entry, rv: str, how: Sighted) -> Recorded:
        """The end of a life that is told by memory alone: a fresh list does not have it."""
        state = self._memory.unpack(entry).state
        same_chain = entry.epoch == how.epoch
        event = self._new_event(
            uid=uid,
            namespace=entry.namespace,
            name=entry.name,
            how=how,
            op="delete",
            seq=entry.seq + 1 if same_chain else 1,
            rv=rv,
            prev_rv=entry.rv if same_chain else "",
            actor=NOBODY,
            state=state,
        )
        self._memory.end(uid, Ended(rv, how.epoch, event.seq))
        return Recorded(event, None, None)

    def compose(self, seen: Observation, before: Version | None) -> Composed:
        """The state that was seen, beside the one before."""
        return seen.compose(before, self._kind, self._redactor)

    def edits(self, composed: Composed, before: Version, managed: Managed) -> list[Edit]:
        """What differs, as edits of the whole document."""
        if not composed.old and not composed.new:
            return []
        keys = self._hints.of(managed)
        try:
            found = diff(composed.old, composed.new, keys)
            if any(not edit.pointer for edit in found):  # so much that the differ gave up on parts: the parts it saw
                found = diff(orjson.loads(before.state), orjson.loads(composed.state), keys)
            return found
        except Exception as error:  # a patch of whole sections is always right, only less readable
            self.diff_fallbacks += 1
            log.warning(
                "comparing two versions of a %s failed (%s); recorded whole sections instead, please report",
                self._kind.kind,
                type(error).__name__,
            )
            return _whole_sections(composed.old, composed.new)

    def _managed(self, seen: Observation) -> Raw | None:
        """managedFields as served, in a copy: the line itself is let go. Members of sets stand in them by value."""
        return Raw(self._redactor.managed(bytes(seen.managed))) if seen.managed is not None else None

    def _describe(self, event: Event, edits: list[Edit], found: Attribution) -> None:
        event.patch = Raw(orjson.dumps(to_patch(edits)))
        event.paths = [render(edit.path) for edit in edits]
        event.managers = found.managers
        event.noise = classify(self._kind.id, event.name, [edit.path for edit in edits])

    def _event(
        self, seen: Observation, composed: Composed, how: Sighted, *, op: Op, seq: int, prev_rv: str, actor: Actor
    ) -> Event:
        header = seen.header
        return self._new_event(
            uid=seen.header.life,
            namespace=header.namespace,
            name=header.name,
            how=how,
            op=op,
            seq=seq,
            rv=header.resource_version,
            prev_rv=prev_rv,
            actor=actor,
            state=composed.state,
        )

    def _new_event(
        self,
        *,
        uid: str,
        namespace: str,
        name: str,
        how: Sighted,
        op: Op,
        seq: int,
        rv: str,
        prev_rv: str,
        actor: Actor,
        state: bytes,
    ) -> Event:
        capture, kind = self._capture, self._kind
        whole = len(state) <= self._policy.keyframe_bytes or op != "update" or not how.streamed
        return Event(
            id=event_id(
                cluster=capture.cluster,
                cluster_uid=capture.cluster_uid,
                kind=kind.id,
                uid=uid,
                epoch=how.epoch,
                rv=rv,
                op=op,
            ),
            cluster=capture.cluster,
            cluster_uid=capture.cluster_uid,
            group=kind.group,
            version=kind.version,
            kind=kind.kind,
            resource=kind.resource,
            namespace=namespace,
            name=name,
            uid=uid,
            op=op,
            origin=how.origin,
            epoch=how.epoch,
            cause=how.cause,
            seq=seq,
            rv=rv,
            prev_rv=prev_rv,
            observed_at=how.at,
            ts=how.at,
            actor=actor,
            hash=digest(state),
            object=Raw(state) if whole or seq % self._policy.keyframe_every == 0 else None,
            gap=how.gap,
        )

    def _remember(self, event: Event, composed: Composed, managed: Managed) -> None:
        version = Version(composed.state, composed.sections, managed.stamps, managed.fingerprint)
        warm = event.origin == "watch"
        self._memory.put(
            event.uid,
            Entry(
                namespace=event.namespace,
                name=event.name,
                epoch=event.epoch,
                seq=event.seq,
                rv=event.rv,
                digest=bytes.fromhex(event.hash),
                packed=b"" if warm else self._memory.pack(version),
                warm=version if warm else None,
            ),
        )


def _whole_sections(old: JsonObject, new: JsonObject) -> list[Edit]:
    """One edit per section that differs."""
    edits = []
    for name in sorted(old.keys() | new.keys()):
        before: Json = old.get(name)
        after: Json = new.get(name)
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        if name not in old:
            edits.append(Edit("add", pointer, (Field(name),), None, after))
        elif name not in new:
            edits.append(Edit("remove", pointer, (Field(name),), before, None))
        elif canonical(before) != canonical(after):
            edits.append(Edit("replace", pointer, (Field(name),), before, after))
    return edits
