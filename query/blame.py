"""Every field of an object: since when it has its value, by whom, and what it was before.

What changed since the record begins is told by the change that wrote it. The rest rests on the first version: created
before our eyes, it came with the object; seen for the first time, it is as old as that or older, and managedFields say
whose it was and when that manager wrote last.
"""

from collections.abc import Sequence

import orjson

from query import timeline, tracing
from query.errors import BadReference, DamagedHistory
from query.models_compared import BlamedField
from query.owners import Owners
from query.refs import ObjectRef
from query.times import rfc3339
from query.tracing import Finding, Step
from schema.canonical import Absent, Json, JsonObject
from schema.events import Event
from schema.lookup import leaves, value_at
from schema.patch import PatchConflict
from schema.paths import Path, PathError, parse, render
from schema.store import Store


def blame(store: Store, event: Event, path: str = "") -> list[BlamedField]:
    """The fields at or below `path` ("" = all) of the state that this event made.

    Raises BadReference for what is no path, DamagedHistory.
    """
    state: JsonObject = orjson.loads(bytes(event.object or b"{}"))
    wanted = dict(_leaves(state, path))
    ref = ObjectRef(
        cluster=event.cluster, resource=event.resource, group=event.group, namespace=event.namespace, name=event.name
    )
    steps = tracing.steps_of(store, ref, event.uid, until=(event.epoch, event.seq))
    try:
        found = tracing.trace(state, steps, wanted, lambda step: state_of(store, step))
    except PatchConflict as error:
        raise DamagedHistory(
            f"The history of {ref} before {rfc3339(event.ts)} does not fit together: {error}.",
            "Run `kubelapse verify` to see what is damaged.",
        ) from error
    owners: dict[tuple[int, int], Owners] = {}
    return [_field(each, value, found[each], owners) for each, value in wanted.items()]


def state_of(store: Store, step: Step) -> JsonObject:
    """The whole state of a version."""
    whole = timeline.version(store, step.ref, step.uid, step.epoch, step.seq)
    state: JsonObject = orjson.loads(bytes(whole.object or b"{}"))
    return state


def _leaves(state: JsonObject, path: str) -> Sequence[tuple[Path, Json]]:
    """Paths may spell a list's item in any way; what is below is spelled as changes spell it."""
    try:
        top = parse(path.strip().lstrip(".").rstrip("."))
    except PathError as error:
        raise BadReference(
            f"{path[:80]!r} is not a path: {error}.", "Write it like spec.replicas or spec.containers[name=web].image."
        ) from error
    value = value_at(state, top)
    return [] if isinstance(value, Absent) else [((*top, *rest), leaf) for rest, leaf in leaves(value)]


def _field(path: Path, value: Json, found: Finding, owners: dict[tuple[int, int], Owners]) -> BlamedField:
    step = found.step
    manager, confidence = step.writer(path)
    since = step.ts
    if found.basis != "change":
        if (place := (step.epoch, step.seq)) not in owners:
            owners[place] = Owners(step.managed)
        owner = owners[place].of(path)
        if owner is not None:
            manager, confidence = owner.manager, "high"
        elif found.basis != "creation":
            manager, confidence = "", "none"
        if found.basis == "first-sight":
            claims = [step.since, owner.wrote if owner else None]
            since = min([since, *(each for each in claims if each is not None)])
    return BlamedField(
        path=render(path),
        value=value,
        since=since,
        ts_error=step.ts_error if since == step.ts else 0.0,
        at_or_before=found.basis in ("first-sight", "gap"),
        after=found.after,
        basis=found.basis,
        op="add" if isinstance(found.previous, Absent) else "replace",
        previous=None if isinstance(found.previous, Absent) else found.previous,
        by=manager or None,
        confidence=confidence,
        event=step.id,
    )
