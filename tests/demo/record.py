"""Records the demo's incident from the real control plane into the bundle that ships: `python -m tests.demo.record`.

The collector is the product's own; only its log is a list here. It is ended without a word and comes back after the API
server has forgotten the ConfigMaps' versions, so the bundle holds a real gap.
"""

import asyncio
import secrets
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import zstandard
from prometheus_client import CollectorRegistry

from collector.clock import utc_now
from collector.credentials import load_credentials
from collector.kubeapi import KubeApi
from collector.metrics import Metrics
from collector.run import Collector
from collector.settings import CollectorSettings
from collector.sink import Batch, Position, Remembered, Restored
from collector.skew import Skew
from schema import codec
from schema.events import Event, Record
from schema.objects import Scope
from tests.controlplane.lab import Lab
from tests.demo.incident import Incident
from tests.fakes.records import remembered

BUNDLE = Path(__file__).parents[2] / "kubelapse" / "demo" / "incident.jsonl.zst"
FORGETFUL = ("--etcd-compaction-interval=3s", "--watch-cache-sizes=configmaps#0")
LIMIT = 2 << 20  # bytes


@dataclass(slots=True)
class ListSink:
    """A log in memory that survives the collector's ends."""

    records: list[Record] = field(default_factory=list)
    positions: dict[Scope, Position] = field(default_factory=dict)
    newest: dict[str, Event] = field(default_factory=dict)
    cluster_uid: str = ""

    async def restore(self, cluster: str) -> Restored:  # noqa: ARG002  # there is only one
        return Restored(cluster_uid=self.cluster_uid, positions=dict(self.positions))

    async def remembered(self, cluster: str, kind: str) -> AsyncIterator[Remembered]:  # noqa: ARG002
        for event in list(self.newest.values()):
            if event.kind_id == kind:
                yield remembered(event)

    async def append(self, batch: Batch) -> None:
        self.records.extend(batch.records)
        self.positions.update(batch.positions)
        for record in batch.records:
            self.cluster_uid = record.cluster_uid
            if isinstance(record, Event):
                self.newest[record.uid] = record

    async def flush(self) -> None:
        """Nothing to wait for."""

    async def close(self) -> None:
        """Nothing to close."""


async def record(lab: Lab) -> list[Record]:
    """Play the incident and record it."""
    incident, sink, key = Incident(lab.client()), ListSink(), secrets.token_bytes(32)
    await asyncio.to_thread(incident.before)
    first, stop, gone = await _begin(lab, sink, key)
    for scene in (incident.normal_life, incident.broken_config, incident.bad_rollout, incident.tug_of_war):
        print(f"scene: {scene.__name__}", file=sys.stderr)
        await asyncio.to_thread(scene)
    await asyncio.to_thread(incident.reborn_namespace)
    await asyncio.sleep(4)
    first.cancel()  # as if killed: no goodbye in the log
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.to_thread(incident.unwatched)
    await asyncio.sleep(10)  # until etcd has compacted twice
    second, stop, cluster = await _begin(lab, sink, key)
    await asyncio.to_thread(incident.repaired)
    stop.set()
    await second
    await gone.close()
    await cluster.close()
    return sink.records


async def _begin(lab: Lab, sink: ListSink, key: bytes) -> tuple["asyncio.Task[None]", asyncio.Event, KubeApi]:
    credentials = await load_credentials(kubeconfig=str(lab.kubeconfig), environ={}, home=Path.home())
    settings = CollectorSettings(
        cluster="prod-eu",
        redaction_key=key,
        instance=uuid.uuid4().hex[:8],
        software="kubelapse/demo",
    )
    skew, stop, metrics = Skew(utc_now), asyncio.Event(), Metrics(CollectorRegistry())
    cluster = KubeApi(credentials, skew=skew, clock=utc_now, random=Random())
    collector = Collector(cluster=cluster, sink=sink, settings=settings, metrics=metrics, clock=utc_now, skew=skew)
    task = asyncio.create_task(collector.run(stop), name="collector")
    await asyncio.sleep(6)
    return task, stop, cluster


def pack(records: Iterable[Record]) -> bytes:
    """JSON lines, compressed as far as it goes: the bundle is read once per demo."""
    return zstandard.ZstdCompressor(level=19).compress(b"\n".join(map(codec.encode, records)) + b"\n")


def main() -> None:
    """Write the bundle into the package."""
    with (
        tempfile.TemporaryDirectory(prefix="kubelapse-demo-") as home,
        Lab(Path(home), nodes=3, controllers=True, apiserver_flags=FORGETFUL) as lab,
    ):
        records = asyncio.run(record(lab))
    bundle = pack(records)
    if len(bundle) > LIMIT:
        sys.exit(f"the bundle takes {len(bundle)} bytes, {LIMIT} are allowed")
    BUNDLE.write_bytes(bundle)
    print(f"{len(records)} records, {len(bundle)} bytes in {BUNDLE.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
