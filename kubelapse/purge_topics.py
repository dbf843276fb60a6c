"""A leaked value in the topics of Kafka: every record that the broker gives out is read, also of aborted transactions.

Nothing can be cut out of a log. The log and the dead letters lose their oldest records up to the last one that holds
the value, with the batch around it; refused while somebody has not read that far, for what was not read would be lost.
Where everybody has read all, they lose the whole file that it stands in; else that stays until retention drops it.
The compacted topic gets the records anew without the value, by the rules of its writers (`collector.kafka_purge`), and
the broker is hurried to compact the old ones away.

What can be proved is what readers are given. The brokers' files are beyond a client: a removed file goes from the disk
with the next look at retention and after a delay, both of which the broker tells (`Cleared.disk`).
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from collector.clock import utc_now
from collector.kafka import PartitionReader
from collector.kafka_purge import Remembering, at_work, refusal
from collector.kafka_state import Head, decode_head, partition_of
from ingest.holes import LIFE
from ingest.positions import Positions
from kubelapse.purge_value import Leak
from schema.kafka import Broker, NotAllowed, describe
from schema.kafka_admin import HURRY, Group, broker_setting, delete_before, groups, hurried, roll, setting
from schema.kafka_raw import Batch, Message, RawReader
from schema.rows_log import Span
from schema.store import Store
from schema.topics import Topics, TopicState

INSTANCE: Final = "kubelapse purge"
LOOK_FIRST: Final = 0.5
LOOK_MOST: Final = 15.0
_CLEANUP_MS: Final = 300_000
_DELETE_DELAY_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A partition that gives out the value. `until`: the offset after the last batch with it.

    `records`: those that hold it; `going`: those up to there; `all`: of the partition; `clusters`: if compacted.
    """

    topic: str
    partition: int
    records: int
    going: int
    all: int
    until: int
    clusters: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Looked:
    """What was read. `heads`: cluster → slot → who holds it."""

    topics: Topics
    there: Mapping[str, TopicState]
    held: list[Held] = field(default_factory=list)
    heads: dict[str, dict[str, Head]] = field(default_factory=dict)
    records: int = 0

    def of(self, topic: str) -> list[Held]:
        """The partitions of one topic."""
        return [one for one in self.held if one.topic == topic]

    @property
    def remembering(self) -> list[str]:
        """Clusters of which collectors remember the value, or did lately."""
        return sorted({cluster for one in self.of(self.topics.state) for cluster in one.clusters if cluster})

    @property
    def total(self) -> int:
        """Records that hold it, in all topics."""
        return sum(one.records for one in self.held)

    @property
    def logs(self) -> list[Held]:
        """The partitions out of which records go."""
        return [one for one in self.held if one.topic != self.topics.state]


@dataclass(slots=True)
class _Partition:
    """One partition as it is read."""

    needles: tuple[bytes, ...]
    heads: dict[str, dict[str, Head]]
    seen: int = 0
    records: int = 0
    going: int = 0
    until: int = 0
    clusters: set[str] = field(default_factory=set)

    def __call__(self, batch: Batch) -> None:
        """One batch."""
        holding = [one for one in batch.messages if self._holds(one)]
        self.seen += 0 if batch.control else len(batch.messages)
        for one in batch.messages:
            self._head(one)
        if holding:
            self.records += len(holding)
            self.going, self.until = self.seen, batch.next
            self.clusters.update(_key(one)[0] for one in holding)

    def _holds(self, message: Message) -> bool:
        return any(needle in part for part in message.parts for needle in self.needles)

    def _head(self, message: Message) -> None:
        cluster, sort, slot = _key(message)
        if sort == "head" and (head := decode_head(message.value)) is not None:
            self.heads.setdefault(cluster, {})[slot] = head


def _key(message: Message) -> tuple[str, str, str]:
    """Of a record of the compacted topic: cluster, what it is, the rest."""
    cluster, _, rest = (message.key or b"").decode("utf-8", "replace").partition("|")
    sort, _, last = rest.partition("|")
    return cluster, sort, last


async def look(broker: Broker, topics: Topics, leak: Leak) -> Looked:
    """Read everything that the broker gives out. Raises BrokerError."""
    names = [topics.changes, topics.state, topics.dead_letters]
    looked = Looked(topics=topics, there=await describe(broker, names))
    needles = tuple(needle.encode() for needle in leak.needles)
    async with RawReader(broker) as reader:
        for name in names:
            for number in range(looked.there[name].partitions if name in looked.there else 0):
                await _read(reader, looked, name, number, needles)
    return looked


