"""A walled yard for ad-hoc SQL: a store with a little history, a file that must not be opened, a port to watch."""

import ctypes
import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from query.sql.bounds import Bounds
from query.sql.desk import Asked, Desk
from schema.chdb import ChdbStore
from schema.migrate import migrate
from schema.rows import event_rows
from schema.sandbox import Caps
from tests.fakes.records import event

SECRET = "canary-7f3a9"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ATTACKS: Mapping[str, Sequence[str]] = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text())
_IN_OPEN, _IN_CREATE, _IN_MODIFY = 0x20, 0x100, 0x2
SMALL = Bounds(rows=10_000, bytes=4 << 20, caps=Caps(seconds=1.0, memory=100 << 20))


class Watched:
    """Whether anything in a directory was opened, made or changed (inotify), and whether anybody called a port."""

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._notes = libc.inotify_init1(os.O_NONBLOCK)
        mask = _IN_OPEN | _IN_CREATE | _IN_MODIFY
        assert libc.inotify_add_watch(self._notes, os.fsencode(directory), mask) >= 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def disturbed(self) -> str:
        """What happened since the last look, "" when nothing did."""
        with suppress(BlockingIOError):
            return f"a file was touched: {os.read(self._notes, 4096)!r}"
        with suppress(BlockingIOError):
            return f"the port was called by {self._socket.accept()[1]}"
        return ""

    def close(self) -> None:
        os.close(self._notes)
        self._socket.close()


@dataclass(slots=True)
class Yard:
    store: ChdbStore
    desk: Desk
    canary: Path
    watched: Watched
    inserted: int = field(default=5)

    def filled(self, statement: str) -> str:
        return statement.replace("{canary}", str(self.canary)).replace("{port}", str(self.watched.port))

    def ask(self, statement: str, **params: object) -> list[bytes]:
        """Rows of the answer. Raises what the desk raises."""
        asked = Asked(query=statement, params=params, limit=None, now=NOW, zone=UTC)
        found = self.desk.understand(asked)
        return list(self.desk.run(found, asked, self.desk.ticket()).rows)

    def write(self) -> None:
        """The writer goes on."""
        self.inserted += 1
        self.store.insert("events", event_rows([event(self.inserted)]), token=f"more {self.inserted}")

    def intact(self) -> None:
        """Nothing was read, written, reached or stopped."""
        assert not self.watched.disturbed()
        self.write()
        [(count,)] = self.store.rows("SELECT count() FROM events FINAL")
        assert count == self.inserted


@contextmanager
def yard(directory: Path, bounds: Bounds = SMALL) -> Iterator[Yard]:
    """Everything below this directory."""
    (directory / "canary").mkdir()
    canary = directory / "canary" / "secret.csv"
    canary.write_text(f"{SECRET}\n")
    watched = Watched(canary.parent)
    store = ChdbStore.open(directory / "store")
    try:
        migrate(store)
        store.insert("events", event_rows([event(n) for n in range(1, 6)]), token="first")
        yield Yard(store, Desk(store.sandbox(), store.database, bounds), canary, watched)
    finally:
        store.close()
        watched.close()


def words(statement: str) -> list[str]:
    """Tokens of a statement, roughly: what mutations cut and paste."""
    return re.findall(r"\w+|'[^']*'|\s+|.", statement, re.DOTALL)
