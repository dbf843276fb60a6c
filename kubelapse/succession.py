"""Whether the collector that held a slot before is surely dead: then its successor need not stand by.

Beside the data of a slot lies a file with the name of the instance that works with it, locked by that process
(flock: the system lets go of it when the process ends, however it ends). Who gets the lock and reads a name there knows
that this instance is no more. Somewhere else, or beside a living one, nothing is known and nothing is written.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def succeed(directory: Path, slot: str, instance: str) -> Iterator[str]:
    """The instance that worked here before and is dead, or ""; while this lasts, `instance` is the one that works."""
    path = directory / f"collector-{slot.replace('/', '-of-')}"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield ""
            return
        before = os.pread(handle, 1_000, 0).decode(errors="replace").strip()
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{instance}\n".encode(), 0)
        yield before
    finally:
        os.close(handle)
