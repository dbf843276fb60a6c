"""A recorded bundle becomes fresh history: every time is moved so that the recording ends now.

A bundle is zstd-compressed JSONL of log records (`schema.codec`), in log order. Moving by whole seconds keeps every
time's form, so a state with moved times is as long as before and still canonical; what is derived from content or
time is made anew: hashes, epochs, ids. The records then go through the ingester, as they did when they were recorded.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

import msgspec
import orjson
import zstandard
from msgspec import Raw

from ingest.metrics import Metrics
from ingest.run import Ingester
from ingest.settings import IngestSettings
from ingest.source import Delivery, EndOfLog
from query.coverage import report
from query.scope import Scope
from schema.canonical import canonical, digest
from schema.codec import decode
from schema.events import Event, Gap, KubeEvent, Late, Record, Watermark, event_id
from schema.patch import apply
from schema.rows_control import DeadLetter

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from schema.store import Store

BUNDLE = "incident.jsonl.zst"
# Times in certificates, schedules and labels are content, not history: only what lies near the recording is moved.
NEAR = timedelta(days=30)
_TIME = re.compile(rb"(?<![\d:T-])(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?=(?:\.\d+)?Z)")
_FORM = "%Y-%m-%dT%H:%M:%S"


class BundleError(Exception):
    """The bundle is not there or cannot be read."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded, and the whole seconds between which everything was watched or is a gap on record."""

    records: int
    start: datetime
    end: datetime


def bundled() -> bytes:
    """The bundle in the package; raises BundleError."""
    resource = files("kubelapse.demo").joinpath(BUNDLE)
    if not resource.is_file():
        raise BundleError("this build carries no recorded incident: kubelapse up records a cluster of your own")
    return resource.read_bytes()


def lines(bundle: bytes) -> list[bytes]:
    """The lines of a bundle; raises BundleError."""
    try:
        with zstandard.ZstdDecompressor().stream_reader(BytesIO(bundle)) as reader:
            return [line for line in reader.read().split(b"\n") if line]
    except zstandard.ZstdError as error:
        raise BundleError(f"the bundle is damaged: {error}") from None


def moved(bundle: Sequence[bytes], *, end: datetime) -> list[Record]:
    """The records as if the recording had ended at `end`. Raises schema.codec.CodecError."""
    if not bundle:
        raise BundleError("the bundle is empty")
    moments = [moment for line in bundle for moment in times_of(decode(line))]
    shift = timedelta(seconds=(end - max(moments)) // timedelta(seconds=1))
    move = _mover(shift, min(moments) - NEAR, max(moments) + NEAR)
    states: dict[tuple[str, int], bytes] = {}
    return [_rewritten(decode(_TIME.sub(move, line)), shift, states) for line in bundle]


def times_of(record: Record) -> Iterator[datetime]:
    """When this record was written, as far as it says."""
    match record:
        case Event() | KubeEvent():
            yield record.observed_at
        case Gap() | Late():
            yield record.to_t
        case Watermark():
            yield record.at
            yield from (mark[1] for mark in record.scopes.values())
        case _:
            yield record.at


def _mover(shift: timedelta, first: datetime, last: datetime) -> Callable[["re.Match[bytes]"], bytes]:
    def move(found: "re.Match[bytes]") -> bytes:
        try:
            moment = datetime.strptime(found[1].decode(), _FORM).replace(tzinfo=UTC)
        except ValueError:
            return found[0]
        return (moment + shift).strftime(_FORM).encode() if first <= moment <= last else found[0]

    return move


def _rewritten(record: Record, shift: timedelta, states: dict[tuple[str, int], bytes]) -> Record:
    if not isinstance(record, Event):
        return record
    chain = (record.uid, record.epoch)
    state = _state(record, states.get(chain))
    states[chain] = state
    epoch = record.epoch + shift // timedelta(milliseconds=1)
    return msgspec.structs.replace(
        record,
        epoch=epoch,
        hash=digest(state),
        object=Raw(state) if record.object is not None else None,
        id=event_id(
            cluster=record.cluster,
            cluster_uid=record.cluster_uid,
            kind=record.kind_id,
            uid=record.uid,
            epoch=epoch,
            rv=record.rv,
            op=record.op,
        ),
    )


def _state(event: Event, before: bytes | None) -> bytes:
    """The canonical state after the event; where it was left out, from the state before and the patch."""
    if event.object is not None:
        return canonical(orjson.loads(bytes(event.object)))
    if before is None:
        raise BundleError(f"the bundle holds no state of {event.kind_id} {event.namespace}/{event.name} to begin with")
    return canonical(apply(orjson.loads(before), orjson.loads(bytes(event.patch))))


class BundleSource:
    """`ingest.source.Source` over records in memory."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._next = 0

    @property
    def log_id(self) -> str:
        """A bundle is loaded once, into a store of its own."""
        return "demo"

    async def receive(self, *, most: int, timeout: float) -> Sequence[Delivery]:  # noqa: ARG002 - nothing to wait for
        """The next records."""
        if self._next >= len(self._records):
            raise EndOfLog("the bundle is read")
        few = self._records[self._next : self._next + most]
        first, self._next = self._next, self._next + len(few)
        return [Delivery(0, first + index, record, 1024) for index, record in enumerate(few)]

    async def prepare(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """All of them: nobody else reads a bundle."""
        return deliveries

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """They are in the store's table."""

    async def acknowledge(self, ends: Mapping[int, int]) -> None:
        """Nothing is kept for another time."""


def load(store: "Store", bundle: bytes, *, end: datetime, registry: "CollectorRegistry") -> Loaded:
    """Insert the bundle into an empty, migrated store, so that it ends at `end`."""
    records = moved(lines(bundle), end=end)
    ingester = Ingester(
        source=BundleSource(records),
        store=store,
        settings=IngestSettings(linger=0.0),
        metrics=Metrics(registry),
        clock=lambda: datetime.now(UTC),
    )
    asyncio.run(ingester.run())
    return Loaded(len(records), *_covered(store, end))


def _covered(store: "Store", end: datetime) -> tuple[datetime, datetime]:
    """From the first second in which everything was watched to the last one that is known."""
    known = report(store, Scope(), None, end).coverage
    if known.watched_since is None or known.watermark is None:
        raise BundleError("the bundle does not say what was watched")
    return (known.watched_since + timedelta(seconds=1)).replace(microsecond=0), known.watermark.replace(microsecond=0)
