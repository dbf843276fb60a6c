"""What cannot be stored is put aside with its reason, its neighbours go through, and it can be tried again."""

from collections.abc import Callable

import pytest

from ingest.errors import TooManyDeadLetters
from ingest.kafka_client import Messages
from ingest.replay import replay
from ingest.settings import IngestSettings
from schema import codec
from schema.store import Store
from schema.topics import REASON_HEADER, message_key
from tests.fakes.records import CLUSTER_UID, at, event, watermark
from tests.kafka.log import QUICK, KafkaLog, Message, reader, stored

KEY = message_key(CLUSTER_UID, "pods", "shop", "u-1")
MIB = 1024 * 1024
POISON = {
    "not JSON": b"\x00\x01 hello",
    "an unknown version": codec.encode(event(900)).replace(b'"v":1', b'"v":99'),
    "an unknown type": b'{"type":"surprise","v":1}',
    "wrong types": codec.encode(event(901)).replace(b'"seq":1', b'"seq":"one"'),
    "20 MiB": b'{"type":"change","x":"' + b"x" * 20 * MIB + b'"}',
    "nothing": b"",
}


async def poisoned(log: KafkaLog, *poison: bytes) -> None:
    """One bad message after each good one, all in one partition."""
    messages: list[Message] = []
    for number, bad in enumerate(poison):
        messages += [(0, KEY, codec.encode(event(number, seq=1))), (0, KEY, bad)]
    await log.send(messages, max_request_size=32 * MIB, compression_type="zstd")


async def ingested(log: KafkaLog, store: Store) -> None:
    one = await reader(log, store)
    await stored(log, store, one)
    await one.stop()


async def test_poison_is_put_aside_with_its_reason_and_its_neighbours_go_through(log: KafkaLog, store: Store) -> None:
    await log.make()
    await poisoned(log, *POISON.values())
    await ingested(log, store)
    reasons = [reason for (reason,) in store.rows("SELECT reason FROM dead_letters FINAL ORDER BY offset")]
    expected = ["JSON is malformed", "format version 99", "`surprise`", "Expected `int`", "larger than", "truncated"]
    assert all(wanted in reason for wanted, reason in zip(expected, reasons, strict=True)), reasons
    assert store.rows("SELECT count() FROM events FINAL") == [(len(POISON),)]


async def test_dead_letters_stand_in_their_topic_too(log: KafkaLog, store: Store) -> None:
    await log.make()
    await poisoned(log, POISON["not JSON"], POISON["an unknown version"])
    await ingested(log, store)
    letters = await log.all(log.topics.dead_letters)
    assert [dict(one.headers)["original-offset"] for one in letters] == [b"1", b"3"]
    assert b"format version 99" in dict(letters[1].headers)[REASON_HEADER]
    assert (letters[0].value, letters[1].value) == (None, POISON["an unknown version"])


async def test_a_message_that_could_not_be_read_leaves_a_gap_for_its_object(log: KafkaLog, store: Store) -> None:
    await log.make()
    await log.write([watermark(1)])
    await poisoned(log, POISON["not JSON"])
    await log.write([watermark(9)])
    await ingested(log, store)
    [(resource, namespace, reason)] = store.rows(
        "SELECT resource, namespace, reason FROM coverage FINAL WHERE class = 'gap'"
    )
    assert (resource, namespace) == ("pods", "shop")
    assert "could not be read" in reason


async def test_too_many_in_a_row_stop_ingest_before_the_log_is_emptied(log: KafkaLog, store: Store) -> None:
    await log.make()
    await log.send([(0, KEY, b"bad")] * 30)
    one = await reader(log, store, settings=IngestSettings(batch=QUICK.batch, dead_letter_limit=10))
    with pytest.raises(TooManyDeadLetters, match="check that all parts run the same version"):
        await stored(log, store, one)
    await one.source.close()
    assert store.rows("SELECT count() FROM offsets WHERE state = 'done'") == [(0,)]


async def test_what_can_be_read_now_is_replayed_and_its_gap_closes(
    log: KafkaLog, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.make()
    await poisoned(log, codec.encode(event(50)), POISON["not JSON"])

    def older(raw: bytes) -> object:
        record = codec_decode(raw)
        if getattr(record, "rv", "") == "50":
            raise codec.UnknownVersion("the record has format version 1, this software reads 0")
        return record

    codec_decode: Callable[[bytes], object] = codec.decode
    monkeypatch.setattr(codec, "decode", older)
    await ingested(log, store)
    monkeypatch.undo()
    async with Messages(log.broker, log.topics.changes) as messages:
        done = await replay(store, messages, await log.log_id())
    assert (done.stored, done.left.total()) == (1, 1)
    assert store.rows("SELECT ts FROM events FINAL WHERE rv = '50'") == [(at(50),)]
    assert store.rows("SELECT offset FROM dead_letters FINAL") == [(3,)]
