"""Values of a template that allow variance: an object with one member whose name begins with `$`.

replicas: {$range: [2, 10]}           a number or quantity between these, both included; null = no bound
image: {$regex: 'registry\\.example/web:v1\\..*'}     the whole text matches (linear time, no look-around)
imagePullPolicy: {$oneOf: [Always, IfNotPresent]}
securityContext: {$required: true}    it is there, whatever it is
tty: {$absent: true}                  it is not there
resources: {$optional: {limits: {cpu: "1"}}}          if it is there, it is so; may hold another of these
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from query.errors import BadReference
from query.scalars import quantity
from schema.canonical import Absent, Json, same

_LONGEST: Final = 1000
"""Characters of a pattern."""

Value = Json | Absent


@dataclass(frozen=True, slots=True)
class Variance:
    """`written`: as in the template. `within`: what a value that is there is compared with."""

    written: Json
    allows: Callable[[Value], bool]
    within: Json | None = None


def variance(value: Json) -> Variance | None:
    """What this value of a template allows, None for a plain value. Raises BadReference."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    name, argument = next(iter(value.items()))
    if not name.startswith("$"):
        return None
    return _made(name, argument, value)


def _made(name: str, argument: Json, written: Json) -> Variance:
    if name == "$range" and isinstance(argument, list) and len(argument) == 2:
        low, high = argument
        return Variance(written, lambda actual: _between(low, actual, high))
    if name == "$regex" and isinstance(argument, str):
        matches = _pattern(argument)
        return Variance(written, lambda actual: isinstance(actual, str) and matches(actual))
    if name == "$oneOf" and isinstance(argument, list):
        return Variance(
            written, lambda actual: not isinstance(actual, Absent) and any(same(each, actual) for each in argument)
        )
    if name == "$required" and argument is True:
        return Variance(written, lambda actual: not isinstance(actual, Absent))
    if name == "$absent" and argument is True:
        return Variance(written, lambda actual: isinstance(actual, Absent))
    if name == "$optional":
        return Variance(written, lambda actual: isinstance(actual, Absent), within=argument)
    raise BadReference(
        f"{name[:40]!r} with this value is no variance that a template knows.",
        "Known: $range [low, high], $regex text, $oneOf list, $required true, $absent true, $optional value.",
    )


def _between(low: Json, actual: Value, high: Json) -> bool:
    found = _measure(actual)
    if found is None:
        return False
    bounds = [None if each is None else _measure(each) for each in (low, high)]
    if any(each is not None and bound is None for each, bound in zip((low, high), bounds, strict=True)):
        raise BadReference("A bound of $range is no number.", "Write numbers or quantities: [1, 3], ['100m', '2'].")
    least, most = bounds
    return (least is None or least <= found) and (most is None or found <= most)  # type: ignore[operator]  # Fractions


def _measure(value: Value) -> object:
    if isinstance(value, bool | dict | list | Absent) or value is None:
        return None
    return quantity(value)


@lru_cache(maxsize=256)
def _pattern(text: str) -> Callable[[str], bool]:
    """pydantic's own engine (Rust's regex) takes linear time for any pattern."""
    try:
        if len(text) > _LONGEST:
            raise ValueError(text)
        adapter = TypeAdapter(Annotated[str, StringConstraints(pattern=f"^(?:{text})$")])
    except (SchemaError, ValueError):
        raise BadReference(
            f"{text[:80]!r} is not a pattern.", "Patterns are Rust's regular expressions: no look-around."
        ) from None

    def matches(actual: str) -> bool:
        try:
            adapter.validate_python(actual)
        except ValidationError:
            return False
        return True

    return matches
