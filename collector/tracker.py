"""The mind of one watch: what it has seen, what that changes, and from where the stream can be read again.

Pure: lines and lists go in, records come out; no I/O, no waiting. One Tracker per Scope (client-go: the Indexer beside a
Reflector), never used from two threads at once.

- Lives: a uid is a life. `seq` counts its events per epoch without a hole, `prev_rv` names the event before.
- Replays: a stream that is read again from an older version repeats itself. What is not newer than the remembered version
  of its uid, or than the end of its life, has been recorded: skipped and counted.
- Late: what is read with `not_before` is held until the stream has caught up, then dated by its neighbours and by the
  server's claims (`collector.dating`). The resume point stays before what is held.
- Fresh lists (`replace`) are compared with memory: `relist` events and a gap tell what was missed.
- Epochs: where a chain cannot go on (`EPOCH_CAUSES`) a new one opens, and every object gets a first event in it.
- An object that cannot be read never stops the others: it is logged without content, counted, and becomes a gap.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Raw

from collector.clock import EPOCH, TICK, Capture, Clock, from_micros, micros, numeric
from collector.dating import Sighting, date
from collector.memory import Entry, Memory, Version
from collector.observation import Header, Observation, Unreadable, read_header, sections_of
from collector.recorder import Recorded, Recorder, Sighted, TrackerPolicy
from collector.redact import Redactor
from collector.sink import Position, Remembered
from collector.skew import Skew
from schema.canonical import digest
from schema.events import Event, Gap, Late, Record
from schema.objects import Kind, Scope, split_kind_id

log = logging.getLogger(__name__)

MEMORY_LOST: Final = "memory-lost"
REDACTION_KEY: Final = "redaction-key"
VERSION_SWITCHED: Final = "version-switched"
ROLLBACK: Final = "rollback"
UNREADABLE: Final = "unreadable-object"

EPOCH_CAUSES: Final = {
    "rollback": ROLLBACK,
    "other version": VERSION_SWITCHED,
    "version switched": VERSION_SWITCHED,
    "version-switched": VERSION_SWITCHED,
    "redaction key": REDACTION_KEY,
    "redaction-key": REDACTION_KEY,
    "memory lost": MEMORY_LOST,
    "memory-lost": MEMORY_LOST,
}
"""Reasons for a fresh list after which chains cannot go on → the new epoch's cause."""


class _Line(msgspec.Struct):
    type: str
    object: Raw


_line: Final = msgspec.json.Decoder(_Line)


