"""Which store the settings mean, and directories that cannot hold one."""

import errno
import os
import stat
from pathlib import Path

import pytest

from kubelapse import stores
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from schema.sharding import UnknownCluster
from schema.store import StoreFull, StoreReadOnly
from tests.clickhouse import servers
from tests.e2e.stages import Stage


def settings(data: Path, **environ: str) -> Settings:
    return Settings({"data": str(data)}, environ, {})


def test_the_data_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    made = stores.data_dir(settings(tmp_path / "a" / "b"))
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert list(made.iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreFull, match="no space is left for"):
        stores.data_dir(settings(tmp_path))


def test_nearly_no_space_is_as_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LEAST_FREE", os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize + 1)
    with pytest.raises(StoreFull, match="MiB are free in"):
        stores.data_dir(settings(tmp_path))


def test_a_read_only_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreReadOnly, match="name another with --data"):
        stores.data_dir(settings(tmp_path / "file"))


def test_reading_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(stores.NoStore, match="there is no store in"):
        stores.open_existing(settings(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_password_file_that_is_missing_is_said(tmp_path: Path) -> None:
    server = settings(tmp_path, KUBELAPSE_STORE="http://me@h:1/d", KUBELAPSE_STORE_PASSWORD_FILE=str(tmp_path / "none"))
    with pytest.raises(SettingError, match="KUBELAPSE_STORE_PASSWORD_FILE: cannot read"):
        stores.open_store(server)


def test_a_cluster_of_servers_that_nobody_knows_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with servers.face(tmp_path / "face") as url:
        environ = {"KUBELAPSE_STORE": f"{url}/kubelapse", "KUBELAPSE_STORE_CLUSTER": "mian"}
        with pytest.raises(UnknownCluster, match=r"no cluster 'mian' \(it knows: .*\): name one of"):
            stores.open_store(settings(tmp_path, **environ))


def test_an_embedded_store_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="KUBELAPSE_STORE_CLUSTER needs a ClickHouse server"):
        stores.open_store(settings(tmp_path, KUBELAPSE_STORE_CLUSTER="main"))


def test_the_sql_for_a_cluster_can_be_read_before_anything_is_made(tmp_path: Path) -> None:
    chosen = settings(tmp_path, KUBELAPSE_STORE="http://admin@h/history", KUBELAPSE_STORE_CLUSTER="main")
    sql = stores.all_sql(chosen)
    assert "CREATE DATABASE IF NOT EXISTS `history_shard` ON CLUSTER `main`;" in sql
    assert "ENGINE = Distributed('main', 'history_shard', 'events'" in sql
    assert "GRANT ON CLUSTER `main` SELECT ON `history`.`sql_history` TO kubelapse_readonly;" in sql
    assert "ENGINE = ReplacingMergeTree" in stores.all_sql(settings(tmp_path))


def test_an_unknown_cluster_of_servers_is_one_sentence_of_the_command(tmp_path: Path) -> None:
    with servers.face(tmp_path / "face") as url:
        environ = {"KUBELAPSE_STORE": f"{url}/kubelapse", "KUBELAPSE_STORE_CLUSTER": "mian"}
        told = Stage(("migrate",), environ, tmp_path / "migrate.log").start()
        assert (told.wait(), "knows no cluster 'mian'" in told.text, "Traceback" in told.text) == (2, True, False)
