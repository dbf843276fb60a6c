"""One Reflector with the real tracker between a scripted cluster and a list of records."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from prometheus_client import CollectorRegistry

from collector.clock import Capture, utc_now
from collector.heartbeat import Heartbeat, steady
from collector.metrics import Metrics
from collector.reflector import Reflector, State
from collector.settings import CollectorSettings, Timings
from collector.sink import Position
from collector.skew import Skew
from collector.trackers import RestorableTracker, factory
from schema.events import Event, Gap, Record
from schema.objects import Kind, Scope
from tests.fakes.cluster import (
    FakeCluster,
    kind,
    until,
)

QUICK = Timings(
    backoff_first=0.001,
    backoff_most=0.004,
    reconnect_most=0.004,
    idle=0.01,
    idle_resumed=0.01,
    hold=0.2,
    forbidden_retry=0.01,
    burst_silence=0.1,
)
SETTINGS = CollectorSettings(cluster="test", redaction_key=b"k" * 32, instance="i", timings=QUICK)
KIND = kind("configmaps")
EVENTS = kind("events")
YESTERDAY = datetime(2026, 2, 28, tzinfo=UTC)


@dataclass
class Bench:
    """One Reflector with the real tracker, on a scripted cluster."""

    cluster: FakeCluster = field(default_factory=lambda: FakeCluster(KIND, EVENTS))
    records: list[Record] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    clock: Callable[[], datetime] = utc_now
    settings: CollectorSettings = SETTINGS
    watched: Kind = KIND

    def __post_init__(self) -> None:
        self.asleep = 0.0
        self.heartbeat = Heartbeat(clock=self.clock, ruler=lambda: steady() + self.asleep)
        self.metrics = Metrics(CollectorRegistry())
        self.reflector = self.make(self.new_tracker())

    @property
    def scope(self) -> Scope:
        return Scope(self.watched.id)

    def new_tracker(self, position: Position | None = None) -> RestorableTracker:
        skew = Skew()
        capture = Capture(cluster="test", cluster_uid="u")
        made = factory(SETTINGS, skew=skew, clock=self.clock)(capture, self.watched, self.scope)
        if position is not None:
            made.restore([], position)
        return made

    def make(self, tracker: RestorableTracker) -> Reflector:
        return Reflector(
            cluster=self.cluster,
            kind=self.watched,
            scope=self.scope,
            tracker=tracker,
            emit=self.emit,
            heartbeat=self.heartbeat,
            skew=Skew(),
            syncs=asyncio.Semaphore(6),
            metrics=self.metrics,
            settings=self.settings,
            clock=self.clock,
            random=Random(1),
            on_state=lambda one: self.states.append(one.state),
        )

    def resume_from(self, rv: str) -> None:
        at = self.clock()
        self.reflector = self.make(self.new_tracker(Position(rv=rv, epoch=1, at=at, version="v1", since=at)))

    async def emit(self, records: Sequence[Record], scope: Scope, position: Position | None) -> None:
        assert scope == self.scope
        self.records += records
        self.positions.append(position.rv if position else "")

    @property
    def events(self) -> list[tuple[str, str, str]]:
        """(op, name, version) in log order."""
        return [(one.op, one.name, one.rv) for one in self.records if isinstance(one, Event)]

    @property
    def gaps(self) -> list[str]:
        return [one.reason for one in self.records if isinstance(one, Gap)]

    async def reached(self, rv: str) -> None:
        await until(lambda: self.reflector.rv == rv)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        beating = asyncio.create_task(self.heartbeat.run())
        task = asyncio.create_task(self.reflector.run())
        try:
            yield
        finally:
            self.reflector.request_stop()
            await asyncio.wait_for(task, 5)
            beating.cancel()
