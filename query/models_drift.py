"""The shapes of answers about drift. As in `query.models`: field names are public, times are UTC."""

from datetime import datetime
from typing import Literal

import msgspec

from query.models import Coverage
from query.models_people import Candidate


class DriftSpan(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """A drift that ended by itself: in (from, to], with the value that it last had and who began and ended it."""

    from_: datetime | None
    to: datetime | None
    actual: object
    by: str | None
    ended_by: str | None
    event: str | None
    ended_event: str | None


class DriftItem(msgspec.Struct, kw_only=True):
    """One place (`path`; empty = the whole object) that is not as the baseline has it.

    `op`: changed, added (the baseline has nothing there), removed, missing (the object is not there), extra (the
    baseline does not have the object). `within`: the place in the document that a text at `path` holds.

    `since`: the onset, after which the value differs and stays different; null = not known. Where it is not exact the
    onset lies in (`after`, `since`], `after` null meaning "whenever before"; `basis` tells what it rests on: change,
    creation (it came with the object), first-sight (it was there when the record began), gap and relist (nobody was
    looking), late (the time is an estimate), horizon (older history is no longer kept), unknown.
    `by` (a field manager) and `event` (id) are of the onset; `age` in seconds. `candidates`: who may have deleted a
    missing object, where nobody is known for it. `writes`: values it had since then.
    `flaps`: how often it had left the baseline before and come back, on average every `period` seconds; `between`: the
    manager that takes it away and the one that brings it back. `spans`: drifts that ended, on request. `lasts`: false
    for a place that only drifted in the past.
    Redacted values that nobody can compare are not `comparable`. `of`: peer, when the other side made it differ.
    """

    cluster: str
    resource: str
    group: str
    version: str
    kind: str
    namespace: str
    name: str
    uid: str | None
    path: str
    within: str = ""
    op: Literal["changed", "added", "removed", "missing", "extra"]
    expected: object = None
    actual: object = None
    since: datetime | None = None
    after: datetime | None = None
    ts_error: float = 0.0
    basis: str = "unknown"
    by: str | None = None
    confidence: str = "none"
    candidates: list[Candidate] = []
    event: str | None = None
    age: float | None = None
    writes: int = 0
    flaps: int = 0
    period: float | None = None
    between: list[str] = []
    spans: list[DriftSpan] = []
    lasts: bool = True
    comparable: bool = True
    of: Literal["", "peer"] = ""


class NotCompared(msgspec.Struct, kw_only=True):
    """Something of the baseline that could not be compared, and why, in one sentence."""

    what: str
    reason: str


class BaselineTold(msgspec.Struct, kw_only=True):
    """The baseline as it was understood: `at` for moments, `objects` it names, `source` for stored ones."""

    baseline: str
    at: datetime | None = None
    objects: int = 0
    source: str = ""


class RuleTold(msgspec.Struct, kw_only=True):
    """A rule of comparison: how often it made something no drift, and whether the asker switched it off."""

    rule: str
    applied: int
    off: bool = False


class Drift(msgspec.Struct, kw_only=True):
    """Answer of `/drift`: what is not as the baseline has it, by object and path.

    `compared`: objects on both sides; `drifted`: those with any item. `not_comparable`: redacted values of which nobody
    can say. `not_compared`: parts of the baseline that name nothing recorded. `hidden`: fields that only machine noise
    wrote since (baselines that are moments), and those whose writers are covered by noise rules of the operator.
    """

    items: list[DriftItem]
    not_comparable: list[DriftItem]
    not_compared: list[NotCompared]
    compared: int
    drifted: int
    hidden: int
    rules: list[RuleTold]
    baseline: BaselineTold
    at: datetime
    coverage: Coverage
