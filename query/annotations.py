"""What to mark on a foreign chart: named moments, notes, and where the history has gaps."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from query import userdata
from query.models import Span
from query.models_userdata import Annotation
from schema.store import Store


def annotations(store: Store, after: datetime | None, until: datetime, gaps: Iterable[Span]) -> list[Annotation]:
    """Pins and notes of (after, until], and these gaps, by time."""
    return sorted([*_pins(store, after, until), *_notes(store, after, until), *map(_gap, gaps)], key=_begin)


def _begin(one: Annotation) -> datetime:
    return one.time


def _pins(store: Store, after: datetime | None, until: datetime) -> Iterator[Annotation]:
    for pin in userdata.pins(store):
        if (after is None or pin.at > after) and pin.at <= until:
            yield Annotation(time=pin.at, time_end=None, title=pin.name, text=pin.text or pin.name, tags="pin")


def _notes(store: Store, after: datetime | None, until: datetime) -> Iterator[Annotation]:
    for note in userdata.notes(store, after, until):
        about = [each for each in (note.cluster, note.namespace, note.resource, note.name) if each]
        title, tags = " ".join(about) or "note", ",".join(["note", *about])
        yield Annotation(time=note.at, time_end=None, title=title, text=note.text, tags=tags)


def _gap(gap: Span) -> Annotation:
    place = f"{gap.resource}{f' in {gap.namespace}' if gap.namespace else ''}"
    tags = [each for each in ("gap", gap.cluster, gap.resource, gap.namespace) if each]
    return Annotation(
        time=gap.from_, time_end=gap.to, title="not recorded", text=f"{place}: {gap.reason}", tags=",".join(tags)
    )
