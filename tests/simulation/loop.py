"""An event loop whose time is a number: a minute passes in the time that its work takes, and always in the same order.

When nothing is ready, time jumps to the next timer. `freeze` lets it pass while nobody runs, as SIGSTOP does: every
timer of that span is late, and what others did meanwhile has happened. Work handed to threads is done on the spot.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """Nothing is ready and no timer runs: the program would wait for ever."""


class _Instant(selectors.DefaultSelector):
    """Never waits: what would have been waited is added to the loop's time."""

    passed: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck("nothing is ready and no timer runs")
        self.passed(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time begins at 0 and moves only when nothing is ready, or in `freeze`."""

    def __init__(self) -> None:
        self._virtual = 0.0
        selector = _Instant()
        selector.passed = self.freeze
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the loop began."""
        return self._virtual

    def freeze(self, seconds: float) -> None:
        """Time passes, and nothing runs in it."""
        self._virtual += seconds

    def run_in_executor(  # type: ignore[override]  # the loop's own signature is wider than what is called here
        self, _: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """At once, on the loop: threads would make the order a matter of chance."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run to the end, in virtual time; every task that is left is cancelled."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
