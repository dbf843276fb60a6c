"""What differs between two sets of objects: one scope at two moments, or two clusters or namespaces.

Two moments: objects that were added, removed or changed in between; a name that passed on to another life is changed,
and `recreated`. Each field names the change that made it so. What was only seen for the first time in the window may
have been there before: it is counted as first sight and shown on request. Fields that only machine noise wrote are
counted, and objects with nothing else are left out; `patch` holds them all the same, or it would not fit.

Which objects differ at all is known from the hashes of their states at both ends, and which of them by noise alone from
the changes in between: so the counts by kind are of the whole scope, while states are read and fields computed for the
objects of one page. What turns out to mean the same then is no longer counted.

Two places: objects are matched by kind and name (and namespace, where the clusters differ). What must differ between
two places (`IDENTITY`) is left out of both, and nothing is attributed: ask blame on either side. Here hashes say
nothing, as identity is part of a state: all objects are compared for every page.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from query import diff_pages, differing, ends, snapshot_items, touches
from query.diff_pages import EVERYTHING, LARGEST, Page
from query.differing import Compared
from query.ends import Differing, Pair, Version
from query.errors import TooManyObjects
from query.models import Coverage, Hidden
from query.models_compared import KindCount, ObjectChange, SnapshotDiff
from query.scope import Scope
from query.snapshot_items import Attribution, Items, Shown, life
from query.touches import Life, Origin, Touch
from schema.objects import kind_id, split_kind_id
from schema.paths import Path
from schema.store import Store

MOST = 5000
"""Objects that differ, in one answer; also how many of two places are compared."""

MOST_PAGED = 100_000
"""Objects that differ, in all pages."""

PATIENCE = 5
"""How many objects are looked at for each that a page may tell of: the others mean the same."""

IDENTITY = ("uid", "creationTimestamp", "generation", "selfLink", "resourceVersion", "managedFields")
"""Metadata that tells two objects apart and says nothing about what they are."""

Sort = Literal["added", "removed", "changed", "not_comparable"]
Told = tuple[Sort, ObjectChange]
SORTS: tuple[Sort, ...] = ("added", "removed", "changed", "not_comparable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One scope and the two moments."""

    scope: Scope
    after: datetime
    until: datetime


def over_time(
    store: Store,
    scope: Scope,
    after: datetime,
    until: datetime,
    shown: Shown,
    coverage: Coverage,
    page: Page = EVERYTHING,
) -> SnapshotDiff:
    """One scope at two moments. Raises TooManyObjects, DamagedHistory."""
    span = Span(scope=scope, after=after, until=until)
    differ, hidden = _to_tell(store, span, shown, most=MOST_PAGED if page.limit else MOST)
    if page.last:  # told with the first page
        hidden.noise = 0
    found, left = Items(hidden=hidden), [each for each in differ if each.place > page.last]
    looked = 0
    while looked < len(left) and (not page.limit or (len(found) < page.limit and looked < PATIENCE * page.limit)):
        some = left[looked : looked + page.limit - len(found)] if page.limit else left
        _look(store, span, some, shown, found)
        looked += len(some)
    same, left_over = page.same + found.same, left[looked:]
    return _answer(
        found,
        _sorted(found),
        summary=_counts(differ, same),
        next=diff_pages.onward(after, until, left[looked - 1].place, same) if left_over else None,
        unjudged=sum(each.changed for each in left_over),
        span=(after, until),
        shown=shown,
        coverage=coverage,
    )


def every(store: Store, span: Span, shown: Shown) -> Iterator[Told]:
    """All that differs, in order, without ever holding more than a page. Raises as `over_time` does."""
    differ, _ = _to_tell(store, span, shown, most=MOST_PAGED)
    for start in range(0, len(differ), LARGEST):
        found = Items(hidden=Hidden())
        _look(store, span, differ[start : start + LARGEST], shown, found)
        yield from _in_order(found)


def outline(store: Store, span: Span, shown: Shown, coverage: Coverage) -> SnapshotDiff:
    """The answer without its objects: nothing is looked at. Raises TooManyObjects."""
    differ, hidden = _to_tell(store, span, shown, most=MOST_PAGED)
    found = Items(hidden=hidden)
    return _answer(
        found,
        _sorted(found),
        summary=_counts(differ, Counter()),
        next=None,
        unjudged=sum(each.changed for each in differ),
        span=(span.after, span.until),
        shown=shown,
        coverage=coverage,
    )


