"""Builds the control plane for tests from the Go sources beside this file, once per version of those sources.

The result lies in a cache of the user, outside the checkout, so that a fresh clone does not build again:
`$KUBELAPSE_CACHE` (or `$XDG_CACHE_HOME/kubelapse`, or `~/.cache/kubelapse`) `/controlplane/<hash of the sources>/`.
A build goes into a directory beside it and is renamed when it is whole: what is there is always complete. Two processes
that need it at the same time take turns (a file lock), so it is built once. The first build takes about 14 minutes on
2 cores, nearly all of it in Go's own cache for the next one.

As a program (`python -m tests.controlplane.build`) it prints the directory.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent
KUBERNETES: Final = "v1.35.4"
KWOK: Final = "sigs.k8s.io/kwok"
KWOK_VERSION: Final = "v0.8.0"
# How nodes and pods live: kwok's "fast" stages, where a pod is Running at once.
STAGES: Final = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-*.yaml",
)
LDFLAGS: Final = "-s -w"
# With another value of CGO_ENABLED, or with -trimpath, Go would compile everything again.
FLAGS: Final = ("-p", "2", "-buildvcs=false")

Say = Callable[[str], None]


class BuildFailed(Exception):
    """Go ended with an error; the message carries the end of its output."""


def cache() -> Path:
    """The user's cache directory for everything that tests build."""
    if own := os.environ.get("KUBELAPSE_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "kubelapse"


def version() -> str:
    """Hash of everything that decides what comes out of a build."""
    digest = hashlib.sha256("\0".join((KUBERNETES, KWOK, KWOK_VERSION, *STAGES, LDFLAGS, *FLAGS)).encode())
    for source in sorted(SOURCES.iterdir()):
        if source.suffix in {".go", ".mod", ".sum"}:
            digest.update(f"\0{source.name}\0".encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def directory() -> Path:
    """Where the programs of these very sources lie, or will."""
    return cache() / "controlplane" / version()


def missing() -> str:
    """What this machine needs to run the control plane; "" when nothing."""
    if directory().is_dir():
        return ""
    if sys.platform != "linux":  # `up` ties its children to itself with a parent-death signal
        return "Linux and Go >= 1.25"
    return "" if shutil.which("go") else "Go >= 1.25 on the PATH (the first build takes about 14 minutes)"


def build(say: Say) -> Path | None:
    """The directory with `controlplane`, `kwok` and `stages.yaml`, built if need be; None: see `missing()`."""
    place = directory()
    if place.is_dir():
        return place
    if missing():
        return None
    with _turn(place.parent / "lock", say):
        if not place.is_dir():
            _build(place, say)
    return place


@contextmanager
def _turn(path: Path, say: Say) -> Iterator[None]:
    """Hold the lock of the cache; the kernel lets go of it if this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("control plane: another process is building it, waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(place: Path, say: Say) -> None:
    with tempfile.TemporaryDirectory(prefix="building-", dir=place.parent) as name:
        new = Path(name) / "bin"
        new.mkdir()
        say("control plane: downloading Go modules")
        _go(say, "mod", "download")
        say("control plane: compiling etcd and Kubernetes (about 10 minutes on 2 cores, the first time)")
        ldflags = f"{LDFLAGS} -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
        _go(say, "build", *FLAGS, "-ldflags", ldflags, "-o", str(new / "controlplane"), ".")
        say("control plane: compiling kwok (about 3 minutes, the first time)")
        _go(say, "install", *FLAGS, "-ldflags", LDFLAGS, f"{KWOK}/cmd/kwok@{KWOK_VERSION}", gobin=new)
        module = json.loads(_go(say, "mod", "download", "-json", f"{KWOK}@{KWOK_VERSION}"))
        (new / "stages.yaml").write_text(_stages(Path(module["Dir"]) / "kustomize" / "stage"))
        new.rename(place)
        say(f"control plane: ready in {place}")


def _stages(root: Path) -> str:
    files = [file for pattern in STAGES for file in sorted(root.glob(pattern))]
    return "".join(f"---\n{file.read_text()}\n" for file in files)


def _go(say: Say, *arguments: str, gobin: Path | None = None) -> str:
    """Run go in the sources and return its standard output; progress goes to `say`, its last lines into errors."""
    environment = {**os.environ, "CGO_ENABLED": "0", **({"GOBIN": str(gobin)} if gobin else {})}
    with (
        tempfile.TemporaryFile("w+") as out,
        subprocess.Popen(
            ("go", *arguments), cwd=SOURCES, env=environment, stdout=out, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        tail: list[str] = []
        for count, line in enumerate(process.stderr, start=1):
            tail = [*tail[-19:], line]
            if count % 100 == 0:
                say(f"control plane: {line.strip()}")
        if process.wait():
            raise BuildFailed(f"go {arguments[0]} failed:\n{''.join(tail)}")
        out.seek(0)
        return out.read()


def main() -> int:
    """Build, and print where it is."""

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        place = build(say)
    except BuildFailed as error:
        say(str(error))
        return 1
    if place is None:
        say(f"control plane: needs {missing()}")
        return 1
    print(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
