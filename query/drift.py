"""What is not as a baseline has it, and since when: every place that differs, with the event that began it.

Three steps, each with a price of its own. The objects of the scope are read as they are and compared with what is
expected (a walk over both, only where they differ). For places that differ, and only for them, the changes that wrote
there are read, and their values followed backwards (`query.drift_tracks`). From the values of each place comes its
story (`query.drift_spans`): the onset, how often it flapped, who fights over it.

What rests on a relist, a late span, a gap or the horizon has an interval instead of a moment. What was never recorded
has none. An object that is not there began to be missing with its end, an extra one with its beginning.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from msgspec.structs import replace

from query import coverage, drift_items, drift_past, drift_rules
from query.baselines import Baseline
from query.coverage import Window
from query.drift_compare import Comparison, Difference, conforms
from query.drift_items import Found
from query.drift_rules import Rules
from query.drift_spans import Story, merged, story
from query.drift_tracks import Track, Wanted, tracks
from query.errors import TooManyObjects
from query.models import Coverage
from query.models_drift import BaselineTold, Drift, DriftItem, NotCompared, RuleTold
from query.noise_rules import NONE, NoiseRules
from query.presence import Present, present
from query.refs import KnownKind, ObjectRef
from query.schemas import schemas_at
from query.scope import Scope
from schema.canonical import JsonObject
from schema.paths import Path
from schema.store import Store

MOST: Final = 5000
"""Objects that drift, in one answer."""

_MACHINE: Final = frozenset((("endpoints", ""), ("events", ""), ("leases", "coordination.k8s.io")))
"""Kinds that only machines write: no moment and no peer is their baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`at`: the moment that is compared; `open_end`: it is now. `ended`: also drift that ended by itself.

    `ended_after`: that only of objects that changed later, and of none where they are too many.
    `noise`: nothing is hidden, also not what `noise_rules` of the operator say.
    """

    at: datetime
    open_end: bool
    rules: Rules
    ended: bool = False
    ended_after: datetime | None = None
    noise: bool = False
    noise_rules: NoiseRules = NONE
    known: Sequence[KnownKind] | None = None


@dataclass(slots=True)
class _Pair:
    """One object on both sides, with what differs."""

    ref: ObjectRef
    expected: JsonObject
    actual: Present
    comparison: Comparison
    differences: list[Difference]


def drift(store: Store, baseline: Baseline, asked: Asked) -> Drift:
    """The answer. Raises TooManyObjects, DamagedHistory."""
    there = present(store, _looked_at(baseline), None if asked.open_end else asked.at)
    asked = _informed(store, baseline, asked)
    applied: Counter[str] = Counter()
    if baseline.whole and asked.rules.on("controlled"):
        there, baseline = _own(there, baseline, applied)
    pairs = [
        _pair(ref, expected, there[ref], baseline, asked)
        for ref, expected in baseline.documents.items()
        if ref in there
    ]
    drifting = [each for each in pairs if each.differences]
    absent = [ref for ref in baseline.documents if ref not in there]
    extra = [each for ref, each in there.items() if ref not in baseline.documents] if baseline.covers else []
    _bounded(len(drifting) + len(absent) + len(extra))
    hidden, items = _fields(store, baseline, drifting, asked)
    if asked.ended:
        changed = [each for each in pairs if asked.ended_after is None or each.actual.version.ts > asked.ended_after]
        if asked.ended_after is None or len(changed) <= drift_past.MOST:
            past = [(each.actual, each.expected) for each in changed]
            items = drift_past.with_past(store, baseline, past, items, asked)
    items += drift_items.missing(store, absent, baseline, asked.at)
    known = drift_items.extra(store, extra, asked.at)
    items += _surely_extra(baseline, known)
    for each in pairs:
        applied.update(each.comparison.applied)
    return _answer(store, baseline, asked, items, len(pairs), hidden, applied)


def _informed(store: Store, baseline: Baseline, asked: Asked) -> Asked:
    """With what the schemas of the compared kinds said at that moment."""
    kinds = {(ref.resource, ref.group) for ref in baseline.documents}
    known = schemas_at(store, baseline.scope.clusters, asked.at, kinds=kinds) if kinds else {}
    return dataclasses.replace(asked, rules=asked.rules.informed(known)) if known else asked


def _surely_extra(baseline: Baseline, found: list[DriftItem]) -> list[DriftItem]:
    """Without what was first seen after the baseline's moment: nobody can say that it was not there then."""
    if baseline.floor is None:
        return found
    sure = [each for each in found if each.basis != "first-sight"]
    if count := len(found) - len(sure):
        noun = "object was" if count == 1 else "objects were"
        reason = "whether they were there at the baseline's moment is not known"
        baseline.not_compared.append(NotCompared(what=f"{count} {noun} first seen later", reason=reason))
    return sure


def _looked_at(baseline: Baseline) -> Scope:
    """No more than the baseline speaks of."""
    scope = baseline.scope
    if baseline.covers or not baseline.documents:
        return scope
    refs = baseline.documents
    kinds = tuple(sorted({(each.resource, each.group) for each in refs}))
    namespaces = tuple(sorted({each.namespace or "_" for each in refs}))
    return Scope(clusters=scope.clusters, namespaces=namespaces, kinds=kinds)


def _own(
    there: dict[ObjectRef, Present], baseline: Baseline, applied: Counter[str]
) -> tuple[dict[ObjectRef, Present], Baseline]:
    """Without what a controller makes and unmakes: its owner is compared."""
    kept = {ref: each for ref, each in there.items() if not _controlled(ref, each.state)}
    documents = {
        ref: each
        for ref, each in baseline.documents.items()
        if not _controlled(ref, orjson.dumps(each.get("metadata")))
    }
    applied["controlled"] += len(there) - len(kept)
    return kept, drift_items.with_documents(baseline, documents)


