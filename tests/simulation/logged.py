"""Capture into Kafka in virtual time: the collector's own way into the log over a simulated broker. Seeds of their own.

    python -m tests.simulation.logged --seeds 0:10000
    python -m tests.simulation.logged --seeds 4711 --verbose

The faults of `tests.simulation.faults`, and those of a log: the broker away, answers that get lost, a slow one, another
collector that takes the slot over while the first is at work. Memory and disk of the backlog are small, so that it
spills and fills up. Same proofs, of what a reader of the topics is told.
"""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from collector.heartbeat import Heartbeat
from collector.kafka_sink import KafkaSink
from collector.kafka_slot import LogLimits, Place
from collector.metrics import LogMetrics, Metrics
from collector.run import Collector
from collector.slots import Slot
from collector.spill import Spill
from schema.kafka import Broker
from tests.simulation.faults import FAULTS, Fault, draw
from tests.simulation.kafka import TOPICS, SimulatedBroker, SimulatedClient
from tests.simulation.loop import VirtualLoop
from tests.simulation.run import KINDS, Simulation, lived
from tests.simulation.seeds import replay

LOGGED: Final = (*FAULTS, "broker-away", "lost-answers", "slow-broker", "take-over")
LIMITS: Final = LogLimits(
    memory_bytes=5_000, transaction_bytes=3_000, patience=2.0, keep_alive=1.0, stand_by=4.0, operation=5.0
)
ON_DISK: Final = 100_000


class Logged(Simulation):
    """One run."""

    spill = Path()
    client: SimulatedClient
    instance = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.broker = SimulatedBroker(Random(self.schedule.seed * 3 + 1))
        self.registry = CollectorRegistry()
        self.log_metrics = LogMetrics(self.registry)

    def begin(self) -> None:
        """A collector process. It knows that the one before it is dead where nobody takes over from the living."""
        self._begin(heir=self.chance.random() < 0.5, take_over=False)

    def _begin(self, *, heir: bool, take_over: bool) -> None:
        before, self.instance = self.instance, f"i{len(self.tasks)}"
        self.client = SimulatedClient(self.broker)
        self.stopping = asyncio.Event()
        place = Place(
            broker=Broker(bootstrap="simulated"),
            topics=TOPICS,
            cluster=self.settings.cluster,
            cluster_uid="uid-of-the-cluster",
            slot=Slot(),
            instance=self.instance,
            take_over=take_over,
            predecessors=frozenset({before} if heir and before else ()),
        )
        self.tasks.append(self.loop.create_task(self._process(place, self.client, self.stopping)))

    async def _process(self, place: Place, client: SimulatedClient, stopping: asyncio.Event) -> None:
        """Begin again where a beginning fails, as a supervisor does; who was fenced stands by then."""
        while not stopping.is_set():
            sink = KafkaSink(
                place,
                spill=Spill(self.spill, most=ON_DISK),
                metrics=self.log_metrics,
                clock=self.clock,
                limits=LIMITS,
                client=client,
            )
            try:
                await self._collector(sink).run(stopping)
            except Exception as error:
                logging.getLogger(__name__).info("the collector ended: %s", error)
                await asyncio.sleep(1)
            finally:
                await sink.abandon()

    def _collector(self, sink: KafkaSink) -> Collector:
        return Collector(
            cluster=self.seen_by(self.server),
            sink=sink,
            settings=self.settings,
            metrics=Metrics(CollectorRegistry()),
            clock=self.clock,
            skew=self.skew,
            heartbeat=Heartbeat(clock=self.clock, ruler=self.loop.time),
            random=Random(self.chance.random()),
        )

    async def go(self, quiet: float = 140.0) -> None:
        await super().go(quiet)
        self.kept.records[:] = self.broker.records()

    # ---- faults ---------------------------------------------------------------------------------------------------

    def _kill(self, _: Fault, __: float) -> None:
        self.client.dead = True
        for task in self.tasks:
            task.cancel()

    def _log_full(self, _: Fault, __: float) -> None:
        self.broker.away = True

    def _after_log_full(self, _: Fault, __: float) -> None:
        self.broker.away = False

    _broker_away, _after_broker_away = _log_full, _after_log_full

    def _lost_answers(self, _: Fault, __: float) -> None:
        self.broker.lost_answers = 0.5

    def _after_lost_answers(self, _: Fault, __: float) -> None:
        self.broker.lost_answers = 0.0

    def _slow_broker(self, _: Fault, __: float) -> None:
        self.broker.latency = 0.5

    def _after_slow_broker(self, _: Fault, __: float) -> None:
        self.broker.latency = 0.01

    def _take_over(self, _: Fault, __: float) -> None:
        """Another process, while the first one is at work, or not."""
        self._begin(heir=False, take_over=True)


def logged(seed: int, *, fencing: bool = True) -> tuple[Simulation, list[str]]:
    """The run of this seed; without `fencing` as on a broker that lets a dethroned producer write on."""
    schedule = draw(seed, list(KINDS), among=LOGGED)
    with tempfile.TemporaryDirectory(prefix="kubelapse-logged-") as home:

        def make(loop: VirtualLoop) -> Logged:
            run = Logged(schedule, loop, freeze=loop.freeze)
            run.spill, run.broker.fencing = Path(home), fencing
            return run

        return lived(make)


def main() -> int:
    """Run a range of seeds."""
    return replay(__doc__ or "", logged)


if __name__ == "__main__":
    sys.exit(main())
