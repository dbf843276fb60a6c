"""`serve --ingest`: what collectors write into Kafka, stored and answered by one process with an embedded store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.sink import Batch
from tests.e2e.stages import Stage
from tests.fakes.logged import PARTITIONS, KafkaLog
from tests.fakes.records import event, watermark
from tests.kafka.broker import RealBroker
from tests.waiting import until


@pytest.fixture
async def log(broker: RealBroker, tmp_path: Path) -> AsyncIterator[KafkaLog]:
    made = await KafkaLog(broker, tmp_path).make()
    yield made
    await made.end()


def one_process(log: KafkaLog, folder: Path, **environ: str) -> Stage:
    settings = {
        "KUBELAPSE_KAFKA": log.broker.bootstrap,
        "KUBELAPSE_KAFKA_TOPIC_PREFIX": log.topics.prefix,
        "KUBELAPSE_KAFKA_PARTITIONS": str(PARTITIONS),
        "KUBELAPSE_DATA": str(folder / "data"),
    }
    return Stage(("serve", "--ingest", "--port", "0"), {**settings, **environ}, folder / "serve.log").start()


async def test_what_is_written_into_kafka_is_answered_also_after_kill_9(log: KafkaLog, tmp_path: Path) -> None:
    sink = await log.opened()
    await sink.append(Batch(records=[event(1), event(2), watermark(3)]))
    await sink.flush()
    served = one_process(log, tmp_path)

    def told() -> list[str]:
        return [item["rv"] for item in served.ask("/changes", since="5000d", first_sight="on", noise="off")["items"]]

    try:
        await asyncio.to_thread(served.wait_ready)
        await asyncio.to_thread(until, lambda: len(told()) == 2)
        served.kill()
        await sink.append(Batch(records=[event(4)]))
        await sink.flush()
        await asyncio.to_thread(served.start().wait_ready)
        await asyncio.to_thread(until, lambda: len(told()) == 3)
        assert sorted(told()) == ["1", "2", "4"]
        assert served.stop() == 0, served.tail()
    finally:
        served.kill()


async def test_what_is_missing_is_one_sentence_and_an_exit_code(log: KafkaLog, tmp_path: Path) -> None:
    for environ, code, sentence in (
        ({"KUBELAPSE_KAFKA": "127.0.0.1:1"}, 10, "127.0.0.1:1"),
        ({"KUBELAPSE_KAFKA_TOPIC_PREFIX": "nobody-made-"}, 12, "nobody-made-"),
        ({"KUBELAPSE_KAFKA": ""}, 2, "KUBELAPSE_KAFKA"),
    ):
        served = one_process(log, tmp_path, **environ)
        assert (await asyncio.to_thread(served.wait), "Traceback" in served.text) == (code, False), served.tail()
        assert sentence in served.text