async def _read(reader: RawReader, looked: Looked, name: str, number: int, needles: tuple[bytes, ...]) -> None:
    seen = _Partition(needles, looked.heads if name == looked.topics.state else {})
    await reader.read(name, number, seen)
    looked.records += seen.seen
    if seen.records:
        held = Held(
            topic=name,
            partition=number,
            records=seen.records,
            going=seen.going,
            all=seen.seen,
            until=seen.until,
            clusters=frozenset(seen.clusters),
        )
        looked.held.append(held)


async def refusals(
    broker: Broker, looked: Looked, store: Store, *, group: str, skipped: Collection[str], now: datetime
) -> list[str]:
    """Why the value cannot be taken out of the topics just now; nothing when it can. Raises BrokerError."""
    told = [refusal(head) for name in looked.remembering if (head := at_work(looked.heads.get(name, {}), now))]
    for topic in (looked.topics.changes, looked.topics.dead_letters):
        held = looked.of(topic)
        if held and topic == looked.topics.changes:
            told += _unstored(held, stored(store, topic, looked.there[topic].id))
        for one in await groups(broker, topic):
            told += _unread(held, one) if one.name not in {group, *skipped} else []
            if one.name == group and one.members:
                told.append(
                    f"ingesters are at work in the group {group}: end them first (a killed one counts for 10 s)"
                )
    return told


def stored(store: Store, topic: str, log_id: str) -> Mapping[int, int]:
    """Partition → the last offset that this store has for certain."""
    rows = store.rows(
        "SELECT partition, max(last) FROM offsets FINAL WHERE topic = {topic:String} AND log_id = {log:String} "
        "AND state = 'done' GROUP BY partition",
        {"topic": topic, "log": log_id},
    )
    return {partition: last % LIFE for partition, last in rows}


def _unstored(held: Iterable[Held], done: Mapping[int, int]) -> list[str]:
    return [
        f"{one.topic}, partition {one.partition}: this store has it up to offset {done.get(one.partition, 'none')}, and"
        f" the value stands up to offset {one.until - 1}; what was not stored yet would be lost: let a collector and"
        " ingest run until that is passed (seconds), end them, and run this again"
        for one in held
        if done.get(one.partition, -1) < one.until - 1
    ]


def _unread(held: Iterable[Held], group: Group) -> list[str]:
    return [
        f"{one.topic}, partition {one.partition}: the group {group.name} goes on at offset"
        f" {group.offsets[one.partition]}, and records before {one.until} would be lost to it: let it read on, or pass"
        f" it over with --skip-group {group.name}"
        for one in held
        if 0 <= group.offsets.get(one.partition, -1) < one.until
    ]


async def forget(broker: Broker, looked: Looked, leak: Leak, *, within: float) -> int:
    """Take it out of what collectors remember; how many records were written again. Raises SinkError, BrokerError.

    Returns when no reader is given the old ones either, or when it took longer than `within` seconds.
    """
    topic = looked.topics.state
    needles = tuple(needle.encode() for needle in leak.needles)
    partitions = looked.there[topic].partitions
    async with AsyncExitStack() as stack:
        slots = [
            await stack.enter_async_context(
                Remembering(
                    broker,
                    looked.topics,
                    cluster=cluster,
                    partition=partition_of(cluster, partitions),
                    instance=INSTANCE,
                    clock=utc_now,
                )
            )
            for cluster in looked.remembering
        ]
        count = sum(
            [await one.clean(leak.value, lambda raw: any(needle in raw for needle in needles)) for one in slots]
        )
        usual = {spec.name: spec.settings for spec in looked.topics.wanted()}[topic]
        with suppress(NotAllowed):  # then the broker compacts when it thinks fit
            async with hurried(broker, topic, HURRY, usual):
                await _compacted(broker, looked, slots, needles, within)
    return count


async def _compacted(
    broker: Broker, looked: Looked, slots: Iterable[Remembering], needles: tuple[bytes, ...], within: float
) -> None:
    """Until no reader is given it, or for so many seconds."""
    end, pause = asyncio.get_running_loop().time() + within, LOOK_FIRST
    numbers = [one.partition for one in looked.of(looked.topics.state)]
    async with RawReader(broker) as reader:
        while True:
            for one in slots:
                await one.sign()
            await asyncio.sleep(pause)
            again = Looked(topics=looked.topics, there=looked.there)
            for number in numbers:
                await _read(reader, again, looked.topics.state, number, needles)
            if not again.held or asyncio.get_running_loop().time() + pause > end:
                return
            pause = min(LOOK_MOST, 2 * pause)


