"""Changes arrive at an OTLP receiver as log records, read here with the protocol's own types."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import httpx
import orjson
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from prometheus_client import CollectorRegistry

from query.courier import Courier, Office, Route
from query.feeds import Feed
from query.metrics import Metrics
from query.otel import OtelLogs, _look_for_rejected
from query.posting import Poster
from query.readers import Readers
from query.scope import ChangeFilter, Scope
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from tests.fakes.history import History, at
from tests.fakes.hooked import Hooked
from tests.waiting import eventually


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers(readers=2, streams=1, patience=10)
    yield made
    made.close()


def _now() -> datetime:
    return datetime.now(UTC)


async def exported(store: ChdbStore, readers: Readers, history: History, hooked: Hooked) -> ExportLogsServiceRequest:
    """What a receiver that refuses once is sent in the end, of three changes."""
    metrics = Metrics(CollectorRegistry())
    feed = Feed(store, readers, QuerySettings(feed_poll=0.01, feed_heartbeat=0.1), metrics)
    poster = Poster(hooked.url, httpx.AsyncClient(trust_env=False), timeout=30, clock=_now)
    receiver = OtelLogs(poster, headers={"api-key": "k"}, resource={"service.name": "kubelapse"})
    office = Office(store=store, readers=readers, feed=feed, metrics=metrics, clock=_now, random=Random(1), first=0.01)
    chosen = ChangeFilter(scope=Scope(clusters=(history.cluster,)))
    courier = Courier(office, Route(receiver=receiver, choose=lambda _: chosen, batch=100))
    running = asyncio.create_task(courier.run())
    await eventually(lambda: courier.place.position > 0)
    hooked.next(503)
    for number in range(3):
        history.put("configmaps", f"shop/c{number}", {"data": {"n": str(number)}}, at=10 + number, by="kubectl")
    history.store(store)
    await eventually(lambda: hooked.taken)
    feed.stop()
    await running
    await receiver.close()
    assert hooked.requests[0].body == hooked.taken[0].body
    assert hooked.taken[0].headers["api-key"] == "k"
    found: ExportLogsServiceRequest = ExportLogsServiceRequest.FromString(hooked.taken[0].body)
    return found


async def test_changes_arrive_as_log_records(store: ChdbStore, readers: Readers, history: History) -> None:
    history.put("configmaps", "shop/before", {}, at=1)
    history.store(store)
    hooked = Hooked()
    await hooked.start()
    request = await exported(store, readers, history, hooked)
    await hooked.stop()
    (resource,) = request.resource_logs
    assert resource.resource.attributes[0].value.string_value == "kubelapse"
    records = resource.scope_logs[0].log_records
    assert [orjson.loads(each.body.string_value)["name"] for each in records] == ["c0", "c1", "c2"]
    first = records[0]
    assert first.event_name == "kubelapse.change.add"
    assert first.time_unix_nano == int(at(10).timestamp()) * 10**9
    attributes = {each.key: each.value.string_value for each in first.attributes}
    assert attributes["k8s.object.name"] == "c0"
    assert attributes["k8s.namespace.name"] == "shop"
    assert attributes["kubelapse.resource"] == "configmaps"


def test_records_that_the_receiver_dropped_are_told(caplog: pytest.LogCaptureFixture) -> None:
    partial = ExportLogsPartialSuccess(rejected_log_records=2)
    _look_for_rejected(ExportLogsServiceResponse(partial_success=partial).SerializeToString(), "http://collector")
    assert "dropped 2 log records" in caplog.text


def test_an_answer_that_is_none_of_the_protocol_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    _look_for_rejected(b"no", "http://collector")
    assert not caplog.text
