"""The schema on a cluster of ClickHouse servers, in an image: replicated tables behind distributed ones.

Runs where Docker is. It was written without one at hand: nothing else rests on it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from kubelapse.copying import copy
from kubelapse.demo import loader
from kubelapse.settings import Settings
from kubelapse.stores import migrate
from schema import migrate as single
from schema.chdb import ChdbStore
from schema.clickhouse import ClickHouseStore
from schema.roles import roles

pytestmark = pytest.mark.docker
NOW = datetime(2026, 11, 22, 3, 25, tzinfo=UTC)
IMAGE = "docker.io/clickhouse/clickhouse-server:26.9"


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClickHouseStore]:
    """The store on a cluster of one node, migrated."""
    from testcontainers.community.clickhouse import ClickHouseContainer  # slow to import, and needed nowhere else

    config = str(Path(__file__).with_name("cluster.xml"))
    container = ClickHouseContainer(IMAGE, port=8123, username="test", password="test", dbname="test")
    container.with_volume_mapping(config, "/etc/clickhouse-server/config.d/cluster.xml", "ro")
    container.with_env("CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT", "1")
    with container:
        url = f"http://test@{container.get_container_host_ip()}:{container.get_exposed_port(8123)}/kubelapse"
        store = ClickHouseStore.open(url, "test")
        migrate(Settings({}, {"KUBELAPSE_STORE": url, "KUBELAPSE_STORE_CLUSTER": "one"}, {}), store)
        yield store
        store.close()


def test_a_history_fits_into_a_cluster(cluster: ClickHouseStore, tmp_path: Path) -> None:
    source = ChdbStore.open(tmp_path / "store")
    single.migrate(source)
    loader.load(source, loader.bundled(), end=NOW, registry=CollectorRegistry())
    try:
        assert copy(source, cluster, say=lambda _: None).rows > 1000
    finally:
        source.close()
    engines: dict[str, str] = dict(
        cluster.rows("SELECT name, engine FROM system.tables WHERE database = 'kubelapse_shard'")
    )
    assert engines["events"] == "ReplicatedReplacingMergeTree"
    assert cluster.rows("SELECT engine FROM system.tables WHERE database = 'kubelapse' AND name = 'events'") == [
        ("Distributed",)
    ]


def test_migrating_again_changes_nothing_and_the_schema_is_found_current(cluster: ClickHouseStore) -> None:
    single.check(cluster)


def test_the_roles_are_made(cluster: ClickHouseStore) -> None:
    for _ in range(2):
        for statement in roles("kubelapse", "kubelapse_shard", on_cluster="ON CLUSTER one"):
            cluster.command(statement)
    assert ("kubelapse_readonly",) in cluster.rows("SELECT name FROM system.roles")
