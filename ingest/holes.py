"""Where a partition goes on, and whether something is missing before that. Pure.

Offsets of Kafka begin again when a topic lost its end (a broker came back without its disk), so ours carry in their
upper bits how often that has happened: `life * LIFE + offset`. Then positions only ever rise, and a range that is
written down never means other messages than before.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest.positions import Standing
from schema.rows_log import Span

LIFE: Final = 1 << 48


@dataclass(slots=True, kw_only=True)
class Going:
    """Go on at `position` (an offset of Kafka). `exact`: first this range as a whole.

    `lost`: why messages before it are missing, "" when none are; `lost_span` names them until it was told; `until`: no
    missing message is younger, None = the age of the first one that is there.
    """

    position: int
    life: int = 0
    exact: Span | None = None
    lost: str = ""
    lost_span: Span | None = None
    until: datetime | None = None


def place(standing: Standing | None, *, begin: int, end: int, other_log: bool, now: datetime) -> Going:
    """Of a partition that holds offsets from `begin` up to before `end`. `other_log`: the topic had another id."""
    if standing is None or (standing.done is None and standing.open is None):
        return _fresh(begin, other_log=other_log)
    life, position = divmod(wanted(standing), LIFE)
    if position > end:
        # What is left is read anew, under new numbers: nobody can tell where the cut was. Rows that are there collapse.
        going = _lost("the log was cut off: offsets that were read before are gone", life, end, position)
        going.position, going.life, going.until = begin, life + 1, now
        return going
    if position < begin:
        going = _lost("messages were deleted from the log before they were read (retention)", life, position, begin)
        if standing.open is not None and standing.open.last % LIFE >= begin:
            going.exact = standing.open
        return going
    going = Going(position=position, life=life, exact=standing.open)
    if standing.hole is not None:
        # Told again: whoever was told first may have ended before it wrote the gap.
        going.lost, going.lost_span = "messages were lost before they were read", standing.hole.span
        going.until = standing.hole.until
    return going


def wanted(standing: Standing) -> int:
    """Where the store says that reading goes on."""
    if standing.open is not None:
        return standing.open.first
    return standing.done.last + 1 if standing.done is not None else 0


def _fresh(begin: int, *, other_log: bool) -> Going:
    if other_log:
        return _lost("the topic was made anew: what the former one held and nobody had read is gone", 0, 0, begin)
    if begin > 0:
        return _lost("the log does not reach back to its beginning (retention)", 0, 0, begin)
    return Going(position=begin)


def _lost(reason: str, life: int, first: int, last: int) -> Going:
    return Going(position=last, life=life, lost=reason, lost_span=Span(life * LIFE + first, life * LIFE + last))
