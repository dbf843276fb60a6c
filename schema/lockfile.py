"""Who holds an embedded store: a lock file with a note.

The engine takes a lock of its own but explains a refusal only on stderr. This one is taken first, gives a clear error,
and carries a JSON note of its holder (pid, later the URL it serves), so that other commands find a running `up`.
The kernel releases the lock with the process, also after kill -9; a note counts only while the lock is held.
"""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from schema.store import StoreInUse

# A reader of the note holds a shared lock for an instant: an opener tries again before it calls the store taken.
_TRIES = 5
_PAUSE = 0.02


class LockFile:
    """An exclusive lock on a file, for the life of this object or until release()."""

    def __init__(self, path: Path) -> None:
        """Raises StoreInUse when another process (or store of this one) holds it, OSError as the system does."""
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not self._locked():
            os.close(self._fd)
            raise StoreInUse(_taken(path))
        self.annotate({})

    def annotate(self, note: Mapping[str, str]) -> None:
        """Replace the note; `pid` is always added."""
        text = json.dumps({**note, "pid": str(os.getpid())}).encode()
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))

    def release(self) -> None:
        """Let go, leaving no note. Harmless when repeated."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def _locked(self) -> bool:
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE)
            if _try(self._fd, fcntl.LOCK_EX):
                return True
        return False


def read_note(path: Path) -> dict[str, str]:
    """The note of the process that holds this lock file, {} when nobody does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        return {} if _try(fd, fcntl.LOCK_SH) else _parse(os.pread(fd, 65536, 0))
    finally:
        os.close(fd)


def _try(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _parse(raw: bytes) -> dict[str, str]:
    """A note that is half written is no note."""
    try:
        note = json.loads(raw)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in note.items()} if isinstance(note, dict) else {}


def _taken(path: Path) -> str:
    note = read_note(path)
    holder = f" by process {note['pid']}" if "pid" in note else ""
    where = f", which serves {note['url']}" if "url" in note else ""
    return f"The store {path.parent} is in use{holder}{where}: stop it, or ask it over HTTP with --server."
