"""What becomes of a complete list: first sights, what was missed, or, where it can be had, everything in between."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import islice
from typing import Final

from collector.burst import Snapshot
from collector.healing import EXPIRED, Healed, Healer
from collector.outlet import Comparing, Outlet, TrackerLike
from schema.objects import Kind

LONG_LIST: Final = 256
"""Longer lists are compared in a thread, so that sockets go on being read."""

SLICE: Final = 1000
"""Records of a long list that are given out together."""


class FreshLists:
    """Takes up the fresh lists of one scope; `healer` None: they are only compared."""

    def __init__(self, *, kind: Kind, tracker: TrackerLike, outlet: Outlet, healer: Healer | None) -> None:
        self._kind = kind
        self._tracker = tracker
        self._outlet = outlet
        self._healer = healer

    async def take_up(self, snapshot: Snapshot, *, at: datetime, reason: str, turn: AsyncExitStack) -> str:
        """Give out what a fresh list shows beside memory, healed if it can be; how: `healed`, or the reason.

        `turn` is what keeps others from listing at the same time: healing takes long and gives it back first.
        """
        healed = await self._heal(snapshot, reason, turn)
        if healed is not None:
            await self._outlet.give(await healed.take_up(rv=snapshot.rv, at=at), self._tracker.position)
            return "healed"
        if len(snapshot.items) <= LONG_LIST:
            records = self._tracker.replace(snapshot.items, rv=snapshot.rv, at=at, reason=reason)
            await self._outlet.give(records, self._tracker.position)
        else:
            await self._replace_many(snapshot, at=at, reason=reason)
        return reason

    def expect(self, reason: str) -> None:
        """A fresh list will be asked for, for this reason."""
        if self._healer is not None and reason == EXPIRED:
            self._healer.expect(self._outlet.scope)

    def give_up(self) -> None:
        """It cannot be had for now."""
        if self._healer is not None:
            self._healer.give_up(self._outlet.scope)

    async def _heal(self, snapshot: Snapshot, reason: str, turn: AsyncExitStack) -> Healed | None:
        """What the watch would have said up to the fresh list. It takes its time: others may list meanwhile."""
        position = self._tracker.position
        if self._healer is None or reason != EXPIRED or position is None:
            return None
        await turn.aclose()
        return await self._healer.heal(self._kind, self._outlet.scope, self._tracker, position.rv, snapshot)

    async def _replace_many(self, snapshot: Snapshot, *, at: datetime, reason: str) -> None:
        """In a thread and in slices, so that sockets go on being read and not all events stand in memory at once.

        The resume point comes after the last record: a crash in between repeats the list.
        """
        tracker, items = self._tracker, snapshot.items
        if isinstance(tracker, Comparing):
            found = tracker.compare(items, rv=snapshot.rv, at=at, reason=reason)
        else:
            found = iter(await asyncio.to_thread(tracker.replace, items, rv=snapshot.rv, at=at, reason=reason))
        while records := await asyncio.to_thread(lambda: list(islice(found, SLICE))):
            await self._outlet.give(records, None)
        await self._outlet.give([], self._tracker.position)
