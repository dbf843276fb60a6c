"""`kubelapse purge` as people run it: counts first, then takes out and proves it; the value is never said."""

from pathlib import Path

from click.testing import CliRunner, Result

from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.fakes.history import History

KEY = b"0123456789abcdef0123456789abcdef"
VALUE = "hunter2-leaked-9f3a"


def command(data: Path, *arguments: str) -> Result:
    around = Surroundings(environ={"KUBELAPSE_DATA": str(data), "HOME": str(data), "XDG_CONFIG_HOME": str(data)})
    return CliRunner().invoke(cli, ["purge", *arguments], input=f"{VALUE}\n", obj=around)


def test_the_command_counts_first_and_with_yes_proves_that_it_is_gone(tmp_path: Path) -> None:
    store = ChdbStore.open(tmp_path / "store")
    migrate(store)
    history = History("lab")
    history.put("configmaps", "shop/settings", {"data": {"note": VALUE}}, at=1)
    history.store(store)
    store.close()
    assert "there is no redaction key in" in command(tmp_path).output
    (tmp_path / "redaction.key").write_bytes(KEY)
    counted = command(tmp_path)
    assert (counted.exit_code, "nothing was changed: --yes does it" in counted.output) == (0, True), counted.output
    done = command(tmp_path, "--yes")
    assert (done.exit_code, "no row and no file holds the value any more" in done.output) == (0, True), done.output
    assert VALUE not in counted.output + done.output
    assert "the value stands nowhere" in command(tmp_path).output
