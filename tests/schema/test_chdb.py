"""What only the embedded store promises: one holder, a clear refusal, nothing lost when the process is killed."""

import contextlib
import errno
import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.chdb import ChdbStore, read_note
from schema.migrate import migrate
from schema.rows import event_rows
from schema.store import StoreError, StoreFull, StoreInUse, StoreReadOnly
from tests.fakes.records import event

HOLD = """
import sys
from pathlib import Path
from schema.chdb import ChdbStore
store = ChdbStore.open(Path(sys.argv[1]))
store.annotate({"url": "http://127.0.0.1:7117"})
print("held", flush=True)
sys.stdin.read()
"""

USE = """
import sys
from pathlib import Path
from schema.chdb import ChdbStore
from schema.migrate import migrate
store = ChdbStore.open(Path(sys.argv[1]))
migrate(store)
store.rows("SELECT count() FROM events")
store.close()
print("used")
"""

WRITE = """
import sys
from itertools import count
from pathlib import Path
from schema.chdb import ChdbStore
from schema.migrate import migrate
from schema.rows import event_rows
from tests.fakes.records import event
store = ChdbStore.open(Path(sys.argv[1]))
migrate(store)
for batch in count():
    store.insert("events", event_rows([event(batch * 100 + n) for n in range(100)]), token=str(batch))
    print(batch, flush=True)
"""

TELL_TIME = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from schema.chdb import ChdbStore
store = ChdbStore.open(Path(sys.argv[1]))
noon = {"t": datetime(2026, 3, 1, 12, tzinfo=timezone.utc)}
for sql in ("SELECT {t:DateTime64(6)}", "SELECT {t:DateTime64(6, 'UTC')}"):
    print(store.rows(sql, noon)[0][0].isoformat(), store.arrow(sql, noon)[0][0].as_py().isoformat(), flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(path: Path) -> Iterator[ChdbStore]:
    opened = ChdbStore.open(path)
    yield opened
    opened.close()


def in_process(code: str, path: Path, **env: str) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", code, path],
        cwd=root,
        env={**os.environ, **env, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_store_that_another_process_holds_is_refused_with_its_address(path: Path) -> None:
    with in_process(HOLD, path) as holder:
        assert line(holder) == "held"
        with pytest.raises(StoreInUse, match=rf"in use by process {holder.pid}, which serves http://127.0.0.1:7117"):
            ChdbStore.open(path)
        assert read_note(path) == {"url": "http://127.0.0.1:7117", "pid": str(holder.pid)}
        holder.kill()
    assert read_note(path) == {}
    ChdbStore.open(path).close()


def test_what_was_acknowledged_survives_a_kill(path: Path) -> None:
    with in_process(WRITE, path) as writer:
        acknowledged = [line(writer) for _ in range(3)][-1]
        writer.kill()
    store = ChdbStore.open(path)
    for table in ("events", "changes", "objects"):
        [(rows,)] = store.rows(f"SELECT count() FROM {table} FINAL")
        assert rows % 100 == 0, "a batch is there as a whole or not at all"
        assert rows >= (int(acknowledged) + 1) * 100
    store.close()


def test_files_that_a_killed_process_left_are_swept(path: Path) -> None:
    (path / "tmp").mkdir(parents=True)
    (path / "tmp" / "half.arrow").write_bytes(b"half")
    ChdbStore.open(path).close()
    assert list((path / "tmp").iterdir()) == []


def test_a_full_disk_is_told_and_the_same_insert_succeeds_later(store: ChdbStore) -> None:
    migrate(store)
    rows = event_rows([event(1), event(2)])
    store.command("ALTER TABLE events MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000000")
    with pytest.raises(StoreFull, match="no space left"):
        store.insert("events", rows, token="a")
    store.command("ALTER TABLE events RESET SETTING min_free_disk_bytes_to_perform_insert")
    store.insert("events", rows, token="a")
    assert store.rows("SELECT count() FROM changes") == [(2,)]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EROFS, StoreReadOnly), (errno.EACCES, StoreReadOnly), (errno.ENOSPC, StoreFull)]
)
def test_a_directory_that_cannot_be_written_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[StoreError]
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(kind, match=str(path)):
        ChdbStore.open(path)


def test_a_file_in_the_place_of_the_directory_is_told(path: Path) -> None:
    path.write_text("not a store")
    with pytest.raises(StoreError, match="cannot be opened"):
        ChdbStore.open(path)


def test_another_store_in_the_same_process_is_refused_clearly(store: ChdbStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="one embedded store at a time"):
        ChdbStore.open(tmp_path / "other")
    store.close()
    ChdbStore.open(tmp_path / "other").close()


def test_the_settings_of_the_working_directory_are_not_read(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.xml").write_text("<clickhouse><no_such_thing>")
    monkeypatch.chdir(tmp_path)
    ChdbStore.open(path).close()


def test_times_are_utc_whatever_the_zone_of_the_machine(path: Path) -> None:
    noon = "2026-03-01T12:00:00+00:00"
    with in_process(TELL_TIME, path, TZ="Asia/Tokyo") as process:
        assert [line(process), line(process)] == [f"{noon} {noon}"] * 2


def test_the_directory_is_for_its_owner_only(store: ChdbStore) -> None:
    assert store.path.stat().st_mode & 0o077 == 0


def test_the_engine_keeps_to_its_limits(store: ChdbStore) -> None:
    sql = "SELECT value FROM system.settings WHERE name = {name:String}"
    assert store.rows(sql, {"name": "async_insert"}) == [("0",)]
    assert store.rows(sql, {"name": "max_threads"}) == [("3",)]


def test_the_engine_writes_nothing_on_a_terminal(path: Path) -> None:
    """ClickHouse begins to log when it finds itself on one."""
    ours, theirs = pty.openpty()
    try:
        code = [sys.executable, "-c", USE, str(path)]
        subprocess.run(code, stdin=theirs, stdout=theirs, stderr=theirs, check=True, timeout=60)
    finally:
        os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        assert read_all(terminal) == b"used\r\n"


def read_all(terminal: io.RawIOBase) -> bytes:
    """What was written before the last writer left, which Linux reports as an error."""
    told = b""
    with contextlib.suppress(OSError):
        while chunk := terminal.read(65536):
            told += chunk
    return told
