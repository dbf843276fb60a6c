"""Nobody claims what the slowest partition has not said, and what the log has lost is on record as a gap."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from ingest.errors import LogReplaced
from schema import codec
from schema.events import Watermark
from schema.store import Store
from tests.fakes.records import at, event, watermark
from tests.kafka.log import KafkaLog, Reader, reader, seen, stored


def claimed(store: Store) -> datetime | None:
    [(until,)] = store.rows("SELECT maxOrNull(to_t) FROM coverage FINAL WHERE class = 'watched'")
    return until  # type: ignore[no-any-return] # the column's type


def gaps(store: Store) -> list[tuple[datetime, datetime, str]]:
    return [
        (row[0], row[1], row[2])
        for row in store.rows("SELECT from_t, to_t, reason FROM coverage FINAL WHERE class = 'gap' ORDER BY from_t")
    ]


async def two_readers(log: KafkaLog, store: Store) -> list[Reader]:
    """Both with partitions of their own."""
    readers = [await reader(log, store), await reader(log, store)]
    await seen(lambda: all(one.source.partitions for one in readers), *readers)
    return readers


async def test_with_one_of_two_ingesters_frozen_no_claim_goes_past_its_partitions(log: KafkaLog, store: Store) -> None:
    await log.make()
    running, frozen = await two_readers(log, store)
    await log.write([event(1), watermark(2)])
    await seen(lambda: claimed(store) == at(2), running, frozen)
    frozen.task.cancel()  # it stays in the group, as a process that hangs in its own work does
    await asyncio.gather(frozen.task, return_exceptions=True)
    before = progress(store)
    await log.write([event(3), event(4), watermark(9)])
    await seen(lambda: progress(store) > before, running)
    await asyncio.sleep(1)
    assert claimed(store) == at(2)
    await frozen.source.close()
    await seen(lambda: claimed(store) == at(9), running)
    await running.stop()


async def test_a_partition_that_never_spoke_lets_nothing_be_claimed(log: KafkaLog, store: Store) -> None:
    await log.make()
    raw = codec.encode(watermark(5))
    await log.send([(0, None, raw), (1, None, raw)])
    one = await reader(log, store)
    await stored(log, store, one)
    assert claimed(store) is None
    await log.send([(2, None, raw)])
    await seen(lambda: claimed(store) == at(5), one)
    await one.stop()


async def test_what_was_deleted_before_it_was_read_is_a_gap(log: KafkaLog, store: Store) -> None:
    await log.make()
    now = datetime.now(UTC)
    await log.write([live(now - timedelta(seconds=60))])
    await ingested(log, store)
    await log.write([live(now - timedelta(seconds=30))])
    await delete_all(log)
    await log.write([live(now + timedelta(seconds=30))])
    await ingested(log, store)
    [(from_t, to_t, reason)] = merged(gaps(store))
    assert from_t == now - timedelta(seconds=60)
    assert now < to_t < now + timedelta(seconds=20)
    assert "deleted from the log before they were read" in reason


async def test_a_log_that_does_not_reach_back_is_a_gap_in_a_new_store(log: KafkaLog, store: Store) -> None:
    await log.make()
    now = datetime.now(UTC)
    await log.write([live(now - timedelta(seconds=60))])
    await delete_all(log)
    await log.write([live(now + timedelta(seconds=30))])
    await ingested(log, store)
    [(from_t, to_t, reason)] = merged(gaps(store))
    assert from_t == BEGIN
    assert to_t > now
    assert "does not reach back" in reason


async def test_a_topic_made_anew_ends_ingest_and_is_a_gap_for_the_next_one(log: KafkaLog, store: Store) -> None:
    await log.make()
    now = datetime.now(UTC)
    await log.write([live(now - timedelta(seconds=60))])
    one = await reader(log, store)
    await stored(log, store, one)
    await drop(log)
    await log.make()
    with pytest.raises(LogReplaced, match="made anew"):
        await asyncio.wait_for(one.task, 60)
    await one.source.close()
    await log.write([live(now + timedelta(seconds=30))])
    await ingested(log, store)
    assert "made anew" in merged(gaps(store))[0][2]


async def test_a_log_that_was_cut_off_is_read_anew_with_a_gap(log: KafkaLog, store: Store) -> None:
    """As after a broker that came back without its disk: what the store has done lies behind the end."""
    await log.make()
    now = datetime.now(UTC)
    await log.write([event(1), live(now - timedelta(seconds=60))])
    await ingested(log, store)
    store.command("ALTER TABLE offsets UPDATE first = first + 1000 WHERE 1 SETTINGS mutations_sync = 2")
    copy = "SELECT topic, log_id, partition, state, first, last + 1000, at FROM offsets FINAL"
    store.command(f"INSERT INTO offsets {copy}")
    await log.write([event(2), live(now + timedelta(seconds=30))])
    one = await reader(log, store)
    await seen(lambda: store.rows("SELECT count() FROM events FINAL WHERE rv = '2'") == [(1,)], one)
    await seen(lambda: gaps(store), one)
    await one.stop()
    assert "cut off" in gaps(store)[0][2]
    assert store.rows("SELECT count() FROM events FINAL") == [(2,)]


BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def live(until: datetime) -> Watermark:
    """Pods are known from BEGIN up to then."""
    made = watermark(0)
    return Watermark(
        cluster=made.cluster,
        cluster_uid=made.cluster_uid,
        slot=0,
        at=until,
        scopes={"pods": (str(int(until.timestamp())), until, until, BEGIN)},
    )


def merged(found: list[tuple[datetime, datetime, str]]) -> list[tuple[datetime, datetime, str]]:
    """The gaps of the partitions as one."""
    return [(min(one[0] for one in found), max(one[1] for one in found), found[0][2])] if found else []


async def ingested(log: KafkaLog, store: Store) -> None:
    one = await reader(log, store)
    await stored(log, store, one)
    await one.stop()


def progress(store: Store) -> int:
    """Rises with every range that is stored."""
    return int(store.rows("SELECT sum(last) FROM offsets FINAL WHERE state = 'done'")[0][0])


async def delete_all(log: KafkaLog) -> None:
    """As retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=log.real.bootstrap)
    await admin.start()
    try:
        ends = await log.ends()
        await admin.delete_records(
            {TopicPartition(log.topics.changes, number): RecordsToDelete(end) for number, end in ends.items()}
        )
    finally:
        await admin.close()


async def drop(log: KafkaLog) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=log.real.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([log.topics.changes])
    finally:
        await admin.close()
