"""Settings of redaction: which default rules are off, and the file with rules of one's own (docs/access.md).

The file is TOML, read at the start; whatever is wrong in it is refused there, with its place.
"""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kubelapse.setting import Setting, SettingError, names, path

if TYPE_CHECKING:
    from collector.redact_rules import RedactionRules, Rule
    from kubelapse.settings import Settings

REDACTION_OFF: Setting[tuple[str, ...]] = Setting(
    name="redaction_off",
    env="KUBELAPSE_REDACTION_OFF",
    parse=names,
    help="Default rules of redaction beyond Secrets that are not to hold, such as `urls,arguments` (docs/access.md).",
)
REDACTION_FILE: Setting[Path | None] = Setting(
    name="redaction_file",
    env="KUBELAPSE_REDACTION_FILE",
    parse=path,
    help="TOML file with more rules of redaction, by kind, path, name and pattern.",
)

REDACTION_SETTINGS: tuple[Setting[object], ...] = (REDACTION_OFF, REDACTION_FILE)

_LISTS: Final = ("kinds", "paths", "names")


def rules(settings: "Settings") -> "RedactionRules":
    """The rules that hold; raises SettingError."""
    from collector.redact_rules import RedactionRules

    file = settings[REDACTION_FILE]
    own = _read(file) if file else ()
    try:
        return RedactionRules(off=frozenset(settings[REDACTION_OFF]), own=own)
    except ValueError as error:
        raise SettingError(f"{REDACTION_OFF.env}: {error}") from None


def _read(file: Path) -> "tuple[Rule, ...]":
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{file}: {error}") from None
    found = document.get("rule", [])
    if document.keys() - {"rule"} or not isinstance(found, list):
        raise SettingError(f"{file}: expected nothing but [[rule]] tables")
    try:
        return tuple(_rule(one, number) for number, one in enumerate(found, 1))
    except ValueError as error:
        raise SettingError(f"{file}: {error}") from None


def _rule(found: object, number: int) -> "Rule":
    import re2

    from collector.redact_rules import Rule, parse_path

    if not isinstance(found, dict):
        raise ValueError(f"rule {number} is no table")
    name = found.get("name")
    where = f"rule {name!r}" if isinstance(name, str) and name else f"rule {number}"
    if unknown := found.keys() - {"name", "pattern", *_LISTS}:
        raise ValueError(f"{where}: unknown key {min(unknown)!r}; known are name, kinds, paths, names, pattern")
    lists = {key: _words(found.get(key, []), f"{where}: {key}") for key in _LISTS}
    pattern = found.get("pattern", "")
    if not isinstance(name, str) or not name or not isinstance(pattern, str):
        raise ValueError(f"{where}: name and pattern are texts, and name must be there")
    if not (lists["paths"] or lists["names"] or pattern):
        raise ValueError(f"{where}: says nothing to look for: give it paths, names or a pattern")
    if lists["names"] and lists["kinds"]:
        raise ValueError(f"{where}: names hold for every kind; use paths for some kinds only")
    try:
        re2.compile(pattern)
    except re2.error as error:
        raise ValueError(f"{where}: pattern is no expression of RE2: {error}") from None
    paths = tuple(parse_path(text) for text in lists["paths"])
    return Rule(name=name, kinds=lists["kinds"], paths=paths, names=lists["names"], pattern=pattern)


def _words(found: object, where: str) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(word, str) and word for word in found):
        raise ValueError(f"{where} must be a list of texts")
    return tuple(found)
