"""Lends each caller a client of its own and takes it back: what makes a store usable from many threads.

A pool rather than one client per thread: threads come and go, and a stream may move between threads while it is read.
There are never more clients than calls at one moment.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from schema.store import StoreError

Client = TypeVar("Client")


class Pool(Generic[Client]):
    """Idle clients, newest first; more are opened when all are lent."""

    def __init__(
        self, open_one: Callable[[], Client], close_one: Callable[[Client], None], emptied: Callable[[], None]
    ) -> None:
        """`emptied` is called once, after close(), when the last client has been closed."""
        self._open_one = open_one
        self._close_one = close_one
        self._emptied = emptied
        self._changed = threading.Condition()
        self._idle: list[Client] = []
        self._lent = 0
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[Client]:
        """A client for the length of one call or stream. A call after close() raises StoreError."""
        client = self._take()
        try:
            yield client
        finally:
            self._give_back(client)

    def close(self, *, patience: float) -> None:
        """Close idle clients now and lent ones when they come back; waits up to `patience` seconds for those."""
        with self._changed:
            first = not self._closed
            self._closed = True
            idle, self._idle = self._idle, []
            self._lent += first  # the pool is not empty before its idle clients are closed
        for client in idle:
            self._close_one(client)
        if first:
            self._returned()
        with self._changed:
            self._changed.wait_for(lambda: not self._lent, patience)

    def _take(self) -> Client:
        with self._changed:
            if self._closed:
                raise StoreError("The store has been closed.")
            self._lent += 1
            if self._idle:
                return self._idle.pop()
        try:
            return self._open_one()
        except BaseException:
            self._returned()
            raise

    def _give_back(self, client: Client) -> None:
        with self._changed:
            if not self._closed:
                self._idle.append(client)
                self._lent -= 1
                return
        try:
            self._close_one(client)
        finally:
            self._returned()

    def _returned(self) -> None:
        """One lent client less; the last one of a closed pool lets go of everything."""
        with self._changed:
            self._lent -= 1
            if self._closed and not self._lent:
                self._emptied()
            self._changed.notify_all()
