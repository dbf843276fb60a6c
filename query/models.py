"""The shapes of every answer: msgspec Structs, so that stored JSON is embedded raw and nothing is parsed to be printed.

Field names are public (docs: the HTTP interface). Times are UTC. The OpenAPI document is made from these types.
"""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Raw

from query.models_people import Who
from schema.events import Actor, Event


class Change(msgspec.Struct, kw_only=True):
    """One recorded change: every field of the event, save the state after it (ask `/events/{id}`).

    `who`: the sort of writer, the request behind it (where the audit log has told of it by then) and candidates.
    """

    id: str
    cluster: str
    cluster_uid: str
    group: str
    version: str
    kind: str
    resource: str
    namespace: str
    name: str
    uid: str
    op: str
    origin: str
    epoch: int
    cause: str
    seq: int
    rv: str
    prev_rv: str
    observed_at: datetime
    ts: datetime
    ts_error: float
    claimed_at: datetime | None
    patch: Raw
    paths: list[str]
    managers: list[str | None]
    managed: Raw | None
    actor: Actor
    noise: str
    hash: str
    since: datetime | None
    gap: str | None
    who: Who | None = None


CHANGE_FIELDS = tuple(name for name in Change.__struct_fields__ if name != "who")
"""What an event and a change have in common."""


def change(event: Event) -> Change:
    """The event without its object; `who` is filled in where it is asked (`query.people`)."""
    return Change(**{name: getattr(event, name) for name in CHANGE_FIELDS})


class WholeChange(Change, kw_only=True):
    """A change with the state after it (null where a large object left it out and it was not asked for)."""

    v: int
    object: Raw | None


class Span(msgspec.Struct, kw_only=True, rename={"from_": "from"}, frozen=True):
    """A gap (versions may be missing) or a late span (times are estimates). `resource` is `resource.group`."""

    id: str
    from_: datetime
    to: datetime
    cluster: str
    resource: str
    namespace: str
    reason: str


class Unwatched(msgspec.Struct, kw_only=True, frozen=True):
    """A kind that the answer does not know, and why: off, excluded, forbidden, unwatchable, or only some namespaces."""

    cluster: str
    resource: str
    watching: str
    reason: str


class Coverage(msgspec.Struct, kw_only=True):
    """How well the history knows what was asked. `why` is empty exactly when `complete`; each entry is one sentence.

    `watched_since`: from here on everything asked was watched. `watermark`: everything up to here is believed in.
    `confirmed`: the last byte really received, on the oldest stream asked. All null where nothing was ever watched.
    """

    complete: bool
    watched_since: datetime | None
    watermark: datetime | None
    confirmed: datetime | None
    gaps: list[Span]
    late: list[Span]
    unwatched: list[Unwatched]
    why: list[str]


class Interval(msgspec.Struct, kw_only=True, rename={"from_": "from"}, frozen=True):
    """One kind (in one namespace, or everywhere: "") was watched without a break; `rv`: known at `to`."""

    cluster: str
    resource: str
    namespace: str
    from_: datetime
    to: datetime
    confirmed: datetime | None
    rv: str


