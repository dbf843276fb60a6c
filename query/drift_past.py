"""Drift that ended by itself: every version of the objects is held against the baseline, not only the newest.

Nothing tells beforehand which place ever left the baseline, so each version is rebuilt and compared. That is what it
costs, and why it must be asked for, of no more than `MOST` objects. A version that touched nothing that is compared is
not looked at again.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import orjson

from query import drift_items, tracing
from query.baselines import Baseline
from query.blame import state_of
from query.drift_compare import Comparison, Difference
from query.drift_items import Found
from query.drift_spans import Story, told, writer
from query.drift_tracks import Basis, Point
from query.errors import TooManyObjects
from query.models_drift import DriftItem
from query.noise_rules import NoiseRules
from query.presence import Present
from query.scope import Scope, window
from query.tracing import Step
from schema.canonical import ABSENT, JsonObject
from schema.patch import PatchConflict, Patcher, invert
from schema.paths import render
from schema.store import Store

if TYPE_CHECKING:
    from query.drift import Asked

MOST: Final = 500
MOST_VERSIONS: Final = 2000

_State = tuple[Step | None, dict[str, Difference], Basis]


def with_past(
    store: Store,
    baseline: Baseline,
    pairs: Sequence[tuple[Present, JsonObject]],
    items: list[DriftItem],
    asked: "Asked",
) -> list[DriftItem]:
    """The items, with `spans` of earlier drifts, and items of places that only drifted in the past."""
    if len(pairs) > MOST:
        raise TooManyObjects(
            f"{len(pairs)} objects are too many to look for drift that has ended, {MOST} are the most.",
            "Narrow it to a namespace, a kind or a selector.",
        )
    known = {(each.cluster, each.uid, each.path, each.within): each for each in items}
    for actual, expected in pairs:
        for each in _past(store, baseline, actual, expected, asked):
            key = each.cluster, each.uid, each.path, each.within
            if key in known:
                known[key].spans = each.spans
            else:
                items.append(each)
    return items


def _past(store: Store, baseline: Baseline, actual: Present, expected: JsonObject, asked: "Asked") -> list[DriftItem]:
    try:
        states = _states(store, baseline, actual, expected, asked)
    except PatchConflict:  # the state is proved all the same; its past stays unknown
        return []
    places: dict[str, Difference] = {name: each for _, found, _ in states for name, each in found.items()}
    made = []
    for name, place in places.items():
        judged = _judged(states, name)
        whole = told(judged, place.path)
        if not whole.flaps:
            continue
        found = Found(actual, place, whole)
        if not asked.noise and _covered(whole, found, asked.noise_rules):
            continue
        item = drift_items.item(found, baseline, asked.at)
        item.spans = drift_items.ended(found, whole.spans)
        if whole.current is None:
            item.lasts, item.actual = False, item.spans[-1].actual
        made.append(item)
    return made


def _covered(whole: Story, found: Found, rules: NoiseRules) -> bool:
    """Whether all who ever took it away are covered by rules of the operator."""
    kind, path = found.actual.version.ref.kind_id, found.difference.path
    return all(rules.covers(kind, render(path), writer(each.begin.step, path)[0]) for each in whole.spans)


def _judged(states: Sequence[_State], name: str) -> list[tuple[Point, bool]]:
    """One place through all versions; versions that left it as it was are no points."""
    judged: list[tuple[Point, bool]] = []
    before: Difference | None = None
    for number, (step, found, basis) in enumerate(states):
        each = found.get(name)
        if number == 0 or (each is None) != (before is None) or (each and before and each.actual != before.actual):
            value = each.actual if each is not None else ABSENT
            judged.append((Point(step=step, value=value, basis=basis), each is None))
        before = each
    return judged


def _states(store: Store, baseline: Baseline, actual: Present, expected: JsonObject, asked: "Asked") -> list[_State]:
    """What differed in each version of this life, oldest first."""
    ref = actual.version.ref
    scope = Scope(clusters=(ref.cluster,), namespaces=(ref.namespace or "_",), kinds=((ref.resource, ref.group),))
    params: dict[str, object] = {}
    conditions = [*scope.conditions(params), *_until(params, baseline.floor, asked.at), "name = {name:String}"]
    params["name"] = ref.name
    steps = tracing.steps_of_many(store, conditions, params, [actual.version.uid])
    state: JsonObject = orjson.loads(actual.state)
    patcher = Patcher(state)
    found: list[_State] = []
    differing = _compared(state, baseline, expected, asked, ref.kind_id)
    mine = steps.get((ref.cluster, actual.version.uid), [])[:MOST_VERSIONS]
    for step, older in zip(mine, [*mine[1:], None], strict=False):  # nothing to walk where nothing was written
        begins = step.op == "add" or step.patch == "[]"
        found.append((step, differing, "creation" if step.op == "add" and step.origin != "list" else "change"))
        if older is None:
            break
        if begins:
            patcher = Patcher(state_of(store, older))
        else:
            ops: list[JsonObject] = orjson.loads(step.patch)
            patcher.apply(invert(ops))
            if all(str(op["path"]).startswith("/status") for op in ops):
                continue
        document = patcher.doc
        assert isinstance(document, dict)
        differing = _compared(orjson.loads(orjson.dumps(document)), baseline, expected, asked, ref.kind_id)
    if baseline.floor is not None:  # at the baseline's own moment nothing differs
        found.append((None, {}, "before"))
    return found[::-1]


def _until(params: dict[str, object], after: datetime | None, until: datetime) -> list[str]:
    return window(params, after, until)


def _compared(
    document: JsonObject, baseline: Baseline, expected: JsonObject, asked: "Asked", kind: str
) -> dict[str, Difference]:
    walk = Comparison(rules=asked.rules, kind=kind, whole=baseline.whole, template=baseline.template)
    found: dict[str, Difference] = defaultdict()
    for each in walk.documents(expected, document):
        if each.comparable:
            found[f"{render(each.path)}:{render(each.within)}"] = each
    return dict(found)
