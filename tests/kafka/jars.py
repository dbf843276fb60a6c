"""The jars of one Apache Kafka release, fetched once with Maven from the pom beside this file into the user's cache.

They lie in `$KUBELAPSE_CACHE` (or `~/.cache/kubelapse`) `/kafka/<hash of the pom>/`, 45 MB, beside an archive of loaded
classes (52 MB) that halves the time of every later start. Two processes that need them take turns.

As a program (`python -m tests.kafka.jars`) it fetches them and prints the directory.
"""

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.controlplane.build import cache

POM: Final = Path(__file__).with_name("pom.xml")
ARCHIVE: Final = "kafka.jsa"
TRIES: Final = 3


class FetchFailed(Exception):
    """Maven ended with an error; the message carries the end of its output."""


def directory() -> Path:
    """Where the jars of this very pom lie, or will."""
    return cache() / "kafka" / f"libs-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def missing() -> str:
    """What this machine needs to run a broker; "" when nothing."""
    if java_version() < 17:
        return "Java >= 17"
    return "" if directory().is_dir() or shutil.which("mvn") else "Maven (it fetches Kafka once, 45 MB)"


@functools.cache
def java_version() -> int:
    """Of the java on the PATH; 0 without one."""
    try:
        said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def fetch() -> Path:
    """The directory of jars, fetched if need be."""
    place = directory()
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            part = place.parent / f"part-{os.getpid()}"
            _fetch(part)
            part.rename(place)
    return place


def _fetch(part: Path) -> None:
    """A repository may be away for a moment: try again before it counts."""
    for attempt in range(1, TRIES + 1):
        shutil.rmtree(part, ignore_errors=True)
        command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run([*command, f"-DoutputDirectory={part}"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(3 * attempt)
    raise FetchFailed(f"mvn ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


if __name__ == "__main__":
    from tests.kafka.broker import warm

    warm()
    print(fetch(), file=sys.stdout)
