"""Secrets within texts: where they begin and end, and how to see cheaply that there are none.

Each pattern has a hint that is found wherever the pattern matches, in a text as well as in the JSON that holds it
(where a new line is two characters). All hints are one RE2 automaton (`collector.redact_walk`), so looking for
everything costs one pass over the bytes, and most objects are never looked at closer. What is replaced is the secret
alone: `https://user:hmac:...@host` still says which user and host, and a changed password is a changed marker. Where a
value cannot be cut out safely (kubeconfigs, logins of registries) the whole text goes. Repetitions beside others are
bounded: texts are anybody's.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from collector.redact_rules import (
    ASSIGNMENTS,
    HEADERS,
    JWTS,
    KUBECONFIGS,
    PRIVATE_KEYS,
    REGISTRIES,
    TOKENS,
    URLS,
    RedactionRules,
)

Mark = Callable[[str], str]
"""A secret → its marker."""
Replace = Callable[["re.Match[str]", Mark], str]


class Finder(Protocol):
    """A compiled expression, of `re` or of RE2."""

    def sub(self, repl: Callable[["re.Match[str]"], str], string: str) -> str:
        """The text with each match replaced."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """`hint`: for RE2, in any case of letters; `replace`: the match without its secret."""

    rule: str
    hint: str
    find: Finder
    replace: Replace
    whole: bool = False
    """It takes out the whole text."""


def value(found: "re.Match[str]", mark: Mark) -> str:
    """The group `value` goes, else the match."""
    group = found.re.groupindex.get("value", 0)
    if not (secret := found[group]):
        return found[0]
    start, end = found.start(group) - found.start(), found.end(group) - found.start()
    return found[0][:start] + mark(secret) + found[0][end:]


def _userinfo(found: "re.Match[str]", mark: Mark) -> str:
    """A password goes; a user alone goes where a token may stand for one (http), and stays where it is a name (ssh)."""
    scheme, info = found["scheme"], found["info"]
    if mark(info) == info:  # a marker already
        return found[0]
    user, colon, password = info.partition(":")
    if colon:
        return f"{scheme}://{user}:{mark(password) if password else ''}@"
    return f"{scheme}://{mark(user)}@" if scheme.lower().startswith("http") else found[0]


def _basic(found: "re.Match[str]", mark: Mark) -> str:
    """Only what says `user:password`: "basic authentication" is prose."""
    text = _decoded(found["value"])
    return value(found, mark) if b":" in text else found[0]


def _bearer(found: "re.Match[str]", mark: Mark) -> str:
    return value(found, mark) if any(sign.isdigit() for sign in found["value"]) else found[0]


def _encoded_key(found: "re.Match[str]", mark: Mark) -> str:
    """A PEM block in base64: certificates stay."""
    return mark(found[0]) if b"PRIVATE KEY" in _decoded(found[0][:64]) else found[0]


def _assigned(found: "re.Match[str]", mark: Mark) -> str:
    """References and switches are no secrets."""
    secret = found["value"]
    return found[0] if secret.lower() in NO_SECRETS or secret.startswith(("$(", "${", "<")) else value(found, mark)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


NO_SECRETS: Final = frozenset(("true", "false", "null", "none", "nil", "yes", "no", "empty", "required", "invalid"))
"""What stands behind `password:` without being one."""

_WORDS: Final = (
    r"(?:passw(?:or)?d|passphrase|api[_-]?key|secret[_-]?key|secret[_-]?access[_-]?key|private[_-]?key|"
    r"encryption[_-]?key|client[_-]?secret|auth[_-]?token|access[_-]?token|refresh[_-]?token|api[_-]?token|"
    r"client-key-data)"
)
_QUOTES: Final = r"[\\\"']{0,4}"
_ASSIGN: Final = rf"{_QUOTES}[ \t]{{0,20}}(?:[:=]{{1,2}}|:=)[ \t]{{0,20}}"
_SECRET: Final = r"(?P<value>[^\s\"',;&}\])\\]{3,})"
_VENDORS: Final = (
    r"(?:gh[pousr]_[A-Za-z0-9]{20,}|(?:github|dckr)_pat_[\w-]{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}"
    r"|[rs]k_live_\w{16,}|hvs\.[\w-]{20,}|npm_\w{30,}|AGE-SECRET-KEY-1\w{40,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35})"
)
_GAP: Final = r"(?:\s|\\[nrt])*"
"""White space, in a text or in JSON."""
_WHOLE: Final = r"\A(?=[\s\S]*{0})(?=[\s\S]*{1})[\s\S]+\Z"


def _flagged(text: str) -> "re.Pattern[str]":
    return re.compile(text, re.IGNORECASE)


PATTERNS: Final = (
    Pattern(
        rule=KUBECONFIGS,
        hint=r"(?:client-key-data|current-context|users)[\\\"']{0,4}\s*:",
        find=re.compile(
            _WHOLE.format(
                r"\b(?:clusters|contexts|current-context)[\"']?\s*:",
                r"\b(?:client-key-data|token|password|id-token|client-secret)[\"']?\s*:",
            )
        ),
        replace=value,
        whole=True,
    ),
    Pattern(
        rule=REGISTRIES,
        hint=r"auths[\\\"']{0,4}\s*:",
        find=re.compile(_WHOLE.format(r"\bauths[\"']?\s*:", r"\b(?:auth|password|identitytoken)[\"']?\s*:")),
        replace=value,
        whole=True,
    ),
    Pattern(
        rule=PRIVATE_KEYS,
        hint=r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY",
        find=re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----(?P<value>[\s\S]*?)(?=-----END|\Z)"),
        replace=value,
    ),
    Pattern(
        rule=PRIVATE_KEYS,
        hint=r"LS0tLS1CRUdJTi",
        find=re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{50,}={0,2}"),
        replace=_encoded_key,
    ),
    Pattern(
        rule=JWTS,
        hint=r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.",
        find=re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
        replace=value,
    ),
    Pattern(
        rule=TOKENS,
        hint=_VENDORS,
        find=re.compile(rf"(?<![A-Za-z0-9]){_VENDORS}"),
        replace=value,
    ),
    Pattern(
        rule=URLS,
        hint=r"://[^/?#\s\"'<>\\]+@",
        find=re.compile(r"(?<![\w+.-])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30})://(?P<info>[^/?#\s\"'<>\\]+)@"),
        replace=_userinfo,
    ),
    Pattern(
        rule=URLS,
        hint=r"@(?:tcp|unix)\(",
        find=re.compile(r"(?<![\w.-])[\w.-]{1,64}:(?P<value>[^\s/@\"']+)(?=@(?:tcp|unix)\()"),
        replace=value,
    ),
    Pattern(
        rule=HEADERS,
        hint=r"bearer(?:\s|\\[nrt])+[\w.~+/-]{16}",
        find=_flagged(r"\bbearer\s{1,20}(?P<value>[\w.~+/-]{16,}=*)"),
        replace=_bearer,
    ),
    Pattern(
        rule=HEADERS,
        hint=r"basic(?:\s|\\[nrt])+[A-Za-z0-9+/]{6}",
        find=_flagged(r"\bbasic\s{1,20}(?P<value>[A-Za-z0-9+/]{6,})={0,2}"),
        replace=_basic,
    ),
    Pattern(
        rule=HEADERS,
        hint=rf"authorization{_ASSIGN}",
        find=_flagged(
            rf"\bauthorization{_ASSIGN}{_QUOTES}(?:bearer|basic|token|apikey|digest)[ \t]{{1,20}}"
            r"(?P<value>[^\s\"',;\\]{4,})"
        ),
        replace=value,
    ),
    Pattern(
        rule=ASSIGNMENTS,
        hint=rf"{_WORDS}{_ASSIGN}{_QUOTES}[^\s\"'\\{{\[]",
        find=_flagged(rf"{_WORDS}{_ASSIGN}{_QUOTES}{_SECRET}"),
        replace=_assigned,
    ),
    Pattern(
        rule=ASSIGNMENTS,
        hint=r"(?:token|secret|pwd)=",
        find=_flagged(rf"(?:token|secret|pwd)={_QUOTES}{_SECRET}"),
        replace=_assigned,
    ),
    Pattern(
        rule=ASSIGNMENTS,
        hint=rf"(?:passwd|password|token|secret|credentials?|_key)[\\\"']{{0,4}}{_GAP},?{_GAP}[\\\"']{{0,4}}value[\\\"']{{0,4}}:",
        find=_flagged(
            r"\bname[\\\"']{0,4}:\s{0,20}[\\\"']{0,4}[\w.-]{0,80}(?:passw(?:or)?d|token|secret|credentials?|_key)"
            r"[\\\"']{0,4}\s{0,40},?\s{0,40}[\\\"']{0,4}value[\\\"']{0,4}:\s{0,20}[\\\"']{0,4}(?P<value>[^\s\"',}\\]+)"
        ),
        replace=_assigned,
    ),
)


def patterns(rules: RedactionRules) -> tuple[Pattern, ...]:
    """The default patterns that hold."""
    return tuple(pattern for pattern in PATTERNS if rules.on(pattern.rule))


def clean(text: str, found: tuple[Pattern, ...], mark: Mark) -> str:
    """The text without secrets."""
    for pattern in found:
        replace = pattern.replace
        text = pattern.find.sub(lambda match, replace=replace: replace(match, mark), text)  # type: ignore[misc]  # mypy infers no default
    return text
