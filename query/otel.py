"""A receiver that speaks OTLP over HTTP: each change is a log record, each gap a warning.

Types and encoding are OpenTelemetry's own; its exporter is not used, for it drops what it cannot send, and what was
taken must be known before the place moves. `time` is when the change happened, `observed` when it was read; the body is
the item of the feed as JSON. Attributes have the names of the semantic conventions where there are any.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from query.courier import Parcel
from query.feeds_read import FeedChange, Item
from query.posting import Poster

if TYPE_CHECKING:
    from opentelemetry.util.types import AnyValue

log = logging.getLogger(__name__)
SCOPE: Final = InstrumentationScope("kubelapse.changes", "1")


class OtelLogs:
    """`query.courier.Receiver`. `headers` may be secret."""

    kind = "otel"
    name = "otel"

    def __init__(self, poster: Poster, *, headers: Mapping[str, str], resource: Mapping[str, str]) -> None:
        self.address = poster.address
        self._poster = poster
        self._headers = {**headers, "content-type": "application/x-protobuf"}
        self._resource = Resource(dict(resource))

    async def take(self, parcel: Parcel) -> None:
        """Raises NotTaken, Gone."""
        records = [ReadableLogRecord(_record(item), self._resource, SCOPE) for _, item in parcel]
        said = await self._poster.post(encode_logs(records).SerializeToString(), self._headers)
        _look_for_rejected(said, self.address)

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def _look_for_rejected(said: bytes, address: str) -> None:
    """A partial success is not to be tried again (OTLP specification); it is said."""
    with suppress(DecodeError):
        partial = ExportLogsServiceResponse.FromString(said).partial_success
        if partial.rejected_log_records:
            log.warning("%s has dropped %d log records", address, partial.rejected_log_records)


def _record(item: Item) -> LogRecord:
    if isinstance(item, FeedChange):
        return LogRecord(
            timestamp=_nanoseconds(item.ts),
            observed_timestamp=_nanoseconds(item.observed_at),
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name=f"kubelapse.change.{item.op}",
            body=msgspec.json.encode(item).decode(),
            attributes=_attributes(item),
        )
    assert item.gap is not None
    gap: dict[str, AnyValue] = {
        "kubelapse.gap.id": item.gap.id,
        "kubelapse.gap.reason": item.gap.reason,
        "k8s.cluster.name": item.gap.cluster,
        "kubelapse.resource": item.gap.resource,
    }
    return LogRecord(
        timestamp=_nanoseconds(item.gap.to),
        observed_timestamp=_nanoseconds(item.gap.to),
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        event_name="kubelapse.gap",
        body=msgspec.json.encode(item).decode(),
        attributes=gap,
    )


def _attributes(item: FeedChange) -> "dict[str, AnyValue]":
    found: dict[str, AnyValue] = {
        "kubelapse.event.id": item.id,
        "kubelapse.op": item.op,
        "kubelapse.resource": f"{item.resource}.{item.group}".rstrip("."),
        "kubelapse.paths": list(item.paths),
        "k8s.cluster.name": item.cluster,
        "k8s.object.kind": item.kind,
        "k8s.object.name": item.name,
        "k8s.object.uid": item.uid,
        "k8s.object.resource_version": item.rv,
    }
    if item.namespace:
        found["k8s.namespace.name"] = item.namespace
    if item.actor.name:
        found["kubelapse.actor"] = item.actor.name
    return found


def _nanoseconds(moment: datetime) -> int:
    return 1000 * (int(moment.timestamp()) * 1_000_000 + moment.microsecond)
