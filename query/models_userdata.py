"""The shapes of what people say about the history: pins, notes, saved questions, stored baselines."""

from datetime import datetime
from typing import Literal

import msgspec

from query.models import Coverage
from query.models_drift import NotCompared

SavedKind = Literal["sql", "search"]


class Pin(msgspec.Struct, kw_only=True, frozen=True):
    """A named moment."""

    name: str
    at: datetime
    text: str
    created: datetime
    updated: datetime


class Note(msgspec.Struct, kw_only=True, frozen=True):
    """A mark on the timeline; `cluster`, `namespace`, `resource` (`resource.group`) and `name` say what it is about."""

    id: str
    at: datetime
    text: str
    cluster: str
    namespace: str
    resource: str
    name: str
    created: datetime
    updated: datetime


class Saved(msgspec.Struct, kw_only=True, frozen=True):
    """A question under a name. sql: `text` is the statement, `params` are its values; search: `params` are those of the
    request that it was, `text` is what was typed. `by`: who signed in and saved it last, "" where nobody signs in."""

    name: str
    kind: SavedKind
    text: str
    params: dict[str, object]
    by: str
    created: datetime
    updated: datetime


class StoredBaseline(msgspec.Struct, kw_only=True, frozen=True):
    """A baseline that drift is evaluated against continuously.

    `sort`: manifests, template, or what stands before the colon of a baseline (pin, time, cluster, …); `value`: what
    stands behind it. `objects`: how many documents; `not_compared`: those that name nothing, told when it was stored.
    """

    name: str
    sort: str
    value: str
    objects: int
    scope: dict[str, str]
    source: str
    created: datetime
    updated: datetime
    not_compared: list[NotCompared] = []


class Pins(msgspec.Struct, kw_only=True):
    """Answer of `/pins`."""

    items: list[Pin]


class Notes(msgspec.Struct, kw_only=True):
    """Answer of `/notes`: by time."""

    items: list[Note]


class SavedQuestions(msgspec.Struct, kw_only=True):
    """Answer of `/saved`."""

    items: list[Saved]


class StoredBaselines(msgspec.Struct, kw_only=True):
    """Answer of `/baselines`."""

    items: list[StoredBaseline]


class Annotation(msgspec.Struct, kw_only=True, frozen=True, rename={"time_end": "timeEnd"}):
    """A mark as Grafana takes it; `timeEnd` null = a point. `tags`, joined by commas, begin with pin, note or gap."""

    time: datetime
    time_end: datetime | None
    title: str
    text: str
    tags: str


class Annotations(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `/annotations`: pins, notes and gaps of (from, to], by time."""

    items: list[Annotation]
    from_: datetime | None
    to: datetime
    coverage: Coverage


class DriftResult(msgspec.Struct, kw_only=True, frozen=True):
    """One drift of a stored baseline; `ended` null = it lasts."""

    baseline: str
    cluster: str
    resource: str
    group: str
    namespace: str
    name: str
    path: str
    op: str
    begun: datetime
    ended: datetime | None
    expected: object
    actual: object
    by: str | None
    confidence: str
    event: str | None
    flaps: int


class DriftTimeline(msgspec.Struct, kw_only=True):
    """Answer of `/baselines/{name}/results`: oldest first; `evaluated`: when last, null = not yet."""

    items: list[DriftResult]
    evaluated: datetime | None
