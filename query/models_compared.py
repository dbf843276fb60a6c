"""The shapes of answers that compare: sets of objects at two moments or places, and the fields of one object by origin.

As in `query.models`: field names are public, times are UTC.
"""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Raw

from query.models import Change, Coverage, Hidden
from query.models_people import Audited


class FieldChange(msgspec.Struct, kw_only=True):
    """One place that differs, and the change that made it so: `when` (give or take `ts_error` s), `by`, `event` (id).

    `by` is a field manager; null where nobody is known, as for most removals. Nothing is attributed between two places,
    nor where the changes in between are damaged.
    Redacted values under different keys are not `comparable`. `noise`: only machine noise ever wrote it in the window.
    `within`: the place inside the JSON, YAML or certificates that the text at `path` holds; `before`, `after` are its.
    """

    path: str
    within: str = ""
    op: Literal["add", "remove", "replace"]
    before: object
    after: object
    by: str | None = None
    confidence: str = "none"
    when: datetime | None = None
    ts_error: float = 0.0
    event: str | None = None
    noise: bool = False
    comparable: bool = True


class Revision(msgspec.Struct, kw_only=True, frozen=True):
    """A version of one side: which life it belongs to, and since when it stood."""

    cluster: str
    namespace: str
    uid: str
    rv: str
    epoch: int
    seq: int
    ts: datetime
    ts_error: float


class ObjectChange(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """One object that differs. `from` is null when it was added, `to` when it was removed.

    `recreated`: another life under the same name. `first_seen`: whether it was there before is not known. `by`, `when`,
    `event`: of the creation or deletion. `patch` leads from the one state to the other (values that are not comparable
    left out). `before`, `after`: the states, with `states=on`.
    """

    cluster: str
    resource: str
    group: str
    version: str
    kind: str
    namespace: str
    name: str
    from_: Revision | None
    to: Revision | None
    recreated: bool = False
    first_seen: bool = False
    by: str | None = None
    when: datetime | None = None
    ts_error: float = 0.0
    event: str | None = None
    fields: list[FieldChange] = []
    patch: list[dict[str, object]] = []
    before: Raw | None = None
    after: Raw | None = None


class DiffLine(ObjectChange, kw_only=True, rename={"from_": "from"}):
    """One line of the stream: the list of the answer that the object belongs to, and the object."""

    result: Literal["added", "removed", "changed", "not_comparable"]


class KindCount(msgspec.Struct, kw_only=True):
    """How many objects of a kind differ; `recreated` ones are among the changed."""

    resource: str
    group: str
    kind: str
    added: int = 0
    removed: int = 0
    changed: int = 0
    recreated: int = 0


class SnapshotDiff(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `/diff`: what differs between two moments of a scope, or between two clusters or namespaces.

    Objects come in pages, by cluster, namespace, kind and name; `next` continues. `summary` counts the whole scope, on
    every page: objects whose states differ in more than noise, less those that this page and the ones before it looked
    at and found to mean the same by the rules, or to differ in noise or incomparable values alone. `unjudged`: how many
    of `changed` are on later pages, not looked at yet; 0 = the counts are final.

    `not_comparable`: objects that differ in nothing but values that were redacted under different keys. `hidden`:
    `first_sight` counts objects of the whole scope; `noise` the fields of this page's objects that are noise, and on
    the first page also each object of the whole scope that nothing but noise touched. `ignored`: paths left out because
    they only tell places apart. `rules`: what counted as the same; `equal`: differences of this page's objects that
    each of them left out (patches hold them).
    """

    added: list[ObjectChange]
    removed: list[ObjectChange]
    changed: list[ObjectChange]
    not_comparable: list[ObjectChange]
    summary: list[KindCount]
    ignored: list[str]
    hidden: Hidden
    equal: dict[str, int]
    rules: list[str]
    from_: datetime
    to: datetime
    coverage: Coverage
    next: str | None = None
    unjudged: int = 0


class BlamedField(msgspec.Struct, kw_only=True):
    """One field: its value, since when, by whom, and what stood there before.

    `basis`: change (a recorded change wrote it), creation (it came with the object), first-sight (it was there when the
    record begins), gap (it became so while nobody was looking, later than `after`). With the last two it has been so
    since `since` or earlier: `at_or_before`. `previous` is null also where there was nothing: then `op` is add.
    """

    path: str
    value: object
    since: datetime
    ts_error: float
    at_or_before: bool
    after: datetime | None
    basis: Literal["change", "creation", "first-sight", "gap"]
    op: Literal["add", "replace"]
    previous: object
    by: str | None
    confidence: str
    event: str


class Blame(msgspec.Struct, kw_only=True):
    """Answer of `…/blame`: `event` made the state whose fields these are.

    `audited`: the requests behind the events of these fields, by event, where an audit log tells of them.
    """

    fields: list[BlamedField]
    event: Change
    at: datetime
    coverage: Coverage
    audited: dict[str, Audited] = {}
