"""Time and identity of one captured cluster: the clock that is passed in everywhere, and whose history is written."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

Clock: TypeAlias = Callable[[], datetime]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Which cluster is recorded: the operator's name for it, and the uid of its kube-system namespace."""

    cluster: str
    cluster_uid: str


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970; exact, unlike `timestamp()`."""
    return (moment - EPOCH) // TICK


def from_micros(value: int) -> datetime:
    """The inverse of `micros`."""
    return EPOCH + timedelta(microseconds=value)


def parse_time(text: object) -> datetime | None:
    """A Kubernetes Time (`2026-03-01T12:00:00Z`) or MicroTime; None for anything else, also for null."""
    if not isinstance(text, str) or len(text) < 20:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def numeric(rv: str) -> int:
    """A resourceVersion as a number (KEP-5504: versions of built-in types compare so); -1 where it is none."""
    return int(rv) if rv.isascii() and rv.isdigit() else -1
