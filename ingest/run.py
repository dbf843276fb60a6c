"""The ingester: from the log to the store, each record exactly once, acknowledged only when it is there.

While one batch is being inserted the next one fills; never more than these two are in hand, everything else waits in
the log, which is bounded. The order inside a flush is the promise of coverage: events first, then the watermarks that
claim them. A token names the exact range of the log, the table and the day, so a repeated insert is the same block and
dropped. One insert per table and day partition: an insert over two partitions is not atomic.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar

import pyarrow as pa

from ingest.batch import Batch
from ingest.coverage import Ledger
from ingest.deadletter import Streak, letter
from ingest.demand import Demand
from ingest.errors import TooManyDeadLetters
from ingest.insert import Inserter
from ingest.metrics import Metrics
from ingest.positions import Positions
from ingest.settings import IngestSettings
from ingest.source import Delivery, EndOfLog, Source, Undecodable
from schema.events import Event, Gap, KubeEvent, Late, Record
from schema.rows import event_rows, kube_event_rows
from schema.rows_control import DeadLetter, coverage_rows, dead_letter_rows, kind_rows
from schema.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")
Clock = Callable[[], datetime]

SLICE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Ingest's word for /readyz. `lag`: seconds since the newest stored record was read, None before the first one."""

    last_flush: datetime | None
    lag: float | None
    waiting: int
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A log whose partitions are read by several ingesters; `positions` tells each what the others have heard."""

    partitions: int
    positions: Positions


class Ingester:
    """Runs until the log ends. Raises TooManyDeadLetters; every trouble of the store is waited for."""

    def __init__(
        self,
        *,
        source: Source,
        store: Store,
        settings: IngestSettings,
        metrics: Metrics,
        clock: Clock,
        shared: Shared | None = None,
        demand: Demand | None = None,
    ) -> None:
        """`demand`: who asks; None = somebody may, at any time."""
        self._source, self._settings, self._metrics, self._clock = source, settings, metrics, clock
        self._streak = Streak(settings.dead_letter_limit)
        self._inserter = Inserter(store, settings, metrics, self._streak)
        self._shared, self._demand = shared, demand or Demand(steady=True)
        self._ledger = Ledger() if shared is None else Ledger(shared.partitions, shared=True)
        self._covered: float | None = None
        self._written: datetime | None = None
        self._newest: datetime | None = None
        self._last_flush: datetime | None = None
        self._filling = Batch(settings.batch)
        self._writing: asyncio.Task[None] | None = None
        self._ended = False
        metrics.lag_seconds.set_function(lambda: self._lag() or 0.0)
        metrics.queue_bytes.set_function(lambda: self._filling.bytes)

    def status(self) -> Status:
        """How things stand."""
        return Status(
            last_flush=self._last_flush,
            lag=self._lag(),
            waiting=len(self._filling),
            trouble=self._inserter.trouble,
        )

    async def run(self) -> None:
        """Store everything the source gives; return at the end of the log, when all of it is acknowledged."""
        try:
            await self._hear()
            while not self._ended:
                batch = await self._fill()
                await self._settle()
                self._writing = asyncio.create_task(self._store(batch), name="ingest-flush")
            await self._settle()
            if self._ledger.pending:
                await self._write_coverage("end")
        finally:
            await self._abandon()
            self._inserter.close()

    async def _fill(self) -> Batch:
        """The next batch that is due; at the end of the log whatever there is."""
        batch = self._filling = Batch(self._settings.batch)
        while not batch.due(_now(), calm=self._demand.calm):
            self._raise_failure()
            try:
                got = await self._source.receive(most=batch.room, timeout=self._patience(batch))
            except EndOfLog:
                self._ended = True
                break
            batch.add(got, _now())
            if len(batch) and self._demand.take_hurry():
                break
            if len(batch) and batch.room:
                # Looking again at once would wake up for every single record.
                await asyncio.sleep(min(self._settings.linger, self._patience(batch)))
        return batch

    def _patience(self, batch: Batch) -> float:
        """Seconds to wait for more: while nobody asks, no longer than somebody may have to wait who does."""
        calm = self._demand.calm
        return min(batch.remaining(_now(), calm=calm), self._settings.look if calm else math.inf)

    async def _settle(self) -> None:
        """The batch under way is stored, or has failed for good."""
        if self._writing is not None:
            await self._writing

    def _raise_failure(self) -> None:
        if self._writing is not None and self._writing.done():
            self._writing.result()

    async def _abandon(self) -> None:
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _store(self, batch: Batch) -> None:
        """Everything of one batch, in the order that coverage relies on; then the acknowledgement."""
        if not len(batch):
            return
        with self._metrics.flush_seconds.time():
            deliveries = await self._source.prepare(batch.deliveries)
            if not deliveries:
                return
            span = _span(deliveries)
            letters: list[DeadLetter] = []
            try:
                self._put_aside_undecodable(deliveries, letters)
                await self._write_events(deliveries, letters)
            except TooManyDeadLetters:
                await self._write_letters(letters, span)
                raise
            await self._write_letters(letters, span)
            for one in deliveries:
                self._enter(one)
            if self._coverage_due():
                await self._write_coverage(span)
            await self._source.acknowledge({one.partition: one.offset for one in deliveries})
        self._account(deliveries)

    def _enter(self, one: Delivery) -> None:
        """Into the ledger."""
        if one.lost is not None:
            span = one.lost.span
            name = f"lost:{self._source.log_id}:{one.partition}:{span.first}-{span.last}"
            self._ledger.hole(one.partition, one.lost, name)
        if isinstance(one.record, Undecodable):
            self._ledger.unread(one.record, self._name(one))
        else:
            self._ledger.take(one.record, one.partition, one.offset)

    def _name(self, one: Delivery) -> str:
        return f"{self._source.log_id}:{one.partition}:{one.offset}"

    def _put_aside_undecodable(self, deliveries: Sequence[Delivery], letters: list[DeadLetter]) -> None:
        for delivery in deliveries:
            if isinstance(delivery.record, Undecodable):
                letters.append(self._letter(delivery, delivery.record.reason))
                self._streak.bad(delivery.record.reason)
            else:
                self._streak.good()

    async def _write_events(self, deliveries: Sequence[Delivery], letters: list[DeadLetter]) -> None:
        def refused(delivery: Delivery, reason: str) -> None:
            letters.append(self._letter(delivery, reason))
            if isinstance(delivery.record, Event):
                self._ledger.left_out(delivery.record, reason)

        for table, kind, rows in (("events", Event, _event_rows), ("k8s_events", KubeEvent, _kube_event_rows)):
            mine = [one for one in deliveries if isinstance(one.record, kind)]
            for (_, day), run in _by_place(mine).items():
                await self._inserter.put(table, run, rows, partial(self._token, table, day), refused)

    async def _write_letters(self, letters: Sequence[DeadLetter], span: str) -> None:
        if letters:
            self._metrics.dead_letters.inc(len(letters))
            log.warning("%d records could not be stored: see dead_letters (%s)", len(letters), letters[-1].reason)
            await self._put("dead_letters", letters, dead_letter_rows, span)
            await self._source.put_aside(letters)

    async def _write_coverage(self, span: str) -> None:
        """What the ledger holds: gaps before the claims of anybody who could hear of the watermarks behind them."""
        self._covered = _now()
        spans, kinds = self._ledger.give_spans()
        await self._put("kinds", kinds, kind_rows, span)
        if self._shared is not None:
            await self._put("coverage", spans, partial(coverage_rows, at=self._written_at()), f"{span}:spans")
            spans = []
            await self._shared.positions.share(self._ledger.share())
            await self._hear()
        coverage = [*spans, *self._ledger.give_intervals()]
        await self._put("coverage", coverage, partial(coverage_rows, at=self._written_at()), span)

    async def _hear(self) -> None:
        """What others have heard, or this one before it ended."""
        if self._shared is not None:
            self._ledger.learn(await self._shared.positions.heard())

    def _written_at(self) -> datetime:
        """`updated` orders two rows of one interval, so it rises whatever the clock does."""
        at = self._clock()
        if self._written is not None:
            at = max(at, self._written + timedelta(microseconds=1))
        self._written = at
        return at

    async def _put(self, table: str, records: Sequence[T], rows: Callable[[Sequence[T]], pa.Table], span: str) -> None:
        """Rows not about single deliveries; one that is refused claims nothing, which is safe: it is logged."""
        if not records:
            return
        run = range(len(records))

        def token(indexes: Sequence[int]) -> str:
            part = "" if len(indexes) == len(records) else f":{indexes[0]}-{indexes[-1]}"
            return f"{self._source.log_id}:{span}:{table}{part}"

        def refused(index: int, reason: str) -> None:
            log.error("row %d of %s could not be written: %s", index, table, reason)

        await self._inserter.put(table, run, lambda indexes: rows([records[i] for i in indexes]), token, refused)

    def _coverage_due(self) -> bool:
        every = self._settings.coverage_every
        return self._ledger.urgent or (
            self._ledger.pending and (self._ended or self._covered is None or _now() - self._covered >= every)
        )

    def _letter(self, delivery: Delivery, reason: str) -> DeadLetter:
        return letter(
            delivery,
            reason,
            log_id=self._source.log_id,
            at=self._clock(),
            redacted_kinds=self._settings.redacted_kinds,
        )

    def _token(self, table: str, day: date, run: Sequence[Delivery]) -> str:
        """Names exactly these rows: the same token always means the same rows, other rows always have another."""
        return f"{self._source.log_id}:{run[0].partition}:{run[0].offset}-{run[-1].offset}:{table}:{day}"

    def _account(self, deliveries: Sequence[Delivery]) -> None:
        records = [one.record for one in deliveries if not isinstance(one.record, Undecodable)]
        for kind, count in Counter(type(record) for record in records).items():
            self._metrics.records.labels(str(kind.__struct_config__.tag)).inc(count)
        self._metrics.batches.inc()
        self._last_flush = self._clock()
        if records:
            self._newest = max(_read_at(record) for record in records[-100:])

    def _lag(self) -> float | None:
        return (self._clock() - self._newest).total_seconds() if self._newest is not None else None


def _now() -> float:
    """Seconds of the event loop's monotonic clock: ages must not depend on the wall clock."""
    return asyncio.get_running_loop().time()


