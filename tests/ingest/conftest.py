"""Stores that several ingesters share: databases of one engine behind an HTTP face."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from schema.clickhouse import ClickHouseStore
from schema.migrate import migrate
from schema.store import Store
from tests.clickhouse import servers
from tests.kafka.broker import RealBroker
from tests.kafka.log import KafkaLog

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.face(tmp_path_factory.mktemp("face")) as url:
        yield url


@pytest.fixture
def new_store(face: str) -> Iterator[Callable[[], Store]]:
    """Makes empty stores with tables."""
    opened: list[Store] = []

    def make() -> Store:
        opened.append(ClickHouseStore.open(f"{face}/ingest{next(_numbers)}"))
        migrate(opened[-1])
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    return new_store()


@pytest.fixture
async def log(broker: RealBroker) -> AsyncIterator[KafkaLog]:
    """Not made yet: `await log.make()`."""
    made = KafkaLog(broker)
    yield made
    await made.close()
