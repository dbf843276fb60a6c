"""What of one object is not as expected, as few readable places.

`whole`: the baseline is a state (a moment, a peer), and every field counts. Otherwise it is what somebody wrote (a
manifest, last-applied), and only what it names is compared, item by item where a list has keys. An item that stands in
such a list beside the expected ones was put there by somebody: it is drift, "added".

Places are spelled so that `schema.lookup.value_at` finds them in every version of the object: that is how drift gets
its beginning.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from query.drift_rules import Rules, Value
from query.drift_variance import Variance, variance
from query.manifests import HIDDEN
from schema.canonical import ABSENT, Absent, Json, JsonObject, same
from schema.listkeys import heuristic
from schema.markers import comparable, keys_in
from schema.paths import Field, Index, Key, Member, Path, Scalar, Token

MOST: Final = 1000
"""Places in one object; more than that is another object."""

_SERVER_SET: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
    "resourceVersion",
    "managedFields",
)
_PORTS: Final = (("containerPort", "protocol"), ("port", "protocol"))
_ORDERED: Final = frozenset(("args", "command"))
_TOLERATED: Final = frozenset(("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"))

Op = Literal["changed", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that is not as expected; ABSENT where a side has nothing there.

    Not `comparable`: redacted, and under another key or never recorded, so that nobody can say. `within`: the place in
    the document that the text at `path` holds; `base` is then that text as it is expected, else the same as `expected`.
    """

    path: Path
    op: Op
    expected: Value
    actual: Value
    comparable: bool = True
    within: Path = ()
    base: Value = ABSENT