def items(answer: SnapshotDiff) -> Iterator[Told]:
    """Of a whole answer, in order."""
    told: list[Told] = [(sort, item) for sort in SORTS for item in getattr(answer, sort)]
    return iter(sorted(told, key=lambda each: _order(each[1])))


def _to_tell(store: Store, span: Span, shown: Shown, *, most: int) -> tuple[list[Differing], Hidden]:
    """Objects whose states differ, in order, without those that are only hidden."""
    differ = ends.differing(store, span.scope, span.after, span.until)
    if span.scope.selector is not None and span.scope.selector.requirements:
        _bounded(differ, most)
        pairs = ends.between(store, span.scope, span.after, span.until)
        chosen = {pair.place for pair in differing.selected(store, span.scope, pairs)}
        differ = [each for each in differ if each.place in chosen]
    seen = [each for each in differ if shown.first_sight or not each.first_seen]
    told = seen
    if not shown.noise and any(each.changed for each in seen):
        heard = touches.loud(store, span.scope, span.after, span.until, rules=shown.noise_rules)
        told = [each for each in seen if not each.changed or (each.place[0], each.uid) in heard]
    _bounded(told, most)
    return told, Hidden(noise=len(seen) - len(told), first_sight=len(differ) - len(seen))


def _look(store: Store, span: Span, some: Sequence[Differing], shown: Shown, found: Items) -> None:
    """Read the states of these, compare them, and say who made them differ."""
    places, names = {each.place for each in some}, [each.place[3] for each in some]
    names = names if len(names) <= LARGEST else []
    pairs = [
        pair for pair in ends.between(store, span.scope, span.after, span.until, names=names) if pair.place in places
    ]
    with ThreadPoolExecutor(1, thread_name_prefix="touches") as beside:
        asked = beside.submit(
            touches.touches, store, span.scope, span.after, span.until, names=names, rules=shown.noise_rules
        )
        compared = differing.compare(store, pairs, shown.rules, states=shown.states)
        marks = asked.result()
    origins = _origins(store, span, compared, marks)
    for each in compared:
        snapshot_items.sort(each, Attribution(each.pair, marks.get(life(each.pair), ()), origins), shown, found)


def over_places(
    store: Store,
    here: Scope,
    there: Scope,
    at: datetime,
    then: datetime,
    shown: Shown,
    coverage: Coverage,
    page: Page = EVERYTHING,
) -> SnapshotDiff:
    """Scope `here` at `at` against `there` at `then`, matched by kind and name. Raises as `over_time`."""
    drop = _dropped(here, there)
    told = list(between_places(store, here, there, at, then, shown))
    found = Items(hidden=Hidden())
    for each in told:
        snapshot_items.sort(each, None, shown, found)
    summary = _counts([_narrow(each.pair) for each in told], found.same)
    left = [each for each in _in_order(found) if _order(each[1]) > page.last]
    some = left[: page.limit] if page.limit else left
    return _answer(
        found,
        {sort: [item for kind, item in some if kind == sort] for sort in SORTS},
        summary=summary,
        next=diff_pages.onward(at, then, _order(some[-1][1]), Counter()) if len(some) < len(left) else None,
        ignored=[f"metadata.{name}" for name in drop],
        span=(at, then),
        shown=shown,
        coverage=coverage,
    )


def _answer(
    found: Items,
    items: dict[Sort, list[ObjectChange]],
    *,
    summary: list[KindCount],
    next: str | None,  # noqa: A002  # as the field is called
    span: tuple[datetime, datetime],
    shown: Shown,
    coverage: Coverage,
    unjudged: int = 0,
    ignored: Sequence[str] = (),
) -> SnapshotDiff:
    return SnapshotDiff(
        added=items["added"],
        removed=items["removed"],
        changed=items["changed"],
        not_comparable=items["not_comparable"],
        summary=summary,
        next=next,
        unjudged=unjudged,
        ignored=list(ignored),
        hidden=found.hidden,
        equal=dict(sorted(found.equal.items())),
        rules=sorted(shown.rules.on) if shown.rules else [],
        from_=span[0],
        to=span[1],
        coverage=coverage,
    )


