"""Whether the collector that held a slot before is surely dead: then its successor need not stand by.

Beside the data of a slot lies a file with the names of the last instances that worked with it, locked by the one that
does (flock: the system lets go of it when the process ends, however it ends). Who gets the lock and reads names there
knows that these instances are no more. All of them: who was killed in its start has left no trace but this name, and
the slot is still the one's before it. Somewhere else, or beside a living one, nothing is known and nothing is written.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

KEPT: Final = 50
"""Names: more than a supervisor starts while a slot's holder counts as at work."""


@contextmanager
def succeed(directory: Path, slot: str, instance: str) -> Iterator[frozenset[str]]:
    """The instances that worked here before and are dead; while this lasts, `instance` is the one that works."""
    path = directory / f"collector-{slot.replace('/', '-of-')}"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield frozenset()
            return
        before = os.pread(handle, 100_000, 0).decode(errors="replace").split()[-KEPT:]
        os.ftruncate(handle, 0)
        os.pwrite(handle, "".join(f"{one}\n" for one in (*before, instance)).encode(), 0)
        yield frozenset(before)
    finally:
        os.close(handle)
