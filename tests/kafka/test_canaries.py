"""Secrets from wherever people leave them, through spill, broker, ingest and answers: in no byte, while all else is."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from collector.kafka import KafkaClient, Message, Transactions
from collector.kafka_sink import KafkaSink
from collector.sink import Batch
from kubelapse.purge_proof import search
from query.app import create_app
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from schema.kafka import Broker
from schema.migrate import migrate
from tests.fakes.canaries import canaries, needles
from tests.fakes.logged import PARTITIONS, QUICK, KafkaLog
from tests.fakes.observed import observed
from tests.fakes.records import watermark
from tests.fakes.served import at
from tests.kafka import disk
from tests.kafka import log as kafka_log
from tests.kafka.broker import RealBroker
from tests.query.asked import Place, operations, spelled

pytestmark = pytest.mark.timeout(300)

SMALL = replace(QUICK, memory_bytes=1)
"""All but the first batch waits on disk."""


class Away(KafkaClient):
    """A broker that takes nothing while it is `away`."""

    def __init__(self, log: KafkaLog) -> None:
        super().__init__(log.address)
        self.back = asyncio.Event()

    def producing(self, transactional_id: str, *, operation: float) -> Transactions:
        """That waits until it is back."""
        return _Waiting(self._broker, transactional_id, operation=operation, back=self.back)


class _Waiting(Transactions):
    def __init__(self, broker: Broker, transactional_id: str, *, operation: float, back: asyncio.Event) -> None:
        super().__init__(broker, transactional_id, operation=operation)
        self._back = back

    async def run(self, messages: Iterable[Message]) -> int:
        await self._back.wait()
        return await super().run(messages)


async def through(log: KafkaLog, store: ChdbStore) -> bytes:
    """Everything into the log and from there into the store; what stood on disk meanwhile."""
    await log.make()
    client = Away(log)
    client.back.set()
    sink = await log.opened(limits=SMALL, spill=64 << 20, client=client)
    client.back.clear()
    for canary in canaries():
        await sink.append(Batch(records=observed(canary)[0]))
    await sink.append(Batch(records=[watermark(900, "configmaps", "pods", "secrets")]))
    waiting = spilled(sink, log.directory)
    client.back.set()
    await sink.close()
    reading = kafka_log.KafkaLog(log.broker, PARTITIONS, log.topics)
    reader = await kafka_log.reader(reading, store)
    await kafka_log.stored(reading, store, reader, marks=1)
    await reader.stop()
    return waiting


def spilled(sink: KafkaSink, directory: Path) -> bytes:
    """The nameless files of this process below a directory."""
    assert sink.waiting_bytes > 50_000
    found = b""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if str(descriptor.readlink()).startswith(str(directory)):
                found += descriptor.read_bytes()
    return found


def answers(store: ChdbStore) -> Iterator[str]:
    """What every route of the document says of one object, and every object's history."""
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), clock=lambda: at(1000))
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1)) as client:
        place = Place(cluster="lab", namespace="shop", name="c11", uid="u", event="e")
        for method, path, operation in operations(app):
            where, query = spelled(path, operation, place, {})
            yield client.request(method, where, params=query, follow_redirects=False).text
        for canary in canaries():
            about = f"/api/v1/objects/lab/{canary.resource}/shop/{canary.name}"
            yield client.get(f"{about}/history", params={"patch": "true"}).text
        yield client.get("/metrics").text


def test_no_canary_in_any_byte(broker: RealBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sought, log = needles(), KafkaLog(broker, tmp_path / "collector")
    store = ChdbStore.open(tmp_path / "store")
    migrate(store)
    waiting = asyncio.run(through(log, store))
    told = "".join([*answers(store), caplog.text])
    store.close()
    assert [one for one in sought if one.encode() in waiting or one in told] == []
    on_broker = disk.search(broker.directory / "data", sought, f"{log.topics.prefix}*/*")
    assert (on_broker.found, on_broker.messages > 100) == ([], True)
    assert search(tmp_path, sought).found == []
    assert all(b"hmac:" in place for place in (waiting, told.encode()))