def between_places(
    store: Store, here: Scope, there: Scope, at: datetime, then: datetime, shown: Shown
) -> Iterator[Compared]:
    """Everything that is not the same in both, by name."""
    across = _across(here, there)
    left = {_match(each, across): each for each in ends.alive(store, here, at)}
    right = {_match(each, across): each for each in ends.alive(store, there, then)}
    pairs = [Pair(before=left.get(key), after=right.get(key)) for key in sorted({*left, *right})]
    chosen = differing.selected(store, here, pairs)
    _bounded(chosen, MOST)
    for each in differing.compare(store, chosen, shown.rules, states=shown.states, drop=_dropped(here, there)):
        if each.before is None or each.after is None or each.edits:
            yield each


def _narrow(pair: Pair) -> Differing:
    one = pair.either
    return Differing(pair.place, one.kind, one.uid, pair.before is not None, pair.after is not None, False, False)


def _dropped(here: Scope, there: Scope) -> tuple[str, ...]:
    return (*IDENTITY, "namespace") if _across(here, there) else IDENTITY


def _across(here: Scope, there: Scope) -> bool:
    return bool(here.namespaces) and here.namespaces != there.namespaces


def _match(version: Version, across: bool) -> tuple[str, ...]:
    ref = version.ref
    return ref.group, ref.resource, "" if across else ref.namespace, ref.name


def _bounded(objects: Sequence[Differing | Pair], most: int) -> None:
    if len(objects) <= most:
        return
    counts = Counter(each.place[2] for each in objects).most_common(4)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts)
    raise TooManyObjects(
        f"{len(objects)} objects are to be compared ({kinds}{', …' if len(counts) == 4 else ''}), "
        f"{most} are the most in one answer.",
        "Narrow it to a namespace, a kind, a selector, or a shorter time.",
    )


def _origins(
    store: Store, span: Span, compared: Sequence[Compared], marks: dict[Life, list[Touch]]
) -> dict[tuple[Life, str], Origin]:
    """Of every field that differs."""
    found: dict[tuple[Life, str], Origin] = {}
    doubtful: list[tuple[Pair, bytes, Sequence[Path]]] = []
    for each in compared:
        among, unsure = marks.get(life(each.pair), []), []
        for place in each.judged.places:
            origin = touches.origin(place.edit.path, among, each.pair)
            if origin is None:
                unsure.append(place.edit.path)
            else:
                found[life(each.pair), place.key] = origin
        if unsure and each.after is not None:
            doubtful.append((each.pair, each.after, unsure))
    return found | touches.walked(store, span.scope, span.after, span.until, doubtful)


def _counts(differ: Sequence[Differing], same: Counter[str]) -> list[KindCount]:
    """By kind, without those that turned out to be the same."""
    counts: dict[str, KindCount] = {}
    for each in differ:
        kind = each.place[2]
        count = counts.get(kind)
        if count is None:
            resource, group = split_kind_id(kind)
            count = counts[kind] = KindCount(resource=resource, group=group, kind=each.kind)
        if not each.before:
            count.added += 1
        elif not each.after:
            count.removed += 1
        else:
            count.changed += 1
            count.recreated += each.recreated
    for kind, count in counts.items():
        count.changed -= same[kind]
    left = [each for each in counts.values() if each.added or each.removed or each.changed]
    return sorted(left, key=lambda each: (each.group, each.resource))


def _told(found: Items) -> Iterator[Told]:
    for sort in SORTS:
        for item in getattr(found, sort):
            yield sort, item


def _in_order(found: Items) -> list[Told]:
    return sorted(_told(found), key=lambda each: _order(each[1]))


def _sorted(found: Items) -> dict[Sort, list[ObjectChange]]:
    return {sort: sorted(getattr(found, sort), key=_order) for sort in SORTS}


def _order(item: ObjectChange) -> tuple[str, ...]:
    return item.cluster, item.namespace, kind_id(item.resource, item.group), item.name
