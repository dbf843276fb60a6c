"""A real API server at 250 changes/s: what recording costs, and how soon a change can be asked for."""

import random
import threading
import time
from pathlib import Path

import urllib3

from tests.bench.embedded import disk
from tests.bench.report import Process, figure, median, quantile
from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.e2e.recorder import Recorder
from tests.e2e.truth import Truth, served
from tests.e2e.writer import Writer

PER_SECOND = 250
WRITERS = 4


def run(home: Path, *, seconds: float) -> None:
    """About 250 changes/s by ConfigMap, Secret and Deployment writers, with kwok's pods behind them."""
    with Lab(home / "lab", nodes=3, controllers=True) as lab:
        api, recorder = lab.client(), Recorder(lab.kubeconfig, home / "data")
        recorder.start()
        assert recorder.process is not None
        process, stop = Process(recorder.process.pid), threading.Event()
        truth = Truth(api, lab.ca, home / "truth")
        truth.watch(served(api))
        threads = [threading.Thread(target=_write, args=(api, number, stop), daemon=True) for number in range(WRITERS)]
        time.sleep(3)
        for thread in threads:
            thread.start()
        time.sleep(5)
        cpu, before, began = process.cpu(), truth.count(), time.monotonic()
        time.sleep(seconds)
        spent, changes, took = process.cpu() - cpu, truth.count() - before, time.monotonic() - began
        waits = _probe(api, recorder, until=time.monotonic() + seconds / 2)
        stop.set()
        for thread in threads:
            thread.join()
        truth.stop()
        parameters: dict[str, object] = {
            "changes": changes,
            "seconds": round(took, 1),
            "per second": round(changes / took),
        }
        figure("real API server, CPU of the recorder", spent / changes * 1000, "s per 1,000 changes", **parameters)
        figure("real API server, change to queryable p50", median(waits), "s", samples=len(waits), **parameters)
        figure("real API server, change to queryable p99", quantile(waits, 0.99), "s", samples=len(waits), **parameters)
        figure("real API server, memory", process.rss() / 1e6, "MB", **parameters)
        assert recorder.stop() == 0, recorder.tail()
    disk(home / "data" / "store", **parameters)


def _write(api: Api, number: int, stop: threading.Event) -> None:
    writer = Writer(api, f"bench-{number}", number)
    writer.prepare()
    began = time.monotonic()

    def pace() -> None:
        ahead = began + writer.written * WRITERS / (PER_SECOND * 0.6) - time.monotonic()  # pods follow by themselves
        if ahead > 0:
            time.sleep(ahead)

    writer.run(1 << 30, stop=stop, pause=pace)


def _probe(api: Api, recorder: Recorder, *, until: float) -> list[float]:
    """Write a ConfigMap at a random moment and ask until its version is there."""
    path, waits, chance = "/api/v1/namespaces/default/configmaps", list[float](), random.Random(1)
    http = urllib3.PoolManager()
    api.post(path, {"metadata": {"name": "probe"}})
    while time.monotonic() < until:
        time.sleep(chance.uniform(0, 0.3))
        rv = api.patch(f"{path}/probe", {"data": {"now": str(time.time())}})["metadata"]["resourceVersion"]
        began = time.monotonic()
        where = f"{recorder.url}/api/v1/objects/lab/configmaps/default/probe?at=rv:{rv}"
        while http.request("GET", where).status != 200:
            time.sleep(0.05)
        waits.append(time.monotonic() - began)
    return waits
