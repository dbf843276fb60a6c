import threading

import pytest

from schema.pool import Pool
from schema.store import StoreError


class Connections:
    """Opens numbered clients and remembers what happened to them."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed: list[int] = []
        self.emptied = 0
        self.pool = Pool(self._open, self.closed.append, self._on_emptied)

    def _open(self) -> int:
        self.opened += 1
        return self.opened

    def _on_emptied(self) -> None:
        self.emptied += 1


def test_calls_after_one_another_share_a_client() -> None:
    connections = Connections()
    for _ in range(3):
        with connections.pool.lend() as client:
            assert client == 1


def test_calls_at_one_time_have_a_client_each() -> None:
    pool = Connections().pool
    with pool.lend() as one, pool.lend() as other:
        assert one != other


def test_a_closed_pool_lends_nothing() -> None:
    pool = Connections().pool
    pool.close(patience=0)
    with pytest.raises(StoreError, match="closed"), pool.lend():
        pass


def test_everything_is_let_go_once_the_last_client_is_back() -> None:
    connections = Connections()
    with connections.pool.lend(), connections.pool.lend():
        connections.pool.close(patience=0)
        assert connections.emptied == 0, "calls are still under way"
    connections.pool.close(patience=0)
    assert (sorted(connections.closed), connections.emptied) == ([1, 2], 1)


def test_closing_waits_for_calls_that_are_under_way() -> None:
    connections = Connections()
    lent, closing = threading.Event(), threading.Event()

    def call() -> None:
        with connections.pool.lend():
            lent.set()
            closing.wait(10)

    thread = threading.Thread(target=call)
    thread.start()
    lent.wait(10)
    closing.set()
    connections.pool.close(patience=10)
    assert connections.emptied == 1
    thread.join()
