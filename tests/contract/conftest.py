"""Places where a store can be: each test of the contract runs on all that this machine has."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schema.chdb import ChdbStore
from schema.clickhouse import ClickHouseStore
from schema.store import Store
from tests.clickhouse import servers

Open = Callable[[], Store]
"""Opens the same store each time it is called."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    password: str | None = None


@pytest.fixture(scope="session")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers.face(tmp_path_factory.mktemp("face")) as url:
        yield Server(url)


@pytest.fixture(scope="session")
def real_server() -> Iterator[Server]:
    with servers.real() as (url, password):
        yield Server(url, password)


@pytest.fixture(
    params=["embedded", "http", pytest.param("server", marks=pytest.mark.clickhouse_server)],
)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens one new, empty store, again and again; what is still open is closed after the test."""
    opened: list[Store] = []
    place = _embedded(tmp_path) if request.param == "embedded" else _on_server(request)

    def reopen() -> Store:
        opened.append(place())
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Open) -> Store:
    """A new store without tables."""
    return reopen()


def _embedded(path: Path) -> Open:
    return lambda: ChdbStore.open(path / "store")


def _on_server(request: pytest.FixtureRequest) -> Open:
    server: Server = request.getfixturevalue("face" if request.param == "http" else "real_server")
    database = f"kubelapse_test_{next(_numbers)}"
    request.addfinalizer(lambda: _drop(server, database))
    return lambda: ClickHouseStore.open(f"{server.url}/{database}", server.password)


def _drop(server: Server, database: str) -> None:
    store = ClickHouseStore.open(f"{server.url}/{database}", server.password)
    store.command(f"DROP DATABASE {database}")
    store.close()
