"""Requests to the past take turns: few at a time, and what tells of changes before what only proves there were none."""

import asyncio

from collector.past import Turns


class Asking:
    """Who asks, and in which order they had their turn."""

    def __init__(self, most: int) -> None:
        self.turns, self.done, self.under_way, self.peak = Turns(most), list[str](), 0, 0
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        for name in names:
            self.tasks[name] = asyncio.create_task(self._ask(name))
        await asyncio.sleep(0)

    async def all(self) -> None:
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    async def _ask(self, name: str) -> None:
        async with self.turns.one(urgent=name.startswith("change")):
            self.under_way += 1
            self.peak = max(self.peak, self.under_way)
            try:
                await asyncio.sleep(0)
            finally:
                self.under_way -= 1
            self.done.append(name)


def test_who_is_urgent_goes_before_who_came_first() -> None:
    async def main() -> None:
        asking = Asking(1)
        await asking.come("proof 0", "proof 1", "proof 2", "change 1", "change 2")
        await asking.all()
        assert asking.done == ["proof 0", "change 1", "change 2", "proof 1", "proof 2"]

    asyncio.run(main())


def test_never_more_at_a_time_than_agreed_also_when_some_give_up() -> None:
    async def main() -> None:
        asking = Asking(3)
        names = [f"{kind} {number}" for number in range(20) for kind in ("proof", "change")]
        await asking.come(*names)
        for name in names[::3]:
            asking.tasks[name].cancel()
        await asking.all()
        await asking.come("proof last", "change last")
        await asking.all()
        assert asking.peak == 3
        assert asking.done[-2:] == ["proof last", "change last"]

    asyncio.run(main())
