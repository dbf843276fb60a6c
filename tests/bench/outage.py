"""Kafka away for minutes under a steady load: do watches break, does memory grow, does everything arrive afterwards?

A real control plane, a real broker, one collector, and a writer that notes every version which the API server gave it.
"""

import asyncio
import re
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from collector.kafka import PartitionReader
from schema.codec import decode
from schema.events import Event, Gap, Record
from schema.kafka import Broker, create
from schema.topics import DEFAULT_PARTITIONS, Topics
from tests.bench.report import Process, figure, say
from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.e2e.recorder import free_port
from tests.e2e.stages import Stage
from tests.kafka.broker import RealBroker

OBJECTS = 300
WRITERS = 4
CALM = 15.0
"""Seconds under load before the broker goes, and after it has come back."""


@dataclass
class Load:
    """So many writes a second, spread over the objects; `written`: uid → versions in order."""

    api: Api
    rate: float
    written: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    ending: bool = False

    def prepare(self) -> None:
        for number in range(OBJECTS):
            self.api.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": f"load-{number}"}})

    def run(self, writer: int) -> None:
        """One writer with objects of its own, in step with the clock."""
        began, done = time.monotonic(), 0
        mine = range(writer, OBJECTS, WRITERS)
        while not self.ending:
            path = f"/api/v1/namespaces/default/configmaps/load-{mine[done % len(mine)]}"
            body = self.api.patch(path, {"data": {"n": str(done), "text": "x" * 400}})
            self.written[body["metadata"]["uid"]].append(int(body["metadata"]["resourceVersion"]))
            done += 1
            time.sleep(max(0.0, began + done * WRITERS / self.rate - time.monotonic()))

    @property
    def writes(self) -> int:
        return sum(map(len, self.written.values()))


def run(home: Path, *, seconds: float, rate: float = 300.0) -> None:
    """`seconds`: for which the broker is away."""
    topics, port = Topics(), free_port()
    with RealBroker(home / "broker") as broker, Lab(home / "lab") as lab:
        address = Broker(bootstrap=broker.bootstrap)
        asyncio.run(create(address, topics.wanted()))
        arguments = ("collect", "--kafka", broker.bootstrap, "--cluster", "lab", "--status-port", str(port))
        environ = {"KUBECONFIG": str(lab.kubeconfig), "KUBELAPSE_DATA": str(home / "data")}
        collector = Stage(arguments, environ, home / "collect.log").start().wait_ready()
        try:
            load = Load(lab.client(), rate)
            load.prepare()
            _outage(broker, collector, load, seconds)
        finally:
            code = collector.stop()
        say(f"the collector ended with {code}")
        _compare(load, asyncio.run(_read(address, topics)))


def _outage(broker: RealBroker, collector: Stage, load: Load, seconds: float) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        try:
            writers = [pool.submit(load.run, number) for number in range(WRITERS)]
            time.sleep(CALM)
            figure("collector RSS before", _rss(collector), "MB")
            broker.kill()
            peak = _watch(collector, seconds)
            figure("collector RSS, most while Kafka was away", peak, "MB", seconds=seconds, rate=load.rate)
            broker.start()
            began = time.monotonic()
            peak = _watch(collector, 0.0, until_drained=True)
            figure("backlog drained, under the same load", time.monotonic() - began, "s", rss=peak)
            time.sleep(CALM)
        finally:
            load.ending = True
        for writer in writers:
            writer.result()
    time.sleep(3)
    for name in ("reconnects", "lists", "expired"):
        counted = _metric(collector, f"kubelapse_collector_{name}_total", without='reason="first"')
        figure(f"watches: {name}", counted, "")
    figure("spilled to disk", _metric(collector, "kubelapse_collector_log_spilled_bytes_total") / 1e6, "MB")


def _watch(collector: Stage, seconds: float, *, until_drained: bool = False) -> float:
    """Most RSS in MB meanwhile."""
    peak, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end or (until_drained and not _drained(collector)):
        peak = max(peak, _rss(collector))
        time.sleep(0.5)
    return peak


def _drained(collector: Stage) -> bool:
    disk = _metric(collector, "kubelapse_collector_log_disk_bytes")
    return collector.ready() and disk == 0 and _metric(collector, "kubelapse_collector_log_waiting_bytes") < 2e6


def _metric(collector: Stage, name: str, *, without: str = "\n") -> float:
    lines = collector.raw("/metrics").decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if re.match(name + r"[ {]", line) and without not in line)


def _rss(collector: Stage) -> float:
    return Process(collector.pid).rss() / 1e6


async def _read(broker: Broker, topics: Topics) -> list[Record]:
    found: list[Record] = []
    for number in range(DEFAULT_PARTITIONS):
        async with PartitionReader(broker, topics.changes, number) as reader:
            await reader.read(lambda _, value: found.append(decode(value or b"")))
    return found


def _compare(load: Load, records: list[Record]) -> None:
    """Everything that was written is there once, in the order of each object."""
    got: dict[str, list[int]] = defaultdict(list)
    for record in records:
        if isinstance(record, Event) and record.uid in load.written and record.op == "update":
            got[record.uid].append(int(record.rv))
    missing = sum(len(set(versions) - set(got[uid])) for uid, versions in load.written.items())
    twice = sum(len(versions) - len(set(versions)) for versions in got.values())
    disordered = sum(versions != sorted(versions) for versions in got.values())
    figure("versions written", load.writes, "")
    figure("missing, twice, objects out of order", missing, "", twice=twice, disordered=disordered)
    figure("gaps", sum(isinstance(record, Gap) for record in records), "")
