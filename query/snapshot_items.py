"""What an answer says of objects that differ: items by sort, with who made each field differ, and what was hidden.

An object whose states differ may mean the same by the rules, or differ in nothing but what machine noise wrote: it is
told to nobody, but counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import Raw

from query import touches
from query.differing import Compared
from query.ends import Pair, Version
from query.meaning import Place
from query.models import Hidden
from query.models_compared import FieldChange, ObjectChange, Revision
from query.noise_rules import NONE, NoiseRules
from query.semantics import Rules
from query.touches import Life, Origin, Touch
from schema.canonical import Json
from schema.markers import comparable
from schema.patch import to_patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an answer leaves in."""

    noise: bool = False
    """Everything that is noise."""
    marked: bool = False
    """Fields that are noise, marked, of objects that differ in something else too."""
    first_sight: bool = False
    states: bool = False
    rules: Rules | None = None
    """What counts as the same; None: only what is written the same."""
    noise_rules: NoiseRules = NONE


@dataclass(slots=True)
class Items:
    """By sort, and what was left out; `same`: objects by kind that turned out to be no item."""

    hidden: Hidden
    added: list[ObjectChange] = field(default_factory=list)
    removed: list[ObjectChange] = field(default_factory=list)
    changed: list[ObjectChange] = field(default_factory=list)
    not_comparable: list[ObjectChange] = field(default_factory=list)
    equal: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        """How many objects are told of."""
        return len(self.added) + len(self.removed) + len(self.changed) + len(self.not_comparable)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who made one pair differ."""

    pair: Pair
    marks: Sequence[Touch]
    origins: dict[tuple[Life, str], Origin]

    def of(self, place: Place) -> tuple[Origin | None, bool]:
        """The origin of a field, and whether it is noise."""
        origin = self.origins.get((life(self.pair), place.key))
        return origin, touches.is_noise(place.edit.path, self.marks)

    def whole(self) -> tuple[Version | None, str]:
        """The creation or deletion, and who is known for it."""
        edge = self.pair.born if self.pair.after else self.pair.ended
        if edge is None:
            return None, ""
        return edge, next((each.by[0] for each in self.marks if each.event == edge.id), "")


def life(pair: Pair) -> Life:
    """The later one of a pair."""
    return pair.either.ref.cluster, pair.either.uid


def sort(each: Compared, who: Attribution | None, shown: Shown, found: Items) -> None:
    """Into added, removed, changed or not comparable; or hidden."""
    pair = each.pair
    if pair.before is None or pair.after is None:
        item = _item(each, shown)
        edge, by = who.whole() if who else (None, "")
        if edge is not None:
            item.by, item.when, item.ts_error, item.event = by or None, edge.ts, edge.ts_error, edge.id
            item.first_seen = pair.first_seen
        (found.added if pair.after else found.removed).append(item)
        return
    found.equal += each.judged.equal
    fields = [_field(place, who) for place in each.judged.places]
    loud = [one for one in fields if shown.noise or not one.noise]
    found.hidden.noise += len(fields) - len(loud)
    recreated = pair.recreated and pair.born is not None
    certain = recreated or any(one.comparable for one in loud)
    if not certain:
        found.same[pair.place[2]] += 1
    if not loud and not recreated:
        return
    item = _item(each, shown)
    item.fields = fields if shown.marked else loud
    (found.changed if certain else found.not_comparable).append(item)


def _item(each: Compared, shown: Shown) -> ObjectChange:
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
        patch=[dict(op) for op in to_patch(edit for edit in each.edits if _comparable(edit.old, edit.new))],
        before=Raw(each.before) if shown.states and each.before is not None else None,
        after=Raw(each.after) if shown.states and each.after is not None else None,
    )


def _field(place: Place, who: Attribution | None) -> FieldChange:
    made = FieldChange(
        path=place.path,
        within=place.within,
        op=place.op,
        before=place.before,
        after=place.after,
        comparable=_comparable(place.before, place.after),
    )
    if who is None:
        return made
    origin, made.noise = who.of(place)
    if origin is not None:
        made.by, made.confidence, made.when = origin.by or None, origin.confidence, origin.ts
        made.ts_error, made.event = origin.ts_error, origin.event
    return made


def _comparable(old: Json, new: Json) -> bool:
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
