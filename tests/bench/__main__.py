"""`make bench`: one JSON line per figure. `python -m tests.bench NAME ... [--seconds N]` runs some of them."""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    absence,
    access,
    burst,
    canvas,
    embedded,
    faults,
    followers,
    kafka,
    objects,
    outage,
    questions,
    real,
    restart,
    soak,
)
from tests.bench.report import figure, median, say


def startup(_home: Path, _seconds: float | None) -> None:
    """How long `kubelapse --help` takes."""
    took = []
    for _ in range(15):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "kubelapse", "--help"], check=True, capture_output=True)
        took.append(time.monotonic() - began)
    figure("kubelapse --help", median(took) * 1000, "ms", runs=len(took))


SUITES: dict[str, Callable[[Path, float | None], None]] = {
    "startup": startup,
    "embedded": lambda home, seconds: embedded.run(home, seconds=seconds or 300, scale=1.0),
    "real": lambda home, seconds: real.run(home, seconds=seconds or 60),
    "kafka": lambda home, seconds: kafka.run(home, seconds=seconds or 60),
    "outage": lambda home, seconds: outage.run(home, seconds=seconds or 300),
    "canvas": lambda _home, _seconds: canvas.run(),
    "restart": lambda home, _seconds: restart.run(home),
    "objects": lambda home, _seconds: objects.run(home),
    "faults": lambda home, seconds: faults.run(home, seconds=seconds or 60),
    "burst": lambda home, seconds: burst.run(home, seconds=seconds or 60),
    "soak": lambda home, seconds: soak.run(home, seconds=seconds or 7200),
    "absence": lambda home, _seconds: absence.run(home),
    "followers": lambda home, seconds: followers.run(home, seconds=seconds or 60),
    "access": lambda home, _seconds: access.run(home),
    "questions": lambda home, _seconds: questions.run(home, events=1_000_000),
}


def main() -> None:
    """Run the named suites, or all."""
    parser = argparse.ArgumentParser(prog="make bench", description="Benchmarks; one JSON line per figure.")
    parser.add_argument("names", nargs="*", choices=[*SUITES, []], help="default: all")
    parser.add_argument("--seconds", type=float, help="length of the measured part, where there is one")
    options = parser.parse_args()
    for name in options.names or SUITES:
        say(f"bench: {name}")
        with tempfile.TemporaryDirectory(prefix="kubelapse-bench-") as home:
            SUITES[name](Path(home), options.seconds)


if __name__ == "__main__":
    main()
