"""`copy`: the same answers from the other store, also after a copy that broke off."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry

from kubelapse.copying import CopyFailed, copy
from kubelapse.demo import loader
from kubelapse.server import offline_app
from schema.chdb import ChdbStore
from schema.clickhouse import ClickHouseStore
from schema.migrate import migrate
from schema.store import Store
from tests.clickhouse import servers

NOW = datetime(2026, 11, 22, 3, 25, tzinfo=UTC)
ASKED = (
    "/clusters",
    "/kinds",
    "/namespaces",
    "/objects?deleted=true",
    "/changes?since=1d&noise=off&first_sight=on&limit=10000",
    "/diff?from=90s&to=now",
    "/coverage?since=1d",
    "/snapshot?at=now",
    "/objects/{cluster}/deployments.apps/shop/web/history",
    "/objects/{cluster}/deployments.apps/shop/web/blame",
    "/objects/{cluster}/configmaps/shop/api-config/diff?from=90s&to=now",
)


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    store = ChdbStore.open(tmp_path_factory.mktemp("incident"))
    migrate(store)
    loader.load(store, loader.bundled(), end=NOW, registry=CollectorRegistry())
    yield store
    store.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.face(tmp_path_factory.mktemp("face")) as url:
        yield url


@pytest.fixture
def target(server: str, request: pytest.FixtureRequest) -> Iterator[ClickHouseStore]:
    store = ClickHouseStore.open(f"{server}/{request.node.name[:60]}")
    migrate(store)
    yield store
    store.close()


async def answers(store: Store) -> dict[str, bytes]:
    """What the API says to each question, byte for byte."""
    transport = httpx.ASGITransport(app=offline_app(store, lambda: NOW))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1", timeout=60) as client:
        name = (await client.get("/clusters")).json()["items"][0]["cluster"]
        told = {}
        for path in ASKED:
            answer = await client.get(path.format(cluster=name))
            assert answer.status_code == 200, f"{path}: {answer.text}"
            told[path] = answer.content
        return told


async def test_the_copy_gives_the_same_answers_byte_for_byte(incident: ChdbStore, target: ClickHouseStore) -> None:
    done = copy(incident, target, say=lambda _: None)
    assert done.rows > done.sent > 500
    assert await answers(target) == await answers(incident)


def test_a_second_copy_sends_nothing(incident: ChdbStore, target: ClickHouseStore) -> None:
    first = copy(incident, target, say=lambda _: None)
    again = copy(incident, target, say=lambda _: None)
    assert (again.rows, again.sent) == (first.rows, 0)


class BreaksOff(ClickHouseStore):
    """Takes some inserts, then is gone."""

    left = 3

    def insert(self, table: str, rows: pa.Table, *, token: str) -> None:
        if not self.left:
            raise ConnectionError("gone")
        self.left -= 1
        super().insert(table, rows, token=token)


def test_a_copy_that_broke_off_is_finished_by_the_next(
    incident: ChdbStore, target: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubelapse.copying.BLOCK_ROWS", 100)
    broken = BreaksOff.open(str(target._address))
    try:
        with pytest.raises(ConnectionError):
            copy(incident, broken, say=lambda _: None)
    finally:
        broken.close()
    copy(incident, target, say=lambda _: None)
    [(here,)] = incident.rows("SELECT count() FROM events FINAL")
    assert target.rows("SELECT count(), count(DISTINCT id) FROM history")[0] == (here, here)


def test_other_history_of_the_same_cluster_is_not_mixed_in_silence(
    incident: ChdbStore, target: ClickHouseStore
) -> None:
    copy(incident, target, say=lambda _: None)
    target.command(
        "INSERT INTO events SELECT * REPLACE ('another-life' AS uid, ts - INTERVAL 1 SECOND AS ts) FROM events LIMIT 1"
    )
    with pytest.raises(CopyFailed, match=r"events \d+ differs after copying.*take an empty database"):
        copy(incident, target, say=lambda _: None)
