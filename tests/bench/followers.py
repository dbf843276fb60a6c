"""Many followers of the live feed: clients in a process of their own, a third of them breaking off and coming back.

    python -m tests.bench followers [--seconds 60]

300 changes a second are stored while 500 clients follow them as server-sent events over raw sockets. Every third one
goes away at random and comes back with `Last-Event-ID`. Each client checks that it gets every change once and in order,
over all of its connections. Told are losses and repetitions, how far behind the slowest was, the server's memory and
CPU (which holds the store and the writer too), and how long it takes to end with all of them connected.
"""

import asyncio
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kubelapse.observe import new_registry
from kubelapse.server import Server, listen, make_app, url_of
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.bench.report import figure
from tests.fakes.history import History

CLIENTS: Final = 500
RATE: Final = 300
STEP: Final = 0.5
PATIENCE: Final = 300.0
"""Seconds in which everybody must have caught up when the last change is stored."""
_NUMBER = re.compile(rb'"name":"n(\d+)"')
_TOKEN = re.compile(rb"^id: (\S+)$", re.MULTILINE)


def run(home: Path, *, seconds: float, clients: int = CLIENTS, rate: int = RATE) -> None:
    """The whole benchmark."""
    store = ChdbStore.open(home / "store")
    migrate(store)
    with listen("127.0.0.1", 0) as bound:
        server = Server(make_app(store, new_registry()))
        loops: list[asyncio.AbstractEventLoop] = []
        thread = threading.Thread(target=lambda: asyncio.run(_serve(server, bound, loops)), daemon=True)
        thread.start()
        told = _measured(store, url_of(bound), seconds=seconds, clients=clients, rate=rate, end=_ending(server, loops))
        thread.join(30)
    figure("followers: changes lost, repeated or out of order", told.wrong, "changes", clients=clients, rate=rate)
    figure("followers: connections that came back", told.reconnects, "connections")
    figure("followers: slowest client behind", told.behind, "s", after="the last change")
    figure("followers: memory before and at most", told.rss_most, "MiB", before=told.rss_before)
    figure("followers: CPU of server, store and writer", told.cpu, "s/s")
    figure("followers: CPU of the clients", told.client_cpu, "s/s")
    figure("followers: end with all connected", told.end, "s", clients=clients)
    store.close()


async def _serve(server: Server, bound: object, loops: list[asyncio.AbstractEventLoop]) -> None:
    loops.append(asyncio.get_running_loop())
    await server.serve(sockets=[bound])  # type: ignore[list-item]  # a socket


def _ending(server: Server, loops: list[asyncio.AbstractEventLoop]) -> Callable[[], None]:
    def end() -> None:
        loops[0].call_soon_threadsafe(server.stop)

    return end


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was measured."""

    wrong: int
    reconnects: int
    behind: float
    rss_before: int
    rss_most: int
    cpu: float
    client_cpu: float
    end: float


def _measured(store: ChdbStore, url: str, *, seconds: float, clients: int, rate: int, end: Callable[[], None]) -> Told:
    history = History("bench")
    _write(history, store, range(rate))
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.followers", url.rpartition(":")[2], str(clients)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()  # all follow
    before, memory = _rss(), [_rss()]
    cpu, began = time.process_time(), time.monotonic()
    number = rate
    while (now := time.monotonic() - began) < seconds:
        wanted = rate + int(now * rate)
        _write(history, store, range(number, wanted))
        number = max(number, wanted)
        memory.append(_rss())
        time.sleep(max(0.0, STEP - (time.monotonic() - began - now)))
    stored = time.monotonic()
    print(number - 1, file=child.stdin, flush=True)
    found = json.loads(child.stdout.readline())
    took, used = time.monotonic() - began, time.process_time() - cpu
    memory.append(_rss())
    behind, asked = time.monotonic() - stored, time.monotonic()
    end()
    child.stdout.readline()  # every connection has ended
    ended = time.monotonic() - asked
    child.wait(30)
    return Told(
        wrong=found["wrong"], reconnects=found["reconnects"], behind=round(behind, 2), rss_before=before,
        rss_most=max(memory), cpu=round(used / took, 2), client_cpu=round(found["cpu"] / took, 2), end=round(ended, 2),
    )  # fmt: skip


def _write(history: History, store: ChdbStore, numbers: range) -> None:
    for number in numbers:
        history.put("configmaps", f"shop/n{number}", {"data": {"n": str(number)}}, at=number / 1000)
    history.store(store)


def _rss() -> int:
    """MiB."""
    text = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) // 1024 if found else 0


# ---- the process of the clients --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Client:
    """One client over all of its connections; `restless`: it breaks off and comes back."""

    port: int
    restless: bool
    random: random.Random
    token: bytes = b""
    last: int = -1
    wrong: int = 0
    connections: int = 0
    over: bool = False
    following: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until the server ends it for good."""
        while True:
            with suppress(ConnectionError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
                self.connections += 1
                resume = b"Last-Event-ID: %s\r\n" % self.token if self.token else b""
                writer.write(b"GET /api/v1/feed HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % resume)
                left = await self._follow(reader)
                writer.close()
                if not left:
                    return
            if self.over:
                return
            await asyncio.sleep(self.random.uniform(0, 1))

    async def _follow(self, reader: asyncio.StreamReader) -> bool:
        """True when it has left, False when the server has ended."""
        loop = asyncio.get_running_loop()
        leaves = loop.time() + self.random.uniform(2, 6) if self.restless else float("inf")
        waiting = b""
        while True:
            data = await reader.read(1 << 18)
            if not data:
                return False
            waiting += data
            cut = waiting.rfind(b"\n\n") + 2
            if cut > 1:
                self._take(waiting[:cut])
                waiting = waiting[cut:]
            if self.restless and loop.time() > leaves and self.token:
                return True

    def _take(self, part: bytes) -> None:
        """Whole events."""
        self.following.set()
        if tokens := _TOKEN.findall(part):
            self.token = tokens[-1]
        numbers = [int(each) for each in _NUMBER.findall(part)]
        if not numbers:
            return
        expected = list(range(self.last + 1 if self.last >= 0 else numbers[0], numbers[-1] + 1))
        if numbers != expected:
            self.wrong += len(set(numbers) ^ set(expected)) + len(numbers) - len(set(numbers)) or 1
        self.last = numbers[-1]


async def _clients(port: int, count: int) -> None:
    made = [Client(port, number % 3 == 0, random.Random(number)) for number in range(count)]
    tasks = [asyncio.create_task(each.run()) for each in made]
    await asyncio.gather(*(each.following.wait() for each in made))
    print("following", flush=True)
    last = int(await asyncio.to_thread(sys.stdin.readline))
    for each in made:
        each.restless = False
    end = time.monotonic() + PATIENCE
    while any(each.last < last for each in made) and time.monotonic() < end:  # noqa: ASYNC110  # none says so
        await asyncio.sleep(0.02)
    for each in made:
        each.over = True
    wrong = sum(each.wrong + max(0, last - each.last) for each in made)
    reconnects = sum(each.connections - 1 for each in made)
    print(json.dumps({"wrong": wrong, "reconnects": reconnects, "cpu": time.process_time()}), flush=True)
    await asyncio.gather(*tasks, return_exceptions=True)
    print("ended", flush=True)


if __name__ == "__main__":
    asyncio.run(_clients(int(sys.argv[1]), int(sys.argv[2])))
