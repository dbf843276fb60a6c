"""The distributed way with every part real: collectors, a Kafka broker, ingesters, a store over HTTP, query replicas.

The store is the engine behind an HTTP face (tests/clickhouse/face.py), a process of its own, as no ClickHouse server
can be counted on. One truth, one set of writers and one set of checks per cluster: those of the embedded way
(`tests.e2e.scenario`), which meet here a recorder that is two processes, a collector and a query replica.
"""

import itertools
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schema.clickhouse import ClickHouseStore
from tests.clickhouse import servers
from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.recorder import Json, Recorder, free_port
from tests.e2e.scenario import Scenario
from tests.e2e.stages import Stage
from tests.kafka.broker import RealBroker

PARTITIONS = 6
BROKER_AWAY = 10
"""The exit code."""


@dataclass(slots=True, kw_only=True)
class Remote(Recorder):
    """A collector, and the replica that is asked about its cluster, in the place of one `kubelapse up`."""

    cluster: str
    collector: Stage
    query: Stage

    def start(self, *, ready: bool = True) -> "Remote":
        """Start the collector."""
        self.collector.start()
        if ready:
            self.collector.wait_ready()
        return self

    def ask(self, path: str, **query: str) -> Json:
        """As the embedded recorder, about this cluster."""
        return self.query.ask(path, cluster=self.cluster, **query)

    def wait_for(self, kind: str, rv: int, seconds: float = 120) -> None:
        """As the embedded recorder; a broker that was killed costs a session timeout or two.

        Until an ingester has stored the first of this cluster, no kind of it is known.
        """
        patiently(lambda: self.cluster in self._clusters(), self.tail, within=seconds)
        Recorder.wait_for(self, kind, rv, seconds)

    def _clusters(self) -> set[str]:
        return {each["cluster"] for each in self.query.ask("/kinds")["items"]}

    def kill(self) -> None:
        """kill -9 of the collector."""
        self.collector.kill()

    def stop(self) -> int:
        """SIGTERM to the collector."""
        return self.collector.stop()

    def warnings(self) -> list[str]:
        """What it warned of, for messages."""
        return [line[:300] for line in self.collector.text.splitlines() if "[warning" in line]

    def tail(self) -> str:
        """The end of its log, for messages."""
        return self.collector.tail()


@dataclass(slots=True)
class Distributed:
    """Everything between the clusters and the answers. Use as a context; `home` keeps logs and data."""

    home: Path
    broker: RealBroker
    store_url: str = ""
    query: Stage = field(init=False)
    ingesters: list[Stage] = field(default_factory=list)
    collectors: list[Stage] = field(default_factory=list)
    scenarios: list[Scenario] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __enter__(self) -> "Distributed":
        """The store is there and migrated, the topics are there, a replica answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.key.write_text(secrets.token_hex(32))
        if not self.store_url:
            self.store_url = self._stack.enter_context(servers.face(self.home / "face")) + "/kubelapse"
        migrated = self.stage("migrate").start()
        assert migrated.wait() == 0, migrated.tail()
        self.query = self.stage("serve", "--port", "0").start().wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for scenario in self.scenarios:
            scenario.truth.stop()
            if scenario.recorder.process is not None:  # one that was there before
                scenario.recorder.kill()
        for stage in (*self.collectors, *self.ingesters, self.query):
            stage.kill()
        self._stack.close()

    @property
    def key(self) -> Path:
        """The redaction key that all collectors share."""
        return self.home / "redaction.key"

    def stage(self, *arguments: str, **environ: str) -> Stage:
        """One stage, not started yet, with a data directory, a log and a status port of its own."""
        name = f"{arguments[0]}-{next(self._numbers)}"
        settings = {
            "KUBELAPSE_KAFKA": self.broker.bootstrap,
            "KUBELAPSE_KAFKA_PARTITIONS": str(PARTITIONS),
            "KUBELAPSE_STORE": self.store_url,
            "KUBELAPSE_REDACTION_KEY_FILE": str(self.key),
            "KUBELAPSE_DATA": str(self.home / name),
            "KUBELAPSE_STATUS_PORT": str(free_port()),
        }
        return Stage(arguments, {**settings, **environ}, self.home / f"{name}.log")

    def collector(self, kubeconfig: Path, cluster: str, *arguments: str, **environ: str) -> Stage:
        """A collector of this cluster, not started yet."""
        named = {"KUBECONFIG": str(kubeconfig), "KUBELAPSE_CLUSTER": cluster}
        self.collectors.append(self.stage("collect", *arguments, **named, **environ))
        return self.collectors[-1]

    def ingester(self) -> Stage:
        """One more ingester, started."""
        self.ingesters.append(self.stage("ingest").start())
        return self.ingesters[-1]

    def remote(self, kubeconfig: Path, cluster: str) -> Remote:
        """A collector of this cluster, not started yet, with the replica that answers for it."""
        data = self.home / cluster / "data"  # the truth lies beside it
        collector = self.collector(kubeconfig, cluster)
        return Remote(kubeconfig, data, cluster=cluster, collector=collector, query=self.query)

    def record(self, lab: Lab, cluster: str, seed: int) -> Scenario:
        """Begin to record this cluster beside its truth."""
        scenario = Scenario(lab, self.remote(lab.kubeconfig, cluster), seed)
        self.scenarios.append(scenario)
        scenario.begin()
        return scenario

    def read(self, scenario: Scenario) -> None:
        """The rows of this cluster, from the store."""
        assert isinstance(scenario.recorder, Remote)
        store = ClickHouseStore.open(self.store_url)
        try:
            scenario.rows = compare.stored(store, scenario.recorder.cluster)
        finally:
            store.close()

    @property
    def clusters(self) -> list[str]:
        """Those that are recorded."""
        return [one.recorder.cluster for one in self.scenarios if isinstance(one.recorder, Remote)]

    def behind(self, cluster: str) -> float:
        """Seconds since the moment up to which answers about this cluster claim to know everything."""
        watermark = self.query.ask("/coverage", cluster=cluster)["coverage"]["watermark"]
        return time.time() - datetime.fromisoformat(watermark).timestamp()

    def supervise(self) -> None:
        """Start again what ended because no broker was there when it started; any other end is a failure."""
        for stage in (*self.collectors, *self.ingesters):
            code = stage.ended()
            assert code in (None, 0, BROKER_AWAY), f"{stage.arguments[0]} ended with {code}:\n{stage.tail()}"
            if code == BROKER_AWAY:
                stage.start()

    def rows(self, sql: str) -> Sequence[tuple[object, ...]]:
        """Of the store."""
        store = ClickHouseStore.open(self.store_url)
        try:
            return store.rows(sql)
        finally:
            store.close()

    def tails(self) -> str:
        """The ends of all logs, for messages."""
        return "\n".join(f"== {stage.log.name}\n{stage.tail()}" for stage in (*self.collectors, *self.ingesters))


def patiently(condition: Callable[[], object], what: Callable[[], str], *, within: float) -> float:
    """Wait until it is so; how many seconds that took. `what`: for the message when it does not come."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, what()
        time.sleep(0.1)
    return time.monotonic() - began
