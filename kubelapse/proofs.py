"""Proofs about recorded history: pure functions that give back complaints, one sentence each.

Those about records alone hold for every history (`unique`, `chained`, `patched`). Those that compare with a truth (what
an API server really committed, and when) are for whoever has one: a simulation, a fake, or an independent watch.

What is missing is fine only inside a declared gap, and a gap is fine only where something could not be had: the two
together are what "complete, or says exactly what it does not know" means.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jsonpatch

from schema.events import Event, Gap, KubeEvent, Late, Record, Watermark

TYPES: Final[Mapping[str, str]] = {"add": "ADDED", "update": "MODIFIED", "delete": "DELETED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """One write as the server committed it. `era`: how often its store had been restored; `state` is canonical."""

    kind: str
    namespace: str
    name: str
    uid: str
    rv: str
    change: str
    era: int
    at: datetime
    state: bytes


def changes(records: Iterable[Record]) -> list[Event]:
    """The change events among records."""
    return [record for record in records if isinstance(record, Event)]


def gaps(records: Iterable[Record]) -> list[Gap]:
    """The gaps among records."""
    return [record for record in records if isinstance(record, Gap)]


def unique(records: Iterable[Record]) -> list[str]:
    """No observation is recorded twice."""
    return [f"recorded {n} times: {each}" for each, n in Counter(one.id for one in changes(records)).items() if n > 1]


def chained(records: Iterable[Record]) -> list[str]:
    """`seq` counts from 1 without a hole and each `prev_rv` is the one before, per life and epoch, in log order."""
    complaints = []
    last: dict[tuple[str, str, int], Event] = {}
    for one in changes(records):
        before = last.get(chain := (one.kind_id, one.uid, one.epoch))
        wrong = linked(one.seq, one.prev_rv, (before.seq, before.rv) if before is not None else None)
        if before is None and one.prev_rv:
            wrong.append(f"prev_rv is {one.prev_rv} at the beginning of a chain")
        complaints += [f"{each}: {one.id}" for each in wrong]
        last[chain] = one
    return complaints


def linked(seq: int, prev_rv: str, before: tuple[int, str] | None) -> list[str]:
    """What is wrong with an event's place in its chain, whose last event was `before` (its seq and version)."""
    if before is None:
        return [] if seq == 1 else [f"the chain begins with seq {seq} instead of 1"]
    wrong = [] if seq == before[0] + 1 else [f"seq {seq} follows seq {before[0]}"]
    if prev_rv != before[1]:
        wrong.append(f"prev_rv is {prev_rv or 'empty'}, but the version before is {before[1]}")
    return wrong


def ordered(records: Iterable[Record]) -> list[str]:
    """`ts` never goes back along a life and epoch."""
    complaints = []
    last: dict[tuple[str, str, int], Event] = {}
    for one in changes(records):
        before = last.get(chain := (one.kind_id, one.uid, one.epoch))
        if before is not None and one.ts < before.ts:
            complaints.append(f"dated {one.ts.isoformat()}, before its predecessor's {before.ts.isoformat()}: {one.id}")
        last[chain] = one
    return complaints


def patched(records: Iterable[Record]) -> list[str]:
    """The `jsonpatch` library takes each state to the next one."""
    complaints = []
    last: dict[tuple[str, str, int], Event] = {}
    for one in changes(records):
        before = last.get(chain := (one.kind_id, one.uid, one.epoch))
        if before is not None and one.op == "update" and before.object is not None and one.object is not None:
            complaints += [f"{wrong}: {one.id}" for wrong in _led(before.object, one.patch, one.object)]
        last[chain] = one
    return complaints


def _led(before: bytes, patch: bytes, after: bytes) -> list[str]:
    """What is wrong with a patch between two states."""
    try:
        made = jsonpatch.apply_patch(json.loads(bytes(before)), json.loads(bytes(patch)))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
        return [f"the patch does not fit the state before ({type(error).__name__})"]
    return [] if strict(made) == strict(json.loads(bytes(after))) else ["the patch does not lead to the state"]


