"""The log in Kafka: a consumer group hands out partitions, the store says where each goes on (aiokafka 0.14).

Positions live in the store (`ingest.positions`); what the group commits is for people and monitoring. On assignment a
partition goes on behind its last done row; an intent without its done is read again as exactly that range, and nothing
else of the partition is given out until it is acknowledged. When partitions are taken away, the batch under way is
finished first, and whatever was read and not prepared is forgotten: it belongs to a former `term`. A reader that was
taken for dead finds out in `prepare`, where it reads back what it has written.

Nothing is jumped over in silence (`ingest.holes`): a topic made anew, truncated, or cleaned up before it was read is a
`Lost` on the next delivery.

A consumer of aiokafka says nothing while the broker is away, and may stop receiving: `_watch` replaces it then.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import aiokafka.errors as kafka
from aiokafka import TopicPartition

from ingest.decoding import delivery
from ingest.errors import LogReplaced
from ingest.holes import LIFE, Going, place, wanted
from ingest.kafka_client import STOP, Aside, KafkaSettings, Listener, joined, stopped
from ingest.metrics import Metrics
from ingest.positions import Hole, Positions, Standing
from ingest.source import Delivery, EndOfLog
from ingest.underway import UnderWay
from schema.kafka import Broker, Unreachable, describe, explained
from schema.rows_control import DeadLetter
from schema.rows_log import Span
from schema.topics import Topics

log = logging.getLogger(__name__)

# Seconds.
DRAIN: Final = 25.0
DOUBT: Final = 10.0
LAG_EVERY: Final = 2.0
LONGEST_PAUSE: Final = 10.0
DECODE_SLICE: Final = 200


@dataclass(slots=True)
class _Partition:
    """One partition of ours. `exact`: the range that must be read again as it was; `held`: what is read of it."""

    term: int
    going: Going | None = None
    exact: Span | None = None
    held: list[Delivery] = field(default_factory=list)
    moved: float = 0.0
    doubted: float = 0.0


class _Stalled(Exception):
    """The consumer does not move although there is something to read, or the broker is silent."""


class KafkaSource:
    """`ingest.source.Source` on a topic. `open` first, `close` last. `trouble`: why nothing comes, or ""."""

    def __init__(
        self,
        *,
        broker: Broker,
        topics: Topics,
        log_id: str,
        positions: Positions,
        settings: KafkaSettings,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._broker, self._topics, self._log_id = broker, topics, log_id
        self._positions, self._settings, self._metrics, self._clock = positions, settings, metrics, clock
        self._consumer: Any = None  # aiokafka ships no types
        self._aside = Aside(broker, topics)
        self._mine: dict[int, _Partition] = {}
        self._terms = 0
        self._under_way = UnderWay(positions)
        self._ended = asyncio.Event()
        self._lag: dict[int, int] = {}
        self._lag_at = self._asked_at = self._awake = self._same_at = 0.0
        self._silence = ""

    @property
    def log_id(self) -> str:
        """The topic's id: a topic made anew is another log."""
        return self._log_id

    @property
    def trouble(self) -> str:
        """Why nothing is read or stored, or ""."""
        return self._positions.trouble or self._silence

    @property
    def lag(self) -> int:
        """Messages of our partitions that are committed and not yet read."""
        return sum(self._lag.values())

    @property
    def partitions(self) -> Sequence[int]:
        """Those that are ours now."""
        return sorted(self._mine)

    async def open(self) -> None:
        """Join the group. Raises BrokerError."""
        self._consumer = await self._joined()

    def end(self) -> None:
        """Give out nothing more: `receive` raises EndOfLog."""
        self._ended.set()

    async def close(self) -> None:
        """Leave the group; bounded."""
        await stopped(self._consumer)
        await self._aside.close()

    # The door.

    async def receive(self, *, most: int, timeout: float) -> Sequence[Delivery]:
        """Up to `most` records of our partitions; an exact range comes whole and may be more."""
        if self._ended.is_set():
            raise EndOfLog("asked to end")
        try:
            await self._place()
            await self._measure()
            got = await self._poll(most, timeout)
        except kafka.OffsetOutOfRangeError as error:
            for tp in error.args[0]:
                self._start_again(tp.partition)
            return []
        except (_Stalled, Unreachable) as error:
            await self._replace(str(error))
            return []
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            await self._replace(str(explained([error], self._broker)))
            return []
        return await self._taken(got)

    async def prepare(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Write down the ranges; forget what is no longer ours, or what another reader has gone beyond."""
        mine = [one for one in deliveries if self._current(one)]
        for one in mine:
            if one.lost is not None:
                await self._positions.lost(one.partition, Hole(one.lost.span, one.lost.until))
        overtaken = await self._under_way.begin(self._spans(mine))
        for partition in overtaken:
            self._start_again(partition)
        kept = [one for one in mine if one.partition not in overtaken]
        self._metrics.forgotten.inc(len(deliveries) - len(kept))
        return kept

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """Into the topic of dead letters, before anything is acknowledged."""
        await self._aside.put(letters)

    async def acknowledge(self, ends: Mapping[int, int]) -> None:
        """Done rows, then the group's commit, then the partitions that waited for this go on."""
        spans = await self._under_way.end(ends)
        for partition in spans:
            mine = self._mine.get(partition)
            if mine is not None and mine.exact is not None:
                mine.exact = None
                self._consumer.resume(self._tp(partition))
        await self._commit(spans)

    # Assignment.

    async def revoked(self, partitions: Iterable[int]) -> None:
        """Finish what is being stored, then let go; called before another reader may take them."""
        for partition in partitions:
            self._mine.pop(partition, None)
            self._lag.pop(partition, None)
            self._metrics.log_lag_records.labels(str(partition)).set(0)
        if not await self._under_way.idle(DRAIN):
            log.warning("partitions were given up while a batch was being stored; its range is read again")

    def assigned(self, partitions: Iterable[int]) -> None:
        """Ours from now on; they rest until `_place` knows where each goes on."""
        self._metrics.rebalances.inc()
        for partition in partitions:
            self._terms += 1
            self._mine[partition] = _Partition(self._terms)
            self._consumer.pause(self._tp(partition))
            self._consumer.seek(self._tp(partition), 0)  # else the group's commit, or an error, would decide
        log.info("reading partitions %s of %s", ", ".join(map(str, self.partitions)) or "none", self._topics.changes)

    async def _place(self) -> None:
        """Send partitions that have just become ours to where the store says they go on."""
        waiting = {number: one for number, one in self._mine.items() if one.going is None}
        if not waiting:
            return
        await self._same_log()
        standing, others = await self._positions.read(), await self._positions.others()
        places = [self._tp(number) for number in waiting]
        begins, ends = await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)
        for number, one in waiting.items():
            tp, there = self._tp(number), standing.get(number)
            if self._mine.get(number) is one and not self._unsure(one, there, ends[tp]):
                one.going = place(there, begin=begins[tp], end=ends[tp], other_log=bool(others), now=self._clock())
                self._go(tp, one, one.going)

    async def _same_log(self) -> None:
        """Offsets of a topic that was made anew mean something else. Raises LogReplaced."""
        self._same_at, name = _now(), self._topics.changes
        found = (await describe(self._broker, [name])).get(name)
        if found is not None and found.id != self._log_id:
            raise LogReplaced(f"the topic {name} was made anew: start again, and it is read from its beginning")

    def _unsure(self, one: _Partition, there: Standing | None, end: int) -> bool:
        """A broker that has just come back may not know its end yet: look again before the log counts as cut off."""
        if there is None or wanted(there) % LIFE <= end:
            return False
        one.doubted = one.doubted or _now()
        return _now() - one.doubted < DOUBT

    def _go(self, tp: Any, one: _Partition, going: Going) -> None:
        one.exact, one.moved = going.exact, _now()
        if going.lost:
            log.error("partition %d of %s: %s; this is marked as a gap", tp.partition, tp.topic, going.lost)
        self._consumer.seek(tp, going.position)
        self._consumer.resume(tp)

    def _start_again(self, partition: int) -> None:
        """Another reader is further: ask the store anew."""
        if partition in self._mine:
            self._terms += 1
            self._mine[partition] = _Partition(self._terms)
            self._consumer.pause(self._tp(partition))

    # Reading.

    async def _poll(self, most: int, timeout: float) -> Mapping[Any, Sequence[Any]]:
        ended = asyncio.ensure_future(self._ended.wait())
        polling = asyncio.ensure_future(
            self._consumer.getmany(timeout_ms=max(1, int(timeout * 1000)), max_records=max(1, most))
        )
        try:
            await asyncio.wait({ended, polling}, return_when=asyncio.FIRST_COMPLETED)
            return await polling if polling.done() else {}
        finally:
            ended.cancel()
            if not polling.done():
                polling.cancel()
                with suppress(asyncio.CancelledError):
                    await polling

    async def _taken(self, got: Mapping[Any, Sequence[Any]]) -> Sequence[Delivery]:
        """What may be given out now."""
        ready: list[Delivery] = []
        for tp, messages in got.items():
            mine = self._mine.get(tp.partition)
            if mine is None or mine.going is None:
                continue
            mine.moved = _now()
            deliveries = await self._deliveries(tp.partition, mine, messages)
            if self._mine.get(tp.partition) is not mine:
                continue  # taken away meanwhile
            ready += deliveries if mine.exact is None else self._exactly(tp, mine, mine.exact, deliveries)
        for number, mine in list(self._mine.items()):
            if mine.exact is not None and mine.going is not None and not got.get(self._tp(number)):
                ready += await self._nothing_left(number, mine, mine.exact)
        return ready

    async def _deliveries(self, partition: int, mine: _Partition, messages: Sequence[Any]) -> list[Delivery]:
        """Decoded, a slice at a time: the loop has heartbeats to send."""
        assert mine.going is not None
        made = []
        for number, message in enumerate(messages):
            if number % DECODE_SLICE == DECODE_SLICE - 1:
                await asyncio.sleep(0)
            made.append(delivery(message, partition, mine.going, mine.term))
        return made

    def _exactly(self, tp: Any, mine: _Partition, exact: Span, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Of an open intent: all of the range at once, and nothing behind it before it is acknowledged."""
        mine.held += [one for one in deliveries if one.offset <= exact.last]
        if deliveries and deliveries[-1].offset >= exact.last:
            self._consumer.pause(tp)
            self._consumer.seek(tp, exact.last % LIFE + 1)
            held, mine.held = mine.held, []
            return held
        return []

    async def _nothing_left(self, number: int, mine: _Partition, exact: Span) -> list[Delivery]:
        """The end of the range may be gone from the log, or be a control record."""
        position = await self._consumer.position(self._tp(number))
        if position <= exact.last % LIFE or self._tp(number) in self._consumer.paused():
            return []
        held, mine.held = mine.held, []
        if held:
            self._consumer.pause(self._tp(number))
            return held
        await self._positions.done({number: exact})
        mine.exact = None
        return []

    # Batches.

    def _current(self, one: Delivery) -> bool:
        mine = self._mine.get(one.partition)
        return mine is not None and mine.term == one.term

    def _spans(self, deliveries: Iterable[Delivery]) -> dict[int, Span]:
        spans: dict[int, Span] = {}
        for one in deliveries:
            spans[one.partition] = Span(spans.get(one.partition, Span(one.offset, 0)).first, one.offset)
        for partition in spans:
            exact = self._mine[partition].exact
            if exact is not None:
                spans[partition] = exact
        return spans

    async def _commit(self, spans: Mapping[int, Span]) -> None:
        """For monitoring: nothing of ours depends on it."""
        offsets = {self._tp(partition): span.last % LIFE + 1 for partition, span in spans.items()}
        with suppress(kafka.KafkaError, TimeoutError, AssertionError, OSError):
            mine = {tp: offset for tp, offset in offsets.items() if tp.partition in self._mine}
            if mine:
                async with asyncio.timeout(STOP):
                    await self._consumer.commit(mine)

    # The consumer's life.

    async def _joined(self) -> Any:
        """A consumer that has connected; partitions come with its first polls."""
        consumer = await joined(self._broker, self._settings)
        self._consumer = consumer
        listener = Listener(self.revoked, self.assigned, current=lambda: self._consumer is consumer)
        consumer.subscribe([self._topics.changes], listener=listener)
        return consumer

    async def _replace(self, why: str) -> None:
        """Another consumer in place of one that failed; what it had read is forgotten."""
        log.warning("reading the log begins anew: %s", why)
        self._silence = why
        self._metrics.reconnects.inc()
        await self.revoked(self.partitions)
        failed, self._consumer = self._consumer, None  # while it stops it may still be given partitions: not ours
        await stopped(failed)
        self._consumer = await self._again()
        self._silence = ""

    async def _again(self) -> Any:
        """A consumer as soon as a broker answers; what is wrong for good is raised, and the end while waiting."""
        pause = 0.2
        while True:
            try:
                return await self._joined()
            except Unreachable as error:
                self._silence = str(error)
            if self._ended.is_set():
                raise EndOfLog("asked to end")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._ended.wait()
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _measure(self) -> None:
        """Lag, and the watchdog: a consumer that does not move although there is something to read is replaced."""
        if _now() - self._asked_at > LAG_EVERY:
            self._awake = _now()  # it was us who did not ask
        self._asked_at = _now()
        if _now() - self._lag_at < LAG_EVERY:
            return
        self._lag_at = _now()
        if _now() - self._same_at > self._settings.identity:
            await self._same_log()
        for number, mine in list(self._mine.items()):
            tp = self._tp(number)
            end = self._consumer.last_stable_offset(tp)
            if mine.going is None or tp in self._consumer.paused() or end is None:
                mine.moved = _now()
                continue
            lag = max(0, end - await self._consumer.position(tp))
            self._lag[number] = lag
            self._metrics.log_lag_records.labels(str(number)).set(lag)
            polled = self._consumer.last_poll_timestamp(tp)
            silent = polled is not None and self._clock().timestamp() - polled / 1000 > self._settings.stalled
            if (silent or lag) and _now() - max(mine.moved, self._awake) > self._settings.stalled:
                raise _Stalled(f"nothing was received for {self._settings.stalled:.0f} s")

    def _tp(self, partition: int) -> Any:
        return TopicPartition(self._topics.changes, partition)


def _now() -> float:
    return asyncio.get_running_loop().time()
