"""Scalars that Kubernetes writes in more than one way: quantities and durations as numbers.

Quantities: k8s.io/apimachinery pkg/api/resource (decimal and binary suffixes, exponents). Durations: Go's
time.ParseDuration, as metav1.Duration reads them.
"""

import re
from fractions import Fraction
from typing import Final

from schema.canonical import Json

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?")
_SUFFIXES: Final = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)},
}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS: Final = {
    "ns": Fraction(1),
    "us": Fraction(1000),
    "µs": Fraction(1000),
    "μs": Fraction(1000),
    "ms": Fraction(10**6),
    "s": Fraction(10**9),
    "m": Fraction(60 * 10**9),
    "h": Fraction(3600 * 10**9),
}
_LONGEST: Final = 64
"""Characters of either; Kubernetes writes far shorter ones."""


def quantity(value: Json) -> Fraction | None:
    """`1000m`, `1Gi`, `0.5`, `1e3` or a number as an exact number; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(value)) if len(str(value)) <= _LONGEST else None
    if found is None:
        return None
    number, suffix, exponent = found.groups()
    return Fraction(number) * (_SUFFIXES[suffix] if suffix else Fraction(10) ** int(exponent or 0))


def duration(value: Json) -> Fraction | None:
    """`1h30m`, `90m` as nanoseconds; None when it is no duration. A bare `0` is one."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        return None
    sign, text = (-1, value[1:]) if value[0] == "-" else (1, value.removeprefix("+"))
    if text == "0":
        return Fraction(0)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sign * sum((Fraction(number) * _UNITS[unit] for number, unit in parts), Fraction(0))


def integer(value: Json) -> int | None:
    """What int-or-string stands for when it is a number: `80` and 80."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?(?:0|[1-9]\d{0,9})", value) else None


def number(value: Json) -> int | float | None:
    """A JSON number; true and false are none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
