"""One section of an object, looked through for values that are no one's to keep.

First one pass of RE2 over the section's canonical JSON; most sections end there. The others are walked: values beside
telling names, in telling fields, behind telling arguments, at paths that a rule names, and whatever patterns find in
texts. A text that is JSON itself (last-applied and its like) is read and walked the same way.

Walking again changes nothing: what is a marker of ours stays. A text that has the form of a marker of another key is
replaced like a secret, so that nobody can write markers that we would have to believe.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import orjson
import re2

from collector.redact_rules import ARGUMENTS, FIELDS, NAMES, RedactionRules
from collector.redact_text import NO_SECRETS, Pattern, clean, patterns, value
from schema.canonical import Json, JsonObject
from schema.objects import Kind

_LEAST: Final = 6
"""Shorter texts hold nothing that a pattern could find."""
_NESTED: Final = 3
"""Documents within documents; what lies deeper is looked at as text."""
_QUOTE: Final = r"\\*\""
_NAME_WORDS: Final = "passw|passphrase|pwd|token|secret|credential|key|auth|dsn|cookie|connection|pat"
_FIELD_WORDS: Final = (
    "passw(?:or)?d|pwd|passphrase|token|secret|credentials|authorization|[a-z0-9_.-]key|connection[-_.]?string|"
    "key[-_.]?data"
)
_HINTS: Final = {
    NAMES: rf"(?s:name{_QUOTE}\s*:\s*{_QUOTE}[^\"\\]*(?:%s)[^\"\\]*{_QUOTE}.*value{_QUOTE}\s*:"
    rf"|value{_QUOTE}\s*:.*name{_QUOTE}\s*:\s*{_QUOTE}[^\"\\]*(?:%s)[^\"\\]*{_QUOTE})",
    FIELDS: rf"(?:%s){_QUOTE}\s*:\s*(?:{_QUOTE}[^\"\\]|[0-9-])",
    ARGUMENTS: rf"{_QUOTE}--?[\w-]*(?:{_FIELD_WORDS}){_QUOTE}\s*,\s*{_QUOTE}[^-\"\\]",
}
_ARGUMENT: Final = re.compile(r"--?[\w.-]+", re.ASCII)
_REFERENCE: Final = re.compile(r"\$\([\w.-]+\)|\$\{[\w.-]+\}")
_FORGED: Final = r"hmac:[0-9a-f]{8}:[0-9a-f]{16}"


class Walker:
    """The rules as they hold for one kind. `mark`: a secret → its marker; a marker of ours → itself."""

    __slots__ = (
        "_anchored",
        "_arguments",
        "_config",
        "_found",
        "_hint",
        "_mark",
        "_partial",
        "_paths",
        "_rules",
        "_steps",
        "_whole",
    )

    def __init__(self, rules: RedactionRules, kind: Kind | None, mark: Callable[[str], str]) -> None:
        self._rules = rules
        self._mark = mark
        self._paths = rules.paths(kind)
        self._steps = [[orjson.dumps(step) for step in path if step != "*"] for path in self._paths]
        self._config = kind is not None and kind.id == "configmaps"
        self._arguments = rules.on(ARGUMENTS)
        own = tuple(Pattern(rule="own", hint=one, find=re2.compile(one), replace=value) for one in rules.patterns(kind))
        self._anchored = bool(own)
        forged = Pattern(rule="markers", hint=_FORGED, find=re.compile(_FORGED), replace=value)
        self._found = (forged, *patterns(rules), *own)
        self._whole = tuple(one for one in self._found if one.whole)
        self._partial = tuple(one for one in self._found if not one.whole)
        self._hint = _search([*(pattern.hint for pattern in self._found), *_structural(rules)])

    def passes(self, state: bytes) -> bool:
        """Whether a whole canonical state surely is as it may be kept, told without parsing it.

        Patterns of one's own may be anchored to where a member begins: they are looked for member by member.
        """
        reached = any(all(step in state for step in steps) for steps in self._steps)
        return not reached and not self._anchored and not self._config and not self._hint(state)

    def section(self, name: str, found: Json, body: bytes) -> tuple[Json, bool]:
        """A top-level member and its canonical JSON → the member as it may be kept, and whether that is another.

        Changed IN PLACE where it can be.
        """
        changed = self._at_paths(name, found)
        if self._config and name == "data" and isinstance(found, dict):
            changed = self._keys(found) or changed
        if self._hint(body):
            kept, deeper = self._walk(found, 0)
            return kept, changed or deeper
        return found, changed

    def text(self, found: str) -> str:
        """A text that stands alone."""
        return self._text(found, 0)

    def inside(self, body: bytes) -> bytes:
        """JSON of any form, cleaned as a text: no secret has a quote in it, so it stays JSON."""
        if not self._hint(body):
            return body
        text = body.decode("utf-8", "surrogatepass")
        return clean(text, self._partial, self._mark).encode("utf-8", "surrogatepass")

    def _at_paths(self, name: str, found: Json) -> bool:
        changed = False
        for path in self._paths:
            if path[0] == name or path[0] == "*":
                changed = self._at(found, path[1:]) or changed
        return changed

    def _at(self, found: Json, steps: tuple[str, ...]) -> bool:
        """Values at the end of these steps go."""
        if not steps or not isinstance(found, dict | list):
            return False
        changed = False
        for key, part in list(_members(found, steps[0])):
            gone = self._at(part, steps[1:]) if len(steps) > 1 else self._set(found, key, part)
            changed = changed or gone
        return changed

    def _set(self, holder: "JsonObject | list[Json]", key: "str | int", part: Json) -> bool:
        text = part if isinstance(part, str) else orjson.dumps(part).decode()
        kept = self._mark(text) if text and part is not None else part
        holder[key] = kept  # type: ignore[index]  # a key of this very holder
        return kept != part

    def _keys(self, data: JsonObject) -> bool:
        """Keys of a ConfigMap become variables of an environment."""
        telling = [name for name in data if name == name.upper() and self._rules.is_name(name)]
        return [self._secret(data, name) for name in telling].count(True) > 0

    def _secret(self, holder: JsonObject, name: str) -> bool:
        """A member that holds a secret by its name, unless it plainly holds none."""
        part = holder[name]
        if isinstance(part, str):
            plain = not part or part.lower() in NO_SECRETS or _REFERENCE.fullmatch(part) is not None
        else:
            plain = isinstance(part, bool) or not isinstance(part, int | float)
        return False if plain else self._set(holder, name, part)

    def _walk(self, found: Json, nested: int) -> tuple[Json, bool]:
        if isinstance(found, str):
            kept = self._text(found, nested)
            return kept, kept != found
        if isinstance(found, dict):
            return found, self._walk_object(found, nested)
        if isinstance(found, list):
            return found, self._walk_list(found, nested)
        return found, False

    def _walk_object(self, found: JsonObject, nested: int) -> bool:
        changed = False
        name = found.get("name")
        if isinstance(name, str) and "value" in found and self._rules.is_name(name):
            changed = self._secret(found, "value")
        for key, part in found.items():
            if not isinstance(part, dict | list) and self._rules.is_field(key):
                changed = self._secret(found, key) or changed
                part = found[key]
            if isinstance(part, str | dict | list):
                kept, deeper = self._walk(part, nested)
                if deeper:
                    found[key], changed = kept, True
        return changed

    def _walk_list(self, found: list[Json], nested: int) -> bool:
        changed = False
        for index, part in enumerate(found):
            if index and self._arguments and self._is_argument(found[index - 1], part):
                changed = self._set(found, index, part) or changed
            kept, deeper = self._walk(found[index], nested)
            if deeper:
                found[index], changed = kept, True
        return changed

    def _is_argument(self, flag: Json, part: Json) -> bool:
        """`--password`, `secret`."""
        if not isinstance(flag, str) or not isinstance(part, str) or not part or part.startswith(("-", "$(")):
            return False
        named = flag.lstrip("-")
        return _ARGUMENT.fullmatch(flag) is not None and (self._rules.is_field(named) or self._rules.is_name(named))

    def _text(self, text: str, nested: int) -> str:
        if len(text) < _LEAST or not self._hint(text.encode("utf-8", "surrogatepass")):
            return text
        if nested < _NESTED and text.lstrip()[:1] in ("{", "["):
            try:
                document = orjson.loads(text)
            except ValueError:
                return clean(text, self._found, self._mark)
            return self._document(text, document, nested)
        return clean(text, self._found, self._mark)

    def _document(self, text: str, document: Json, nested: int) -> str:
        """A text that is JSON: as it is where nothing is found in it, else written anew."""
        whole = clean(text, self._whole, self._mark)
        if whole != text:
            return whole
        members = document.items() if isinstance(document, dict) else ()
        changed = [self._at_paths(name, part) for name, part in members].count(True) > 0
        kept, deeper = self._walk(document, nested + 1)
        if not changed and not deeper:
            return text
        return orjson.dumps(kept).decode() + ("\n" if text.endswith("\n") else "")


def _members(found: "JsonObject | list[Json]", step: str) -> Iterator[tuple["str | int", Json]]:
    if isinstance(found, list):
        yield from enumerate(found) if step == "*" else ()
    elif step == "*":
        yield from found.items()
    elif step in found:
        yield step, found[step]


def _structural(rules: RedactionRules) -> list[str]:
    """What walking looks for, as expressions over JSON."""
    own = [re.escape(name) for rule in rules.own for name in rule.names]
    names = "|".join(([_NAME_WORDS] if rules.on(NAMES) else []) + own)
    fields = "|".join(([_FIELD_WORDS] if rules.on(FIELDS) else []) + own)
    hints = [_HINTS[NAMES] % (names, names)] if names else []
    hints += [_HINTS[FIELDS] % fields] if fields else []
    return hints + ([_HINTS[ARGUMENTS]] if rules.on(ARGUMENTS) else [])


def _search(hints: list[str]) -> Callable[[bytes], object]:
    """One automaton for all, over UTF-8 as Latin-1, in any case of letters."""
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.encoding = re2.Options.Encoding.LATIN1
    found: Callable[[bytes], object] = re2.compile("|".join(f"(?:{hint})" for hint in hints).encode(), options).search
    return found
