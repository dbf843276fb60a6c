"""Changes and gaps as CloudEvents 1.0 in JSON (cloudevents/spec: spec.md, formats/json-format.md).

`id` is the event's own id, so whatever is sent twice is known by (source, id). `sequence` (extension) rises in log
order; `partitionkey` (extension) is the object's life: what shares it is in order of its versions.
"""

from datetime import datetime
from typing import Final

import msgspec

from query.feeds_read import FeedChange, Item
from query.models import Span

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
CHANGE: Final = "kubelapse.change"
GAP: Final = "kubelapse.gap"


class CloudEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One event. `data`: of a change an item of the feed (`/api/v1/feed`), of a gap the span."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    sequence: str
    partitionkey: str = ""
    data: FeedChange | Span


def event(position: int, item: Item) -> CloudEvent | None:
    """The event of an item; None for what is no change and no gap."""
    sequence = f"{position:020}"
    if isinstance(item, FeedChange):
        kind = f"{item.resource}.{item.group}".rstrip(".")
        return CloudEvent(
            specversion="1.0",
            id=item.id,
            source=f"/clusters/{item.cluster}",
            type=f"{CHANGE}.{item.op}",
            subject="/".join((kind, item.namespace or "_", item.name)),
            time=item.ts,
            datacontenttype="application/json",
            sequence=sequence,
            partitionkey=item.uid,
            data=item,
        )
    if item.gap is None:
        return None
    return CloudEvent(
        specversion="1.0",
        id=item.gap.id,
        source=f"/clusters/{item.gap.cluster}",
        type=GAP,
        subject="/".join((item.gap.resource, item.gap.namespace or "_")),
        time=item.gap.to,
        datacontenttype="application/json",
        sequence=sequence,
        data=item.gap,
    )
