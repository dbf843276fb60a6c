"""Readable paths: `spec.containers[name=web].image`, the human twin of a JSON Pointer.

A path is a tuple of tokens, a text is its only spelling: `render` and `parse` are exact inverses.

| token | text | meaning |
|---|---|---|
| `Field("image")` | `.image`, or `["a.b/c"]` | member of an object; bare if of letters, digits, `_`, `-`, `$` only |
| `Key((("name", "web"),))` | `[name=web]`, `[port=80,protocol=TCP]` | the item of a list that has these values |
| `Member("x")` | `[="x"]`, `[=80]` | the item of a list of unique scalars |
| `Index(3)` | `[#3]` | the item at this place |

A key's text value stands bare (`[mountPath=/var/run]`) unless it reads like another JSON scalar or holds a character
that could end it; then it is a JSON string. Numbers, `true`, `false` and `null` stand as in JSON, so types are never
lost. `parse` also takes quotes where `render` would leave them out.
Tokens compare as Python compares (`Member(1) == Member(True)`); compare their texts where types matter.
"""

import math
import re
from collections.abc import Iterable
from json.decoder import scanstring  # type: ignore[attr-defined]  # the stub leaves out what json.decoder exports
from typing import Final, NoReturn, TypeAlias

import msgspec
import orjson

Scalar: TypeAlias = bool | int | float | str | None


class Field(msgspec.Struct, frozen=True):
    """A member of an object."""

    name: str


class Key(msgspec.Struct, frozen=True):
    """The item of a keyed list: ((field, value), …), in the order of the list's keys."""

    fields: tuple[tuple[str, Scalar], ...]


class Member(msgspec.Struct, frozen=True):
    """A scalar item of a list whose items are unique."""

    value: Scalar


class Index(msgspec.Struct, frozen=True):
    """The item at this place of a list without keys."""

    position: int


Token: TypeAlias = Field | Key | Member | Index
Path: TypeAlias = tuple[Token, ...]


class PathError(ValueError):
    """The text is not a path; the message says where it stops being one."""


_NAME: Final = re.compile(r"[A-Za-z0-9_$-]+")
_BARE: Final = re.compile(r"[A-Za-z0-9_$./:@%+*?~^-]+")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_WORDS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None}


def render(tokens: Iterable[Token]) -> str:
    """The text of a path; "" is the whole document."""
    text = "".join([_render_token(token) for token in tokens])
    return text[1:] if text.startswith(".") else text


def parse(text: str) -> Path:
    """The tokens of a text, raises `PathError`."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        token, at = _parse_token(text, at, first=not tokens)
        tokens.append(token)
    return tuple(tokens)


def _render_token(token: Token) -> str:
    if isinstance(token, Field):
        return f".{token.name}" if _NAME.fullmatch(token.name) else f"[{_quoted(token.name)}]"
    if isinstance(token, Key):
        return "[" + ",".join([f"{_render_name(name)}={_render_value(value)}" for name, value in token.fields]) + "]"
    if isinstance(token, Member):
        return f"[={_quoted(token.value)}]"
    return f"[#{token.position}]"


def _render_name(name: str) -> str:
    return name if _NAME.fullmatch(name) else _quoted(name)


def _render_value(value: Scalar) -> str:
    bare = isinstance(value, str) and _BARE.fullmatch(value) and value not in _WORDS and not _NUMBER.fullmatch(value)
    return str(value) if bare else _quoted(value)


def _quoted(value: Scalar) -> str:
    return orjson.dumps(value).decode()


def _parse_token(text: str, at: int, *, first: bool) -> tuple[Token, int]:
    if text[at] != "[":
        return _parse_field(text, at if first else _expect(text, at, "."))
    at += 1
    if text.startswith("=", at):
        value, at = _parse_value(text, at + 1, bare=False)
        return Member(value), _expect(text, at, "]")
    if text.startswith("#", at):
        digits = _INDEX.match(text, at + 1) or _fail(text, at + 1, "a number")
        return Index(int(digits[0])), _expect(text, digits.end(), "]")
    name, after = _parse_name(text, at)
    if text[at] == '"' and text.startswith("]", after):
        return Field(name), after + 1
    return _parse_key(text, at)


def _parse_field(text: str, at: int) -> tuple[Token, int]:
    name = _NAME.match(text, at) or _fail(text, at, "a field name")
    return Field(name[0]), name.end()


def _parse_key(text: str, at: int) -> tuple[Token, int]:
    fields: list[tuple[str, Scalar]] = []
    while True:
        name, at = _parse_name(text, at)
        value, at = _parse_value(text, _expect(text, at, "="), bare=True)
        fields.append((name, value))
        if not text.startswith(",", at):
            return Key(tuple(fields)), _expect(text, at, "]")
        at += 1


def _parse_name(text: str, at: int) -> tuple[str, int]:
    if text.startswith('"', at):
        return _parse_string(text, at)
    name = _NAME.match(text, at) or _fail(text, at, "a field name")
    return name[0], name.end()


def _parse_value(text: str, at: int, *, bare: bool) -> tuple[Scalar, int]:
    if text.startswith('"', at):
        return _parse_string(text, at)
    found = _BARE.match(text, at) or _fail(text, at, "a value")
    word = found[0]
    if word in _WORDS:
        return _WORDS[word], found.end()
    if _NUMBER.fullmatch(word):
        return _number(text, at, word), found.end()
    if not bare:
        _fail(text, at, "a JSON scalar")
    return word, found.end()


def _number(text: str, at: int, word: str) -> int | float:
    if word.removeprefix("-").isdigit():
        return int(word) if len(word) <= 20 else _fail(text, at, "an integer of at most 64 bits")
    value = float(word)
    return value if math.isfinite(value) else _fail(text, at, "a finite number")


def _parse_string(text: str, at: int) -> tuple[str, int]:
    try:
        value, end = scanstring(text, at + 1)
    except ValueError:
        _fail(text, at, "a complete JSON string")
    return value, end


def _expect(text: str, at: int, character: str) -> int:
    return at + 1 if text.startswith(character, at) else _fail(text, at, f"`{character}`")


def _fail(text: str, at: int, expected: str) -> NoReturn:
    raise PathError(f"not a path: expected {expected} at character {at + 1} of {text!r}")
