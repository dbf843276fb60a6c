"""`kubelapse serve`: replicas that answer from a store which others write."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.chdb import ChdbStore, read_note
from schema.clickhouse import ClickHouseStore
from schema.migrate import migrate
from tests.clickhouse import servers
from tests.e2e.stages import Stage
from tests.fakes.history import History


def settings_changed() -> History:
    told = History("lab")
    told.watch(from_=0, to=600)
    told.put("configmaps", "shop/settings", {"data": {"mode": "fast"}}, at=60, by="ops")
    told.put("configmaps", "shop/settings", {"data": {"mode": "slow"}}, at=90, by="ops")
    return told


def replica(folder: Path, name: str, store: str) -> Stage:
    return Stage(("serve", "--port", "0", "--store", store), {}, folder / f"{name}.log")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.face(tmp_path_factory.mktemp("face")) as url:
        store = ClickHouseStore.open(f"{url}/kubelapse")
        migrate(store)
        settings_changed().store(store)
        store.close()
        yield url


def test_replicas_of_one_store_give_the_same_answer(server: str, tmp_path: Path) -> None:
    replicas = [replica(tmp_path, name, f"{server}/kubelapse").start() for name in ("a", "b")]
    try:
        one, other = (each.wait_ready().ask("/changes", since="1000d")["items"] for each in replicas)
        assert one == other
        assert [item["op"] for item in one] == ["add", "update"]
    finally:
        assert [each.stop() for each in replicas] == [0, 0]


def test_a_replica_of_an_embedded_store_is_found_by_reading_commands(tmp_path: Path) -> None:
    store = ChdbStore.open(tmp_path / "store")
    migrate(store)
    store.close()
    one = replica(tmp_path, "a", f"chdb:{tmp_path / 'store'}").start().wait_ready()
    try:
        assert read_note(tmp_path / "store")["url"] == one.url
        second = replica(tmp_path, "b", f"chdb:{tmp_path / 'store'}").start()
        assert second.wait() == 2
        assert one.url in second.text
    finally:
        one.signal(signal.SIGINT)
        assert one.wait() == 0
    assert read_note(tmp_path / "store") == {}


def test_a_replica_neither_makes_a_store_nor_changes_one(server: str, tmp_path: Path) -> None:
    for store, code, sentence in (
        (f"{server}/other", 16, "holds no Kubelapse schema"),
        ("http://127.0.0.1:1/kubelapse", 15, "cannot be reached: Connection refused"),
        (f"chdb:{tmp_path / 'none'}", 2, "there is no store in"),
    ):
        one = replica(tmp_path, "refused", store).start()
        assert one.wait() == code
        assert sentence in one.text


def test_a_replica_says_that_it_is_not_ready_while_the_store_is_away(tmp_path: Path) -> None:
    with servers.face(tmp_path / "face") as url:
        store = ClickHouseStore.open(f"{url}/kubelapse")
        migrate(store)
        store.close()
        one = replica(tmp_path, "a", f"{url}/kubelapse").start().wait_ready()
    try:
        assert not one.ready()
        answer = one.http.request("GET", f"{one.url}/readyz", timeout=10)
        assert (answer.status, b"[-]store failed" in answer.data) == (503, True)
        assert one.running
    finally:
        assert one.stop() == 0
