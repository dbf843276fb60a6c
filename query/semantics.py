"""When two values that are written differently mean the same: named rules, each of which can be switched off.

    rules = Rules(without=["set"], schemas=schemas)
    for each in rules.compare("deployments.apps", manifest, state, partial=True):
        each.rule is None  →  a real difference; else the two are equal by this rule

| rule | what it makes equal |
|---|---|
| quantity | `1000m` and `1`, `1Gi` and `1024Mi`, where a quantity stands |
| number | `1` and `1.0` |
| int-or-string | `80` and `"80"`, where either may stand |
| duration | `1h` and `60m` |
| set | lists of unique scalars whose order says nothing |
| list-map | the same items by key in another order (not where order matters: init containers, env with references) |
| embedded-document | JSON or YAML inside a string, written otherwise |
| certificate | the same certificates, encoded otherwise |
| empty | null, an empty list, or an empty map that says nothing, and none at all |
| default | what the server fills in, and none at all |
| server-owned | status, and metadata that the server or its controllers write |
| unmentioned | what only the actual side has, in a partial comparison (off unless asked for: kubectl diff's view) |

Where a document or certificate differs in what it says, the difference names the place of the string (`path`) and the
place within (`within`). What decides is the kind's OpenAPI schema where it is known, else well-known names.
Everything here is pure; a comparison costs a walk over both documents.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, Literal, cast, get_args

import msgspec

from query import places
from query.documents import certificates, structure
from query.kinds import KindPlaces, Kinds, by_key
from query.scalars import duration, integer, number, quantity
from schema.canonical import ABSENT, Absent, Json, JsonObject, same
from schema.kindschema import EMPTY, KindSchema, Places
from schema.listkeys import heuristic
from schema.lookup import parts
from schema.paths import Field, Index, Member, Path, Token, render

Rule = Literal[
    "quantity",
    "number",
    "int-or-string",
    "duration",
    "set",
    "list-map",
    "embedded-document",
    "certificate",
    "empty",
    "default",
    "server-owned",
    "unmentioned",
]
RULES: Final[tuple[Rule, ...]] = get_args(Rule)
OFF: Final[frozenset[Rule]] = frozenset(("unmentioned",))
"""Rules that hold only when they are asked for."""

DEEPEST: Final = 240


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place where expected and actual are written differently; ABSENT is the side that has nothing there.

    `rule`: by which they mean the same all the same, None = they differ. `within`: the place inside the document or
    certificates that the value at `path` holds; `expected` and `actual` are then the values inside.
    """

    path: Path
    expected: Json | Absent
    actual: Json | Absent
    rule: Rule | None = None
    within: Path = ()

    @property
    def text(self) -> str:
        """`data["app.yaml"]:server.port`: the place for people."""
        return render(self.path) + (f":{render(self.within)}" if self.within else "")

    @property
    def op(self) -> Literal["add", "remove", "replace"]:
        """What leads from expected to actual."""
        if isinstance(self.expected, Absent):
            return "add"
        return "remove" if isinstance(self.actual, Absent) else "replace"


class Rules:
    """A choice of rules, with what is known of the kinds. Made once, used for many comparisons; not thread-safe."""

    def __init__(
        self,
        *,
        only: Collection[Rule] | None = None,
        also: Collection[Rule] = (),
        without: Collection[Rule] = (),
        schemas: Mapping[str, KindSchema] | None = None,
    ) -> None:
        """All rules but `OFF` hold, or `only` these; `also` more, `without` some. `schemas`: by `resource.group`."""
        chosen = frozenset(RULES) - OFF if only is None else frozenset(only)
        self.on: frozenset[Rule] = (chosen | frozenset(also)) - frozenset(without)
        self.kinds = Kinds(schemas or {})

    def compare(self, kind: str, expected: Json, actual: Json, *, partial: bool = False) -> list[Difference]:
        """What is written differently in two objects of `resource.group`, by place.

        `partial`: expected is a manifest, which need not mention what the server fills in; an extra item of a list is a
        difference all the same. Otherwise both sides are whole objects.
        """
        return self.between(kind, (), expected, actual, partial=partial)

    def between(
        self,
        kind: str,
        path: Path,
        expected: Json | Absent,
        actual: Json | Absent,
        *,
        around: JsonObject | None = None,
        partial: bool = False,
    ) -> list[Difference]:
        """The same for one place of both; `around`: the map that holds the side that is there, for defaults."""
        known = self.kinds.of(kind)
        if "server-owned" not in self.on and _plainly_differ(expected, actual):
            return [Difference(path=path, expected=expected, actual=actual)]
        walk = _Walk(known, self.on, partial=partial)
        walk.pair(path, expected, actual, around or {})
        return walk.found

    def informed(self, schemas: Mapping[str, KindSchema]) -> "Rules":
        """The same choice, with these schemas."""
        return Rules(only=self.on, schemas=schemas)

    def equal(self, kind: str, expected: Json, actual: Json, *, partial: bool = False) -> bool:
        """Whether both mean the same."""
        return all(each.rule for each in self.compare(kind, expected, actual, partial=partial))