def _controlled(ref: ObjectRef, state: bytes) -> bool:
    if (ref.resource, ref.group) in _MACHINE:
        return True
    if b'"controller":true' not in state:
        return False
    document = orjson.loads(state)
    owners = document.get("metadata", document).get("ownerReferences") or []
    return any(isinstance(each, dict) and each.get("controller") is True for each in owners)


def _pair(ref: ObjectRef, expected: JsonObject, actual: Present, baseline: Baseline, asked: Asked) -> _Pair:
    walk = Comparison(rules=asked.rules, kind=ref.kind_id, whole=baseline.whole, template=baseline.template)
    document = drift_items.document(actual.state, baseline)
    if baseline.sort == "peer" and asked.rules.on("allocated"):
        expected, document = drift_items.unallocated(expected), drift_items.unallocated(document)
    return _Pair(ref, expected, actual, walk, walk.documents(expected, document))


def _bounded(count: int) -> None:
    if count > MOST:
        raise TooManyObjects(
            f"{count} objects drift, {MOST} are the most in one answer.",
            "Narrow it to a namespace, a kind or a selector.",
        )


def _fields(store: Store, baseline: Baseline, drifting: Sequence[_Pair], asked: Asked) -> tuple[int, list[DriftItem]]:
    """(hidden as noise, items) of every place that differs."""
    mine = _tracks(store, baseline.scope, [(each.actual, each.differences) for each in drifting], baseline.floor)
    theirs = _peers(store, baseline, drifting)
    items: list[DriftItem] = []
    hidden = 0
    for number, pair in enumerate(drifting):
        for each in pair.differences:
            points = mine[number].get(each.path, [])
            told = _story(each, points, pair.comparison, theirs[number].get(each.path) if theirs else None)
            found = Found(pair.actual, each, told)
            made = drift_items.item(found, baseline, asked.at)
            if not asked.noise and drift_items.only_noise(made, found, points, baseline.floor, asked.noise_rules):
                hidden += 1
                continue
            items.append(made)
    return hidden, drift_items.with_gaps(store, items)


def _tracks(
    store: Store, scope: Scope, pairs: Sequence[tuple[Present, Sequence[Difference]]], floor: datetime | None
) -> list[dict[Path, Track]]:
    wanted = [
        Wanted(actual.version, orjson.loads(actual.state), tuple(dict.fromkeys(each.path for each in differences)))
        for actual, differences in pairs
    ]
    return tracks(store, scope, wanted, floor)


def _peers(store: Store, baseline: Baseline, drifting: Sequence[_Pair]) -> list[dict[Path, Track]]:
    """The same places on the other side, which has a history too."""
    if baseline.sort != "peer":
        return []
    pairs = [(baseline.other[each.ref], each.differences) for each in drifting]
    return _tracks(store, Scope(), pairs, None)


def _story(each: Difference, points: Track, comparison: Comparison, theirs: Track | None) -> Story:
    if theirs:
        return merged(points, theirs, _alike(comparison, each), each.path)
    return story(points, lambda value: conforms(each, value, comparison), each.path)


def _alike(comparison: Comparison, each: Difference) -> Callable[..., bool]:
    def alike(expected: drift_rules.Value, actual: drift_rules.Value) -> bool:
        return conforms(Difference(each.path, each.op, expected, actual, base=expected), actual, comparison)

    return alike


def _answer(
    store: Store,
    baseline: Baseline,
    asked: Asked,
    items: list[DriftItem],
    compared: int,
    hidden: int,
    applied: Counter[str],
) -> Drift:
    items.sort(key=lambda each: (each.cluster, each.namespace, each.resource, each.group, each.name, each.path))
    moments = [asked.at, *(each.since for each in items if each.since), *([baseline.floor] if baseline.floor else [])]
    begin = min(moments)
    scope = _looked_at(baseline)
    window = Window(after=min(begin, asked.at), until=asked.at, open_end=asked.open_end)
    known = {*drift_rules.known()}
    return Drift(
        items=[each for each in items if each.comparable],
        not_comparable=[each for each in items if not each.comparable],
        not_compared=baseline.not_compared,
        compared=compared,
        drifted=len(
            {
                (each.cluster, each.resource, each.group, each.namespace, each.name)
                for each in items
                if each.lasts and each.comparable
            }
        ),
        hidden=hidden,
        rules=[
            RuleTold(rule=name, applied=applied[name], off=not asked.rules.on(name))
            for name in sorted(known)
            if applied[name] or not asked.rules.on(name)
        ],
        baseline=BaselineTold(
            baseline=baseline.told, at=baseline.floor, objects=len(baseline.documents), source=baseline.source
        ),
        at=asked.at,
        coverage=_coverage(store, baseline, scope, window, asked),
    )


def _coverage(store: Store, baseline: Baseline, scope: Scope, window: Window, asked: Asked) -> Coverage:
    """Of both sides, where both are recorded."""
    mine = coverage.assess(store, scope, window, kinds=asked.known)
    if baseline.there is None:
        return mine
    theirs = coverage.assess(store, baseline.there, window)
    why = [*mine.why, *(each for each in theirs.why if each not in mine.why)]
    gaps = [*mine.gaps, *(each for each in theirs.gaps if each not in mine.gaps)]
    late = [*mine.late, *(each for each in theirs.late if each not in mine.late)]
    return replace(mine, complete=mine.complete and theirs.complete, why=why, gaps=gaps, late=late)