class CoverageReport(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `/coverage`: the summary, and what it rests on."""

    from_: datetime | None
    to: datetime
    coverage: Coverage
    watched: list[Interval]
    gaps: list[Span]
    late: list[Span]


class Hidden(msgspec.Struct, kw_only=True):
    """Changes that match and are not shown: machine noise (`noise=off` shows it), first sights (`first_sight=on`)."""

    noise: int = 0
    first_sight: int = 0


class ChangePage(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `/changes`: changes in (from, to], oldest first unless asked otherwise; `next` continues."""

    items: list[Change]
    next: str | None
    hidden: Hidden
    from_: datetime
    to: datetime
    coverage: Coverage


class Life(msgspec.Struct, kw_only=True, frozen=True):
    """One life of an object. `created`: its creation was seen; otherwise it existed when recording began."""

    uid: str
    first_seen: datetime
    created: bool
    last_change: datetime
    deleted: bool
    deleted_at: datetime | None


class History(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `…/history`: revisions of every life under this name, oldest first."""

    items: list[Change]
    lives: list[Life]
    next: str | None
    hidden: Hidden
    from_: datetime | None
    to: datetime
    coverage: Coverage


class ObjectAt(msgspec.Struct, kw_only=True):
    """Answer of `/objects/…`: the object as it was, byte for byte, and the change that made it so."""

    object: Raw
    event: Change
    at: datetime
    coverage: Coverage


class Side(msgspec.Struct, kw_only=True):
    """One side of a diff. `state`: present, deleted, never-seen, not-created, not-recorded, before-horizon."""

    at: datetime
    state: str
    event: Change | None = None
    deleted_at: datetime | None = None


class FieldDiff(msgspec.Struct, kw_only=True):
    """One changed place. Redacted values under different keys are not `comparable`: whether they differ is unknown.

    `within`: the place inside the JSON, YAML or certificates that the text at `path` holds; `old` and `new` are its.
    """

    path: str
    op: Literal["add", "remove", "replace"]
    old: object
    new: object
    comparable: bool = True
    within: str = ""


Result = Literal["same", "changed", "added", "removed", "replaced", "absent", "not-comparable"]


class ObjectDiff(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `…/diff`. `result` also tells: replaced (by another life of that name), absent (on both sides).

    not-comparable: nothing differs but redacted values under different keys. `patch` leaves such fields out.
    `rules`: what counted as the same; `equal`: differences that each of them left out of `fields` (not of `patch`).
    """

    result: Result
    from_: Side
    to: Side
    fields: list[FieldDiff]
    patch: list[dict[str, object]]
    before: Raw | None
    after: Raw | None
    coverage: Coverage
    equal: dict[str, int]
    rules: list[str]


class ClusterItem(msgspec.Struct, kw_only=True):
    """A recorded cluster. `uids`: more than one when the name passed on to another cluster."""

    cluster: str
    uids: list[str]
    watched_since: datetime | None
    watermark: datetime | None
    objects: int
    events: int


class KindItem(msgspec.Struct, kw_only=True):
    """A kind as discovery served it last, and whether it is watched."""

    cluster: str
    resource: str
    group: str
    version: str
    kind: str
    singular: str
    short_names: list[str]
    categories: list[str]
    namespaced: bool
    watching: str
    reason: str
    objects: int
    events: int


class NamespaceItem(msgspec.Struct, kw_only=True):
    """A namespace that recorded objects live or lived in."""

    cluster: str
    namespace: str
    objects: int
    deleted: int
    last_change: datetime


class ObjectItem(msgspec.Struct, kw_only=True):
    """One life in an inventory, without its body."""

    cluster: str
    resource: str
    group: str
    version: str
    kind: str
    namespace: str
    name: str
    uid: str
    rv: str
    first_seen: datetime
    created: bool
    last_change: datetime
    ts_error: float
    deleted: bool
    deleted_at: datetime | None


class Clusters(msgspec.Struct, kw_only=True):
    """Answer of `/clusters`."""

    items: list[ClusterItem]


class Kinds(msgspec.Struct, kw_only=True):
    """Answer of `/kinds`."""

    items: list[KindItem]


class Namespaces(msgspec.Struct, kw_only=True):
    """Answer of `/namespaces`."""

    items: list[NamespaceItem]


class Objects(msgspec.Struct, kw_only=True):
    """Answer of `/objects`: inventory at a moment."""

    items: list[ObjectItem]
    next: str | None
    at: datetime
    coverage: Coverage


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 9457, with what to do next in `hint`; the rest only where it says something.

    `line`, `column`: of SQL, where the word ends that is at fault, from 1.
    """

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""
    state: str = ""
    deleted_at: datetime | None = None
    created_at: datetime | None = None
    watched_since: datetime | None = None
    horizon: datetime | None = None
    did_you_mean: list[str] = []
    line: int = 0
    column: int = 0
