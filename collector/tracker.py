"""The mind of one watch: what it has seen, what that changes, and from where the stream can be read again.

Pure: lines and lists go in, records come out; no I/O, no waiting. One Tracker per Scope (client-go: the Indexer
beside a Reflector), never used from two threads at once.

- Lives: a uid is a life. `seq` counts its events per epoch without a hole, `prev_rv` names the event before.
- Replays: a stream that is read again from an older version repeats itself. What is not newer than the remembered
  version of its uid, or than the end of its life, has been recorded: skipped and counted.
- Late: what is read with `not_before` is held until the stream has caught up, then dated by its neighbours and by the
  server's claims (`collector.dating`). The resume point stays before what is held. What comes as live but carries
  claims that prove it old (a server or a proxy that was slow to send) is dated like late lines, at once.
- Fresh lists (`replace`) are compared with memory: `relist` events and a gap tell what was missed.
- Epochs: where a chain cannot go on (`EPOCH_CAUSES`) a new one opens, and every object gets a first event in it.
- An object that cannot be read never stops the others: it is logged without content, counted, and becomes a gap.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Raw

from collector.attribution import ServedKeys
from collector.clock import EPOCH, TICK, Capture, Clock, from_micros, micros, numeric
from collector.dating import Sighting, date
from collector.delay import Delay
from collector.ledger import Ledger
from collector.memory import Ended, Entry, Memory, Version, Warm
from collector.observation import Observation, Unreadable, sections_of
from collector.recorder import Recorded, Recorder, Sighted, TrackerPolicy, sighting
from collector.redact import Redactor
from collector.relist import EPOCH_CAUSES, MEMORY_LOST, REDACTION_KEY, VERSION_SWITCHED, Comparison, FreshList
from collector.sink import Position, Remembered
from collector.skew import Skew
from collector.unreadable import header_of, object_of, why
from schema.canonical import digest
from schema.events import Event, Gap, Origin, Record
from schema.objects import Kind, Scope

__all__ = ["Tracker", "TrackerPolicy"]

log = logging.getLogger(__name__)

UNREADABLE: Final = "unreadable-object"
UNNOTICED: Final = timedelta(seconds=1.5)
"""So late a line may be without its claim, a whole second of the server's, giving it away: a stream that counted as
current may have been behind by as much (measured: 0.8 s, on a server without a core to itself)."""

_STAMP_SLACK: Final = timedelta(seconds=2)
"""Times in managedFields are whole seconds of another clock."""


class _Line(msgspec.Struct):
    type: str
    object: dict[str, Raw]


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
        keys: ServedKeys = lambda: None,
        warm: Warm | None = None,
    ) -> None:
        self._kind = kind
        self._scope = scope
        self._redactor = redactor
        self._skew = skew
        self._clock = clock
        self._memory = Memory(warm)
        self._recorder = Recorder(
            capture=origin, kind=kind, redactor=redactor, policy=policy, memory=self._memory, keys=keys
        )
        self._ledger = Ledger(origin, scope)
        self._comparison = Comparison(
            memory=self._memory,
            recorder=self._recorder,
            skew=skew,
            stamp=self._stamp,
            unreadable=self._unreadable_item,
        )
        self._position: Position | None = None
        self._origin: Origin = "watch"
        self._epoch = 0
        self._cause = ""
        self._pending_cause = ""
        self._read_rv = ""
        self._held: list[tuple[Event, Sighting]] = []
        self._open_gaps: dict[str, str] = {}
        self._last_at = self._floor = EPOCH
        self._last_ts = EPOCH + UNNOTICED
        self._delay = Delay(skew)
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
        """Take up memory and resume point of the time before; `position` None = first sight, or checkpoint lost.

        Where the old chains cannot go on (other served version, other redaction key or rules, an object whose content
        is lost) `position` stays None until a fresh list has opened a new epoch.
        """
        self._position = position
        self._epoch = position.epoch if position else 0
        self._read_rv = position.rv if position else ""
        self._restarted_at = position.at - _STAMP_SLACK if position else None
        if position is not None and position.version != self._kind.version:
            self._pending_cause = VERSION_SWITCHED
        for one in remembered:
            self._epoch = max(self._epoch, one.epoch)
            if one.ts is not None:
                self._last_at, self._last_ts = max(self._last_at, one.ts), max(self._last_ts, one.ts)
            if one.deleted:
                self._memory.end(one.uid, Ended(one.rv, one.epoch, one.seq))
            elif not self._take_up(one):
                self._pending_cause = self._pending_cause or MEMORY_LOST
            elif one.object is not None and not self._redactor.comparable(self._kind, one.object):
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
            log.warning(
                "the stored version %s of %s %s/%s is not whole", one.rv, self._kind.id, one.namespace, one.name
            )
            return False
        # `managed` is stored on first events only: of a later version the times of its entries are not known.
        kept = self._redactor.settled(self._kind, state)
        if kept != state:  # recorded before there was such a rule: no patch may show what was there
            self._pending_cause = self._pending_cause or EPOCH_CAUSES["redaction rules"]
            state, sections = kept, sections_of(kept)
        entry = Entry(
            namespace=one.namespace,
            name=one.name,
            epoch=one.epoch,
            seq=one.seq,
            rv=one.rv,
            digest=bytes.fromhex(one.hash if state is one.object else digest(state)),
            packed=self._memory.pack(Version(state, sections, None, b"")),
        )
        self._memory.put(one.uid, entry)
        return True

    # ---- the stream -------------------------------------------------------------------------------------------------

    def observe(self, lines: Sequence[bytes], *, at: datetime, not_before: datetime | None) -> list[Record]:
        """Complete watch lines read at `at`. `not_before` None: live; else late, held until `settle`."""
        records = self.settle(at=at) if self._held and not_before is None else []
        read: list[Recorded] = []
        for line in lines:
            try:
                found = self._observe(line, at)
            except Exception as error:
                records.append(self._unreadable_item(object_of(line), error, at))
                continue
            if found is not None:
                read.append(found)
        since = self._since(read, at, not_before)
        if since is not None:
            self._hold(read, since)
            records += self._release(at, "delayed") if not_before is None else []
        elif read:
            self._last_ts = read[-1].event.ts
            records += [found.event for found in read]
        if not self._held:
            self._move(at if not_before is None else None)
        return records

    def _hold(self, read: Sequence[Recorded], not_before: datetime) -> None:
        since = max(self._behind(not_before), self._floor)
        self._held += [(found.event, sighting(found, since, self._skew)) for found in read]

    def _behind(self, current: datetime) -> datetime:
        """From when on something may be missing that was believed current up to then; a list leaves no such doubt."""
        listed = min(current, self._position.since) if self._position else EPOCH
        return max(current - UNNOTICED, listed)

    def _since(self, read: Sequence[Recorded], at: datetime, not_before: datetime | None) -> datetime | None:
        """From when on these lines may be; None: they are live. Claims of the server may prove this belief wrong, for
        them and for what comes right behind them (a deletion claims nothing)."""
        believed = at if not_before is None else self._behind(not_before)
        claims = (found.claim for found in read if found.claim is not None)
        listed = self._position.since if self._position else EPOCH
        self._delay.learn(claims, at=at, believed=believed, listed=listed, last=self._last_ts)
        return (self._delay.at(at) or not_before) if read else not_before

    def settle(self, *, at: datetime, reason: str = "resumed", caught_up: bool = False) -> list[Record]:
        """Date what is held, give it out, and put on record that it was late.

        `caught_up`: the stream is current as of `at`. Otherwise more that is late may follow, and the resume point only
        counts as current up to the earliest moment at which the last event can have happened.
        """
        records = self._release(at, reason)
        self._move(at if caught_up else self._floor)
        return records

    def _observe(self, line: bytes, at: datetime) -> Recorded | None:
        parsed = _line.decode(line)
        if parsed.type not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
            raise Unreadable("its type is none of a watch")
        seen = Observation(parsed.object)
        rv = seen.header.resource_version
        if parsed.type == "BOOKMARK":
            self._read_rv = rv or self._read_rv
            return None
        uid = seen.header.life
        entry = self._memory.get(uid)
        if self._is_replay(uid, rv, entry, deleted=parsed.type == "DELETED"):
            self.replays += 1
            if not -1 < numeric(rv) < numeric(self._read_rv):  # told again: what came since is in memory already
                self._read_rv = rv
            return None
        how = Sighted(
            at=self._stamp(at),
            origin=self._origin,
            epoch=self._epoch,
            cause=self._cause,
            gap=self._open_gaps.pop(uid, None) if self._open_gaps else None,
            since=self._restarted_at,
        )
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
        known = entry or self._memory.ended(uid)
        number, last = numeric(rv), numeric(known.rv) if known is not None else 0
        if number < 0 or last < 0:
            same = known is not None and rv == known.rv and not (deleted and entry is not None)
            return self._memory.told(uid, rv, deleted=deleted) or same
        return known is not None and number <= last

    def _unreadable_item(self, item: bytes, error: Exception, at: datetime) -> Gap:
        """An object could not be understood: say so, and go on."""
        self.unreadable += 1
        header = header_of(item)
        rv = header.resource_version if header else ""
        entry = self._memory.get(header.life) if header else None
        told = f"{len(item):,} bytes, keyed hash {self._redactor.hashed(item)}"
        gap = self._gap(entry.rv if entry else self._read_rv, rv, at, f"{UNREADABLE}: {why(error)} ({told})")
        named = f"{header.namespace}/{header.name} (uid {header.uid})" if header else "without a readable name"
        if header:
            self._open_gaps[header.life] = gap.id
            self._read_rv = rv or self._read_rv
        log.warning(
            "an object of %s, %s, version %s (%s), could not be read: %s",
            self._scope,
            named,
            rv or "?",
            told,
            why(error),
        )
        return gap

    # ---- late events ------------------------------------------------------------------------------------------------

    def _release(self, at: datetime, reason: str) -> list[Record]:
        if not self._held:
            return []
        held, self._held = self._held, []
        dated = date([known for _, known in held], after=self._last_ts)
        for (event, _), found in zip(held, dated, strict=True):
            event.ts, event.ts_error = found.ts, found.error
        self._last_ts = dated[-1].ts
        self._last_at = max(self._last_at, self._last_ts)  # what is read live from now on comes after it
        self._floor = max(self._floor, dated[-1].earliest)
        since = min(known.not_before for _, known in held)
        return [
            *(event for event, _ in held),
            self._ledger.late(since=since, until=max(since, at), events=len(held), reason=reason),
        ]

    # ---- fresh lists ------------------------------------------------------------------------------------------------

    def replace(self, items: Iterable[bytes], *, rv: str, at: datetime, reason: str) -> list[Record]:
        """A complete fresh list of version `rv`. `reason` "": first sight, else why memory is compared with it."""
        return list(self.compare(items, rv=rv, at=at, reason=reason))

    def compare(self, items: Iterable[bytes], *, rv: str, at: datetime, reason: str) -> Iterator[Record]:
        """The same, record by record, for lists whose events should not stand in memory all at once.

        To be read to its end before anything else is asked of the tracker; only then the resume point moves.
        """
        yield from self._release(at, "resumed")
        first = self._position is None and not len(self._memory)
        cause = self._pending_cause or EPOCH_CAUSES.get(reason, "")
        if first or cause or not self._epoch:
            self._open_epoch(cause)
        gap = None if first else self._gap(self._read_rv, rv, at, cause or reason or "checkpoint lost")
        if gap is not None:
            yield gap
        yield from self._comparison.records(
            FreshList(items=items, rv=rv, at=at, epoch=self._epoch, cause=cause, gap=gap, after=self._last_ts)
        )
        self._pending_cause, self._read_rv = "", rv
        self._position = Position(rv=rv, epoch=self._epoch, at=at, version=self._kind.version, since=at)
        self._memory.prune(rv)
        self._last_ts = max(self._last_ts, self._last_at, at)

    def _open_epoch(self, cause: str) -> None:
        """A new chain for every object; its number is the time in milliseconds, but always larger than the last one."""
        self._epoch = max(micros(self._clock()) // 1000, self._epoch + 1)
        self._cause = cause
        self._memory.forget_ended()  # versions of another epoch cannot be compared

    def _gap(self, from_rv: str, to_rv: str, at: datetime, reason: str) -> Gap:
        # Without a resume point nothing is known since the chains were opened.
        since = max(self._behind(self._position.at), self._floor) if self._position else from_micros(self._epoch * 1000)
        return self._ledger.gap(epoch=self._epoch, from_rv=from_rv, to_rv=to_rv, since=since, until=at, reason=reason)

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