@dataclass(slots=True)
class Comparison:
    """Walks two documents; collects differences, and how often each rule was applied.

    `template`: values such as `{$range: [1, 3]}` allow variance.
    """

    rules: Rules
    kind: str = ""
    whole: bool = False
    template: bool = False
    found: list[Difference] = field(default_factory=list)
    applied: Counter[str] = field(default_factory=Counter)

    def documents(self, expected: JsonObject, actual: JsonObject) -> list[Difference]:
        """Two objects of one kind."""
        left, right = self._stripped(expected), self._stripped(actual)
        for document in (left, right):
            for name in ("apiVersion", "kind"):
                document.pop(name, None)
        self.value(left, right, ())
        return self.found

    def value(self, expected: Value, actual: Value, path: Path) -> None:
        """Two values at one place."""
        if isinstance(expected, Absent) or isinstance(actual, Absent):
            self._one_sided(expected, actual, path)
        elif self.template and (allowed := variance(expected)) is not None:
            self._varied(allowed, actual, path)
        elif same(expected, actual) or len(self.found) > MOST:
            return
        elif isinstance(expected, dict) and isinstance(actual, dict):
            self._members(expected, actual, path)
        elif isinstance(expected, list) and isinstance(actual, list):
            self._items(expected, actual, path)
        else:
            self._scalars(expected, actual, path)

    def _scalars(self, expected: Json, actual: Json, path: Path) -> None:
        if not _comparable(expected, actual):
            self.found.append(Difference(path, "changed", expected, actual, comparable=False, base=expected))
            return
        verdict = self.rules.judge(self.kind, expected, actual, path)
        if verdict.rule:
            self.applied[verdict.rule] += 1
        elif not verdict.inside:
            self.changed(expected, actual, path)
        for each in verdict.inside:
            op: Op = "changed"
            if isinstance(each.expected, Absent) or isinstance(each.actual, Absent):
                op = "added" if isinstance(each.expected, Absent) else "removed"
            self.found.append(Difference(path, op, each.expected, each.actual, within=each.within, base=expected))

    def changed(self, expected: Value, actual: Value, path: Path) -> None:
        """Write down a place that differs."""
        op: Op = "added" if isinstance(expected, Absent) else "removed" if isinstance(actual, Absent) else "changed"
        self.found.append(Difference(path, op, expected, actual, base=expected))

    def _one_sided(self, expected: Value, actual: Value, path: Path) -> None:
        if isinstance(expected, Absent) and isinstance(actual, Absent):
            return
        if self.template and not isinstance(expected, Absent) and (allowed := variance(expected)) is not None:
            self._varied(allowed, actual, path)
        elif self.template and isinstance(expected, dict) and expected:  # parts of it may be optional
            self._members(expected, {}, path)
        elif rule := self.rules.judge(self.kind, expected, actual, path).rule:
            self.applied[rule] += 1
        else:
            self.changed(expected, actual, path)

    def _varied(self, allowed: Variance, actual: Value, path: Path) -> None:
        """A value of a template that allows more than one."""
        if allowed.within is not None and not isinstance(actual, Absent):
            self.value(allowed.within, actual, path)
        elif not allowed.allows(actual):
            self.changed(allowed.written, actual, path)

    def _members(self, expected: JsonObject, actual: JsonObject, path: Path) -> None:
        common = 0
        for name, value in expected.items():
            other = actual.get(name, ABSENT)
            common += not isinstance(other, Absent)
            if other is not value:
                self.value(value, other, (*path, Field(name)))
        if common == len(actual):
            return
        if not self.whole and self.rules.on("unmentioned"):
            self.applied["unmentioned"] += len(actual) - common
            return
        for name, value in actual.items():
            here = (*path, Field(name))
            if name in expected:
                continue
            if self.rules.on("default") and self.rules.meaning.kinds.of(self.kind).fills_in(here, value, actual):
                self.applied["default"] += 1
            else:
                self.value(ABSENT, value, here)

    def _items(self, expected: list[Json], actual: list[Json], path: Path) -> None:
        if fields := self._keys(path, expected, actual):
            self._matched(expected, actual, path, fields)
        elif (one := _scalar_set(expected)) is not None and (other := _scalar_set(actual)) is not None:
            self._sets(expected, actual, one, other, path)
        elif len(expected) == len(actual):
            for at, (left, right) in enumerate(zip(expected, actual, strict=True)):
                self.value(left, right, (*path, Index(at)))
        else:
            self.changed(expected, actual, path)

    def _keys(self, path: Path, expected: list[Json], actual: list[Json]) -> tuple[str, ...] | None:
        """By the schema of the kind, where it says so and the items have them; else as well-known lists have them."""
        fields = self.rules.meaning.kinds.keys(self.kind, path)
        if fields and all(_named_by(some, fields) for some in (expected, actual)):
            return fields
        return _keys(path, expected, actual)

    def _matched(self, expected: list[Json], actual: list[Json], path: Path, fields: tuple[str, ...]) -> None:
        """Lists whose items are known by these fields."""
        left = {_name(each, fields): each for each in expected}
        right = {_name(each, fields): each for each in actual}
        for name, item in left.items():
            other = right.get(name, ABSENT)
            token = _key(item if isinstance(other, Absent) else other, fields)
            self.value(item, other, (*path, token))
        for name, item in right.items():
            if name in left:
                continue
            if self.rules.on("admission") and _admitted(path, item):
                self.applied["admission"] += 1
            else:
                self.changed(ABSENT, item, (*path, _key(item, fields)))

    def _sets(
        self, expected: list[Json], actual: list[Json], one: Mapping[str, Json], other: Mapping[str, Json], path: Path
    ) -> None:
        """Lists of unique plain values."""
        last = path[-1] if path else None
        if isinstance(last, Field) and last.name in _ORDERED:
            self.changed(expected, actual, path)
            return
        for name, value in one.items():
            if name not in other:
                self.changed(value, ABSENT, (*path, Member(cast(Scalar, value))))
        for name, value in other.items():
            if name not in one:
                self.changed(ABSENT, value, (*path, Member(cast(Scalar, value))))
        if one.keys() == other.keys():
            if self.rules.on("order"):
                self.applied["order"] += 1
            else:
                self.changed(expected, actual, path)

    def _stripped(self, document: JsonObject) -> JsonObject:
        """Without what no baseline means."""
        kept = dict(document)
        if self.rules.on("status"):
            self.applied["status"] += kept.pop("status", None) is not None
        metadata = document.get("metadata")
        if isinstance(metadata, dict) and self.rules.on("server-set"):
            kept["metadata"] = _own(metadata)
        return kept


