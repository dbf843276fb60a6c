"""Hours at a steady pace: do memory, descriptors, threads and lag stay flat, and is everything there at the end?

    python -m tests.bench soak --seconds 7200
    python -m tests.bench.soak SAMPLES.jsonl FIGURE.svg

`kubelapse up` as shipped, a process of its own, records the generated workload at 300 changes/s, with objects that end
and begin again and Kubernetes Events that expire, beside which it is asked for its coverage every ten seconds. The
samples go to `soak-SECONDS.jsonl` in the working directory; the second command draws them and tells their slopes.

Lag: the age of the oldest change that no answer knows yet, over all kinds.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import urllib3

from tests.bench.embedded import generated
from tests.bench.plot import Panel, draw
from tests.bench.report import Process, figure, median, quantile, say, slope
from tests.bench.settled import lag, prove, settle
from tests.e2e.recorder import Recorder

RATE: Final = 300.0
EVERY: Final = 10.0
CHURN: Final = 0.1
TTL: Final = 600.0
WARM: Final = 1 / 6
"""Share of the samples before slopes are taken: caches fill, the first merges happen."""
Sample = dict[str, float]


def run(home: Path, *, seconds: float, rate: float = RATE) -> None:
    """The whole soak."""
    samples, http = Path(f"soak-{int(seconds)}.jsonl"), urllib3.PoolManager()
    with generated(1.0, rate, home, churn=CHURN, ttl=TTL) as (server, config):
        recorder = Recorder(config, home / "data", http=urllib3.PoolManager(retries=3))  # idle connections are closed
        try:
            recorder.start(ready=False).wait_ready(180)
            say(f"samples go to {samples.absolute()}")
            http.request("POST", f"{server}/go?seconds={seconds}")
            _watch(recorder, server, http, samples, seconds)
            report = settle(recorder, server, http)
            audited = recorder.command("audit", "--kubeconfig", str(config))
            say(audited.stdout[-2000:] + audited.stderr[-2000:])
            figure("soak, audit beside exact lists of the server: exit code", audited.returncode, "")
        finally:
            assert recorder.stop() == 0, recorder.tail()
    prove(home / "data" / "store", report, what="soak")
    tell(_read(samples))


def _watch(recorder: Recorder, server: str, http: urllib3.PoolManager, samples: Path, seconds: float) -> None:
    began = time.monotonic()
    with samples.open("w") as out:
        for number in range(int(seconds / EVERY)):
            time.sleep(max(0.0, began + number * EVERY - time.monotonic()))
            try:
                taken = _sample(recorder, server, http)
            except urllib3.exceptions.HTTPError as error:  # a machine so busy that nothing answers within a minute
                say(f"no sample: {error}")
                continue
            out.write(json.dumps({"at": time.monotonic() - began, **taken}) + "\n")
            out.flush()


def _sample(recorder: Recorder, server: str, http: urllib3.PoolManager) -> Sample:
    assert recorder.process is not None
    process = Process(recorder.process.pid)
    return {
        "rss": process.rss() / 1e6,
        "descriptors": process.descriptors(),
        "threads": process.threads(),
        "cpu": process.cpu(),
        "store": _bytes(recorder.data / "store") / 1e6,
        "load": os.getloadavg()[0],
        "lag": lag(recorder, server, http),
    }


def _bytes(root: Path) -> int:
    """Of all files; some are merged away meanwhile."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_size
    return total


def _read(samples: Path) -> list[Sample]:
    return [json.loads(line) for line in samples.read_text().splitlines()]


def tell(samples: list[Sample]) -> None:
    """Slopes by least squares, per hour, after the first sixth of the time."""
    steady = samples[int(len(samples) * WARM) :]
    hours, load = [sample["at"] / 3600 for sample in steady], median([sample["load"] for sample in steady])
    for name, unit in (("rss", "MB"), ("descriptors", ""), ("threads", ""), ("lag", "s"), ("store", "MB")):
        values = [sample[name] for sample in steady]
        known = {"median": median(values), "most": max(values), "hours": round(hours[-1], 2), "load": round(load, 1)}
        figure(f"soak, slope of {name}", slope(hours, values), f"{unit} per hour".strip(), **known)
    lags = [sample["lag"] for sample in steady]
    figure("soak, lag p50", median(lags), "s", p99=quantile(lags, 0.99))
    spent = (steady[-1]["cpu"] - steady[0]["cpu"]) / (steady[-1]["at"] - steady[0]["at"])
    figure("soak, CPU of the recorder", spent, "cores", per_1000_changes=round(spent / RATE * 1000, 3))


def main() -> None:
    """Draw samples that were taken before, and tell their slopes."""
    samples = _read(Path(sys.argv[1]))
    panels = [
        Panel(title="Resident memory", unit="MB", values=[sample["rss"] for sample in samples]),
        Panel(title="Lag of the oldest change not yet in answers", unit="s", values=[one["lag"] for one in samples]),
        Panel(title="Open file descriptors", unit="", values=[sample["descriptors"] for sample in samples]),
        Panel(title="Threads", unit="", values=[sample["threads"] for sample in samples]),
        Panel(title="Store on disk", unit="MB", values=[sample["store"] for sample in samples]),
    ]
    Path(sys.argv[2]).write_text(draw(panels, hours=samples[-1]["at"] / 3600))
    tell(samples)


if __name__ == "__main__":
    main()
