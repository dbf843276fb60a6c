"""A complete fresh list, got in one of two ways: the initial events of a streaming list, or pages of a LIST.

The initial events come in no order of versions, so none of them may move a resume point (a break after an object of
version 500 would lose one of version 50 that was still to come). They are collected whole; ordinary changes that
arrive between them are applied; only the end bookmark's version counts. A LIST is complete only when all pages show
one snapshot: when the continue token expires (410), the "inconsistent" token that the server offers is refused and
the list starts over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, overload

import zstandard

from collector.cluster import BadAnswer, Cluster, Expired
from collector.lines import identity, read_line
from schema.objects import Kind

ADDED: Final = b'{"type":"ADDED","object":'
PAGED_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Every object of a scope at one version, as raw JSON."""

    items: Sequence[bytes]
    rv: str


class Packed(Sequence[bytes]):
    """Raw objects, compressed while they wait: a first list of 13,000 pods is 150 MB, and a tenth of that packed."""

    def __init__(self) -> None:
        self._items: list[bytes] = []
        self._pack = zstandard.ZstdCompressor(level=1)
        self._unpack = zstandard.ZstdDecompressor()

    def append(self, raw: bytes) -> None:
        """One more."""
        packed = self._pack.compress(raw)
        self._items.append(packed[:1] + packed[1:])  # a copy: the library's own result keeps 10 KB alive

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self._unpack.decompress(packed) for packed in self._items[index]]
        return self._unpack.decompress(self._items[index])


class InitialBurst:
    """What a streaming list has sent before its end bookmark."""

    def __init__(self) -> None:
        self._added = Packed()
        self._changes: list[tuple[str, bytes]] = []

    def add(self, line: bytes) -> None:
        """One line about an object; after the first that is not ADDED, order matters and is kept."""
        parsed = read_line(line)
        if parsed is None and line.startswith(ADDED) and not self._changes:
            self._added.append(line[len(ADDED) : -1])  # whatever is wrong with it becomes a gap when it is compared
            return
        if parsed is None:
            raise BadAnswer(f"an initial event is not readable ({len(line)} bytes)")
        if parsed.type == "ADDED" and not self._changes:
            self._added.append(bytes(parsed.object))
        else:
            self._changes.append((parsed.type, bytes(parsed.object)))

    def objects(self) -> Sequence[bytes]:
        """The objects that exist at the end bookmark."""
        if not self._changes:
            return self._added
        living = {identity(raw): raw for raw in self._added}
        for kind, raw in self._changes:
            key = identity(raw)
            living.pop(key, None)
            if kind in ("ADDED", "MODIFIED"):
                living[key] = raw
        return list(living.values())


async def list_all(cluster: Cluster, kind: Kind, namespace: str, *, page_size: int) -> Snapshot:
    """All pages of one consistent list; the last try asks for one page without end, which cannot expire half-way."""
    for _ in range(PAGED_TRIES - 1):
        try:
            return await _pages(cluster, kind, namespace, page_size)
        except Expired:
            continue
    return await _pages(cluster, kind, namespace, 0)


async def _pages(cluster: Cluster, kind: Kind, namespace: str, limit: int) -> Snapshot:
    page = await cluster.page(kind, namespace, limit=limit)
    items = list(page.items)
    while page.more:
        page = await cluster.page(kind, namespace, more=page.more, limit=limit)
        items.extend(page.items)
    return Snapshot(items=items, rv=page.rv)
