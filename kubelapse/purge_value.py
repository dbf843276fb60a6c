"""One leaked value, in every form in which a recorded text may hold it, and the texts without it.

Plain; escaped as in JSON, and as in JSON within JSON; in base64, on its own or within longer base64 (a Basic header, a
kubeconfig); quoted for URLs. In its place comes the marker that the collector would have written, so that what changed
stays visible. Base64 that holds more than the value goes as a whole: nothing can be cut out of it.
"""

import base64
import re
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import quote

import orjson

from schema.canonical import Json, canonical

LEAST: Final = 6
"""Characters. Shorter values stand by chance in every text."""
_NESTED: Final = 3
_LEAST_CORE: Final = 8


class PurgeValueError(ValueError):
    """This value cannot be searched for; the message never quotes it."""


class Leak:
    """A value, its forms and its marker."""

    __slots__ = ("_cores", "_plain", "needles")

    def __init__(self, value: str, marker: Callable[[bytes], str]) -> None:
        """`marker`: bytes → the text of their marker (`collector.redact.Redactor.marker`). Raises PurgeValueError."""
        if len(value) < LEAST:
            raise PurgeValueError(f"a value of less than {LEAST} characters stands in too many places by chance")
        raw = value.encode()
        mark = marker(raw)
        forms = {value: mark, quote(value, safe=""): mark, quote(value): mark}
        escaped = value
        for _ in range(_NESTED):
            escaped = orjson.dumps(escaped)[1:-1].decode()
            forms[escaped] = mark
        self._plain = sorted(forms.items(), key=lambda one: -len(one[0]))
        whole = base64.b64encode(raw).decode().rstrip("=")
        cores = {core for core in _cores(raw) if len(core) >= _LEAST_CORE}
        self._cores = [(core, _run(core), whole, mark) for core in sorted(cores, key=len, reverse=True)]
        self.needles = tuple(sorted({*forms, *cores}))
        """What to look for: a text without any of these does not hold the value."""

    def held(self, text: str) -> bool:
        """Whether the value stands in a text."""
        return any(needle in text for needle in self.needles)

    def text(self, text: str) -> str:
        """The text with markers for the value."""
        for form, mark in self._plain:
            text = text.replace(form, mark)
        for core, run, whole, mark in self._cores:
            if core in text:
                text = run.sub(partial(_encoded, whole=whole, mark=mark), text)
        return text

    def value(self, found: Json) -> Json:
        """A JSON value with markers, keys included."""
        if isinstance(found, str):
            return self.text(found)
        if isinstance(found, dict):
            return {self.text(key): self.value(part) for key, part in found.items()}
        if isinstance(found, list):
            return [self.value(part) for part in found]
        number = isinstance(found, int | float) and not isinstance(found, bool)
        return self.text(str(found)) if number and self.held(str(found)) else found

    def state(self, body: bytes) -> bytes:
        """A canonical state, canonical again."""
        return canonical(self.value(orjson.loads(body)))

    def document(self, text: str) -> str:
        """A text that may be JSON: patches, managedFields, baselines. Written anew only where it holds the value."""
        if not self.held(text):
            return text
        try:
            document = orjson.loads(text)
        except ValueError:
            return self.text(text)
        return orjson.dumps(self.value(document)).decode()


def _cores(raw: bytes) -> set[str]:
    """What base64 of anything with these bytes in it must hold, for each of three places to begin."""
    found = set()
    for shift in range(3):
        head = b"\0" * shift
        tail = (len(raw) + shift) % 3
        text = base64.b64encode(head + raw + b"\0" * (-len(head + raw) % 3)).decode()
        # The first and the last characters also hold bits of what stands beside the value.
        end = len(text) - (0, 3, 2)[tail]
        core = text[(0, 2, 3)[shift] : end]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found


def _run(core: str) -> "re.Pattern[str]":
    """All of the base64 around a core."""
    return re.compile(rf"[A-Za-z0-9+/_-]*{re.escape(core)}[A-Za-z0-9+/_-]*={{0,2}}")


def _encoded(found: "re.Match[str]", *, whole: str, mark: str) -> str:
    """Base64 of just the value becomes base64 of its marker, as in Secrets."""
    return base64.b64encode(mark.encode()).decode() if found[0].rstrip("=") == whole else mark
