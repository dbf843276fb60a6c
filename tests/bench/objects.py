"""100,000 objects: the first lists, what remembering them takes, and a restart until every watch has resumed.

python -m tests.bench objects
"""

import time
from pathlib import Path
from typing import Final

import urllib3

from tests.bench.embedded import generated
from tests.bench.report import Process, figure
from tests.e2e.recorder import Recorder

SCALE: Final = 5.0
"""Of 20,000 objects: 65,000 pods of 12 KB, 15,000 deployments and slices each, 5,000 nodes."""
RATE: Final = 100.0
CALM: Final = 10.0


def run(home: Path, *, scale: float = SCALE) -> None:
    """Until ready, killed under a light load, until ready again; with the CPU that each took."""
    objects = int(20_000 * scale)
    with generated(scale, RATE, home) as (server, config):
        recorder = Recorder(config, home / "data")
        try:
            _until_ready(recorder, "cold sync", objects)
            urllib3.request("POST", f"{server}/go?seconds=600")
            time.sleep(CALM)
            _memory(recorder, "after the first lists", objects)
            recorder.kill()
            _until_ready(recorder, "restart to resumed", objects)
            time.sleep(CALM)
            _memory(recorder, "after the restart", objects)
            gaps = recorder.ask("/coverage")["gaps"]
            figure("gaps", len(gaps), "", objects=objects)
        finally:
            assert recorder.stop() == 0, recorder.tail()


def _until_ready(recorder: Recorder, what: str, objects: int) -> None:
    began = time.monotonic()
    recorder.start(ready=False).wait_ready(600)
    assert recorder.process is not None
    took, process = time.monotonic() - began, Process(recorder.process.pid)
    figure(what, took, "s", objects=objects, cpu=process.cpu(), peak=round(process.peak() / 1e6))


def _memory(recorder: Recorder, what: str, objects: int) -> None:
    assert recorder.process is not None
    figure(f"memory {what}", Process(recorder.process.pid).rss() / 1e6, "MB", objects=objects)
