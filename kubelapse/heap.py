"""Memory that is free goes back to the system: glibc's allocator keeps it, per thread, unless it is told otherwise.

First lists pass hundreds of megabytes through a process that then needs little (figures: docs/benchmarks.md). Where
the C library is another one (macOS, musl) nothing happens; theirs give memory back by themselves.
"""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8  # malloc.h of glibc


def few_arenas(count: int = 2) -> None:
    """At most this many heaps for all threads together; to be called before threads start."""
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_M_ARENA_MAX, count)


def give_back() -> None:
    """Hand free pages to the system now."""
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
