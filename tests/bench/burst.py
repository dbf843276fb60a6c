"""Many changes a second for a minute, more than can be stored meanwhile: is a watch lost, how much memory does it take,
and how long until everything can be asked for?

    python -m tests.bench burst --seconds 60

The generating server cuts a watch off as a real one does, when a thousand changes wait behind a write that blocks.
"""

import time
from pathlib import Path
from typing import Final

import urllib3

from tests.bench.embedded import generated
from tests.bench.report import Process, figure
from tests.bench.settled import prove, settle
from tests.e2e.recorder import Recorder

RATE: Final = 5000.0
SCALE: Final = 1.0
DRAINED: Final = 600.0


def run(home: Path, *, seconds: float, rate: float = RATE) -> None:
    """One burst into `kubelapse up`, and its end."""
    http = urllib3.PoolManager()
    with generated(SCALE, rate, home) as (server, config):
        recorder = Recorder(config, home / "data", http=urllib3.PoolManager(retries=3))
        try:
            recorder.start(ready=False).wait_ready(180)
            assert recorder.process is not None
            process = Process(recorder.process.pid)
            figure("burst, memory before", process.rss() / 1e6, "MB")
            cpu, began = process.cpu(), time.monotonic()
            http.request("POST", f"{server}/go?seconds={seconds}")
            time.sleep(seconds)
            report = settle(recorder, server, http, within=DRAINED)
            changes = sum(report["sent"].values())
            figure("burst, changes", changes, "", seconds=seconds, per_second=round(changes / seconds))
            figure("burst, drained after its end", time.monotonic() - began - seconds, "s")
            figure("burst, most memory", process.peak() / 1e6, "MB")
            figure("burst, memory after it", process.rss() / 1e6, "MB")
            figure("burst, CPU of the recorder", (process.cpu() - cpu) / changes * 1000, "s per 1,000 changes")
            figure("burst, watches lost", report["watches"] - len(report["sent"]), "", cut=report["cut"])
        finally:
            assert recorder.stop() == 0, recorder.tail()
    prove(home / "data" / "store", report, what="burst")
