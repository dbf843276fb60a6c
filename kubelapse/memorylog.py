"""The in-process log between capture and ingest: records pass by reference, nothing is encoded.

It is `collector.sink.Sink` on one side and `ingest.source.Source` on the other, for one cluster and on one event loop.
The log itself is lost in a crash; that is safe because resume points are saved only after the store acknowledged every
record before them: what was lost is read again from the API server, and known by its resourceVersion.

Bounded by bytes (estimated): `append` waits while the log is full, in the order of the callers. Records count until
they are acknowledged, so what ingest holds in its hands is inside the bound too. A batch heavier than the whole log is
taken when the log is empty.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from collector.sink import Batch, Position, Remembered, Restored, SinkError, SinkFull
from ingest.source import Delivery, EndOfLog
from kubelapse.checkpoint import Checkpoint, CheckpointError, State
from kubelapse.restore import Restorer
from schema.events import Event, KubeEvent, Record, Watermark
from schema.objects import Scope
from schema.rows_control import DeadLetter

log = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024 * 1024
# What a record weighs in memory beside its long fields: the struct, its short strings and its datetimes.
RECORD_BYTES = 1_200
PATH_BYTES = 120
SAVE_EVERY = 0.5


def weight(record: Record) -> int:
    """Estimated bytes of a record in memory; exact enough for a bound, cheap enough for every record."""
    match record:
        case Event():
            long = len(record.patch) + len(record.object or b"") + len(record.managed or b"")
            return RECORD_BYTES + long + PATH_BYTES * len(record.paths)
        case KubeEvent():
            return RECORD_BYTES + len(record.message)
        case Watermark():
            return RECORD_BYTES + 4 * PATH_BYTES * len(record.scopes)
        case _:
            return RECORD_BYTES


@dataclass(slots=True, kw_only=True)
class _Entry:
    """One accepted batch until it is acknowledged: its last offset (of an earlier batch when it has no records)."""

    last: int
    size: int
    cluster_uid: str
    positions: dict[Scope, Position] = field(default_factory=dict)


class MemoryLog:
    """A bounded queue with resume points.

    `patience`: seconds that append waits for room before SinkFull; None = for ever.
    """

    def __init__(
        self,
        *,
        checkpoint: Checkpoint,
        restorer: Restorer,
        max_bytes: int = MAX_BYTES,
        patience: float | None = None,
        save_every: float = SAVE_EVERY,
        log_id: str = "",
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        """`hurry` tells ingest that somebody waits."""
        self._checkpoint, self._restorer = checkpoint, restorer
        self._max_bytes, self._patience, self._save_every = max_bytes, patience, save_every
        self._hurry = hurry
        self._log_id = log_id or f"memory-{uuid.uuid4().hex}"
        self._queue: deque[tuple[int, Record, int]] = deque()
        self._entries: deque[_Entry] = deque()
        self._next, self._acknowledged, self._bytes = 0, -1, 0
        self._closed, self._broken = False, ""
        self._turn = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._arrived = asyncio.Event()
        # Durable: the resume points whose records are all stored, and the identity of the cluster they belong to.
        self._durable: dict[Scope, Position] = {}
        self._durable_uid = ""
        self._cluster_uid = ""
        self._unsaved = False
        self._saving: asyncio.Task[None] | None = None
        self._saver = asyncio.Lock()
        self._save_error = ""

    @property
    def log_id(self) -> str:
        """Another one in every process: offsets start again at 0."""
        return self._log_id

    @property
    def bytes(self) -> int:
        """Estimated bytes accepted and not yet acknowledged."""
        return self._bytes

    @property
    def waiting(self) -> int:
        """Records that ingest has not taken yet."""
        return len(self._queue)

    @property
    def trouble(self) -> str:
        """Why resume points do not move on, or "": a sentence for /readyz."""
        return self._broken or self._save_error

    # The sink's side.

    async def restore(self, cluster: str) -> Restored:
        """The checkpoint of this cluster, and what is wrong with memory."""
        restored = await self._restorer.restore(cluster)
        self._cluster_uid = self._durable_uid = restored.cluster_uid
        self._durable = dict(restored.positions)
        return restored

    def remembered(self, cluster: str, kind: str) -> AsyncIterator[Remembered]:
        """Memory of this kind, from the store."""
        return self._restorer.remembered(cluster, kind)

    async def append(self, batch: Batch) -> None:
        """Take a batch, waiting for room in the order of the callers. Raises SinkFull and SinkError."""
        weights = [weight(record) for record in batch.records]
        size = sum(weights)
        try:
            async with asyncio.timeout(self._patience), self._turn:
                await self._room(size)
                self._accept(batch, weights, size)
        except TimeoutError:
            raise SinkFull(f"the log is full ({self._bytes:,} bytes): the store is slower than the cluster") from None

    async def flush(self) -> None:
        """Return once everything accepted is stored and the checkpoint says so."""
        await self.stored()
        self._check()
        await self._save()
        if self._save_error:
            raise SinkError(self._save_error)

    async def stored(self) -> None:
        """Return once everything accepted is stored; also when nothing will be stored any more."""
        end = self._next - 1
        if self._acknowledged < end:
            self._hurry()
        async with self._changed:
            await self._changed.wait_for(lambda: self._acknowledged >= end or bool(self._broken))

    async def close(self) -> None:
        """Take nothing more, let ingest read to the end, flush."""
        self._closed = True
        self._arrived.set()
        try:
            await self.flush()
        finally:
            await self._stop_saving()

    async def break_off(self, reason: str) -> None:
        """Ingest has ended for good: append, flush and close raise SinkError with this reason; resume points stay."""
        self._broken = reason
        self._arrived.set()
        await self._notify()

    # The source's side.

    async def receive(self, *, most: int, timeout: float) -> Sequence[Delivery]:
        """Up to `most` records in the order of append."""
        if not self._queue and not self._closed:
            await self._wait(timeout)
        if self._queue:
            return self._take(most)
        if self._closed:
            raise EndOfLog("the collector has closed the log")
        return []

    async def prepare(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """All of them: what is repeated after a crash is known by its resourceVersion, no offset is kept."""
        return deliveries

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """They are in the store's table, which is all there is."""

    async def acknowledge(self, ends: Mapping[int, int]) -> None:
        """Records up to here are stored: their resume points may be saved, their room is free."""
        offset = ends.get(0, -1)
        if set(ends) != {0} or offset >= self._next:
            raise ValueError(f"{dict(ends)} was never written to this log")
        if offset > self._acknowledged:
            self._acknowledged = offset
            self._settle()
            await self._notify()

    # Inside.

    async def _room(self, size: int) -> None:
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._bytes == 0 or self._bytes + size <= self._max_bytes or bool(self._broken)
            )
        self._check()

    def _check(self) -> None:
        if self._broken:
            raise SinkError(self._broken)

    def _accept(self, batch: Batch, weights: Sequence[int], size: int) -> None:
        if self._closed:
            raise SinkError("the log is closed: no record is taken any more")
        if batch.records:
            self._cluster_uid = batch.records[-1].cluster_uid
            self._queue.extend(zip(range(self._next, self._next + len(weights)), batch.records, weights, strict=True))
            self._next += len(weights)
            self._arrived.set()
        self._bytes += size
        entry = _Entry(last=self._next - 1, size=size, cluster_uid=self._cluster_uid, positions=dict(batch.positions))
        self._entries.append(entry)
        # A batch of resume points alone is durable at once when nothing before it is on its way.
        self._settle()

    def _take(self, most: int) -> list[Delivery]:
        count = min(most, len(self._queue))
        taken = [Delivery(0, offset, record, size) for offset, record, size in islice(self._queue, count)]
        for _ in range(count):
            self._queue.popleft()
        if not self._queue:
            self._arrived.clear()
        return taken

    async def _wait(self, timeout: float) -> None:
        self._arrived.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._arrived.wait()
        except TimeoutError:
            return

    def _settle(self) -> None:
        """Let go of acknowledged batches; their resume points become what the next save writes."""
        while self._entries and self._entries[0].last <= self._acknowledged:
            entry = self._entries.popleft()
            self._bytes -= entry.size
            if entry.positions:
                self._move(entry)

    def _move(self, entry: _Entry) -> None:
        if entry.cluster_uid != self._durable_uid:
            # Another cluster under the same name: none of the old resume points means anything there.
            self._durable, self._durable_uid = {}, entry.cluster_uid
        self._durable.update(entry.positions)
        self._unsaved = True
        if self._saving is None or self._saving.done():
            self._saving = asyncio.get_running_loop().create_task(self._save_soon(), name="checkpoint")

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _save_soon(self) -> None:
        """Write what has gathered, at most once per `save_every`; a failed write is tried again by the next one."""
        while self._unsaved:
            await self._save()
            await asyncio.sleep(self._save_every)

    async def _save(self) -> None:
        async with self._saver:
            if not self._unsaved:
                return
            state, self._unsaved = State(cluster_uid=self._durable_uid, positions=dict(self._durable)), False
            try:
                # fsync may take long on a busy disk: never on the event loop.
                await asyncio.to_thread(self._checkpoint.save, state)
            except CheckpointError as error:
                self._unsaved = True
                if not self._save_error:
                    log.warning("%s", error)
                self._save_error = str(error)
            else:
                self._save_error = ""

    async def _stop_saving(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
