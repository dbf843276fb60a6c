"""Who holds a slot, and what its holder remembers: taking it over, reading the compacted topic, noticing the loss.

Order of taking it: the topics are fit; nobody else is at work (`collector.rivals`); our producer fences the last one;
our name goes into the head; everything up to the end is read. A kind whose account does not fit what was read is lost:
its memory gets a life without content, which makes its tracker open a new epoch, on record.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from collector.errors import OtherCluster
from collector.kafka import Fenced, Interrupted, KafkaClient, LogClient, Message, Reading
from collector.kafka_account import Account
from collector.kafka_batch import LARGEST
from collector.kafka_state import (
    Head,
    encode_head,
    head_key,
    kind_key,
    kind_of,
    partition_of,
    writer_id,
)
from collector.kafka_table import Table, positions_of
from collector.rivals import STAND_BY, Rivals
from collector.sink import Position, Remembered, Restored, SinkError
from collector.slots import Slot
from schema.kafka import Broker, BrokerError, TopicsDiffer
from schema.objects import Scope
from schema.topics import Topics, differences

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 1.0
CACHE_SECONDS: Final = 60.0
TAIL: Final = 2_000
"""Offsets at the end of a partition in which a cluster at work has its watermark."""


class SinkFenced(SinkError):
    """Another collector has taken over the slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """Bounds and waits of the log, in bytes and seconds."""

    memory_bytes: int = 64 * 1024 * 1024
    transaction_bytes: int = 8 * 1024 * 1024
    patience: float = 30.0
    linger: float = 0.05
    keep_alive: float = 4.0
    """A head is written at least so often: rivals take an older one than `stand_by` for dead."""
    stand_by: float = STAND_BY
    operation: float = 15.0
    retry_first: float = 0.3
    retry_most: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a slot's log is, and who writes it.

    `cluster_uid` "": not known, any is taken. `predecessors`: instances that are surely dead.
    """

    broker: Broker
    topics: Topics
    cluster: str
    cluster_uid: str
    slot: Slot
    instance: str
    take_over: bool = False
    predecessors: frozenset[str] = frozenset()


class SlotHolder:
    """One instance's hold on a slot, from standing by to being fenced."""

    def __init__(
        self, place: Place, *, clock: Callable[[], datetime], limits: LogLimits, client: LogClient | None = None
    ) -> None:
        """`client` None: that of the place's broker."""
        self._place, self._clock, self._limits = place, clock, limits
        self._client = client or KafkaClient(place.broker)
        self._cluster, self._slot = place.cluster, place.slot
        name = writer_id(place.topics.state, place.cluster, str(place.slot))
        self.transactions = self._client.producing(name, operation=limits.operation)
        self.account = Account(place.cluster, largest=LARGEST)
        self.partitions = 0
        """Of the log."""
        self.trouble = ""
        """Why a newcomer cannot even look, or ""."""
        self.standing_by = ""
        """For whom this newcomer waits, or ""."""
        self._rivals = Rivals(place.slot, known={place.instance, *place.predecessors}, stand_by=limits.stand_by)
        self._state_partition = 0
        self._read_from = 0
        self._table: Table | None = None
        self._touched: set[str] = set()
        self._written_kinds: set[bytes] = set()
        self._lost: dict[str, str] = {}

    # ---- taking the slot -----------------------------------------------------------------------------------------

    async def take(self) -> Restored:
        """Take the slot, waiting for a rival at work. Raises BrokerError, OtherCluster, SinkError."""
        await self._look_at_topics()
        table = Table(self._cluster)
        async with self._reader() as reader:
            await self._stand_by(reader, table)
            await self.transactions.open()
            await self._claim(table)
            await reader.read(table.put)
        self._check_identity(table)
        return await self._take_up(table)

    async def _look_at_topics(self) -> None:
        """Both must be there and fit to be written to; how many partitions they have is theirs to say."""
        wanted = {spec.name: spec for spec in self._place.topics.wanted()}
        names = [self._place.topics.changes, self._place.topics.state]
        found = await self._client.describe(names)
        for name in names:
            there = found.get(name)
            spec = replace(wanted[name], partitions=there.partitions) if there else wanted[name]
            if fatal := [one for one in differences(spec, there) if one.fatal]:
                raise TopicsDiffer(fatal[0].sentence)
        self.partitions = found[self._place.topics.changes].partitions
        self._state_partition = partition_of(self._cluster, found[self._place.topics.state].partitions)

    def _reader(self, begin: int | None = None) -> Reading:
        return self._client.reading(self._place.topics.state, self._state_partition, begin=begin)

    async def _stand_by(self, reader: Reading, table: Table) -> None:
        """Until nobody else is at work on the slot. An heir does not wait for what the dead one left open."""
        loop = asyncio.get_running_loop()
        hurried = bool(self._place.predecessors) or self._place.take_over
        while True:
            asked = loop.time()
            try:
                await reader.read(table.put, settled=hurried)
            except BrokerError as error:
                if not self.standing_by:
                    raise
                self.trouble = str(error)
                self._rivals.could_not_look(loop.time() - asked + LOOK_EVERY)
                await asyncio.sleep(LOOK_EVERY)
                continue
            self.trouble = ""
            self._check_identity(table)
            rival = self._rivals.at_work(table.heads, now=self._clock(), moment=loop.time())
            if rival is None or self._place.take_over:
                break
            self._say_standing_by(rival)
            hurried = False
            await asyncio.sleep(LOOK_EVERY)
        self.standing_by = ""

    def _check_identity(self, table: Table) -> None:
        for head in table.heads.values():
            if self._place.cluster_uid and head.cluster_uid != self._place.cluster_uid:
                raise OtherCluster(
                    f"the history of {self._cluster} in Kafka was recorded from another cluster (uid"
                    f" {head.cluster_uid}, this one has {self._place.cluster_uid}): record this one under another name"
                    " with --cluster"
                )

    def _say_standing_by(self, rival: Head) -> None:
        if not self.standing_by:
            log.warning(
                "standing by: %s records slot %s of %s just now; this one takes over once that has been silent for"
                " %.0f s (at once with --take-over)",
                rival.instance,
                rival.slot,
                self._cluster,
                self._limits.stand_by,
            )
        self.standing_by = f"{rival.instance} records slot {rival.slot} of {self._cluster}"

    async def _claim(self, table: Table) -> None:
        """Put our name into the head at once, so that whom we fenced sees by whom."""
        before = table.head(str(self._slot))
        try:
            self._read_from = await self.transactions.run([self._head_message(0, before.kinds if before else 0)])
        except Fenced:
            raise SinkFenced(self._fenced("another collector")) from None
        except Interrupted as error:
            raise SinkError(f"the slot could not be taken: {error}") from error

    async def _take_up(self, table: Table) -> Restored:
        positions: dict[Scope, Position] = {}
        kinds = [kind for kind in table.kinds if self._slot.has(kind)]
        for kind in kinds:
            positions |= self._take_up_kind(table, kind)
            await asyncio.sleep(0)
        self.account.cluster_uid = self._place.cluster_uid
        lost = await self._what_is_lost(table, kinds)
        self._table = table
        asyncio.get_running_loop().call_later(CACHE_SECONDS, self._forget_table)
        if lost:
            log.warning("%s; fresh lists are compared with memory and coverage shows a gap", lost)
        known = next((head.cluster_uid for head in table.heads.values()), "") if kinds else ""
        return Restored(cluster_uid=known, positions=positions, lost=lost)

    def _take_up_kind(self, table: Table, kind: str) -> dict[Scope, Position]:
        """Its resume points; what its account does not prove is put down as lost."""
        state = table.state(kind)
        points = positions_of(state) if state else {}
        self.account.restore(kind, points, table.lives(kind))
        if state is not None:
            self._written_kinds.add(kind_key(self._cluster, kind))
        if state is None or self.account.sum_of(kind) != (state.lives, state.sum):
            self._lost[kind] = f"the topic {self._place.topics.state} has lost records of {kind} of {self._cluster}"
        return {Scope(kind, namespace): point for namespace, point in points.items()}

    async def _what_is_lost(self, table: Table, kinds: list[str]) -> str:
        before = table.head(str(self._slot))
        if self._lost:
            return next(iter(self._lost.values()))
        if before is not None and len(kinds) < before.kinds:
            return f"the topic {self._place.topics.state} has lost whole kinds of {self._cluster}"
        if not kinds and await self._has_history():
            return (
                f"the log has history of {self._cluster}, but the topic {self._place.topics.state} knows nothing of it"
            )
        return ""

    async def _has_history(self) -> bool:
        """Whether the end of the log holds records of this cluster."""
        mark = f'"cluster":"{self._cluster}"'.encode()
        found = False

        def look(_: bytes | None, value: bytes | None) -> None:
            nonlocal found
            found = found or (value is not None and mark in value[:2_000])

        async with self._client.reading(self._place.topics.changes, 0) as reader:
            await reader.skip_to_last(TAIL)
            await reader.read(look)
        return found

    # ---- memory ----------------------------------------------------------------------------------------------------

    async def remembered(self, kind: str) -> AsyncIterator[Remembered]:
        """Memory of this kind: of the first reading where nothing was written since, else read again."""
        table = self._table
        if table is None or kind in self._touched:
            table = Table(self._cluster)
            async with self._reader() as reader:
                await reader.read(table.put)
        state = table.state(kind)
        namespaces = {"", *(state.positions if state else ())}
        for number, one in enumerate(table.lives(kind), 1):
            namespaces.add(one.life.namespace)
            yield one.remembered(kind)
            if number % 200 == 0:
                await asyncio.sleep(0)
        if kind in self._lost:
            for namespace in namespaces:  # each of them may have a tracker of its own
                yield _nothing(kind, namespace)
        elif state and set(state.positions) == {""}:  # asked for once: let it go
            table.forget(kind)
            self._touched.add(kind)

    def _forget_table(self) -> None:
        self._table = None

    # ---- keeping it ------------------------------------------------------------------------------------------------

    async def run(self, messages: list[Message], number: int, *, released: bool = False) -> None:
        """One transaction, with our head as its last message. Raises Fenced, Interrupted."""
        head = self._head_message(number, len(self._written_kinds), released=released)
        self._read_from = await self.transactions.run([*messages, head])

    def changed(self, key: bytes, value: bytes | None) -> Message:
        """One record of the compacted topic."""
        return Message(self._place.topics.state, self._state_partition, key, value)

    def kind_changed(self, key: bytes, value: bytes) -> Message:
        """A kind's own record: what was remembered of it at the start is out of date."""
        self._written_kinds.add(key)
        return self.changed(key, value)

    def touch(self, packed_kinds: Iterable[bytes]) -> None:
        """Records of these kinds were accepted."""
        self._touched.update(kind_of(key) for key in packed_kinds)

    async def recover(self) -> int:
        """Become able to write again; the number of the last committed batch. Raises SinkFenced, BrokerError."""
        self._find_ourselves(await self._read_head(settled=True))
        await self.transactions.open()
        return self._find_ourselves(await self._read_head()).batch

    def _head_message(self, number: int, kinds: int, *, released: bool = False) -> Message:
        head = Head(
            cluster=self._cluster,
            cluster_uid=self._place.cluster_uid,
            slot=str(self._slot),
            instance=self._place.instance,
            at=self._clock(),
            batch=number,
            kinds=kinds,
            released=released,
        )
        key = head_key(self._cluster, str(self._slot))
        return Message(self._place.topics.state, self._state_partition, key, encode_head(head))

    async def _read_head(self, *, settled: bool = False) -> Head | None:
        """The newest one since our last. `settled`: without waiting for a transaction that is open, ours too."""
        table = Table(self._cluster)
        async with self._reader(self._read_from) as reader:
            await reader.read(table.put, settled=settled)
        return table.head(str(self._slot))

    def _find_ourselves(self, head: Head | None) -> Head:
        if head is None or head.instance != self._place.instance:
            raise SinkFenced(self._fenced(head.instance if head else "another collector"))
        return head

    def _fenced(self, by: str) -> str:
        return (
            f"{by} has taken over slot {self._slot} of {self._cluster}: this collector ends and has written nothing"
            " since; run one collector per slot"
        )


def _nothing(kind: str, namespace: str) -> Remembered:
    """A life without content: it makes the kind's tracker open a new epoch, on record."""
    return Remembered(
        kind=kind,
        namespace=namespace,
        name="(lost)",
        uid="",
        epoch=0,
        seq=0,
        rv="",
        deleted=False,
        hash="",
        object=None,
        managed=None,
    )
