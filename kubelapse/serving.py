"""`serve`: answers over one store, and nothing else. Any number of such replicas may stand before one ClickHouse.

A replica keeps no state but who is signed in with a browser: it can be started, ended and replaced at any time. It
never migrates, so that a rolling upgrade of replicas cannot change the schema under others; it refuses to begin on a
store that is not of its version. On an embedded store it takes the lock, as `up` does, and leaves its URL there for
reading commands.

With `--ingest` the same process also stores what collectors write into Kafka: the whole right half of the way in one
process, for Kafka with an embedded store.
"""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from collector.errors import CredentialsError
from kubelapse import __version__, heap, ingesting
from kubelapse import settings as known
from kubelapse.auth.logins import check_host, logins
from kubelapse.exits import StageError
from kubelapse.ingesting import EXPECTED, Parts, assemble, checks
from kubelapse.kubeport import kube_port
from kubelapse.observe import new_registry
from kubelapse.server import Server, end_on_signals, listen, make_app, url_of
from kubelapse.settings import Settings
from kubelapse.settings_kafka import KAFKA, broker
from kubelapse.stores import data_dir, leave_url, open_existing, open_store

Say = Callable[[str], None]

# Seconds, several times what an insert takes: ingesters write side by side, and the feed must not overtake one of them.
SETTLE = 3.0


async def serve(settings: Settings, *, say: Say, ingest: bool = False) -> None:
    """Answer until a signal, and store what Kafka holds if asked; raises StageError."""
    stop = asyncio.Event()
    heap.few_arenas()
    end_on_signals(stop, say, "stopping: open requests are being answered (once more to end at once)")
    try:
        check_host(settings)
        with listen(settings[known.HOST], settings[known.PORT]) as bound:
            await _serve(settings, bound, stop, say, ingest=ingest)
    except CredentialsError as error:
        raise StageError(error, 1) from error
    except EXPECTED as error:
        raise StageError(error) from error
    say("stopped")


async def _serve(settings: Settings, bound: socket.socket, stop: asyncio.Event, say: Say, *, ingest: bool) -> None:
    embedded = settings.store.startswith("chdb:")
    if embedded and ingest:
        data_dir(settings)
    # Nobody else could bring an embedded store up to date while this process holds it.
    store = await asyncio.to_thread(open_store if embedded and ingest else open_existing, settings)
    try:
        registry = new_registry()
        parts = await assemble(settings, broker(settings), store, registry) if ingest else None
        who = await logins(settings, store)
        leave_url(store, url_of(bound))
        _introduce(say, settings, bound, parts)
        app = make_app(
            store,
            registry,
            host=settings[known.HOST],
            health=None if parts is None else partial(checks, parts),
            settle=0.0 if embedded else SETTLE,
            evaluate=True,
            chosen=settings,
            logins=who,
        )
        async with kube_port(app, settings, say):
            await run(Server(app), bound, parts, stop)
    finally:
        await asyncio.to_thread(store.close)


def _introduce(say: Say, settings: Settings, bound: socket.socket, parts: Parts | None) -> None:
    say(f"kubelapse {__version__}")
    say(f"store    {settings.store}")
    if parts is not None:
        say(f"kafka    {settings[KAFKA]} ({parts.topic.name}, {parts.topic.partitions} partitions)")
    say(f"serving  {url_of(bound)}  (Ctrl-C ends)")


async def run(server: Server, bound: socket.socket, parts: Parts | None, stop: asyncio.Event) -> None:
    """Until the signal, or until a part ends by itself: first what is read is stored, then the server ends."""
    serving = asyncio.create_task(server.serve(sockets=[bound]), name="server")
    asked = asyncio.create_task(stop.wait(), name="signal")
    ending = asyncio.Event()
    tasks: set[asyncio.Task[Any]] = {serving, asked}
    storing = None if parts is None else asyncio.create_task(ingesting.run(parts, ending), name="ingest")
    try:
        await asyncio.wait(tasks if storing is None else tasks | {storing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        ending.set()
        if storing is not None:
            await asyncio.wait({storing})  # bounded by itself
        server.stop()
        await serving
    if storing is not None:
        storing.result()
