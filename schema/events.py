"""What crosses the log: change events and the control records beside them (format version 1).

Field names are public: consumers of the topic rely on them (docs: design of the event in docs/architecture.md).
On the wire a record is one JSON object; `type` tells which. Unknown fields are ignored, an unknown `v` or `type` is a
named error (`schema.codec`). Times are UTC datetimes with microseconds; `object`, `patch` and `managed` are raw JSON,
so that no stage parses what it only carries.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Raw

from schema.kindschema import KindSchema
from schema.objects import kind_id

VERSION: Final = 1

Op = Literal["add", "update", "delete"]
Origin = Literal["watch", "list", "healed", "relist", "audit", "checkpoint", "inferred"]
ActorSource = Literal["managedFields", "audit", "none"]
Confidence = Literal["high", "medium", "low", "none"]
Watching = Literal["yes", "off", "excluded", "forbidden", "unwatchable", "gone"]

Moment = Annotated[datetime, Meta(tz=True)]
"""An aware datetime. A time without a zone is no moment: RFC 3339 has none, the codec refuses it."""

if TYPE_CHECKING:
    OptionalRaw = Raw | None
else:
    OptionalRaw = Raw  # msgspec cannot decode a union with Raw; schema.codec makes None of a decoded `null`


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The best single answer to "who": a field manager's entry; an authenticated identity only if source is audit."""

    name: str = ""
    operation: str = ""
    subresource: str = ""
    time: Moment | None = None
    source: ActorSource = "none"
    confidence: Confidence = "none"


NOBODY: Final = Actor()


class Event(msgspec.Struct, kw_only=True, tag_field="type", tag="change"):
    """One observation of one object. The meaning of every field: docs/architecture.md, "The event"."""

    v: int = VERSION
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
    op: Op
    origin: Origin
    epoch: int
    cause: str = ""
    seq: int
    rv: str
    prev_rv: str = ""
    observed_at: Moment
    ts: Moment
    ts_error: float = 0.0
    claimed_at: Moment | None = None
    patch: Raw = Raw(b"[]")
    paths: list[str] = []
    managers: list[str | None] = []
    managed: OptionalRaw = None
    actor: Actor = NOBODY
    noise: str = ""
    hash: str
    object: OptionalRaw = None
    since: Moment | None = None
    gap: str | None = None

    @property
    def kind_id(self) -> str:
        """`resource.group`."""
        return kind_id(self.resource, self.group)


def event_id(*, cluster: str, cluster_uid: str, kind: str, uid: str, epoch: int, rv: str, op: Op) -> str:
    """`cluster:cluster_uid:resource.group:uid:epoch:rv:op`: one observation, one id, also when seen again."""
    return f"{cluster}:{cluster_uid}:{kind}:{uid}:{epoch}:{rv}:{op}"


class Involved(msgspec.Struct, frozen=True, kw_only=True):
    """The object that a Kubernetes Event is about, as the Event names it."""

    group: str = ""
    version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class KubeEvent(msgspec.Struct, kw_only=True, tag_field="type", tag="k8s_event"):
    """One observed count of one Kubernetes Event: a light class of its own, outside the promises of seq."""

    v: int = VERSION
    cluster: str
    cluster_uid: str
    namespace: str
    name: str
    uid: str
    rv: str
    event_type: str
    reason: str
    message: str
    count: int
    first_seen: Moment | None
    last_seen: Moment | None
    component: str
    host: str
    involved: Involved
    observed_at: Moment
    ts: Moment
    ts_error: float = 0.0


class Watermark(msgspec.Struct, kw_only=True, tag_field="type", tag="watermark"):
    """Everything up to `t` of these scopes stands before this record in the log.

    `scopes`: str(Scope) → (resourceVersion, t, confirmed, since): t = known current up to here (an idle live stream
    counts), confirmed = time of the last byte really received, since = start of this watched interval (the first
    complete list).
    """

    v: int = VERSION
    cluster: str
    cluster_uid: str
    slot: int
    at: Moment
    scopes: dict[str, tuple[str, Moment, Moment, Moment]]


class Gap(msgspec.Struct, kw_only=True, tag_field="type", tag="gap"):
    """Between these two moments intermediate versions, short lives and actors of this scope may be missing."""

    v: int = VERSION
    id: str
    cluster: str
    cluster_uid: str
    resource: str
    group: str
    namespace: str
    from_rv: str
    to_rv: str
    from_t: Moment
    to_t: Moment
    reason: str


class Late(msgspec.Struct, kw_only=True, tag_field="type", tag="late"):
    """What happened in this span was read after it: nothing is missing, but times are estimates."""

    v: int = VERSION
    id: str
    cluster: str
    cluster_uid: str
    resource: str
    group: str
    namespace: str
    from_t: Moment
    to_t: Moment
    reason: str
    events: int


class Start(msgspec.Struct, kw_only=True, tag_field="type", tag="start"):
    """A collector began (or resumed) capture."""

    v: int = VERSION
    cluster: str
    cluster_uid: str
    at: Moment
    instance: str
    software: str


class Stop(msgspec.Struct, kw_only=True, tag_field="type", tag="stop"):
    """A collector ended on purpose; after a crash there is none."""

    v: int = VERSION
    cluster: str
    cluster_uid: str
    at: Moment
    instance: str
    reason: str


FORBIDDEN_IN: Final = "forbidden in "
"""How the reason of a kind begins that is watched, but not in these captured namespaces (`forbidden in a, b`)."""


class KindInfo(msgspec.Struct, kw_only=True, frozen=True):
    """One kind as discovery serves it, and whether it is watched: `off` = not by default, `forbidden` = no right to.

    `schema`: what OpenAPI says of its fields; None = not known (yet).
    """

    resource: str
    group: str
    version: str
    kind: str
    namespaced: bool
    singular: str = ""
    short_names: list[str] = []
    categories: list[str] = []
    watching: Watching
    reason: str = ""
    schema: KindSchema | None = None


class Kinds(msgspec.Struct, kw_only=True, tag_field="type", tag="kinds"):
    """Discovery as it is from `at` on: the whole list, or (partial) only the kinds that changed."""

    v: int = VERSION
    cluster: str
    cluster_uid: str
    at: Moment
    kinds: list[KindInfo]
    partial: bool = False


class ClockStep(msgspec.Struct, kw_only=True, tag_field="type", tag="clock"):
    """The collector's clock jumped by this many seconds (more than 2) against its monotonic clock."""

    v: int = VERSION
    cluster: str
    cluster_uid: str
    at: Moment
    step: float


Record = Event | KubeEvent | Watermark | Gap | Late | Start | Stop | Kinds | ClockStep
