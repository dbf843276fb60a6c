"""Waiting for another process: asking again until it is so, or failing with what was asked."""

import asyncio
import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, within: float = 30.0) -> None:
    """Return once `condition` holds; AssertionError when it does not within so many seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {condition.__qualname__}"
        time.sleep(0.05)


async def eventually(condition: Callable[[], object], *, within: float = 60.0) -> None:
    """The same within an event loop, which goes on meanwhile."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {condition.__qualname__}"
        await asyncio.sleep(0.01)
