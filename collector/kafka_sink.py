"""The log in Kafka as capture sees it (`collector.sink.Sink`): what is accepted becomes durable, once, in order.

One transaction writes change records, the compacted state of their objects, the resume points and the slot's head with
the number of the last batch. So the compacted topic always describes exactly what the log holds. When a transaction
fails nobody knows whether it was committed: the producer is thrown away, a new one fences it, the head is read back,
and batches go on after the number that stands there.

While no broker answers, accepted batches wait: in memory up to `memory_bytes`, then on disk (`collector.spill`), then
`append` waits `patience` seconds and says SinkFull; capture then leaves its sockets alone, and what the API server
forgets meanwhile becomes a gap in the way it always does.

A slot has one holder (`collector.kafka_slot`). Who finds another instance in the head has been fenced: it writes
nothing more and every call raises `SinkFenced`.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from collector.backlog import Backlog, BacklogFull
from collector.kafka import Fenced, Interrupted, LogClient, Message
from collector.kafka_batch import CHANGES, Packed, pack, weigh, write
from collector.kafka_slot import LogLimits, Place, SinkFenced, SlotHolder
from collector.metrics import LogMetrics
from collector.sink import Batch, Remembered, Restored, SinkError, SinkFull
from collector.spill import Spill
from schema.kafka import BrokerError

log = logging.getLogger(__name__)


class KafkaSink:
    """The log of one slot of one cluster. `restore` comes first."""

    def __init__(
        self,
        place: Place,
        *,
        spill: Spill,
        metrics: LogMetrics,
        clock: Callable[[], datetime],
        limits: LogLimits | None = None,
        client: LogClient | None = None,
    ) -> None:
        """`client` None: that of the place's broker."""
        self._place, self._limits, self._metrics = place, limits or LogLimits(), metrics
        self._holder = SlotHolder(place, clock=clock, limits=self._limits, client=client)
        self._backlog = Backlog(spill, most=self._limits.memory_bytes)
        self._accepted = self._committed = 0
        self._closed = False
        self._broken: SinkError | None = None
        self._trouble = ""
        self._turn = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._wanted = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting_bytes(self) -> int:
        """Accepted and not yet durable, in memory and on disk."""
        return self._backlog.memory + self._backlog.disk

    @property
    def trouble(self) -> str:
        """Why nothing becomes durable just now, or "": a sentence for /readyz."""
        return self._trouble or self._holder.trouble

    @property
    def ready(self) -> bool:
        """The slot is ours and memory has been read."""
        return self._writer is not None

    @property
    def standing_by(self) -> str:
        """For whom this newcomer waits, or ""."""
        return self._holder.standing_by

    # ---- before anything else ------------------------------------------------------------------------------------

    async def restore(self, cluster: str) -> Restored:
        """Take the slot and read what the compacted topic knows. Raises BrokerError, OtherCluster, SinkError."""
        if cluster != self._place.cluster:
            raise ValueError(f"this is the log of {self._place.cluster}, not of {cluster}")
        restored = await self._holder.take()
        self._writer = asyncio.create_task(self._write(), name="log")
        return restored

    def remembered(self, cluster: str, kind: str) -> AsyncIterator[Remembered]:  # noqa: ARG002 - one cluster per log
        """Memory of this kind, from the compacted topic."""
        return self._holder.remembered(kind)

    # ---- taking batches ------------------------------------------------------------------------------------------

    async def append(self, batch: Batch) -> None:
        """Take a batch, waiting for room in the order of the callers. Raises SinkFull, SinkFenced, SinkError."""
        written = [write(record) for record in batch.records]
        self._metrics.refused.inc(sum(one.refused for one in written))
        size = weigh(written, batch)
        try:
            async with asyncio.timeout(self._limits.patience), self._turn:
                await self._room(size)
                packed = pack(self._accepted + 1, size, written, batch, self._holder.account)
                self._holder.touch(packed.kinds)
                await self._put(packed)
                self._accepted = packed.number
        except TimeoutError:
            raise SinkFull(
                f"the log is full ({self.waiting_bytes:,} bytes wait for Kafka): {self.trouble or 'Kafka is slow'}"
            ) from None
        if self._backlog.memory >= self._limits.transaction_bytes:
            self._wanted.set()
        await self._notify()

    async def _room(self, size: int) -> None:
        """Wait until a batch of this size can be taken, or nothing can any more."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._broken is not None or self._closed or self._backlog.has_room(size)
            )
        self._check()

    async def _put(self, packed: Packed) -> None:
        """There was room; only a disk that is full before its bound makes this wait."""
        while True:
            try:
                self._metrics.spilled.inc(self._backlog.put(packed))
            except BacklogFull:
                async with self._changed:
                    await self._changed.wait()
                self._check()
            else:
                return

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._closed or self._writer is None:
            raise SinkError("the log is closed: no record is taken any more")

    async def flush(self) -> None:
        """Return once everything accepted is committed. Raises SinkFenced, SinkError."""
        end = self._accepted
        self._wanted.set()
        async with self._changed:
            await self._changed.wait_for(lambda: self._committed >= end or self._broken is not None)
        if self._broken is not None:
            raise self._broken

    async def close(self) -> None:
        """Take nothing more, flush, release the slot."""
        self._closed = True
        if self._writer is None:
            return
        try:
            await self.flush()
            await self._end_writer()
            with contextlib.suppress(Fenced, Interrupted):
                await self._holder.run([], self._committed, released=True)
            await self._holder.transactions.close()
        finally:
            await self.abandon()

    async def abandon(self) -> None:
        """Let go at once: what is not committed is read again by whoever comes next."""
        self._closed = True
        await self._end_writer()
        await self._holder.transactions.abandon()
        self._backlog.clear()

    async def _end_writer(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def _notify(self) -> None:
        self._metrics.waiting.set(self._backlog.memory)
        self._metrics.on_disk.set(self._backlog.disk)
        async with self._changed:
            self._changed.notify_all()

    # ---- writing -------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        """One transaction after the other; ends only when the slot is lost."""
        try:
            while True:
                batches = await self._gather()
                try:
                    await self._commit(batches)
                except (Fenced, Interrupted) as error:
                    await self._recover(error)
        except SinkError as error:
            await self._break(error)
        except Exception as error:
            log.exception("writing to Kafka failed in a way that was not foreseen")
            await self._break(SinkError(f"writing to Kafka failed: {type(error).__name__}"))

    async def _gather(self) -> list[Packed]:
        """What one transaction takes; nothing when only a sign of life is due."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.keep_alive):
                    await self._changed.wait_for(lambda: self._backlog.memory > 0)
        if 0 < self._backlog.memory < self._limits.transaction_bytes:
            self._wanted.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.linger):
                    await self._wanted.wait()
        return self._backlog.first(self._limits.transaction_bytes)

    async def _commit(self, batches: list[Packed]) -> None:
        began = asyncio.get_running_loop().time()
        number = batches[-1].number if batches else self._committed
        await self._holder.run(self._messages(batches), number)
        self._metrics.transactions.observe(asyncio.get_running_loop().time() - began)
        self._metrics.messages.inc(sum(len(packed.messages) for packed in batches))
        self._trouble = ""
        await self._settle(number)

    def _messages(self, batches: list[Packed]) -> list[Message]:
        """In the order of the batches; of each kind's own record the last one only."""
        found: list[Message] = []
        kinds: dict[bytes, bytes] = {}
        changes, holder = self._place.topics.changes, self._holder
        for packed in batches:
            kinds |= packed.kinds
            for topic, key, value in packed.messages:
                if key is None:
                    found += [Message(changes, one, None, value) for one in range(holder.partitions)]
                elif topic == CHANGES:
                    found.append(Message(changes, None, key, value))
                else:
                    found.append(holder.changed(key, value))
        return [*found, *(holder.kind_changed(key, value) for key, value in kinds.items())]

    async def _settle(self, number: int) -> None:
        """Everything up to this batch is durable."""
        self._committed = max(self._committed, number)
        self._backlog.drop(self._committed)
        await self._notify()

    async def _recover(self, error: Exception) -> None:
        """A new producer, and what the topic says of the last transaction. Raises SinkFenced."""
        self._metrics.failures.inc()
        self._trouble = str(error)
        log.warning("a transaction failed (%s); looking at what was committed", error)
        wait = self._limits.retry_first
        while True:
            # Whoever fenced us writes its name within a moment.
            await asyncio.sleep(wait)
            try:
                number = await self._holder.recover()
                break
            except BrokerError as problem:
                if str(problem) != self._trouble:
                    log.warning("%s; capture goes on, what is read waits", problem)
                self._trouble = str(problem)
            wait = min(2 * wait, self._limits.retry_most)
        log.info("Kafka takes records again")
        await self._settle(number)

    async def _break(self, error: SinkError) -> None:
        """For good: every call says so from now on."""
        self._broken = error
        self._trouble = str(error)
        if isinstance(error, SinkFenced):
            self._metrics.fenced.inc()
        await self._holder.transactions.abandon()
        self._backlog.clear()
        await self._notify()
