"""What changed between two states of one scope, walked back version by version with exact lists (`collector.lives`)."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from heapq import nlargest
from typing import Final

from collector.clock import numeric
from collector.lives import Known, Life, Version
from collector.observation import Unreadable, read_header
from collector.past import Reader, Spent, together

OF_CONTENT: Final = b""
"""Stands for an object of which only the version counts."""

Ask = Callable[[Life], Awaitable[Version | None]]


def known_in(items: Iterable[bytes]) -> dict[str, Known]:
    """What a list tells of who lives, by uid; raises `Unreadable`."""
    headers = [read_header(raw) for raw in items]
    return {one.life: Known(one.namespace, one.name, numeric(one.resource_version)) for one in headers}


def differences(
    known: Mapping[str, Known],
    fresh: Mapping[str, Known],
    *,
    base: int,
    top: int,
    raw: Callable[[str], bytes] = lambda _: OF_CONTENT,
) -> Iterator[Life]:
    """Lives that have changed, begun or ended after `base` and up to `top`; `raw`: the newest version of a uid."""
    for uid, newest in fresh.items():
        before = known.get(uid) or Known(newest.namespace, newest.name, -1)
        if newest.rv <= before.rv:
            continue
        if newest.rv <= base:
            raise Unreadable(f"memory does not have what {newest.name} was at version {base}")
        yield Life(uid, before, base=base).from_top(Version(newest.rv, raw(uid)))
    for uid, before in known.items():
        alive = max(before.rv, base)
        if uid not in fresh and alive < top:
            yield Life(uid, before, base=base).until_gone(alive, top)


async def walk(lives: Iterable[Life], ask: Ask, parallel: int) -> bool:
    """Ask for the newest unknown first, until nothing is open; False when something ran out before."""
    every = list(lives)
    while undone := [life for life in every if not life.done]:
        try:
            await together(_advance(life, ask) for life in nlargest(parallel, undone, key=lambda life: life.frontier))
        except Spent:
            return False
    return True


async def _advance(life: Life, ask: Ask) -> None:
    life.take(await ask(life))
    if life.lost:
        raise Unreadable(f"{life.known.name} was not where memory has it")


async def writes_between(
    reader: Reader, earlier: Mapping[str, Known], low: int, later: Mapping[str, Known], high: int, *, parallel: int
) -> list[int]:
    """Revisions in (low, high] that were writes to this scope, as far as both states and the reader's means tell."""
    lives = list(differences(earlier, later, base=low, top=high))
    await walk(lives, reader.version, parallel)
    return [revision for life in lives for revision in life.revisions if low < revision <= high]