Cuts = Mapping[tuple[str, int], int]
"""(topic, partition) → offset."""


async def end_files(broker: Broker, looked: Looked) -> Cuts:
    """Let the files with the value end; where the next ones begin. Empty where the broker does not allow it."""
    found: dict[tuple[str, int], int] = {}
    for topic in (looked.topics.changes, looked.topics.dead_letters):
        if numbers := [one.partition for one in looked.of(topic)]:
            with suppress(NotAllowed):
                async with hurried(broker, topic, ["segment.ms"], {}):
                    found |= {(topic, number): at for number, at in (await roll(broker, topic, numbers)).items()}
    return found


async def cuts(broker: Broker, looked: Looked, store: Store, files: Cuts, skipped: Collection[str]) -> Cuts:
    """Where each log is to begin: with the next file, so that the one with the value goes, if all before it was read.

    Else behind the value. `skipped`: groups that do not count, ours among them.
    """
    found: dict[tuple[str, int], int] = {}
    for one in looked.held:
        file = files.get((one.topic, one.partition))
        if one.topic != looked.topics.state:
            whole = file is not None and await _all_read(broker, looked, store, one, file, skipped)
            found[one.topic, one.partition] = file if whole and file is not None else one.until
    return found


async def _all_read(
    broker: Broker, looked: Looked, store: Store, one: Held, file: int, skipped: Collection[str]
) -> bool:
    others = [each for each in await groups(broker, one.topic) if each.name not in skipped]
    if any(0 <= each.offsets.get(one.partition, -1) < file for each in others):
        return False
    if one.topic == looked.topics.dead_letters:
        return True
    done = stored(store, one.topic, looked.there[one.topic].id)[one.partition]
    unread: list[bytes | None] = []
    async with PartitionReader(broker, one.topic, one.partition, begin=done + 1) as reader:
        await reader.read(lambda _, value: unread.append(value))
    return not unread


async def delete(broker: Broker, looked: Looked, store: Store, cuts: Cuts) -> None:
    """Let the logs begin at these offsets. Raises BrokerError.

    What ingest has read is put down first: marks of transactions before a cut are nothing that it could have missed.
    """
    for topic in (looked.topics.changes, looked.topics.dead_letters):
        offsets = {number: at for (name, number), at in cuts.items() if name == topic}
        if topic == looked.topics.changes and offsets:
            await _put_down(store, topic, looked.there[topic].id, offsets)
        if offsets:
            await delete_before(broker, topic, offsets)


async def _put_down(store: Store, topic: str, log_id: str, offsets: Mapping[int, int]) -> None:
    positions = Positions(store, topic=topic, log_id=log_id, clock=utc_now)
    spans = {}
    for number, standing in (await positions.read()).items():
        last = standing.done.last if standing.done is not None else 0
        if (cut := offsets.get(number, 0)) > last % LIFE + 1:
            spans[number] = Span(last + 1, last - last % LIFE + cut - 1)
    await positions.done(spans)


async def gone_from_disk(broker: Broker, looked: Looked, now: datetime) -> datetime:
    """When the brokers have dropped the files, by what they say of themselves."""
    looks = _ms(await broker_setting(broker, "log.retention.check.interval.ms"), _CLEANUP_MS)
    delays = [
        _ms(await setting(broker, topic, "file.delete.delay.ms"), _DELETE_DELAY_MS)
        for topic in {one.topic for one in looked.held}
    ]
    return now + timedelta(milliseconds=looks + max(delays, default=0))


def _ms(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise


def unrepeatable(store: Store, looked: Looked) -> int:
    """Dead letters whose content only the log has: they cannot be tried again once it has lost it."""
    name = looked.topics.changes
    held = looked.of(name)
    if not held:
        return 0
    rows = store.rows(
        "SELECT partition, offset FROM dead_letters FINAL WHERE log_id = {log:String} AND raw = ''",
        {"log": looked.there[name].id},
    )
    until = {one.partition: one.until for one in held}
    return sum(offset % LIFE < until.get(partition, 0) for partition, offset in rows)


def topic_counts(looked: Looked) -> list[tuple[str, str, str, str]]:
    """As rows of a table; of the compacted topic nothing goes, its records are written again."""
    return [
        (
            one.topic,
            str(one.partition),
            f"{one.records:,}",
            f"{one.going:,}" if one.topic != looked.topics.state else "",
        )
        for one in looked.held
    ]
