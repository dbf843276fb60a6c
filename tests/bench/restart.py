"""A collector with 20,000 objects in memory, killed and started again: how long until it goes on?"""

import asyncio
import time
from pathlib import Path

import urllib3

from schema.kafka import Broker, create
from schema.topics import Topics
from tests.bench.embedded import generated
from tests.bench.report import Process, figure
from tests.e2e.recorder import free_port
from tests.e2e.stages import Stage
from tests.kafka.broker import RealBroker


def run(home: Path, *, scale: float = 1.0, rate: float = 300.0) -> None:
    """From the start of the process until its slot is taken, memory restored, every watch resumed."""
    objects, http = int(20_000 * scale), urllib3.PoolManager()
    with RealBroker(home / "broker") as broker, generated(scale, rate, home) as (server, kubeconfig):
        asyncio.run(create(Broker(bootstrap=broker.bootstrap), Topics().wanted()))
        port = str(free_port())
        arguments = ("collect", "--kafka", broker.bootstrap, "--cluster", "bench", "--status-port", port)
        environ = {"KUBECONFIG": str(kubeconfig), "KUBELAPSE_DATA": str(home / "data")}
        began = time.monotonic()
        collector = Stage(arguments, environ, home / "collect.log").start().wait_ready(180)
        figure("first lists, committed to Kafka", time.monotonic() - began, "s", objects=objects)
        figure("memory after the first lists", Process(collector.pid).rss() / 1e6, "MB", objects=objects)
        http.request("POST", f"{server}/go?seconds=600")
        time.sleep(15)
        collector.kill()
        began = time.monotonic()
        collector.start().wait_ready(180)
        figure(
            "killed and started again, until every watch has resumed", time.monotonic() - began, "s", objects=objects
        )
        figure("CPU of that", Process(collector.pid).cpu(), "s", objects=objects)
        figure("memory after that", Process(collector.pid).rss() / 1e6, "MB", objects=objects)
        assert collector.stop() == 0, collector.tail()