def strict(value: object) -> str:
    """Equal exactly when the JSON is: 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def complete(
    truth: Sequence[Committed], records: Sequence[Record], *, due: Sequence[Committed], slack: timedelta
) -> list[str]:
    """Every write that is due is recorded, or lies in a declared gap of its kind; nothing recorded never was."""
    recorded = {_key(one): one for one in changes(records)}
    declared = gaps(records)
    complaints = []
    for write in due:
        known = recorded.get((write.kind, write.uid, write.rv, write.change))
        if known is None and not any(_covers(gap, write, slack) for gap in declared):
            complaints.append(f"missing: {write.change} {write.kind} {write.uid} {write.rv} of {write.at.isoformat()}")
    committed = {(one.kind, one.uid, one.rv, one.change) for one in truth}
    seen = {(kind, uid, rv) for kind, uid, rv, _ in committed}
    for one in changes(records):
        told = _key(one) in committed if one.origin in ("watch", "healed") else _key(one)[:3] in seen
        if not told and not (one.op == "delete" and one.origin != "watch"):
            complaints.append(f"invented: {one.id} ({one.origin})")
    return complaints


def stated(truth: Sequence[Committed], records: Sequence[Record]) -> list[str]:
    """The recorded state of every version is what was committed (of a deletion that a list showed: the last known)."""
    states: dict[tuple[str, str, str], set[bytes]] = defaultdict(set)
    for one in truth:
        states[one.kind, one.uid, one.rv].add(one.state)
    return [
        f"state differs: {one.id}"
        for one in changes(records)
        if one.object is not None
        and (one.op, one.origin) != ("delete", "relist")
        and (at := states.get((one.kind_id, one.uid, one.rv)))
        and bytes(one.object) not in at
    ]


def ended(truth: Sequence[Committed], records: Sequence[Record], living: Mapping[str, str]) -> list[str]:
    """After all is said, exactly the living objects (`kind/uid` → version) are known as living, as they are."""
    newest: dict[str, Event] = {}
    for one in changes(records):
        newest[f"{one.kind_id}/{one.uid}"] = one
    known = {life: one.rv for life, one in newest.items() if one.op != "delete"}
    complaints = [
        f"{life} is at {rv}, known at {known.get(life)}" for life, rv in living.items() if known.get(life) != rv
    ]
    watched = {one.kind for one in truth}
    gone = known.keys() - living.keys()
    return complaints + [f"{life} is gone and known as living" for life in gone if life.partition("/")[0] in watched]


def dated(truth: Sequence[Committed], records: Sequence[Record], *, slack: timedelta) -> list[str]:
    """No change is dated more wrong than its `ts_error` says, give or take `slack`."""
    real = {(one.kind, one.uid, one.rv, one.change): one.at for one in truth}
    complaints = []
    newest: dict[tuple[str, str], int] = defaultdict(int)
    for one in changes(records):
        at, number = real.get(_key(one)), int(one.rv) if one.rv.isdigit() else sys.maxsize
        back = one.rv.isdigit() and number <= newest[one.kind_id, one.uid]  # it came back with a backup, now
        newest[one.kind_id, one.uid] = max(number, newest[one.kind_id, one.uid])
        if at is None or one.origin == "list" or back:
            continue
        off = abs(one.ts - at)
        if off > timedelta(seconds=one.ts_error) + slack:
            complaints.append(f"dated {(one.ts - at).total_seconds():+.3f} s wrong, said {one.ts_error}: {one.id}")
    return complaints


def claimed(truth: Sequence[Committed], records: Sequence[Record], *, slack: timedelta) -> list[str]:
    """Where a watermark says "everything up to here", everything up to there is: before it, or in a gap or late span.

    A late span takes a claim back: a connection that was dead had counted as an idle one.
    """
    declared = [record for record in records if isinstance(record, Gap | Late)]
    place: dict[tuple[str, str, str, str], int] = {}
    for number, record in enumerate(records):
        if isinstance(record, Event):
            place.setdefault(_key(record), number)
    mine: dict[str, list[Committed]] = defaultdict(list)
    for write in truth:
        mine[write.kind].append(write)
        mine[f"{write.kind}/{write.namespace}"].append(write)
    told: dict[str, int] = defaultdict(int)
    complaints = []
    for number, record in enumerate(records):
        for scope, (_, until, _, _) in record.scopes.items() if isinstance(record, Watermark) else ():
            writes = mine[scope]
            while told[scope] < len(writes) and writes[told[scope]].at <= until - slack:
                write = writes[told[scope]]
                told[scope] += 1
                at = place.get((write.kind, write.uid, write.rv, write.change))
                if (at is None or at > number) and not any(_covers(gap, write, slack) for gap in declared):
                    complaints.append(f"claimed up to {until.isoformat()} without {write.uid} {write.rv} of {write.at}")
    return complaints


def heard(due: Sequence[Committed], records: Sequence[Record], *, slack: timedelta) -> list[str]:
    """Every write of a Kubernetes Event is recorded, or lies in a gap; its deletion, at its time to live, is not."""
    recorded = {(one.uid, one.rv) for one in records if isinstance(one, KubeEvent)}
    declared = gaps(records)
    return [
        f"unheard: {write.kind} {write.uid} {write.rv} of {write.at.isoformat()}"
        for write in due
        if write.change != "DELETED" and (write.uid, write.rv) not in recorded
        if not any(_covers(gap, write, slack) for gap in declared)
    ]


def warranted(records: Sequence[Record], refused: Iterable[str]) -> list[str]:
    """A gap stands only where the server refused to go on from the resume point (`refused`: kinds)."""
    allowed = set(refused)
    return [f"a gap without need: {gap.resource} {gap.reason}" for gap in gaps(records) if _kind(gap) not in allowed]


def _kind(gap: Gap | Late) -> str:
    return f"{gap.resource}.{gap.group}" if gap.group else gap.resource


def _key(event: Event) -> tuple[str, str, str, str]:
    return (event.kind_id, event.uid, event.rv, TYPES[event.op])


def _covers(gap: Gap | Late, write: Committed, slack: timedelta) -> bool:
    in_place = _kind(gap) == write.kind and gap.namespace in ("", write.namespace)
    return in_place and gap.from_t - slack <= write.at <= gap.to_t + slack
