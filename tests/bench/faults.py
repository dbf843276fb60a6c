"""The one run: a real control plane under load, its recorder killed, frozen, and the API server killed; what is known?

    python -m tests.bench faults

About 250 changes/s for a minute, of which the CPU is told; then, at a steady 100/s, `kill -9` with 20 s away, frozen
for 85 s, and the API server killed and begun anew. The truth is a watch of etcd itself: recall of all versions of all
objects, what is missing outside declared gaps, what is there twice, states that differ.
"""

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import urllib3

from kubelapse import proofs
from schema.chdb import ChdbStore
from schema.events import Event, Gap
from tests.bench.report import Process, figure, say
from tests.controlplane.api import Api, Refused
from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.etcd import JSON, Etcd
from tests.e2e.level import wait_until_level
from tests.e2e.recorder import Recorder
from tests.e2e.stored import events_of, gaps_of
from tests.e2e.writer import Writer

PREFIXES: Final = {
    "configmaps": "/registry/configmaps/",
    "secrets": "/registry/secrets/",
    "deployments.apps": "/registry/deployments/",
    "replicasets.apps": "/registry/replicasets/",
    "pods": "/registry/pods/",
}
WRITERS: Final = 4
STEADY: Final = 250.0
CALM: Final = 100.0
OWN: Final = 0.6
"""Share of the changes that writers make themselves; controllers and kwok follow with the others."""
AWAY: Final = 20.0
FROZEN: Final = 85.0
BETWEEN: Final = 10.0
LEVEL: Final = 300.0
READ: Final = timedelta(seconds=compare.READ)
HIDDEN: Final = frozenset({"secrets"})
"""Kinds whose states are redacted, and so no copies of what etcd has."""


def run(home: Path, *, seconds: float) -> None:
    """All of it; `seconds`: for which changes come at the full rate."""
    with Lab(home / "lab", nodes=3, controllers=True, apiserver_flags=(JSON,)) as lab:
        recorder, etcd = Recorder(lab.kubeconfig, home / "data"), Etcd(lab, PREFIXES)
        load = Load(lab.client())
        try:
            recorder.start()
            begun = etcd.revision()
            with load.flowing():
                _steady(recorder, etcd, seconds)
                load.rate = CALM
                _faults(lab, recorder)
            _level(recorder, etcd)
            assert recorder.stop() == 0, recorder.tail()
        finally:
            if recorder.process is not None and recorder.process.poll() is None:
                recorder.kill()
            etcd.stop()
        _report(recorder, etcd, begun)


@dataclass
class Load:
    """Writers in step with the clock, also over an API server that is away."""

    api: Api
    rate: float = STEADY
    stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def flowing(self) -> Iterator[None]:
        """In the background."""
        writers = [Writer(self.api, f"bench-{number}", number) for number in range(WRITERS)]
        threads = [threading.Thread(target=self._write, args=(writer,), daemon=True) for writer in writers]
        for writer, thread in zip(writers, threads, strict=True):
            writer.prepare()
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def _write(self, writer: Writer) -> None:
        while not self.stop.is_set():
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError, Refused):
                began, done = time.monotonic(), writer.written
                rate = self.rate
                while rate == self.rate and not self.stop.is_set():
                    writer.run(1, stop=self.stop)
                    ahead = began + (writer.written - done) * WRITERS / (rate * OWN) - time.monotonic()
                    time.sleep(max(0.0, ahead))
            time.sleep(0.2)


def _steady(recorder: Recorder, etcd: Etcd, seconds: float) -> None:
    assert recorder.process is not None
    time.sleep(BETWEEN / 2)
    process = Process(recorder.process.pid)
    cpu, before, began = process.cpu(), len(etcd.writes), time.monotonic()
    time.sleep(seconds)
    spent, changes, took = process.cpu() - cpu, len(etcd.writes) - before, time.monotonic() - began
    known: dict[str, object] = {"changes": changes, "per_second": round(changes / took)}
    figure("one run, CPU of the recorder", spent / changes * 1000, "s per 1,000 changes", **known)
    figure("one run, memory", process.rss() / 1e6, "MB", **known)


def _faults(lab: Lab, recorder: Recorder) -> None:
    say("faults: kill -9")
    recorder.kill()
    time.sleep(AWAY)
    recorder.start(ready=False).wait_ready(LEVEL)
    time.sleep(BETWEEN)
    say("faults: frozen")
    recorder.signal(signal.SIGSTOP)
    time.sleep(FROZEN)
    recorder.signal(signal.SIGCONT)
    time.sleep(BETWEEN)
    say("faults: API server killed")
    lab.kill("apiserver")
    lab.revive()
    time.sleep(BETWEEN)


def _level(recorder: Recorder, etcd: Etcd) -> None:
    """Until everything can be asked for."""
    time.sleep(3)
    began = time.monotonic()
    for kind in PREFIXES:
        recorder.wait_for(kind, etcd.newest(kind), seconds=LEVEL)
    wait_until_level(recorder, seconds=LEVEL)
    figure("one run, level after the last change", time.monotonic() - began, "s")


def _report(recorder: Recorder, etcd: Etcd, begun: int) -> None:
    store = ChdbStore.open(recorder.data / "store")
    try:
        events = events_of(row for row in compare.stored(store) if row.kind in PREFIXES)
        gaps = gaps_of(store)
    finally:
        store.close()
    truth = etcd.writes
    due = [one for one in truth if int(one.rv) > begun]
    missing = proofs.complete(truth, events, due=due, slack=timedelta(0))
    outside = proofs.complete(truth, [*events, *gaps], due=due, slack=READ)
    figure("one run, versions that the API server had", len(due), "", **_origins(events))
    figure("one run, recall", 1 - len(missing) / len(due), "", missing=len(missing), outside_gaps=len(outside))
    figure("one run, gaps", len(gaps), "", of_these_kinds=len(_of_these(gaps)), **Counter(gap.reason for gap in gaps))
    say("\n".join(line for line in recorder.log.read_text().splitlines() if "heal" in line or "no longer has" in line))
    twice = proofs.unique(events)
    wrong = [
        *proofs.stated([one for one in truth if one.kind not in HIDDEN], [e for e in events if e.kind_id not in HIDDEN])
    ]
    broken = [*proofs.chained(events), *proofs.patched(events), *proofs.ended(truth, events, etcd.living())]
    figure(
        "one run, recorded twice; states that differ; chains that break",
        len(twice),
        "",
        wrong=len(wrong),
        broken=len(broken),
    )
    for complaint in [*outside, *twice, *wrong, *broken][:10]:
        say(complaint)


def _origins(events: list[Event]) -> dict[str, object]:
    return {origin: sum(one.origin == origin for one in events) for origin in sorted({one.origin for one in events})}


def _of_these(gaps: list[Gap]) -> list[Gap]:
    return [gap for gap in gaps if any(kind.partition(".")[0] == gap.resource for kind in PREFIXES)]
