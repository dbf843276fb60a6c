"""Embedded, end to end: socket → diff → attribution → redaction → store, flat out, against the generated workload."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from schema.chdb import ChdbStore
from tests.bench.report import Process, figure, say
from tests.e2e.recorder import Recorder, free_port

SETTLED = """
    SELECT sum(bytes_on_disk), sum(rows) FROM system.parts
    WHERE database = 'kubelapse' AND active AND table = {table:String}
"""


@contextmanager
def generated(
    scale: float, rate: float, home: Path, *, churn: float = 0.0, ttl: float = 0.0
) -> Iterator[tuple[str, Path]]:
    """The generating API server (`tests.bench.apiserver`) as a process, and a kubeconfig for it."""
    port = free_port()
    numbers = [str(each) for each in (port, rate, scale, churn, ttl)]
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.apiserver", *numbers])
    url, config = f"http://127.0.0.1:{port}", home / "kubeconfig"
    parts = {"clusters": "cluster", "contexts": "context", "users": "user"}
    values = {"cluster": {"server": url}, "context": {"cluster": "bench", "user": "bench"}, "user": {"token": "none"}}
    body = {key: [{"name": "bench", part: values[part]}] for key, part in parts.items()}
    config.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "bench", **body}))
    try:
        yield url, config
    finally:
        process.kill()
        process.wait()


def run(home: Path, *, seconds: float, scale: float, rate: float = 0) -> None:
    """Changes per second that reach the store, with the memory and CPU that it takes."""
    http = urllib3.PoolManager()
    with generated(scale, rate, home) as (server, config):
        recorder = Recorder(config, home / "data")
        began = time.monotonic()
        recorder.start(ready=False).wait_ready(180)
        assert recorder.process is not None
        process = Process(recorder.process.pid)
        objects = int(20_000 * scale)
        figure("cold sync", time.monotonic() - began, "s", objects=objects)
        time.sleep(2)  # what the first lists took is given back
        figure("memory after the first lists", process.rss() / 1e6, "MB", objects=objects)
        cpu, began = process.cpu(), time.monotonic()
        http.request("POST", f"{server}/go?seconds={seconds}")
        time.sleep(seconds)
        last: dict[str, int] = {}
        while True:
            report = json.loads(http.request("GET", f"{server}/sent").data)
            last, sent = report["last"], sum(report["sent"].values())
            if not report["running"]:
                break
            time.sleep(0.1)
        for kind, rv in last.items():
            recorder.wait_for("deployments.apps" if kind == "deployments" else kind, rv, 120)
        took, spent = time.monotonic() - began, process.cpu() - cpu
        parameters = {"objects": objects, "seconds": round(took, 1), "changes": sent, "rate": rate or "flat out"}
        figure("embedded, end to end", sent / took, "changes/s", **parameters)
        figure("embedded, CPU of the recorder", spent / sent * 1000, "s per 1,000 changes", **parameters)
        figure("embedded, peak memory", process.peak() / 1e6, "MB", **parameters)
        assert recorder.stop() == 0, recorder.tail()
    disk(home / "data" / "store", **parameters)


def disk(store_path: Path, **parameters: object) -> None:
    """Bytes per change on disk after a full merge, by table."""
    store = ChdbStore.open(store_path)
    try:
        total, changes = 0, 0
        for table in ("events", "changes", "objects", "k8s_events"):
            store.command(f"OPTIMIZE TABLE {table} FINAL")
            size, rows = store.rows(SETTLED, {"table": table})[0]
            say(f"{table}: {rows} rows, {size} bytes")
            total, changes = total + size, changes + (rows if table in ("events", "k8s_events") else 0)
        figure("disk after merge, all tables", total / changes, "bytes per change", **parameters)
    finally:
        store.close()
