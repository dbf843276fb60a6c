"""Waiting for another process: asking again until it is so, or failing with what was asked."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, within: float = 30.0) -> None:
    """Return once `condition` holds; AssertionError when it does not within so many seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {condition.__qualname__}"
        time.sleep(0.05)
