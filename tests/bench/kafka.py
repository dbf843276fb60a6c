"""The distributed way on one machine: collector → Kafka → ingest → store, flat out and at a steady pace.

The generated workload of `tests.bench.embedded`, a real broker, the engine behind its HTTP face. How long a change took
until it could be queried is told by the store itself: `log_order` holds the moment of the insert in milliseconds, and
`observed_at` the moment at which the collector read the bytes.
"""

import json
import time
from pathlib import Path

import urllib3

from tests.bench.embedded import generated
from tests.bench.report import Process, figure, say
from tests.e2e import topic
from tests.e2e.distributed import Distributed, Remote
from tests.kafka.broker import RealBroker

INGESTERS = 2
STEADY = 300
WAITS = """
    SELECT quantiles(0.5, 0.99)(toUnixTimestamp64Milli(snowflakeIDToDateTime64(log_order))
                                - toUnixTimestamp64Milli(toDateTime64(observed_at, 3)))
    FROM changes WHERE origin = 'watch' AND observed_at > now() - {seconds}
"""


def run(home: Path, *, seconds: float, scale: float = 1.0) -> None:
    """Sustained changes/s with bytes on Kafka; then p50 and p99 of change to queryable at 300/s."""
    _flat_out(home / "flat", seconds, scale)
    _steady(home / "steady", seconds, scale)


def _flat_out(home: Path, seconds: float, scale: float) -> None:
    home.mkdir()
    with (
        generated(scale, 0, home) as (server, config),
        RealBroker(home / "kafka") as broker,
        Distributed(home / "d", broker) as parts,
    ):
        remote = _recording(parts, config, scale)
        before, began = topic.sizes(broker), time.monotonic()
        cpu = {stage.arguments[0]: Process(stage.pid).cpu() for stage in (remote.collector, *parts.ingesters)}
        sent = _changes(server, remote, seconds)
        took, after = time.monotonic() - began, topic.sizes(broker)
        known: dict[str, object] = {"changes": sent, "seconds": round(took, 1), "ingesters": INGESTERS, "partitions": 6}
        figure("kafka, end to end", sent / took, "changes/s", **known)
        for name, size in after.items():
            if name.startswith("kubelapse."):
                figure(f"kafka, bytes in {name}", (size - before.get(name, 0)) / sent, "bytes per change", **known)
        spent = Process(remote.collector.pid).cpu() - cpu["collect"]
        figure("kafka, CPU of the collector", spent / sent * 1000, "s per 1,000 changes", **known)
        for name, peak in (("collector", remote.collector.pid), ("ingester", parts.ingesters[0].pid)):
            figure(f"kafka, peak memory of the {name}", Process(peak).peak() / 1e6, "MB", **known)


def _steady(home: Path, seconds: float, scale: float) -> None:
    home.mkdir()
    with (
        generated(scale, STEADY, home) as (server, config),
        RealBroker(home / "kafka") as broker,
        Distributed(home / "d", broker) as parts,
    ):
        remote = _recording(parts, config, scale)
        sent = _changes(server, remote, seconds)
        [(waits,)] = parts.rows(WAITS.replace("{seconds}", str(int(seconds))))
        assert isinstance(waits, list)
        for name, wait in zip(("p50", "p99"), waits, strict=True):
            figure(f"kafka, change to queryable {name}", wait / 1000, "s", changes=sent, rate=STEADY)


def _recording(parts: Distributed, config: Path, scale: float) -> Remote:
    """Everything runs, and the first lists are in the store."""
    for _ in range(INGESTERS):
        parts.ingester()
    remote = parts.remote(config, "bench")
    began = time.monotonic()
    remote.collector.start().wait_ready(180)
    ready = time.monotonic() - began
    counts = [0]
    while len(counts) < 4 or not 0 < counts[-4] == counts[-1]:
        time.sleep(0.5)
        counts.append(stored(parts))
    took = time.monotonic() - began - 1.5  # since when nothing more has come
    figure("kafka, cold sync", took, "s", objects=counts[-1], collector_ready=round(ready, 1))
    return remote


def stored(parts: Distributed) -> int:
    """Objects that the store knows."""
    [(count,)] = parts.rows("SELECT uniqExact(resource, uid) FROM events")
    assert isinstance(count, int)
    return count


def _changes(server: str, remote: Remote, seconds: float) -> int:
    """Let changes be sent, and wait until all of them are in the store; how many."""
    http = urllib3.PoolManager()
    http.request("POST", f"{server}/go?seconds={seconds}")
    time.sleep(seconds)
    while (report := json.loads(http.request("GET", f"{server}/sent").data))["running"]:
        time.sleep(0.1)
    say(f"sent {report['sent']}")
    for kind, rv in report["last"].items():
        remote.wait_for("deployments.apps" if kind == "deployments" else kind, rv, 600)
    return int(sum(report["sent"].values()))
