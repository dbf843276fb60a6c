"""The shapes of what people say about the history: pins, notes, saved searches, stored baselines."""

from datetime import datetime

import msgspec

from query.models_drift import NotCompared


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


class SavedSearch(msgspec.Struct, kw_only=True, frozen=True):
    """A question under a name, as it was asked."""

    name: str
    query: dict[str, object]
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


class SavedSearches(msgspec.Struct, kw_only=True):
    """Answer of `/saved`."""

    items: list[SavedSearch]


class StoredBaselines(msgspec.Struct, kw_only=True):
    """Answer of `/baselines`."""

    items: list[StoredBaseline]


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
