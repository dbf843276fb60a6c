"""A recorder that was away for 100 s from 10,000 objects, on a real control plane: how soon it knows all that happened.

Meanwhile 500 ConfigMaps are changed, 200 deleted, 50 deleted and made again, and the API server is begun anew, so that
it answers 410. Once etcd has everything, once it was compacted half way. The truth is a watch of etcd itself.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from kubelapse import proofs
from schema.chdb import ChdbStore
from schema.events import Event, Record
from tests.bench.report import Process, figure, say
from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.etcd import JSON, Etcd
from tests.e2e.level import wait_until_level
from tests.e2e.recorder import Recorder
from tests.e2e.stored import events_of, gaps_of
from tests.simulation.absence import AWAY, MANY, Absence

HOME = "/api/v1/namespaces/default/configmaps"
PREFIX = "/registry/configmaps/"


def run(home: Path) -> None:
    """With all of etcd, and with half of it."""
    for name, compacted in (("all kept", 0.0), ("compacted half way", AWAY / 2)):
        with Lab(home / name.replace(" ", "-") / "lab", controllers=True, apiserver_flags=(JSON,)) as lab:
            _Measured(lab, home / name.replace(" ", "-"), Absence(compacted=compacted), name).go()


@dataclass(slots=True)
class _Measured:
    """One absence."""

    lab: Lab
    home: Path
    absence: Absence
    name: str

    def go(self) -> None:
        recorder = Recorder(self.lab.kubeconfig, self.home / "data")
        _create(self.lab.client(), self.absence.objects)
        etcd = Etcd(self.lab, {MANY: PREFIX})
        recorder.start()
        began = time.monotonic()
        recorder.wait_for(MANY, max(etcd.newest(MANY) - 1, 0), seconds=120)
        recorder.kill()
        say(f"absence: {len(etcd.writes)} writes before, level after {time.monotonic() - began:.0f} s, away now")
        before, compacted = etcd.revision(), self._live(etcd)
        began = time.monotonic()
        recorder.start(ready=False)
        recorder.wait_ready()
        up = time.monotonic() - began
        recorder.wait_for(MANY, etcd.newest(MANY), seconds=120)
        took = time.monotonic() - began
        wait_until_level(recorder, seconds=300)
        figure("100 s away, start to every kind level", time.monotonic() - began, "s", case=self.name)
        self._report(recorder, etcd, before=before, compacted=compacted, up=up, took=took)

    def _live(self, etcd: Etcd) -> int:
        """What happens in the time away; the revision at which etcd was compacted."""
        api, began, compacted, restarted = self.lab.client(), time.monotonic(), 0, False
        for number, (verb, name) in enumerate(self.absence.moves(Random(1))):
            due = AWAY * 0.95 * number / self.absence.changed
            time.sleep(max(0.0, began + due - time.monotonic()))
            if self.absence.compacted and not compacted and due > self.absence.compacted:
                compacted = etcd.compact()
            if not restarted and due > AWAY * 0.8:
                self.lab.kill("apiserver")
                self.lab.revive()
                restarted = True
            for _ in _moved(api, verb, name):
                pass
        time.sleep(max(0.0, began + AWAY - time.monotonic()))
        return compacted

    def _report(self, recorder: Recorder, etcd: Etcd, *, before: int, compacted: int, up: float, took: float) -> None:
        assert recorder.process is not None
        rss = Process(recorder.process.pid).rss() / 1e6
        asked = _total(recorder, "kubelapse_collector_healing_requests_total", f'kind="{MANY}"')
        every = _total(recorder, "kubelapse_collector_healing_requests_total", "")
        assert recorder.stop() == 0, recorder.tail()
        etcd.stop()
        store = ChdbStore.open(recorder.data / "store")
        try:
            rows = [row for row in compare.stored(store) if row.kind == MANY]
            gaps = gaps_of(store)
        finally:
            store.close()
        mine = [gap for gap in gaps if gap.resource == MANY]
        events, truth = events_of(rows), etcd.writes
        due = [one for one in truth if int(one.rv) > before]
        records: list[Record] = [*events, *mine]
        missing = proofs.complete(truth, events, due=due, slack=timedelta(0))
        undeclared = proofs.complete(truth, records, due=due, slack=timedelta(seconds=0.75))
        wrong = [*proofs.stated(truth, events), *proofs.ended(truth, events, etcd.living()), *proofs.unique(events)]
        say(f"gaps: {[(gap.resource, gap.reason, gap.from_rv, gap.to_rv, gap.from_t, gap.to_t) for gap in gaps]}")
        say(f"versions {before} to {etcd.newest(MANY)}, compacted at {compacted}; {(undeclared + wrong)[:5]}")
        with_name: dict[str, object] = {"case": self.name, "objects": self.absence.objects}
        figure("100 s away, start to ready", up, "s", **with_name)
        figure("100 s away, start to level", took, "s", requests=asked, requests_of_all_kinds=every, **with_name)
        figure(
            "100 s away, writes", len(due), "", healed=_of(events, "healed"), found=_of(events, "relist"), **with_name
        )
        figure(
            "100 s away, not recorded", len(missing), "", outside_gaps=len(undeclared), wrong=len(wrong), **with_name
        )
        kinds = sorted({gap.resource for gap in gaps} - {MANY})
        figure("100 s away, gaps of the kind", len(mine), "", gaps_of_other_kinds=kinds, **with_name)
        figure("100 s away, memory", rss, "MB", **with_name)


def _create(api: Api, count: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: api.post(HOME, {"metadata": {"name": f"o{number:05}"}}), range(count)))


def _moved(api: Api, verb: str, name: str) -> Iterator[object]:
    """One move, write by write."""
    if verb == "update":
        yield api.patch(f"{HOME}/{name}", {"data": {"at": str(time.time())}})
    else:
        yield api.delete(f"{HOME}/{name}")
    if verb == "recreate":
        yield api.post(HOME, {"metadata": {"name": name}})


def _of(events: list[Event], origin: str) -> int:
    return sum(one.origin == origin for one in events)


def _total(recorder: Recorder, name: str, label: str) -> float:
    text = recorder.http.request("GET", f"{recorder.url}/metrics", timeout=10).data.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name) and label in line)