def conforms(difference: Difference, value: Value, like: Comparison) -> bool:
    """Whether a value that once stood at the place of this difference was as expected there."""
    walk = Comparison(rules=like.rules, kind=like.kind, whole=like.whole, template=like.template)
    walk.value(difference.base, value, difference.path)
    if not difference.within:
        return not walk.found
    return all(each.within and each.within != difference.within for each in walk.found)


def _own(metadata: JsonObject) -> JsonObject:
    """Metadata without what tells two objects of the same content apart."""
    kept = {name: value for name, value in metadata.items() if name not in _SERVER_SET}
    owners = kept.get("ownerReferences")
    if isinstance(owners, list):
        kept["ownerReferences"] = [
            {name: value for name, value in each.items() if name != "uid"} if isinstance(each, dict) else each
            for each in owners
        ]
    return kept


def _comparable(expected: Json, actual: Json) -> bool:
    if not isinstance(expected, str) or not isinstance(actual, str):
        return True
    if expected == HIDDEN or bool(keys_in(expected)) != bool(keys_in(actual)):
        return False
    return comparable(expected, actual)


def _keys(path: Path, expected: list[Json], actual: list[Json]) -> tuple[str, ...] | None:
    """The fields that name the items of both lists; a port without a protocol is a TCP port, as the API has it."""
    items = [*expected, *actual]
    if not items or not all(isinstance(each, dict) for each in items):
        return None
    for fields in _PORTS:
        if _numbered(items, fields[0]) and all(_told_apart(some, fields) for some in (expected, actual)):
            return fields
    return heuristic(path, expected, actual)


def _named_by(items: list[Json], fields: tuple[str, ...]) -> bool:
    """Whether each item has some of these fields, all of them plain, and no two items have the same."""
    for each in items:
        if not isinstance(each, dict) or not (values := [each[name] for name in fields if name in each]):
            return False
        if any(isinstance(value, dict | list) for value in values):
            return False
    return _told_apart(items, fields)


def _numbered(items: list[Json], name: str) -> bool:
    return all(isinstance(each, dict) and isinstance(each.get(name), int) for each in items)


def _told_apart(items: list[Json], fields: tuple[str, ...]) -> bool:
    return len({_name(each, fields) for each in items}) == len(items)


def _name(item: Json, fields: tuple[str, ...]) -> tuple[str, ...]:
    assert isinstance(item, dict)  # `_keys` has looked
    return tuple(repr(item.get(name, "TCP" if name == "protocol" else None)) for name in fields)


def _key(item: Json, fields: tuple[str, ...]) -> Token:
    assert isinstance(item, dict)  # `_keys` has looked
    return Key(tuple((name, cast(Scalar, item[name])) for name in fields if name in item))


def _scalar_set(items: Sequence[Json]) -> dict[str, Json] | None:
    if any(isinstance(each, dict | list) for each in items):
        return None
    named = {repr(each): each for each in items}
    return named if len(named) == len(items) else None


def _admitted(path: Path, item: Json) -> bool:
    """What the ServiceAccount and DefaultTolerationSeconds admission plugins add (kubernetes plugin/pkg/admission)."""
    last = path[-1] if path else None
    if not isinstance(last, Field) or not isinstance(item, dict):
        return False
    check: Callable[[JsonObject], bool] | None = {
        "volumes": lambda each: str(each.get("name")).startswith("kube-api-access-"),
        "volumeMounts": lambda each: str(each.get("name")).startswith("kube-api-access-"),
        "tolerations": lambda each: each.get("key") in _TOLERATED and each.get("effect") == "NoExecute",
    }.get(last.name)
    return check is not None and check(item)
