"""Pages of what differs: where one ends and the next goes on, by the place of an object and not by count.

A cursor holds the window of the first page, the place of the last object that was looked at, and how many objects of
each kind turned out to be the same so far: what `summary` must not count.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from query import cursors
from query.errors import BadCursor, BadWindow

USUAL, LARGEST = 100, 1000

Place = tuple[str, ...]
"""Cluster, namespace, kind and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """At most `limit` objects (0 = all of them) beyond `last`, and what was counted before."""

    limit: int = 0
    last: Place = ()
    same: Counter[str] = field(default_factory=Counter)


EVERYTHING = Page()


def page(limit: int | None, cursor: str) -> tuple[Page, tuple[datetime, datetime] | None]:
    """As asked for, with the window of the first page if this is a later one. Raises BadCursor, BadWindow."""
    size = USUAL if limit is None else limit
    if not 0 <= size <= LARGEST:
        raise BadWindow(
            f"limit={size} is out of range.", f"Ask for 1 to {LARGEST} objects at a time, 0 for all, or stream JSONL."
        )
    if not cursor:
        return Page(limit=size), None
    after, until, same, *last = cursors.read("diff", cursor, length=7)
    try:
        parts = [each.partition("=") for each in str(same).split(";") if each]
        counts = Counter({kind: int(count) for kind, _, count in parts})
        span = cursors.moment(after), cursors.moment(until)
    except ValueError as error:
        raise BadCursor(
            f"{cursor[:40]!r} is not a cursor that was given out here.", "Start again without it."
        ) from error
    return Page(limit=size, last=tuple(map(str, last)), same=counts), span


def onward(after: datetime, until: datetime, last: Place, same: Counter[str]) -> str:
    """The cursor of the page that begins beyond `last`."""
    counts = ";".join(f"{kind}={count}" for kind, count in sorted(same.items()) if count)
    return cursors.write("diff", [cursors.micros(after), cursors.micros(until), counts, *last])
