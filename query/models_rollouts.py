"""The shapes of answers about rollouts. As in `query.models`: field names are public, times are UTC."""

from datetime import datetime
from typing import Literal

import msgspec

from query.models import Coverage, FieldDiff, Hidden

Result = Literal["complete", "incomplete", "failed", "superseded", "rolled-back", "deleted"]


class RolloutRevision(msgspec.Struct, kw_only=True, frozen=True):
    """One template of a workload. `number` as kubectl rollout history counts; null where nothing recorded tells it.

    `name`: of the ReplicaSet or ControllerRevision that holds it, "" when none was recorded. `images`: container=image.
    """

    number: int | None
    name: str
    images: list[str]
    event: str


class Failure(msgspec.Struct, kw_only=True):
    """One kind of trouble: pods of the new revision, and Kubernetes Events of type Warning about the workload and them.

    `source`: pod-status or event. `count`: versions of pods that showed it, or the Events' own counts. `pods` names at
    most ten objects. `after_completion`: it was first seen only when the rollout was complete.
    """

    reason: str
    message: str
    container: str
    source: Literal["pod-status", "event"]
    count: int
    pods: list[str]
    first: datetime
    last: datetime
    after_completion: bool


class Pods(msgspec.Struct, kw_only=True):
    """While it was under way: pods `created` of the new revision, `removed` of older ones, `restarts` of the new."""

    created: int = 0
    removed: int = 0
    restarts: int = 0


class Rollout(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """One rollout of one workload.

    `from` is null where the workload was created, or where the template before is not recorded (`first_seen`).
    `rollback`: the template is that of an earlier revision: number `equals`, brought by the event `rolled_back_to`,
    each null where that is not recorded.
    `result`: complete (every pod is new and available), incomplete (`waiting` says for what), failed (a Job, or the
    deadline for progress is exceeded), superseded (by the next change before it was complete), rolled-back (the next
    change brought the template before back, at `ended`), deleted. `completed_at` is set also for what was
    rolled back later.
    `duration`: seconds from the start to completion, else to the end, else to the end of the window.
    `first_seen`: it was under way when the record begins: `started` or earlier, by nobody knows whom.
    `under_way_before`: it began before the window and was not complete then.
    """

    cluster: str
    namespace: str
    resource: str
    group: str
    kind: str
    name: str
    uid: str
    from_: RolloutRevision | None
    to: RolloutRevision
    fields: list[FieldDiff]
    rollback: bool
    equals: int | None
    rolled_back_to: str | None
    by: str | None
    confidence: str
    operation: str
    started: datetime
    ts_error: float
    event: str
    result: Result
    waiting: str
    completed_at: datetime | None
    ended: datetime | None
    duration: float
    replicas: int | None
    pods: Pods
    failures: list[Failure]
    first_seen: bool = False
    under_way_before: bool = False


class Rollouts(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `/rollouts`: newest first; `next` goes further back. `truncated`: some pods were not looked at."""

    items: list[Rollout]
    next: str | None
    truncated: bool
    hidden: Hidden
    from_: datetime
    to: datetime
    coverage: Coverage
