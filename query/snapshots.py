"""What differs between two sets of objects: one scope at two moments, or two clusters or namespaces.

Two moments: objects that were added, removed or changed in between; a name that passed on to another life is changed,
and `recreated`. Each field names the change that made it so. What was only seen for the first time in the window may
have been there before: it is counted as first sight and shown on request. Fields that only machine noise wrote are
counted, and objects with nothing else are left out; `patch` holds them all the same, or it would not fit.

Two places: objects are matched by kind and name (and namespace, where the clusters differ). What must differ between
two places (`IDENTITY`) is left out of both, and nothing is attributed: ask blame on either side.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import orjson
from msgspec import Raw

from query import ends, touches
from query.ends import Pair, Version
from query.errors import TooManyObjects
from query.meaning import Judged, Place, judge
from query.models import Coverage, Hidden
from query.models_compared import FieldChange, KindCount, ObjectChange, Revision, SnapshotDiff
from query.records import labels
from query.scope import Scope
from query.semantics import Rules
from query.touches import Life, Origin, Touch
from schema.canonical import Json, JsonObject, canonical
from schema.diff import Edit, diff
from schema.listkeys import heuristic
from schema.markers import comparable
from schema.objects import kind_id
from schema.patch import to_patch
from schema.paths import Path
from schema.store import Store

_sections = msgspec.json.Decoder(dict[str, Raw]).decode

MOST = 5000
"""Objects that differ, in one answer."""

IDENTITY = ("uid", "creationTimestamp", "generation", "selfLink", "resourceVersion", "managedFields")
"""Metadata that tells two objects apart and says nothing about what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an answer leaves in."""

    noise: bool = False
    first_sight: bool = False
    states: bool = False
    rules: Rules | None = None
    """What counts as the same; None: only what is written the same."""


@dataclass(slots=True)
class _Compared:
    """One pair with its states and what differs. Documents are not kept: they are large."""

    pair: Pair
    before: bytes | None
    after: bytes | None
    edits: list[Edit]
    judged: Judged


@dataclass(slots=True)
class _Found:
    """Items by sort, and what was hidden."""

    added: list[ObjectChange]
    removed: list[ObjectChange]
    changed: list[ObjectChange]
    not_comparable: list[ObjectChange]
    hidden: Hidden
    equal: Counter[str] = field(default_factory=Counter)


def over_time(
    store: Store, scope: Scope, after: datetime, until: datetime, shown: Shown, coverage: Coverage
) -> SnapshotDiff:
    """One scope at two moments. Raises TooManyObjects, DamagedHistory."""
    with ThreadPoolExecutor(1, thread_name_prefix="touches") as beside:
        asked = beside.submit(touches.touches, store, scope, after, until)
        compared, unseen = _compared_over_time(store, scope, after, until, shown)
        marks = asked.result()
    origins = _origins(store, scope, after, until, compared, marks)
    found = _Found([], [], [], [], Hidden(first_sight=unseen))
    for each in compared:
        _sort(each, _Attribution(each.pair, marks.get(_life(each.pair), ()), origins), shown, found)
    return _answer(found, [], after, until, coverage, shown)


def _compared_over_time(
    store: Store, scope: Scope, after: datetime, until: datetime, shown: Shown
) -> tuple[list[_Compared], int]:
    """What differs, and how many objects are hidden as first sights."""
    pairs = ends.between(store, scope, after, until)
    unseen = [] if shown.first_sight else [pair for pair in pairs if _first_seen(pair)]
    compared = _compare(store, scope, [pair for pair in pairs if shown.first_sight or not _first_seen(pair)], shown)
    return compared, _selected_count(store, scope, unseen)


def over_places(
    store: Store, here: Scope, there: Scope, at: datetime, then: datetime, shown: Shown, coverage: Coverage
) -> SnapshotDiff:
    """Scope `here` at `at` against `there` at `then`, matched by kind and name."""
    across = bool(here.namespaces) and here.namespaces != there.namespaces
    left = {_match(each, across): each for each in ends.alive(store, here, at)}
    right = {_match(each, across): each for each in ends.alive(store, there, then)}
    pairs = [Pair(before=left.get(key), after=right.get(key)) for key in sorted({*left, *right})]
    drop = (*IDENTITY, *(["namespace"] if across else []))
    compared = _compare(store, here, pairs, shown, drop=drop)
    found = _Found([], [], [], [], Hidden())
    for each in compared:
        if each.before is None or each.after is None or each.edits:
            _sort(each, None, shown, found)
    return _answer(found, [f"metadata.{name}" for name in drop], at, then, coverage, shown)


def _match(version: Version, across: bool) -> tuple[str, ...]:
    ref = version.ref
    return ref.group, ref.resource, "" if across else ref.namespace, ref.name


def _first_seen(pair: Pair) -> bool:
    """Whether nobody can say that it was not there before."""
    return pair.before is None and pair.born is not None and pair.born.origin == "list"


def _compare(
    store: Store, scope: Scope, pairs: Sequence[Pair], shown: Shown, *, drop: Sequence[str] = ()
) -> list[_Compared]:
    """Pairs that the selector takes at either end, with what differs."""
    selecting = scope.selector is not None and bool(scope.selector.requirements)
    if not selecting:
        _bounded(pairs)
    needed = [pair for pair in pairs if shown.states or selecting or (pair.before and pair.after)]
    states = ends.states(store, [each for pair in needed for each in (pair.before, pair.after) if each])
    if selecting:
        pairs = [pair for pair in pairs if _is_selected(pair, scope, states)]
        _bounded(pairs)
    return [
        _compared(
            pair,
            states.get(pair.before) if pair.before else None,
            states.get(pair.after) if pair.after else None,
            drop,
            shown.rules,
        )
        for pair in pairs
    ]


def _compared(
    pair: Pair, before: bytes | None, after: bytes | None, drop: Sequence[str], rules: Rules | None
) -> _Compared:
    if before is not None and drop:
        before = canonical(_document(before, drop))
    if after is not None and drop:
        after = canonical(_document(after, drop))
    edits, judged = list[Edit](), Judged()
    if before is not None and after is not None and before != after:
        old, new = _differing(before, after)
        edits = diff(old, new, heuristic)
        if any(not edit.pointer for edit in edits):  # so much that a part cannot stand for the whole
            old, new = orjson.loads(before), orjson.loads(after)
            edits = diff(old, new, heuristic)
        judged = judge(edits, pair.either.ref.kind_id, old, new, rules)
    return _Compared(pair, before, after, edits, judged)


def _differing(before: bytes, after: bytes) -> tuple[Json, Json]:
    """The sections of two states that differ: most of an object is read no further than to its end."""
    old, new = _sections(before), _sections(after)
    names = [name for name in old.keys() | new.keys() if name not in old or name not in new or old[name] != new[name]]
    first, second = ({name: side[name] for name in sorted(names) if name in side} for side in (old, new))
    return _parsed(first), _parsed(second)


def _parsed(sections: dict[str, Raw]) -> JsonObject:
    return {name: orjson.loads(memoryview(section)) for name, section in sections.items()}


def _bounded(pairs: Sequence[Pair]) -> None:
    if len(pairs) <= MOST:
        return
    counts = Counter(pair.either.ref.kind_id for pair in pairs).most_common(4)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts)
    raise TooManyObjects(
        f"{len(pairs)} objects are to be compared ({kinds}{', …' if len(counts) == 4 else ''}), "
        f"{MOST} are the most in one answer.",
        "Narrow it to a namespace, a kind, a selector, or a shorter time.",
    )


def _is_selected(pair: Pair, scope: Scope, states: dict[Version, bytes]) -> bool:
    assert scope.selector is not None
    return any(each and scope.selector.matches(labels(states[each])) for each in (pair.before, pair.after))


def _selected_count(store: Store, scope: Scope, pairs: Sequence[Pair]) -> int:
    if scope.selector is None or not scope.selector.requirements or not pairs:
        return len(pairs)
    states = ends.states(store, [pair.after for pair in pairs if pair.after])
    return sum(_is_selected(pair, scope, states) for pair in pairs)


def _document(state: bytes, drop: Sequence[str]) -> JsonObject:
    """Without what only tells places apart."""
    document: JsonObject = orjson.loads(state)
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        for name in drop:
            metadata.pop(name, None)
        owners = metadata.get("ownerReferences")
        for owner in owners if isinstance(owners, list) else []:
            if isinstance(owner, dict):
                owner.pop("uid", None)
    return document


def _origins(
    store: Store,
    scope: Scope,
    after: datetime,
    until: datetime,
    compared: Sequence[_Compared],
    marks: dict[Life, list[Touch]],
) -> dict[tuple[Life, str], Origin]:
    """Of every field that differs."""
    found: dict[tuple[Life, str], Origin] = {}
    doubtful: list[tuple[Pair, bytes, Sequence[Path]]] = []
    for each in compared:
        life = _life(each.pair)
        among, unsure = marks.get(life, []), []
        for place in each.judged.places:
            origin = touches.origin(place.edit.path, among, each.pair)
            if origin is None:
                unsure.append(place.edit.path)
            else:
                found[life, place.key] = origin
        if unsure and each.after is not None:
            doubtful.append((each.pair, each.after, unsure))
    return found | touches.walked(store, scope, after, until, doubtful)


def _life(pair: Pair) -> Life:
    return pair.either.ref.cluster, pair.either.uid


@dataclass(frozen=True, slots=True)
class _Attribution:
    """Who made one pair differ."""

    pair: Pair
    marks: Sequence[Touch]
    origins: dict[tuple[Life, str], Origin]

    def of(self, place: Place) -> tuple[Origin | None, bool]:
        """The origin of a field, and whether it is noise."""
        origin = self.origins.get((_life(self.pair), place.key))
        return origin, touches.is_noise(place.edit.path, self.marks)

    def whole(self) -> tuple[Version | None, str]:
        """The creation or deletion, and who is known for it."""
        edge = self.pair.born if self.pair.after else self.pair.ended
        if edge is None:
            return None, ""
        return edge, next((each.by[0] for each in self.marks if each.event == edge.id), "")


def _sort(each: _Compared, who: _Attribution | None, shown: Shown, found: _Found) -> None:
    """Into added, removed, changed or not comparable; or hidden."""
    pair = each.pair
    item = _item(each, shown)
    if pair.before is None or pair.after is None:
        edge, by = who.whole() if who else (None, "")
        if edge is not None:
            item.by, item.when, item.ts_error, item.event = by or None, edge.ts, edge.ts_error, edge.id
            item.first_seen = _first_seen(pair)
        (found.added if pair.after else found.removed).append(item)
        return
    fields = [_field(place, who) for place in each.judged.places]
    found.equal += each.judged.equal
    item.fields = [one for one in fields if shown.noise or not one.noise]
    found.hidden.noise += len(fields) - len(item.fields)
    if not item.fields and not item.recreated:
        return
    certain = item.recreated or any(one.comparable for one in item.fields)
    (found.changed if certain else found.not_comparable).append(item)


def _item(each: _Compared, shown: Shown) -> ObjectChange:
    pair, one = each.pair, each.pair.either
    ref = pair.before.ref if pair.before else one.ref
    return ObjectChange(
        cluster=ref.cluster,
        resource=ref.resource,
        group=ref.group,
        version=one.version,
        kind=one.kind,
        namespace=ref.namespace,
        name=ref.name,
        from_=_revision(pair.before),
        to=_revision(pair.after),
        recreated=pair.recreated and pair.born is not None,
        patch=[dict(op) for op in to_patch(edit for edit in each.edits if comparable_values(edit.old, edit.new))],
        before=Raw(each.before) if shown.states and each.before is not None else None,
        after=Raw(each.after) if shown.states and each.after is not None else None,
    )


def _field(place: Place, who: _Attribution | None) -> FieldChange:
    made = FieldChange(
        path=place.path,
        within=place.within,
        op=place.op,
        before=place.before,
        after=place.after,
        comparable=comparable_values(place.before, place.after),
    )
    if who is None:
        return made
    origin, made.noise = who.of(place)
    if origin is not None:
        made.by, made.confidence, made.when = origin.by or None, origin.confidence, origin.ts
        made.ts_error, made.event = origin.ts_error, origin.event
    return made


def comparable_values(old: Json, new: Json) -> bool:
    """False where two redacted values under different keys say nothing about each other."""
    return not isinstance(old, str) or not isinstance(new, str) or comparable(old, new)


def _revision(version: Version | None) -> Revision | None:
    if version is None:
        return None
    return Revision(
        cluster=version.ref.cluster,
        namespace=version.ref.namespace,
        uid=version.uid,
        rv=version.rv,
        epoch=version.epoch,
        seq=version.seq,
        ts=version.ts,
        ts_error=version.ts_error,
    )


def _answer(
    found: _Found, ignored: list[str], after: datetime, until: datetime, coverage: Coverage, shown: Shown
) -> SnapshotDiff:
    sorts = {"added": found.added, "removed": found.removed, "changed": found.changed}
    counts: dict[tuple[str, str], KindCount] = {}
    for sort, items in sorts.items():
        items.sort(key=_order)
        for item in items:
            one = counts.setdefault(
                (item.group, item.resource), KindCount(resource=item.resource, group=item.group, kind=item.kind)
            )
            setattr(one, sort, getattr(one, sort) + 1)
            one.recreated += item.recreated
    return SnapshotDiff(
        added=found.added,
        removed=found.removed,
        changed=found.changed,
        not_comparable=sorted(found.not_comparable, key=_order),
        summary=[counts[key] for key in sorted(counts)],
        ignored=ignored,
        hidden=found.hidden,
        equal=dict(sorted(found.equal.items())),
        rules=sorted(shown.rules.on) if shown.rules else [],
        from_=after,
        to=until,
        coverage=coverage,
    )


def _order(item: ObjectChange) -> tuple[str, ...]:
    return item.cluster, item.namespace, kind_id(item.resource, item.group), item.name
