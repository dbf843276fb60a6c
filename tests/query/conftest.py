"""One embedded store per module; tests keep apart by cluster names of their own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.fakes.history import History

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    """An empty store with all tables."""
    path: Path = tmp_path_factory.mktemp("store")
    opened = ChdbStore.open(path)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def history() -> History:
    """The history of a cluster that no other test knows."""
    return History(f"lab{next(_NUMBERS)}")