def _knows(flagged: Places[bool], path: Path) -> bool:
    return flagged.at(path) is True


class _Walk:
    """One comparison."""

    def __init__(self, kind: KindPlaces, on: frozenset[Rule], *, partial: bool) -> None:
        self.found: list[Difference] = []
        self._kind = kind
        self._on = on
        self._partial = partial

    # ---- structure ---------------------------------------------------------------------------------------------------

    def pair(self, path: Path, expected: Json | Absent, actual: Json | Absent, around: JsonObject) -> None:
        """Two values at one place, either of which may be missing."""
        if isinstance(expected, Absent) or isinstance(actual, Absent):
            if expected is not actual:
                self._one_sided(path, expected, actual, around)
        elif same(expected, actual):
            return
        elif self._holds("server-owned") and places.server_owned(self._kind.name, path):
            self._tell(path, expected, actual, "server-owned")
        elif len(path) >= DEEPEST:
            self._tell(path, expected, actual, None)
        elif isinstance(expected, dict) and isinstance(actual, dict):
            self._members(path, expected, actual)
        elif isinstance(expected, list) and isinstance(actual, list):
            self._items(path, expected, actual)
        else:
            self._scalar(path, expected, actual)

    def _members(self, path: Path, expected: JsonObject, actual: JsonObject) -> None:
        for name in sorted(expected.keys() | actual.keys()):
            here, around = (*path, Field(name)), actual if name in actual else expected
            self.pair(here, expected.get(name, ABSENT), actual.get(name, ABSENT), around)

    def _items(self, path: Path, expected: list[Json], actual: list[Json]) -> None:
        fields = self._keys(path, expected, actual)
        if fields is not None:
            left, right = by_key(expected, fields), by_key(actual, fields)
            if left is not None and right is not None:
                self._matched(path, left, right, (expected, actual), "list-map")
                return
        left, right = _by_value(expected), _by_value(actual)
        if left is not None and right is not None:
            self._matched(path, left, right, (expected, actual), "set")
            return
        for at in range(max(len(expected), len(actual))):
            self.pair(
                (*path, Index(at)),
                expected[at] if at < len(expected) else ABSENT,
                actual[at] if at < len(actual) else ABSENT,
                {},
            )

    def _keys(self, path: Path, expected: list[Json], actual: list[Json]) -> tuple[str, ...] | None:
        known = self._kind.keys.at(path)
        return heuristic(path, expected, actual) if isinstance(known, Absent) else known

    def _matched(
        self,
        path: Path,
        left: "dict[Token, Json]",
        right: "dict[Token, Json]",
        whole: tuple[list[Json], list[Json]],
        rule: Literal["set", "list-map"],
    ) -> None:
        """Items by identity; then their order, where it says something."""
        survivors = [token for token in left if token in right]
        if survivors != [token for token in right if token in left]:
            free = rule == "list-map" or _knows(self._kind.sets, path) or places.is_set(path)
            if not free or places.is_ordered(path, *whole) or not self._holds(rule):
                self._tell(path, *whole, None)
                return
            self._tell(path, *whole, rule)
        self._tokens(path, left, right)

    def _tokens(self, path: Path, left: "dict[Token, Json]", right: "dict[Token, Json]") -> None:
        for token in [*left, *(token for token in right if token not in left)]:
            self.pair((*path, token), left.get(token, ABSENT), right.get(token, ABSENT), {})

    # ---- one side only -----------------------------------------------------------------------------------------------

    def _one_sided(self, path: Path, expected: Json | Absent, actual: Json | Absent, around: JsonObject) -> None:
        extra = isinstance(expected, Absent)
        value = cast("Json", actual if extra else expected)
        rule = self._rule_for_one(path, value, around, extra=extra)
        if rule is None and (inside := self._parts(path, value, extra=extra)):
            rules = {each.rule for each in inside}
            if len(rules) > 1 and self._partial and isinstance(value, dict):
                self.found.extend(inside)
                return
            rule = next(iter(rules)) if len(rules) == 1 else None
        self._tell(path, expected, actual, rule)

    def _parts(self, path: Path, value: Json, *, extra: bool) -> list[Difference]:
        """What is inside a value that only one side has, judged part by part; an item of a list counts as one."""
        if not path or not isinstance(path[-1], Field) or not isinstance(value, dict | list):
            return []
        kept, self.found = self.found, []
        around = value if isinstance(value, dict) else {}
        for token, part in parts(value, path):
            self._one_sided((*path, token), ABSENT if extra else part, part if extra else ABSENT, around)
        found, self.found = self.found, kept
        return found

    def _rule_for_one(self, path: Path, value: Json, around: JsonObject, *, extra: bool) -> Rule | None:
        if self._holds("server-owned") and places.server_owned(self._kind.name, path):
            return "server-owned"
        if self._holds("default") and (extra or not self._partial) and self._is_default(path, value, around):
            return "default"
        if self._holds("empty") and _says_nothing(path, value):
            return "empty"
        if self._partial and extra and self._holds("unmentioned") and isinstance(path[-1] if path else None, Field):
            return "unmentioned"
        return None

    def _is_default(self, path: Path, value: Json, around: JsonObject) -> bool:
        return self._kind.fills_in(path, value, around)

    # ---- scalars -----------------------------------------------------------------------------------------------------

    def _scalar(self, path: Path, expected: Json, actual: Json) -> None:
        if (expected is None or actual is None) and self._holds("empty"):
            there = actual if expected is None else expected
            if _says_nothing(path, there):
                self._tell(path, expected, actual, "empty")
                return
            if expected is None and self._holds("default") and self._is_default(path, there, {}):
                self._tell(path, expected, actual, "default")
                return
        if isinstance(expected, str) and isinstance(actual, str) and self._inside(path, expected, actual):
            return
        self._tell(path, expected, actual, self._rule_for_scalars(path, expected, actual))

    def _rule_for_scalars(self, path: Path, expected: Json, actual: Json) -> Rule | None:
        kind = self._kind
        if _equal(number, expected, actual) and self._holds("number"):
            return "number"
        if _knows(kind.quantities, path) or places.is_quantity(path):
            if _equal(quantity, expected, actual) and self._holds("quantity"):
                return "quantity"
        elif _knows(kind.ints, path) or places.is_int_or_string(path):
            if _equal(integer, expected, actual) and self._holds("int-or-string"):
                return "int-or-string"
        elif (_knows(kind.durations, path) or places.may_be_duration(path)) and _equal(duration, expected, actual):
            return "duration" if self._holds("duration") else None
        return None

    def _inside(self, path: Path, expected: str, actual: str) -> bool:
        """Whether both texts hold something that was compared instead of them."""
        readers: tuple[tuple[Rule, Callable[[str], Json]], ...] = (
            ("certificate", certificates),
            ("embedded-document", structure),
        )
        for rule, read in readers:
            if self._holds(rule) and (left := read(expected)) is not None and (right := read(actual)) is not None:
                self._documents(path, (expected, actual), (left, right), rule)
                return True
        return False

    def _documents(self, path: Path, texts: tuple[str, str], documents: tuple[Json, Json], rule: Rule) -> None:
        kind = self._kind if places.is_last_applied(path) else KindPlaces("", EMPTY)
        inner = _Walk(kind, self._on - {"server-owned", "default"}, partial=False)
        inner.pair((), *documents, {})
        real = [each for each in inner.found if each.rule is None]
        if not real:
            self._tell(path, *texts, rule)
        self.found.extend(
            Difference(path=path, expected=each.expected, actual=each.actual, rule=each.rule, within=each.path)
            for each in (inner.found if real else ())
        )

    # ---- telling -----------------------------------------------------------------------------------------------------

    def _holds(self, rule: Rule) -> bool:
        return rule in self._on

    def _tell(self, path: Path, expected: Json | Absent, actual: Json | Absent, rule: Rule | None) -> None:
        self.found.append(Difference(path=path, expected=expected, actual=actual, rule=rule))


def _plainly_differ(expected: Json | Absent, actual: Json | Absent) -> bool:
    """Two booleans, or two words: no rule makes these equal."""
    if isinstance(expected, str) and isinstance(actual, str):
        return expected != actual and expected.isalpha() and actual.isalpha()
    return isinstance(expected, bool) and isinstance(actual, bool) and expected is not actual


def _says_nothing(path: Path, value: Json) -> bool:
    """Whether it is the same as no member at all; an item of a list always says something."""
    if path and not isinstance(path[-1], Field):
        return False
    return value is None or value == [] or (value == {} and places.may_be_empty(path))


def _equal(read: Callable[[Json], object], expected: Json, actual: Json) -> bool:
    one = read(expected)
    return one is not None and one == read(actual)


def _by_value(items: list[Json]) -> "dict[Token, Json] | None":
    """Unique scalars by their value."""
    found: dict[Token, Json] = {}
    for item in items:
        if isinstance(item, dict | list):
            return None
        found[Member(item)] = item
    return found if len(found) == len(items) else None


def real(differences: Collection[Difference]) -> Iterator[Difference]:
    """Those that are no rule's."""
    return (each for each in differences if each.rule is None)
