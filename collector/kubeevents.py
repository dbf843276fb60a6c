"""Kubernetes Events, of both APIs (`events`, `events.events.k8s.io`), as a light class of their own.

An Event is written once per observed count and deleted by its time to live. So there is no memory, no patch and no
chain: each write becomes one record, deletions are only counted. Nothing is held either: an Event that is read late
says itself when it was written. What was given out before is known by its resourceVersion, for versions of one kind
come in order.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Raw

from collector.clock import EPOCH, TICK, Capture, Clock, micros, numeric, parse_time
from collector.ledger import Ledger
from collector.recorder import TrackerPolicy
from collector.redact import Redactor
from collector.sink import Position, Remembered
from collector.skew import Skew
from schema.events import Involved, KubeEvent, Record
from schema.objects import Kind, Scope

log = logging.getLogger(__name__)

_UNKNOWN_SKEW: Final = timedelta(seconds=2)
_REMEMBERED_LISTS: Final = ("expired", "checkpoint lost", "unreadable")


class _Reference(msgspec.Struct, rename="camel"):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    field_path: str = ""


class _Source(msgspec.Struct):
    component: str = ""
    host: str = ""


class _Series(msgspec.Struct, rename="camel"):
    count: int | None = None
    last_observed_time: str | None = None


class _Written(msgspec.Struct):
    time: str | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    resource_version: str = ""
    namespace: str = ""
    name: str = ""
    creation_timestamp: str | None = None
    managed_fields: list[_Written] | None = None


class _Event(msgspec.Struct, rename="camel"):
    """An Event of either API: core/v1 names first, then those of events.k8s.io/v1."""

    metadata: _Metadata
    type: str | None = None
    reason: str | None = None
    event_time: str | None = None
    series: _Series | None = None
    reporting_instance: str | None = None
    message: str | None = None
    involved_object: _Reference | None = None
    source: _Source | None = None
    reporting_component: str | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    count: int | None = None
    note: str | None = None
    regarding: _Reference | None = None
    deprecated_source: _Source | None = None
    reporting_controller: str | None = None
    deprecated_first_timestamp: str | None = None
    deprecated_last_timestamp: str | None = None
    deprecated_count: int | None = None

    @property
    def times(self) -> int:
        """How often it was observed up to now."""
        series = self.series.count if self.series else None
        return series or self.count or self.deprecated_count or 1

    @property
    def first_seen(self) -> datetime | None:
        """When its reporter first observed it."""
        return parse_time(self.first_timestamp or self.deprecated_first_timestamp or self.event_time)

    @property
    def last_seen(self) -> datetime | None:
        """When its reporter last observed it."""
        last = self.series.last_observed_time if self.series else None
        return parse_time(last or self.last_timestamp or self.deprecated_last_timestamp or self.event_time)

    @property
    def written(self) -> datetime | None:
        """The second of the API server's clock in which this version was written."""
        times = [one.time for one in self.metadata.managed_fields or () if one.time]
        return parse_time(max(times, default=self.metadata.creation_timestamp))


class _Line(msgspec.Struct):
    type: str
    object: Raw


class _Versioned(msgspec.Struct):
    metadata: _Metadata


_line: Final = msgspec.json.Decoder(_Line)
_event: Final = msgspec.json.Decoder(_Event)
_versioned: Final = msgspec.json.Decoder(_Versioned)


