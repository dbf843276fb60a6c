"""Dead letters: what the log holds and the store cannot take is put aside with its reason, and ingest goes on.

What is kept of a message depends on what it may contain: a record of a kind with a redaction rule, and a message whose
kind cannot be told, leave only their length and hash. Many in a row are no accident (a wrong version, a broken schema):
then ingest stops before it empties the log into the dead letters.
"""

import re
from datetime import datetime

from ingest.errors import TooManyDeadLetters
from ingest.source import Delivery, Undecodable
from schema import codec
from schema.events import Event, Record
from schema.objects import kind_id
from schema.rows_control import DeadLetter

# A message that does not decode is searched for its kind; the spelling is that of our own codec.
_RESOURCE = re.compile(rb'"resource":"([a-z0-9-]{1,253})"')
_GROUP = re.compile(rb'"group":"([a-z0-9.-]{0,253})"')
REASON_LENGTH = 500


class Streak:
    """Counts dead letters in a row; the one after `limit` raises TooManyDeadLetters."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._length = 0

    def good(self) -> None:
        """A record went through."""
        self._length = 0

    def bad(self, reason: str) -> None:
        """A record did not."""
        self._length += 1
        if self._length > self._limit:
            raise TooManyDeadLetters(
                f"{self._length} records in a row could not be stored, the last one because {reason}; nothing more "
                "is read so that nothing is lost: check that all parts run the same version, then start again"
            )


def letter(delivery: Delivery, reason: str, *, log_id: str, at: datetime, redacted_kinds: frozenset[str]) -> DeadLetter:
    """The dead letter of this message."""
    raw, kind = _content(delivery.record)
    return DeadLetter(
        log_id=log_id,
        partition=delivery.partition,
        offset=delivery.offset,
        at=at,
        reason=reason[:REASON_LENGTH],
        raw=raw,
        keep=kind is not None and kind not in redacted_kinds,
    )


def _content(record: Record | Undecodable) -> tuple[bytes, str | None]:
    """The message's bytes, and the kind it is about (None when that cannot be told)."""
    if isinstance(record, Undecodable):
        return record.raw, _sniff(record.raw)
    kind = record.kind_id if isinstance(record, Event) else ""
    try:
        return codec.encode(record), kind
    except (TypeError, ValueError):
        # What cannot even be written leaves its reason only.
        return b"", kind


def _sniff(raw: bytes) -> str | None:
    """The kind, if the message names exactly one: a torn or foreign message may hold anything."""
    resources, groups = set(_RESOURCE.findall(raw)), set(_GROUP.findall(raw))
    if len(resources) != 1 or len(groups) != 1:
        return None
    return kind_id(resources.pop().decode(), groups.pop().decode())
