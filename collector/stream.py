"""Follows one open watch to its end: lines to the tracker, records to the log, doubt lifted in time.

After a reconnect, a list or a freeze, what is read may be old. Such lines are observed as late (`not_before`), and
the tracker holds them. The stream has caught up when there was nothing to read for half a second while this process
could have read (5 s on a connection that has not given a byte yet). Under a load that never rests, a pause of 20 ms
together with a line whose newest server claim is fresh counts as well; until then held events are given out every 3
s, dated as late ones.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from collector.burst import InitialBurst, Snapshot
from collector.clock import TICK, parse_time
from collector.cluster import ClusterError, Silent, StreamingRefused, Unreachable
from collector.heartbeat import Heartbeat, Stamps
from collector.intake import Chunk, Intake
from collector.lines import LineSplitter, bookmark, error_of, is_plain, line_type
from collector.metrics import Metrics
from collector.outlet import Outlet, TrackerLike
from collector.settings import CollectorSettings
from schema.events import Record

_CLAIM: Final = re.compile(rb'"time":"([0-9T:-]{19}Z)"')


class ClaimBounds(Protocol):
    """Knows how far the server's clock stands from ours (`collector.skew`)."""

    def bounds(self, claim: datetime) -> tuple[datetime, datetime] | None:
        """Between which of our moments the server stamped this second; None while nothing is known."""
        ...


class Lines(NamedTuple):
    """Complete lines that were read together."""

    lines: list[bytes]
    at: datetime
    late_from: datetime | None