class KubeEventTracker:
    """The Tracker's interface for the Events kinds."""

    def __init__(
        self,
        *,
        origin: Capture,
        kind: Kind,
        scope: Scope,
        redactor: Redactor | None = None,
        policy: TrackerPolicy | None = None,  # noqa: ARG002
        skew: Skew,
        clock: Clock,
    ) -> None:
        self._capture = origin
        self._kind = kind
        self._scope = scope
        self._redacted = redactor.text if redactor else str
        self._skew = skew
        self._clock = clock
        self._ledger = Ledger(origin, scope)
        self._position: Position | None = None
        self._epoch = 0
        self._seen = -1
        self._rv = ""
        self._last_at = EPOCH
        self._late = 0
        self._late_since: datetime | None = None
        self.replays = 0
        self.deleted = 0
        self.unreadable = 0

    @property
    def position(self) -> Position | None:
        """Resume point of everything given out."""
        return self._position

    @property
    def held(self) -> int:
        """Nothing is ever held."""
        return 0

    def restore(self, remembered: Iterable[Remembered], position: Position | None) -> None:
        """Go on from `position`; what the log has from after it is known by its version."""
        self._position = position
        self._epoch = position.epoch if position else 0
        self._rv = position.rv if position else ""
        self._seen = max((numeric(one.rv) for one in remembered), default=-1)
        self._seen = max(self._seen, numeric(self._rv) if self._rv else -1)

    def replace(self, items: Iterable[bytes], *, rv: str, at: datetime, reason: str) -> list[Record]:
        """A complete fresh list: what is newer than anything given out. A gap unless this is the first sight."""
        return list(self.compare(items, rv=rv, at=at, reason=reason))

    def compare(self, items: Iterable[bytes], *, rv: str, at: datetime, reason: str) -> Iterator[Record]:
        """The same, record by record; the resume point moves after the last."""
        before = self._position
        if before is None or numeric(rv) < numeric(before.rv) or reason not in ("", *_REMEMBERED_LISTS):
            self._epoch = max(micros(self._clock()) // 1000, self._epoch + 1)
            self._seen = -1
        since = before.at if before else EPOCH
        if before is not None:
            why = reason or "checkpoint lost"
            yield self._ledger.gap(epoch=self._epoch, from_rv=self._rv, to_rv=rv, since=since, until=at, reason=why)
        found = [one for one in (self._read(item) for item in items) if one is not None]
        found.sort(key=lambda one: numeric(one.metadata.resource_version))
        yield from (self._record(one, at, since) for one in found if not self._is_replay(one))
        self._seen = max(self._seen, numeric(rv))
        self._rv = rv
        self._position = Position(rv=rv, epoch=self._epoch, at=at, version=self._kind.version, since=at)

    def observe(self, lines: Sequence[bytes], *, at: datetime, not_before: datetime | None) -> list[Record]:
        """Complete watch lines; late ones are dated by what they say."""
        records: list[Record] = []
        for line in lines:
            if (record := self._observe(line, at, not_before)) is not None:
                records.append(record)
        if not_before is not None and records:
            self._late += len(records)
            self._late_since = min(self._late_since or not_before, not_before)
        self._move(at if not_before is None else None)
        return records

    def settle(self, *, at: datetime, reason: str = "resumed", caught_up: bool = False) -> list[Record]:
        """Put on record that what was given out since the last time was late, if anything was."""
        self._move(at if caught_up else None)
        if not self._late or self._late_since is None:
            return []
        late = self._ledger.late(
            since=self._late_since, until=max(at, self._late_since), events=self._late, reason=reason
        )
        self._late, self._late_since = 0, None
        return [late]

    def _observe(self, line: bytes, at: datetime, not_before: datetime | None) -> KubeEvent | None:
        try:
            parsed = _line.decode(line)
            if parsed.type in ("BOOKMARK", "DELETED"):
                self.deleted += parsed.type == "DELETED"
                self._advance(_versioned.decode(parsed.object).metadata.resource_version)
                return None
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._complain(line)
            return None
        event = self._read(bytes(parsed.object))
        if event is None:
            return None
        if self._is_replay(event):
            self.replays += 1
            return None
        self._advance(event.metadata.resource_version)
        return self._record(event, at, not_before)

    def _read(self, raw: bytes) -> _Event | None:
        try:
            return _event.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._complain(raw)
            return None

    def _complain(self, raw: bytes) -> None:
        self.unreadable += 1
        log.warning("an Event of %s (%d bytes) could not be read", self._scope, len(raw))

    def _is_replay(self, event: _Event) -> bool:
        return -1 < numeric(event.metadata.resource_version) <= self._seen

    def _advance(self, rv: str) -> None:
        self._rv = rv or self._rv
        self._seen = max(self._seen, numeric(rv))

    def _move(self, at: datetime | None) -> None:
        position = self._position
        if position is not None:
            moved = position.at if at is None else max(at, position.at)
            self._position = Position(
                rv=self._rv, epoch=self._epoch, at=moved, version=position.version, since=position.since
            )

    def _record(self, event: _Event, at: datetime, not_before: datetime | None) -> KubeEvent:
        metadata = event.metadata
        source = event.source or event.deprecated_source or _Source()
        self._last_at = observed = max(at, self._last_at + TICK)
        ts, error = (observed, 0.0) if not_before is None else self._dated(event, not_before, observed)
        return KubeEvent(
            cluster=self._capture.cluster,
            cluster_uid=self._capture.cluster_uid,
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            rv=metadata.resource_version,
            event_type=event.type or "",
            reason=event.reason or "",
            message=self._redacted(event.message or event.note or ""),
            count=event.times,
            first_seen=event.first_seen,
            last_seen=event.last_seen,
            component=source.component or event.reporting_component or event.reporting_controller or "",
            host=source.host or event.reporting_instance or "",
            involved=_involved(event.involved_object or event.regarding or _Reference()),
            observed_at=observed,
            ts=ts,
            ts_error=error,
        )

    def _dated(self, event: _Event, since: datetime, at: datetime) -> tuple[datetime, float]:
        """The middle of what the server's own stamp and the moments of reading leave, and half the width."""
        written = event.written or event.last_seen
        if written is None:
            lo, hi = since, at
        else:
            lo, hi = self._skew.bounds(written) or (written - _UNKNOWN_SKEW, written + _UNKNOWN_SKEW)
        lo, hi = min(max(lo, since), at), max(min(hi, at), since)
        if lo > hi or (lo == hi == since):
            lo, hi = since, at
        half = (micros(hi) - micros(lo)) // 2
        return lo + timedelta(microseconds=half), -(-(half + 1) // 1000) / 1000


def _involved(reference: _Reference) -> Involved:
    group, _, version = reference.api_version.rpartition("/")
    return Involved(
        group=group,
        version=version,
        kind=reference.kind,
        namespace=reference.namespace,
        name=reference.name,
        uid=reference.uid,
        field_path=reference.field_path,
    )