class Tracker:
    """Memory, chains and resume point of one scope."""

    def __init__(
        self,
        *,
        origin: Capture,
        kind: Kind,
        scope: Scope,
        redactor: Redactor,
        policy: TrackerPolicy,
        skew: Skew,
        clock: Clock,
    ) -> None:
        self._capture = origin
        self._kind = kind
        self._scope = scope
        self._redactor = redactor
        self._skew = skew
        self._clock = clock
        self._memory = Memory()
        self._recorder = Recorder(capture=origin, kind=kind, policy=policy, memory=self._memory)
        self._position: Position | None = None
        self._epoch = 0
        self._cause = ""
        self._pending_cause = ""
        self._read_rv = ""
        self._held: list[tuple[Event, Sighting]] = []
        self._open_gaps: dict[str, str] = {}
        self._last_at = EPOCH
        self._restarted_at: datetime | None = None
        self.replays = 0
        self.unreadable = 0

    # ---- what others ask --------------------------------------------------------------------------------------------

    @property
    def position(self) -> Position | None:
        """Resume point of everything given out (held events are not in it); None: list first."""
        return None if self._pending_cause else self._position

    @property
    def held(self) -> int:
        """Events that wait to be dated."""
        return len(self._held)

    @property
    def objects(self) -> int:
        """Living objects."""
        return len(self._memory)

    @property
    def diff_fallbacks(self) -> int:
        """Versions that could only be recorded as whole sections."""
        return self._recorder.diff_fallbacks

    # ---- before anything else ---------------------------------------------------------------------------------------

    def restore(self, remembered: Iterable[Remembered], position: Position | None) -> None:
        """Take up memory and resume point of the time before; `position` None = first sight (or the checkpoint is lost).

        Where the old chains cannot go on (other served version, other redaction key, an object whose content is lost)
        `position` stays None until a fresh list has opened a new epoch.
        """
        self._position = position
        self._epoch = position.epoch if position else 0
        self._read_rv = position.rv if position else ""
        self._restarted_at = position.at if position else None
        if position is not None and position.version != self._kind.version:
            self._pending_cause = VERSION_SWITCHED
        secret = self._redactor.applies(self._kind)
        for one in remembered:
            self._epoch = max(self._epoch, one.epoch)
            if one.deleted:
                self._memory.end(one.uid, one.rv)
            elif not self._take_up(one):
                self._pending_cause = self._pending_cause or MEMORY_LOST
            elif secret and one.object is not None and not self._redactor.comparable(one.object):
                self._pending_cause = REDACTION_KEY
        if position is not None:
            self._memory.prune(position.rv)

    def _take_up(self, one: Remembered) -> bool:
        """Remember a stored version; False when its content is not what was recorded."""
        try:
            state = one.object or b""
            sections = sections_of(state)
        except Unreadable:
            state = b""
        if not state or digest(state) != one.hash:
            log.warning("the stored version %s of %s %s/%s is not whole", one.rv, self._kind.id, one.namespace, one.name)
            return False
        # `managed` is stored on first events only: of a later version the times of its entries are not known.
        entry = Entry(
            namespace=one.namespace,
            name=one.name,
            epoch=one.epoch,
            seq=one.seq,
            rv=one.rv,
            digest=bytes.fromhex(one.hash),
            packed=self._memory.pack(Version(state, sections, None, b"")),
        )
        self._memory.put(one.uid, entry)
        return True

    # ---- the stream -------------------------------------------------------------------------------------------------

    def observe(self, lines: Sequence[bytes], *, at: datetime, not_before: datetime | None) -> list[Record]:
        """Complete watch lines read at `at`. `not_before` None: live; else late, held until `settle`."""
        records = self.settle(at=at) if self._held and not_before is None else []
        for line in lines:
            try:
                found = self._observe(line, at, not_before)
            except (Unreadable, msgspec.MsgspecError, ValueError, RecursionError) as error:
                records.append(self._unreadable(line, error, at))
                continue
            if found is None:
                continue
            if not_before is None:
                records.append(found.event)
            else:
                self._held.append((found.event, self._sighting(found, not_before)))
        if not self._held:
            self._move(at if not_before is None else None)
        return records

    def settle(self, *, at: datetime, reason: str = "resumed") -> list[Record]:
        """The stream has caught up at `at`: date what is held, give it out, and put on record that it was late."""
        records = self._release(at, reason)
        self._move(at)
        return records

    def _observe(self, line: bytes, at: datetime, not_before: datetime | None) -> Recorded | None:
        parsed = _line.decode(line)
        if parsed.type == "BOOKMARK":
            self._read_rv = read_header(parsed.object).metadata.resource_version or self._read_rv
            return None
        if parsed.type not in ("ADDED", "MODIFIED", "DELETED"):
            raise Unreadable("its type is none of a watch")
        header = read_header(parsed.object)
        uid, rv = header.uid, header.metadata.resource_version
        entry = self._memory.get(uid)
        if self._is_replay(uid, rv, entry, deleted=parsed.type == "DELETED"):
            self.replays += 1
            self._read_rv = rv
            return None
        how = Sighted(
            at=self._stamp(at),
            origin="watch",
            epoch=self._epoch,
            cause=self._cause,
            gap=self._open_gaps.pop(uid, None) if self._open_gaps else None,
            since=self._restarted_at,
        )
        seen = Observation(parsed.object, self._kind, self._redactor)
        found = self._record(parsed.type, seen, entry, how)
        self._read_rv = rv
        return found

    def _record(self, kind: str, seen: Observation, entry: Entry | None, how: Sighted) -> Recorded:
        if kind == "DELETED":
            return self._recorder.deletion(seen, entry, how)
        if entry is not None and entry.epoch == how.epoch:
            return self._recorder.change(seen, entry, how)
        if entry is not None or kind == "MODIFIED":  # known before this epoch, or not at all: seen for the first time
            how = Sighted(at=how.at, origin="list", epoch=how.epoch, cause=how.cause, gap=how.gap)
        return self._recorder.first(seen, how)

    def _is_replay(self, uid: str, rv: str, entry: Entry | None, *, deleted: bool) -> bool:
        """Whether this was recorded before. A version is shared by no two writes; a deletion has one of its own."""
        known = entry.rv if entry is not None else self._memory.ended(uid)
        if known is None:
            return False
        new, old = numeric(rv), numeric(known)
        if new < 0 or old < 0:
            return rv == known and not (deleted and entry is not None)
        return new <= old

    def _unreadable(self, line: bytes, error: Exception, at: datetime) -> Gap:
        """Something could not be understood: say so, and go on."""
        self.unreadable += 1
        try:
            header: Header | None = read_header(_line.decode(line).object)
        except (Unreadable, msgspec.MsgspecError, ValueError):
            header = None
        rv = header.metadata.resource_version if header else ""
        entry = self._memory.get(header.uid) if header else None
        gap = self._gap(entry.rv if entry else self._read_rv, rv, at, UNREADABLE)
        if header:
            self._open_gaps[header.uid] = gap.id
            self._read_rv = rv or self._read_rv
        # Never the error's own text unless it is ours: parsers quote what they read.
        why = str(error) if isinstance(error, Unreadable) else type(error).__name__
        log.warning("a line of %s (%d bytes, version %s) could not be read: %s", self._scope, len(line), rv or "?", why)
        return gap

    # ---- late events ------------------------------------------------------------------------------------------------

    def _sighting(self, found: Recorded, not_before: datetime) -> Sighting:
        """What bounds the time of a late event."""
        exact = self._skew.bounds(found.claim) if found.claim else None
        floor = self._skew.bounds(found.floor) if found.floor else None
        earliest = exact[0] if exact else floor[0] if floor else None
        observed = found.event.observed_at
        if earliest is not None and earliest > observed:  # claimed for the future: not the server's doing
            earliest = None
        latest = exact[1] if exact else None
        return Sighting(not_before=min(not_before, observed), observed=observed, earliest=earliest, latest=latest)

    def _release(self, at: datetime, reason: str) -> list[Record]:
        if not self._held:
            return []
        held, self._held = self._held, []
        after = self._position.at if self._position else None
        dated = date([sighting for _, sighting in held], after=after)
        for (event, _), found in zip(held, dated, strict=True):
            event.ts, event.ts_error = found.ts, found.error
        self._last_at = max(self._last_at, dated[-1].ts)
        since = min(sighting.not_before for _, sighting in held)
        return [*(event for event, _ in held), self._late(since, at, len(held), reason)]

    def _late(self, since: datetime, until: datetime, events: int, reason: str) -> Late:
        resource, group = split_kind_id(self._scope.kind)
        return Late(
            id=self._deterministic("late", str(micros(since)), str(micros(until))),
            cluster=self._capture.cluster,
            cluster_uid=self._capture.cluster_uid,
            resource=resource,
            group=group,
            namespace=self._scope.namespace,
            from_t=since,
            to_t=until,
            reason=reason,
            events=events,
        )

    # ---- fresh lists ------------------------------------------------------------------------------------------------

    def replace(self, items: Sequence[bytes], *, rv: str, at: datetime, reason: str) -> list[Record]:
        """A complete fresh list of version `rv`. `reason` "": first sight of this scope, else why memory is compared."""
        records = self._release(at, "resumed")
        before, first = self._position, self._is_first(reason)
        cause = self._pending_cause or EPOCH_CAUSES.get(reason, "")
        if first or cause or not self._epoch:
            self._open_epoch(cause)
        gap = None
        if not first:
            gap = self._gap(self._read_rv, rv, at, cause or reason or "checkpoint lost")
            records.append(gap)
        comparison = _Comparison(items, rv=rv, at=at, gap=gap, cause=cause, first=first)
        records += self._compare(comparison)
        self._pending_cause, self._read_rv = "", rv
        since = at if before is None or gap is not None else before.since
        self._position = Position(rv=rv, epoch=self._epoch, at=at, version=self._kind.version, since=since)
        self._memory.prune(rv)
        return records

    def _is_first(self, reason: str) -> bool:
        return not reason and not self._pending_cause and self._position is None and not len(self._memory)

    def _open_epoch(self, cause: str) -> None:
        """A new chain for every object; its number is the time in milliseconds, but always larger than the last one."""
        self._epoch = max(micros(self._clock()) // 1000, self._epoch + 1)
        self._cause = cause

    def _compare(self, comparison: "_Comparison") -> list[Record]:
        missing = set(self._memory)
        births: dict[tuple[str, str], datetime | None] = {}
        found: list[Recorded] = []
        unreadable: list[Record] = []
        for item in comparison.items:
            try:
                header = read_header(item)
                missing.discard(header.uid)
                recorded = self._compare_one(item, header, comparison)
            except (Unreadable, msgspec.MsgspecError, ValueError, RecursionError) as error:
                unreadable.append(self._unreadable(b'{"type":"LISTED","object":%b}' % item, error, comparison.at))
                continue
            if recorded is not None:
                found.append(recorded)
                if recorded.event.seq == 1:
                    births[header.metadata.namespace, header.metadata.name] = recorded.floor
        endings = [
            self._end(uid, entry, comparison, births)
            for uid in sorted(missing)
            if (entry := self._memory.get(uid)) is not None and not self._is_ahead(entry, comparison)
        ]
        self._date_list(found, comparison)
        return [*unreadable, *endings, *(one.event for one in found)]

    def _compare_one(self, item: bytes, header: Header, comparison: "_Comparison") -> Recorded | None:
        """The event for one listed object, or None when it is what we know."""
        uid, rv = header.uid, header.metadata.resource_version
        entry = self._memory.get(uid)
        if not comparison.cause and (
            (entry is not None and (entry.rv == rv or self._is_replay(uid, rv, entry, deleted=False)))
            or (entry is None and self._is_replay(uid, rv, None, deleted=False))
        ):
            return None
        seen = Observation(item, self._kind, self._redactor)
        how = self._listed(comparison, "list" if comparison.first else "relist")
        if comparison.first or (entry is None and comparison.cause != MEMORY_LOST):
            return self._recorder.first(seen, how)
        if entry is not None and not comparison.cause:
            return self._recorder.change(seen, entry, how)
        if entry is not None and comparison.cause == ROLLBACK:
            state = seen.compose(None).state
            if bytes.fromhex(digest(state)) != entry.hash:
                return self._recorder.rebase(seen, entry, how)
        return self._recorder.first(seen, self._listed(comparison, "list"))

    def _listed(self, comparison: "_Comparison", origin: Literal["list", "relist"]) -> Sighted:
        return Sighted(
            at=self._stamp(comparison.at),
            origin=origin,
            epoch=self._epoch,
            cause=self._cause,
            gap=comparison.gap.id if comparison.gap and origin == "relist" else None,
            since=comparison.gap.from_t if comparison.gap else None,
        )

    def _is_ahead(self, entry: Entry, comparison: "_Comparison") -> bool:
        """The list is older than what we know of this object: it proves nothing."""
        return not comparison.cause and -1 < numeric(comparison.rv) < numeric(entry.rv)

    def _end(
        self, uid: str, entry: Entry, comparison: "_Comparison", births: dict[tuple[str, str], datetime | None]
    ) -> Event:
        """A life that the list does not have any more ended in the gap, before another one of that name began."""
        event = self._recorder.ending(uid, entry, comparison.rv, self._listed(comparison, "relist")).event
        born = births.get((entry.namespace, entry.name))
        bounds = self._skew.bounds(born) if born else None
        sighting = Sighting(
            not_before=comparison.since, observed=event.observed_at, latest=bounds[1] if bounds else None
        )
        (dated,) = date([sighting])
        event.ts, event.ts_error = dated.ts, dated.error
        return event

    def _date_list(self, found: list[Recorded], comparison: "_Comparison") -> None:
        """Date what happened in the gap: in the order of versions, between its two ends."""
        missed = sorted(
            (one for one in found if one.event.origin == "relist"), key=lambda one: numeric(one.event.rv)
        )
        # The newest claim of a listed version is a lower bound only: later writes may have left none.
        sightings = [
            self._sighting(Recorded(one.event, None, one.floor), comparison.since) for one in missed
        ]
        for one, dated in zip(missed, date(sightings), strict=True):
            one.event.ts, one.event.ts_error = dated.ts, dated.error

    def _gap(self, from_rv: str, to_rv: str, at: datetime, reason: str) -> Gap:
        resource, group = split_kind_id(self._scope.kind)
        # Without a resume point nothing is known since the chains were opened.
        since = self._position.at if self._position else from_micros(self._epoch * 1000)
        return Gap(
            id=self._deterministic("gap", from_rv, to_rv),
            cluster=self._capture.cluster,
            cluster_uid=self._capture.cluster_uid,
            resource=resource,
            group=group,
            namespace=self._scope.namespace,
            from_rv=from_rv,
            to_rv=to_rv,
            from_t=min(since, at),
            to_t=at,
            reason=reason,
        )

    # ---- small things -----------------------------------------------------------------------------------------------

    def _move(self, at: datetime | None) -> None:
        """The resume point follows what was read; `at`: and the stream was current then."""
        position = self._position
        if position is None or self._pending_cause:
            return
        moved = position.at if at is None else max(at, position.at)
        if self._read_rv != position.rv or moved != position.at:
            self._position = Position(
                rv=self._read_rv, epoch=self._epoch, at=moved, version=position.version, since=position.since
            )
            self._memory.prune(self._read_rv)

    def _stamp(self, at: datetime) -> datetime:
        """When something was read: the clock, but always later than the last time."""
        self._last_at = max(at, self._last_at + TICK)
        return self._last_at

    def _deterministic(self, *parts: str) -> str:
        text = "\0".join((self._capture.cluster_uid, str(self._scope), str(self._epoch), *parts))
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class _Comparison:
    """A fresh list, and what it is compared for."""

    __slots__ = ("at", "cause", "first", "gap", "items", "rv", "since")

    def __init__(
        self, items: Sequence[bytes], *, rv: str, at: datetime, gap: Gap | None, cause: str, first: bool
    ) -> None:
        self.items = items
        self.rv = rv
        self.at = at
        self.gap = gap
        self.cause = cause
        self.first = first
        self.since = gap.from_t if gap else at
