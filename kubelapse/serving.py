"""`serve`: answers over one store, and nothing else. Any number of such replicas may stand before one ClickHouse.

A replica keeps no state: it can be started, ended and replaced at any time. It never migrates, so that a rolling
upgrade of replicas cannot change the schema under the others; it refuses to begin on a store that is not of its
version. On an embedded store it takes the lock, as `up` does, and leaves its URL there for reading commands.
"""

import asyncio
from collections.abc import Callable

from kubelapse import __version__, heap
from kubelapse import settings as known
from kubelapse.observe import new_registry
from kubelapse.server import PortInUse, Server, end_on_signals, listen, make_app, url_of
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from kubelapse.stores import leave_url, open_existing
from schema.store import StoreError

Say = Callable[[str], None]

# Seconds, several times what an insert takes: ingesters write side by side, and the feed must not overtake one of them.
SETTLE = 3.0


class ServeError(Exception):
    """Serving cannot begin or go on; one sentence that says what to do."""


async def serve(settings: Settings, *, say: Say) -> None:
    """Answer until a signal; raises ServeError."""
    stop = asyncio.Event()
    heap.few_arenas()
    end_on_signals(stop, say, "stopping: open requests are being answered (once more to end at once)")
    try:
        await _serve(settings, stop, say)
    except (StoreError, PortInUse, SettingError) as error:
        raise ServeError(str(error)) from error


async def _serve(settings: Settings, stop: asyncio.Event, say: Say) -> None:
    with listen(settings[known.HOST], settings[known.PORT]) as bound:
        store = await asyncio.to_thread(open_existing, settings)
        try:
            url = url_of(bound)
            leave_url(store, url)
            say(f"kubelapse {__version__}\nstore    {settings.store}\nserving  {url}  (Ctrl-C ends)")
            settle = 0.0 if settings.store.startswith("chdb:") else SETTLE
            server = Server(make_app(store, new_registry(), host=settings[known.HOST], settle=settle))
            await until(stop, server, asyncio.create_task(server.serve(sockets=[bound]), name="server"))
        finally:
            await asyncio.to_thread(store.close)
    say("stopped")


async def until(stop: asyncio.Event, server: Server, serving: "asyncio.Task[None]") -> None:
    """Until the signal, or until the server ends by itself; then the server ends within its grace."""
    asked = asyncio.create_task(stop.wait(), name="signal")
    await asyncio.wait({asked, serving}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    server.stop()
    await serving