def _read_at(record: Record) -> datetime:
    match record:
        case Event() | KubeEvent():
            return record.observed_at
        case Gap() | Late():
            return record.to_t
        case _:
            return record.at


def _span(deliveries: Iterable[Delivery]) -> str:
    """`partition:first-last`, comma-separated: the exact range of the log in these deliveries."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for one in deliveries:
        first.setdefault(one.partition, one.offset)
        last[one.partition] = one.offset
    return ",".join(f"{partition}:{first[partition]}-{last[partition]}" for partition in first)


def _by_place(deliveries: Iterable[Delivery]) -> dict[tuple[int, date], list[Delivery]]:
    """By partition of the log and by the day of ts, which is the store's; both in the order in which they appear."""
    places: dict[tuple[int, date], list[Delivery]] = {}
    for one in deliveries:
        assert isinstance(one.record, Event | KubeEvent)
        places.setdefault((one.partition, one.record.ts.date()), []).append(one)
    return places


def _event_rows(deliveries: Sequence[Delivery]) -> pa.Table:
    return _in_slices(event_rows, [one.record for one in deliveries if isinstance(one.record, Event)])


def _kube_event_rows(deliveries: Sequence[Delivery]) -> pa.Table:
    return _in_slices(kube_event_rows, [one.record for one in deliveries if isinstance(one.record, KubeEvent)])


def _in_slices(rows: Callable[[Sequence[T]], pa.Table], records: Sequence[T]) -> pa.Table:
    """Arrow holds the interpreter's lock while it makes a column: short columns let the event loop read its sockets.

    One block at the end all the same; joining them does not hold the lock.
    """
    if len(records) <= SLICE:
        return rows(records)
    parts = [rows(records[begin : begin + SLICE]) for begin in range(0, len(records), SLICE)]
    return pa.concat_tables(parts).combine_chunks()
