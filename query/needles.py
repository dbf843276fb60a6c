"""What a search looks for: a value, a place, or both, as conditions of the engine and as a walk over one state.

A value can come and go only with a change whose patch names it: a patch holds the old value (its `test`) and the new.
So only first versions, last ones and patches are looked into, never the state of every version. The engine finds the
text; whether it is a value, and where, is decided on the decoded state.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from query.errors import BadReference
from schema.canonical import Absent, Json
from schema.lookup import leaves, value_at
from schema.paths import Field, Path, PathError, parse

SHORTEST = 3
LONGEST = 1000
IMAGES = ("spec.containers", "spec.initContainers", "spec.ephemeralContainers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """`value` "" = any, `*` in it matches anything; a text that holds it matches, unless it has to be `exact`.

    `paths`: at or below one of these; empty = anywhere.
    `last`: only leaves of this name. `everything`: neither value nor path are asked for, for one object alone.
    Raises BadReference for what would match everything.
    """

    value: str = ""
    exact: bool = False
    paths: tuple[str, ...] = ()
    last: str = ""
    everything: bool = False
    places: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Parse what was written."""
        if not self.value and not self.paths and not self.everything:
            raise BadReference("What is searched for?", "Name a value, an image or a path.")
        if len(self.value) > LONGEST:
            raise BadReference("The value is too long to be searched for.", f"{LONGEST} characters are the most.")
        if self.value and not self.paths and len(self.literal) < SHORTEST:
            raise BadReference(
                f"{self.value!r} is too short to be searched for everywhere.",
                f"Give at least {SHORTEST} characters in one piece, or a path.",
            )
        object.__setattr__(self, "places", tuple(_place(each) for each in self.paths))

    @property
    def literal(self) -> str:
        """The longest piece of the value without `*`."""
        return max(self.value.split("*"), key=len)

    def of_state(self, params: dict[str, object]) -> str:
        """A condition that holds for every state with the needle in it, and for few others."""
        if self.literal:
            params["needle"] = self._text()
            return "position(object, {needle:String}) > 0"
        names = sorted({f'"{name}":' for place in self.places if (name := _last_name(place))})
        if not names:
            return "true"
        params["names_in"] = names
        return "multiSearchAny(object, {names_in:Array(String)})"

    def of_change(self, params: dict[str, object]) -> str:
        """A condition that holds for every change that can bring or end it."""
        found = []
        if self.literal:
            params["needle"] = self._text()
            found.append("position(patch, {needle:String}) > 0")
        if self.places:
            found.append(f"arrayExists(p -> {self._overlaps(params)}, paths)")
        return " AND ".join(found) or "patch != '[]'"

    def found(self, state: Json) -> Iterator[tuple[Path, Json]]:
        """Every matching leaf of this state."""
        for place in self.places or ((),):
            top = value_at(state, place)
            if not isinstance(top, Absent):
                for rest, leaf in leaves(top):
                    if self._matches((*place, *rest), leaf):
                        yield (*place, *rest), leaf

    def _matches(self, path: Path, leaf: Json) -> bool:
        if self.last and not (path and path[-1] == Field(self.last)):
            return False
        if not self.value:
            return True
        text = leaf if isinstance(leaf, str) else orjson.dumps(leaf).decode()
        if "*" in self.value:
            return bool(_pattern(self.value).fullmatch(text))
        return text == self.value if self.exact or not isinstance(leaf, str) else self.value in text

    def _text(self) -> str:
        """The literal as canonical JSON spells it; a whole string with its quotes where no number can be meant."""
        escaped = orjson.dumps(self.literal).decode()[1:-1]
        return f'"{escaped}"' if self.exact and "*" not in self.value and not self.paths else escaped

    def _overlaps(self, params: dict[str, object]) -> str:
        """Up to the first list the spelling of a path is one; below it the same item may be spelled in other ways."""
        either = []
        for n, place in enumerate(self.places):
            steps = [token.name for token in place if isinstance(token, Field)][: _stem(place)]
            params[f"place{n}"] = spelled = ".".join(steps)
            params[f"above{n}"] = [".".join(steps[:k]) for k in range(1, len(steps) + 1)] or [spelled]
            below = " OR ".join(f"startsWith(p, concat({{place{n}:String}}, '{end}'))" for end in (".", "["))
            either.append(f"p IN {{above{n}:Array(String)}} OR {below}")
        return " OR ".join(either)


@lru_cache(maxsize=64)
def _pattern(glob: str) -> "re.Pattern[str]":
    return re.compile(".*".join(map(re.escape, glob.split("*"))), re.DOTALL)


def _stem(place: Path) -> int:
    """How many steps come before the first that may be spelled in several ways (lists, quoted names)."""
    simple = re.compile(r"[A-Za-z0-9_-]+")
    for n, token in enumerate(place):
        if not isinstance(token, Field) or not simple.fullmatch(token.name):
            return n
    return len(place)


def _last_name(place: Path) -> str:
    return next((token.name for token in reversed(place) if isinstance(token, Field)), "")


def _place(text: str) -> Path:
    try:
        found = parse(text.strip().lstrip(".").rstrip("."))
    except PathError as error:
        raise BadReference(
            f"{text[:80]!r} is not a path: {error}.", "Write it like spec.replicas or spec.containers[name=web].image."
        ) from error
    if not found or not isinstance(found[0], Field):
        raise BadReference(f"{text[:80]!r} is not a path.", "Write it like spec.replicas.")
    return found
