"""From the values of a place over time to the story of its drift: since when, how often, between whom. Pure.

A place drifts in spans: it leaves the baseline, and it comes back. The onset of a drift that lasts is the first event
after which the value differs and stays different, whichever different values it then has. `flaps` counts the times it
had left and come back before; `period` is the mean time from one leaving to the next. When one manager makes it leave
and another brings it back, twice at least, the two are named: they fight over the field.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from query.drift_tracks import Point, Value
from query.times import EARLIEST
from query.tracing import Step
from schema.paths import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One drift: from the point where it began, with the value it last had, to the point that ended it (None = now)."""

    begin: Point
    last: Value
    writes: int
    end: Point | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Every drift of one place, oldest first. `flaps`: how often it left the baseline and came back."""

    spans: tuple[Span, ...]
    flaps: int
    period: float | None
    between: tuple[str, ...]

    @property
    def current(self) -> Span | None:
        """The drift that lasts."""
        return self.spans[-1] if self.spans and self.spans[-1].end is None else None


def story(points: Sequence[Point], conforms: Callable[[Value], bool], path: Path) -> Story:
    """`points` oldest first; `conforms` tells whether a value is as the baseline has it."""
    return told([(point, conforms(point.value)) for point in points], path)


def merged(mine: Sequence[Point], theirs: Sequence[Point], alike: Callable[[Value, Value], bool], path: Path) -> Story:
    """Two sides that both have a history: `alike(theirs, mine)` is judged anew whenever either changes."""
    times = [(when(each) or EARLIEST, 0, each) for each in theirs] + [
        (when(each) or EARLIEST, 1, each) for each in mine
    ]
    left: Point | None = None
    right: Point | None = None
    judged: list[tuple[Point, bool]] = []
    for _, side, point in sorted(times, key=lambda each: each[:2]):
        left, right = (point, right) if side == 0 else (left, point)
        if left is not None and right is not None:
            judged.append((point, alike(left.value, right.value)))
    return told(judged, path)


def told(judged: Sequence[tuple[Point, bool]], path: Path) -> Story:
    """The same of points that are judged already."""
    spans: list[Span] = []
    begin: Point | None = None
    writes, last = 0, None
    for point, well in judged:
        if not well:
            begin, writes, last = begin or point, writes + 1, point
        elif begin is not None and last is not None:
            spans.append(Span(begin=begin, last=last.value, writes=writes, end=point))
            begin, writes = None, 0
    if begin is not None and last is not None:
        spans.append(Span(begin=begin, last=last.value, writes=writes))
    return Story(
        spans=tuple(spans),
        flaps=sum(each.end is not None for each in spans),
        period=_period(spans),
        between=_between(spans, path),
    )


def _period(spans: Sequence[Span]) -> float | None:
    """Mean seconds from one beginning to the next."""
    times = [moment for each in spans if (moment := when(each.begin)) is not None]
    if len(times) < 2:
        return None
    return (times[-1] - times[0]).total_seconds() / (len(times) - 1)


def _between(spans: Sequence[Span], path: Path) -> tuple[str, ...]:
    """The manager that takes the field away and the one that brings it back, when both do so again and again."""
    away = Counter(who for each in spans if (who := writer(each.begin.step, path)[0]))
    back = Counter(who for each in spans if each.end and (who := writer(each.end.step, path)[0]))
    if not away or not back:
        return ()
    (one, left), (other, returned) = away.most_common(1)[0], back.most_common(1)[0]
    return (one, other) if one != other and left > 1 and returned > 1 else ()


def writer(step: Step | None, path: Path) -> tuple[str, str]:
    """(manager, confidence) of what this step did at a place."""
    return step.writer(path) if step is not None else ("", "none")


def when(point: Point) -> datetime | None:
    """When the value came to stand there, as far as one can say."""
    return point.step.ts if point.step is not None else None
