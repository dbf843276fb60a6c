"""Exact lists of one scope, within limits: how healing reads what etcd still has.

An API server that has just started is busy, or goes away again; so questions are repeated while there is time. What
tells of changes is asked before what only proves that there were no more: after an absence every kind is healed at
once, and the proofs of those in which nothing happened would take the time of those in which much did.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from typing import Final, TypeVar

from collector.cluster import Busy, Cluster, Expired, Page, Unreachable
from collector.lives import Life, Version, version_of
from collector.observation import read_header
from collector.settings import CollectorSettings
from schema.objects import Kind, Scope

T = TypeVar("T")

ANY: Final = "default"
"""A name, and a namespace, that may be asked for: whether it is there does not matter."""
RETRY: Final = 0.5
"""Seconds before a request is repeated that found the server busy or away."""


class Spent(Exception):
    """Requests, time or bytes are used up."""


class Turns:
    """So many requests under way at a time; those that are urgent go first."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def one(self, *, urgent: bool) -> AsyncIterator[None]:
        """A turn, for as long as the context lasts."""
        if self._free:
            self._free -= 1
        else:
            await self._turn(urgent=urgent)
        try:
            yield
        finally:
            self._pass_on()

    async def _turn(self, *, urgent: bool) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (not urgent, next(self._numbers), mine))
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was ours already
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            *_, next_one = heappop(self._waiting)
            if not next_one.done():
                next_one.set_result(None)
                return
        self._free += 1


class Reader:
    """Exact lists of one scope, counted."""

    def __init__(
        self, cluster: Cluster, kind: Kind, scope: Scope, *, turns: Turns, settings: CollectorSettings
    ) -> None:
        self.scope = scope
        self.requests = 0
        self._cluster = cluster
        self._kind = kind
        self._turns = turns
        self._page_size = settings.page_size
        self._most = settings.healing.requests
        self._bytes = settings.healing.bytes
        self._deadline = asyncio.get_running_loop().time() + settings.healing.seconds

    @property
    def room(self) -> int:
        """Requests that are left."""
        return 0 if self._late() else self._most - self.requests

    def pages(self, objects: int) -> int:
        """Requests for a whole list of so many objects."""
        return -(-objects // self._page_size)

    def rest(self, seconds: float) -> None:
        """So long it waited for others, and not for the server."""
        self._deadline += seconds

    async def version(self, life: Life) -> Version | None:
        """As `one`, without content."""
        return await self.one(life, metadata=True)

    async def one(self, life: Life, *, metadata: bool = False) -> Version | None:
        """The version of this life that was current at the revision it asks for."""
        if self.room <= 0 or self._bytes <= 0:
            raise Spent
        known, rv = life.known, str(life.ask)
        page = await self._exact(known.namespace, rv=rv, name=known.name, limit=0, metadata=metadata)
        self._bytes -= sum(map(len, page.items))
        for item in page.items:
            header = read_header(item)
            if header.life == life.uid:
                return version_of(item, header)
        return None

    async def all(self, rv: int, *, metadata: bool) -> list[bytes]:
        """Every object of the scope at this revision."""
        items, more = list[bytes](), ""
        while True:
            page = await self._exact(
                self.scope.namespace, rv=str(rv), more=more, limit=self._page_size, metadata=metadata
            )
            items += page.items
            if not (more := page.more):
                return items

    async def is_kept(self, rv: int) -> bool:
        """Whether etcd still has this revision.

        Asked of one name: a list may be answered from a snapshot that the watch cache has kept longer than etcd.
        """
        namespace = self.scope.namespace or (ANY if self._kind.namespaced else "")
        try:
            await self._exact(namespace, rv=str(rv), name=ANY, limit=0, metadata=True)
        except Expired:
            return False
        return True

    async def _exact(
        self, namespace: str, *, rv: str, name: str = "", more: str = "", limit: int, metadata: bool = False
    ) -> Page:
        urgent = not metadata or bool(name)
        while True:
            try:
                async with self._turns.one(urgent=urgent):
                    self.requests += 1
                    return await self._cluster.exact(
                        self._kind, namespace, rv=rv, name=name, more=more, limit=limit, metadata=metadata
                    )
            except (Busy, Unreachable) as error:
                if self._late():
                    raise
                await asyncio.sleep(error.retry_after or RETRY)

    def _late(self) -> bool:
        return asyncio.get_running_loop().time() > self._deadline


async def together(asks: Iterable[Awaitable[T]]) -> list[T]:
    """All answers; when one failed, its failure, once all have come."""
    answers = await asyncio.gather(*asks, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]