class Stream:
    """One open watch."""

    def __init__(
        self,
        intake: Intake,
        *,
        tracker: TrackerLike,
        outlet: Outlet,
        heartbeat: Heartbeat,
        stamps: Stamps,
        skew: ClaimBounds,
        settings: CollectorSettings,
        metrics: Metrics,
        stopping: asyncio.Event,
    ) -> None:
        self.intake = intake
        self.busy = False
        self.following = False
        self._what = f"watch {outlet.scope}"
        self._kind = outlet.scope.kind
        self._tracker = tracker
        self._outlet = outlet
        self._heartbeat = heartbeat
        self._stamps = stamps
        self._skew = skew
        self._slice, self._slice_bytes = settings.slice_lines, settings.slice_bytes
        self._timings = settings.timings
        self._metrics = metrics
        self._stopping = stopping
        self._leaving = False
        self._splitter = LineSplitter()
        self._rest: list[Lines] = []
        self._begun = heartbeat.now()
        self._begun_until = outlet.until
        self._late_since = self._begun
        self._held_since: float | None = None
        self._last_line = b""

    @property
    def live(self) -> bool:
        """Caught up and following."""
        return self.following and self.intake.late_from is None

    @property
    def current_until(self) -> datetime | None:
        """Everything up to here has been given out; idle and live, this moves with the heartbeat."""
        until, intake = self._outlet.until, self.intake
        if until is None or self.busy or intake.pending or intake.ended or not self.following:
            return until
        return max(until, intake.late_from or self._heartbeat.last_on_time)

    async def read_burst(self) -> tuple[Snapshot, datetime]:
        """The initial events up to their end bookmark, and when that was read; what follows is kept for `follow`."""
        burst = InitialBurst()
        while True:
            batches = self._split(await self.intake.take(self._timings.burst_silence))
            for index, batch in enumerate(batches):
                end = self._add(burst, batch.lines)
                if end is not None:
                    self._rest = [batch._replace(lines=batch.lines[end[1] :]), *batches[index + 1 :]]
                    return Snapshot(items=burst.objects(), rv=end[0]), batch.at
            self._give_up_on_burst()

    def _give_up_on_burst(self) -> None:
        """Raise when the end bookmark will not come."""
        if self.intake.ended and not self.intake.pending:
            raise self.intake.error or Unreachable(f"{self._what}: the stream ended inside its initial events")
        silent = self.intake.idle_for() >= self._timings.burst_silence
        if silent or self._heartbeat.now() - self._begun >= self._timings.burst_most:
            raise StreamingRefused(f"{self._what}: the server announces no end of the initial events")

    def _add(self, burst: InitialBurst, lines: Sequence[bytes]) -> tuple[str, int] | None:
        """(version, index of the next line) when the end bookmark is among the lines."""
        for index, line in enumerate(lines):
            kind = "" if is_plain(line) else line_type(line)
            if kind == "BOOKMARK":
                rv, ends = bookmark(line)
                if ends:
                    return rv, index + 1
            elif kind == "ERROR":
                raise error_of(line, what=self._what)
            else:
                burst.add(line)
        return None

    async def follow(self) -> None:
        """Process until the stream ends, breaks (raises how), or a stop is asked for. Nothing stays held."""
        self.following = True
        try:
            await self._process(self._rest)
            while not (self.intake.ended and not self.intake.pending) and not self._asked_to_end:
                taken = await self.intake.take(self._patience(), gather=self._timings.gather)
                await self._process(self._split(taken))
                await self._catch_up()
            while self.intake.pending:
                await self._process(self._split(await self.intake.take(0.0)))
        except ClusterError:
            await self._settle()
            raise
        await self._settle()
        self._close_books()
        if self.intake.error is not None:
            raise self.intake.error

    def leave(self) -> None:
        """End `follow` soon: what was read is processed and given out first."""
        self._leaving = True
        self.intake.wake()

    @property
    def _asked_to_end(self) -> bool:
        return self._leaving or self._stopping.is_set()

    @property
    def lasted(self) -> float:
        """Seconds since it was opened."""
        return self._heartbeat.now() - self._begun

    def _close_books(self) -> None:
        """Up to when a stream that is over was known to be current: a silent one only up to its last byte."""
        intake, outlet = self.intake, self._outlet
        if intake.late_from is not None:
            return
        if isinstance(intake.error, Silent):
            outlet.until = intake.confirmed or self._begun_until
        else:
            outlet.advance(intake.ended_at or self._heartbeat.last_on_time)

    def _split(self, chunks: list[Chunk]) -> list[Lines]:
        """Chunks → complete lines, each with the moment at which its last byte was read."""
        if chunks:
            self._outlet.confirmed = chunks[-1].at
        return [Lines(self._splitter.feed(chunk.data), chunk.at, chunk.late_from) for chunk in chunks]

    async def _process(self, batches: Sequence[Lines]) -> None:
        """Hand lines to the tracker in slices, and what it makes of them to the log; readers may read in between."""
        if not batches:
            return
        self.busy = True
        try:
            self._advance_to(batches[0], before=True)
            for slices in gather(batches, self._slice, self._slice_bytes):
                await self._process_slices(slices)
                await asyncio.sleep(0)
            self._advance_to(batches[-1])
        finally:
            self.busy = False

    async def _process_slices(self, slices: Sequence[Lines]) -> None:
        """About one slice's worth of lines, given to the log together."""
        records: list[Record] = []
        error: ClusterError | None = None
        for lines in slices:
            made, error = self._observe(lines)
            records += made
            if error is not None:
                break
        await self._outlet.give(records, self._tracker.position)
        if error is not None:
            raise error

    def _observe(self, batch: Lines) -> tuple[list[Record], ClusterError | None]:
        """What the tracker makes of these lines, up to an ERROR line if there is one."""
        error = None
        lines = batch.lines
        for index, line in enumerate(lines):
            if not is_plain(line) and line_type(line) == "ERROR":
                lines, error = lines[:index], error_of(line, what=self._what)
                break
        if not lines:
            return [], error
        if batch.late_from is not None:
            self._note_late(lines)
        return self._tracker.observe(lines, at=batch.at, not_before=batch.late_from), error

    def _note_late(self, lines: Sequence[bytes]) -> None:
        self._metrics.late.labels(self._kind).inc(len(lines))
        self._last_line = lines[-1]
        if self._held_since is None:
            self._held_since = self._heartbeat.now()

    def _advance_to(self, batch: Lines, *, before: bool = False) -> None:
        """A live batch says: current up to its moment (before it is processed, up to just before)."""
        if batch.late_from is None:
            self._outlet.advance(batch.at - TICK if before else batch.at)

    def _patience(self) -> float | None:
        """How long to wait for bytes before looking whether the stream has caught up."""
        return None if self.intake.late_from is None else max(0.005, self._idle_needed() - self.intake.idle_for())

    def _idle_needed(self) -> float:
        return self._timings.idle if self.intake.bytes else self._timings.idle_resumed

    async def _catch_up(self) -> None:
        """Lift the doubt once the stream has been idle; give out what is held in any case after a while."""
        if self.intake.late_from is None:
            self._late_since = self._heartbeat.now()
            return
        if self.intake.ended:  # nothing tells any more whether it had caught up
            return
        self._heartbeat.check()
        if self.intake.idle_for() >= self._idle_needed() or self._is_fresh():
            self.intake.late_from = None
            self._outlet.advance(self._stamps.next())
            await self._settle()
        elif self._held_since is not None and self._heartbeat.now() - self._held_since >= self._timings.hold:
            await self._settle()

    def _is_fresh(self) -> bool:
        """Under steady load: it has paused just now, and its last line was written just now."""
        if self._heartbeat.now() - self._late_since < self._timings.hold or not self.intake.paused_within(1.0):
            return False
        claims = [parse_time(text.decode()) for text in _CLAIM.findall(self._last_line)]
        newest = max((claim for claim in claims if claim is not None), default=None)
        bounds = self._skew.bounds(newest) if newest is not None else None
        return bounds is not None and (self._stamps.next() - bounds[0]).total_seconds() <= self._timings.fresh

    async def _settle(self) -> None:
        """Date what is held and give it out."""
        self._held_since = None
        self.busy = True
        try:
            await self._outlet.give(self._tracker.settle(at=self._stamps.next()), self._tracker.position)
        finally:
            self.busy = False


def gather(batches: Iterable[Lines], most: int, most_bytes: int) -> Iterator[list[Lines]]:
    """The same lines in groups of about `most` lines or so many bytes: long batches cut, short ones together."""
    group: list[Lines] = []
    room, space = most, most_bytes
    for batch in batches:
        start = 0
        for end, line in enumerate(batch.lines, 1):
            room, space = room - 1, space - len(line)
            if room <= 0 or space <= 0:
                yield [*group, batch._replace(lines=batch.lines[start:end])]
                group, room, space, start = [], most, most_bytes, end
        if start < len(batch.lines):
            group.append(batch._replace(lines=batch.lines[start:]) if start else batch)
    if group:
        yield group
