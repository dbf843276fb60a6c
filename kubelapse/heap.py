"""Memory that is free goes back to the system: glibc's allocator keeps it, per thread, unless it is told otherwise.

First lists pass hundreds of megabytes through a process that then needs little (figures: docs/benchmarks.md). Where
the C library is another one (macOS, musl) nothing happens; theirs give memory back by themselves.

The engine's library is 700 MB on disk; starting touches 200 MB of it that recording hardly needs again. Pages that are
as they are in the file are let go after the start: what is needed comes back from the page cache, a microsecond each.
"""

import ctypes
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

_M_ARENA_MAX: Final = -8  # malloc.h of glibc
_MADV_DONTNEED: Final = 4  # Linux
_MAPS: Final = Path("/proc/self/smaps")
_LARGE: Final = 4 * 2**20


def few_arenas(count: int = 2) -> None:
    """At most this many heaps for all threads together; to be called before threads start."""
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_M_ARENA_MAX, count)


def give_back() -> None:
    """Hand free pages to the system now, and pages of libraries that can be read again."""
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
    with suppress(OSError):  # no Linux, or no /proc
        _let_go(list(clean_code(_MAPS.read_text().splitlines())))


def clean_code(maps: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Large mappings of libraries, by lines of smaps (proc(5)): (begin, end) where not a byte differs from the file."""
    place, code = (0, 0), False
    for line in maps:
        head, _, rest = line.partition(" ")
        if not head.endswith(":"):
            begin, end = (int(each, 16) for each in head.split("-"))
            place, code = (begin, end), rest.startswith("r-") and ".so" in rest and end - begin >= _LARGE
        elif head == "Anonymous:" and code and rest.split()[0] == "0":
            yield place


def _let_go(places: Sequence[tuple[int, int]]) -> None:
    libc = ctypes.CDLL(None)
    for begin, end in places:
        libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED)


class _Absent:
    """Finds no module of this name, though it is installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - importlib.abc.MetaPathFinder
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """None: somebody else may."""
        if name == self._name:
            raise ModuleNotFoundError(f"{name} is not used here", name=name)
        return None


def without_pandas() -> None:
    """Arrow imports pandas (40 MB, half a second) when it makes its first column, to see whether it was given some."""
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _Absent("pandas"))
