"""The server within this process, in a thread of its own: for histories that no cluster would tell."""

import asyncio
import threading

from kubelapse.observe import new_registry
from kubelapse.server import Server, listen, make_app
from kubelapse.settings import Settings
from query.callers import Logins
from schema.chdb import ChdbStore
from tests.waiting import until

CHOSEN = Settings(flags={}, environ={}, file={})
"""Everything as by default."""


class Inside:
    """A store served on loopback, to those whom `logins` admits. `stop` and `start` again: the same address."""

    def __init__(self, store: ChdbStore, logins: Logins | None = None) -> None:
        self.store = store
        self.logins = logins
        self.port = 0
        self.thread: threading.Thread | None = None
        self.server: Server | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Inside":
        """Listen, then serve."""
        bound = listen("127.0.0.1", self.port)
        self.port = bound.getsockname()[1]
        self.server = Server(make_app(self.store, new_registry(), host="127.0.0.1", chosen=CHOSEN, logins=self.logins))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.server.serve(sockets=[bound]),))
        self.thread.start()
        until(lambda: self.server is not None and self.server.started)
        return self

    def stop(self) -> None:
        """In order; open feeds end."""
        assert self.server is not None
        assert self.loop is not None
        assert self.thread is not None
        self.loop.call_soon_threadsafe(self.server.stop)
        self.thread.join(timeout=30)
        self.loop.close()
