"""`copy` as a command: what it carries along, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.chdb import ChdbStore
from schema.clickhouse import ClickHouseStore
from schema.migrate import migrate
from tests.clickhouse import servers
from tests.e2e.stages import Stage


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.face(tmp_path_factory.mktemp("face")) as url:
        yield url


def command(tmp_path: Path, *arguments: str) -> Stage:
    return Stage(("copy", *arguments), {}, tmp_path / "copy.log").start()


def test_the_command_carries_the_checkpoint_and_names_the_key(server: str, tmp_path: Path) -> None:
    made = ClickHouseStore.open(f"{server}/carried")
    migrate(made)
    made.close()
    (tmp_path / "old").mkdir()
    store = ChdbStore.open(tmp_path / "old" / "store")
    migrate(store)
    store.close()
    (tmp_path / "old" / "checkpoint-lab.json").write_text("{}")
    (tmp_path / "old" / "redaction.key").write_text("x" * 32)
    done = command(tmp_path, "--from", f"chdb:{tmp_path}/old/store", "--to", f"{server}/carried")
    assert (done.wait(), "KUBELAPSE_REDACTION_KEY_FILE=" in done.text) == (0, True), done.text
    back = command(tmp_path, "--from", f"{server}/carried", "--to", f"chdb:{tmp_path}/new/store")
    assert back.wait() == 0, back.text


def test_what_cannot_be_copied_is_one_sentence(server: str, tmp_path: Path) -> None:
    for source, target, sentence in (
        (f"{server}/a", f"{server}/a", "are the same"),
        (f"chdb:{tmp_path}/a/store", f"chdb:{tmp_path}/b/store", "one embedded store at a time"),
        (f"chdb:{tmp_path}/none/store", f"{server}/b", "there is no store in"),
    ):
        told = command(tmp_path, "--from", source, "--to", target)
        assert (told.wait(), sentence in told.text, "Traceback" in told.text) == (2, True, False), told.text
