"""Which of several replicas sends to a receiver: a row of the store that is claimed, renewed, and fenced by a number.

The claim with the highest fence counts, of equal ones that of the highest holder. Its holder renews it every `beat`
seconds; who finds it unchanged for `lease` seconds, by their own clock alone, claims the next fence, waits until claims
of the same moment can be seen, and looks who it is. A holder that could not renew its claim for most of a lease takes
it for lost; one that wakes from a long sleep finds a higher fence before it writes anything down.

It is advice, not a lock: a store whose replicas lag can have two holders for a moment. Then things are sent twice,
under the same ids; nothing is ever left out, as a place only moves behind what was taken.
"""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa

from query.errors import QueryError
from query.readers import Readers
from schema.store import Store, StoreError

_SURE: Final = 0.75
"""Of a lease: without a renewal for so long a holder stops, before another one begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """In seconds. `settle`: until the claims of others can be seen."""

    beat: float = 4.0
    lease: float = 16.0
    settle: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A claim as it stands in the store."""

    fence: int
    holder: str
    beat: int
    released: bool = False


class Claim:
    """One receiver's, of this process."""

    def __init__(self, store: Store, readers: Readers, name: str, pace: Pace, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self.pace = pace
        self._store = store
        self._readers = readers
        self._name = name
        self._clock = clock
        self._holder = uuid.uuid4().hex
        self._own: Held | None = None
        self._renewed = float("-inf")
        self._seen: tuple[Held | None, float] = (None, float("-inf"))
        self._wanted = asyncio.Event()

    @property
    def mine(self) -> bool:
        """Whether this process may send now."""
        return self._own is not None and self._clock() - self._renewed < _SURE * self.pace.lease

    def want(self) -> None:
        """Take it over soon, whoever holds it."""
        self._wanted.set()

    async def keep(self) -> None:
        """For ever: renew it, or wait for it."""
        while True:
            with suppress(StoreError, QueryError):  # who cannot renew it loses it by time
                await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.pace.beat):
                    await self._wanted.wait()

    async def look(self) -> None:
        """Once: renew what is held, claim what nobody holds. Raises StoreError, TooBusy."""
        began = self._clock()
        top = await self._readers.run(self._top)
        if self._own is not None and top is not None and top.holder == self._holder:
            await self._write(replace(self._own, beat=self._own.beat + 1), began)
            self._wanted.clear()
        elif self._wanted.is_set() or self._is_free(top):
            self._own = None
            await self._take(top)
        else:
            self._own = None

    async def release(self) -> None:
        """At an orderly end: the next one need not wait. Raises StoreError, TooBusy."""
        if self._own is not None:
            await self._write(replace(self._own, beat=self._own.beat + 1, released=True), self._clock())
            self._own = None

    async def _take(self, top: Held | None) -> None:
        self._wanted.clear()
        claim = Held(fence=top.fence + 1 if top else 1, holder=self._holder, beat=1)
        await self._readers.run(lambda: self._insert(claim))
        await asyncio.sleep(self.pace.settle)
        began = self._clock()
        found = await self._readers.run(self._top)
        if found is not None and found.holder == self._holder:
            self._own, self._renewed = claim, began

    async def _write(self, claim: Held, began: float) -> None:
        await self._readers.run(lambda: self._insert(claim))
        self._own, self._renewed = claim, began

    def _is_free(self, top: Held | None) -> bool:
        """Whether nobody lives who holds it: by how long it stands still before our eyes."""
        if top is None or top.released:
            return True
        if self._seen[0] != top:
            self._seen = (top, self._clock())
        return self._clock() - self._seen[1] >= self.pace.lease

    def _top(self) -> Held | None:
        sql = """
            SELECT fence, holder, max(beat) AS newest, argMax(released, beat) FROM delivery_claims
            WHERE name = {name:String} GROUP BY fence, holder ORDER BY fence DESC, holder DESC LIMIT 1"""
        for fence, holder, beat, released in self._store.rows(sql, {"name": self._name}):
            return Held(fence=fence, holder=holder, beat=beat, released=released)
        return None

    def _insert(self, claim: Held) -> None:
        row = pa.table(
            {
                "name": pa.array([self._name], pa.string()),
                "fence": pa.array([claim.fence], pa.uint64()),
                "holder": pa.array([claim.holder], pa.string()),
                "beat": pa.array([claim.beat], pa.uint64()),
                "released": pa.array([claim.released], pa.bool_()),
            }
        )
        self._store.insert("delivery_claims", row, token=f"claim {uuid.uuid4().hex}")
