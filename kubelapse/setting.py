"""One setting and the little grammars of its values.

Values travel as text and are parsed once; a parser raises ValueError with what it expected, and the place the text came
from is added by `kubelapse.settings`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from schema.objects import CLUSTER_NAME

T_co = TypeVar("T_co", covariant=True)


class SettingError(ValueError):
    """A value that cannot be used; the message says where it stands and what is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Generic[T_co]):
    """One setting. `name` is its key in kubelapse.toml; `flag` is "" when it has none; `default` is parsed too."""

    name: str
    env: str
    flag: str = ""
    default: str = ""
    help: str
    parse: Callable[[str], T_co]
    shown_default: str = ""
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class LogStyle:
    """How log lines look: `console` or `json`, from this level up."""

    form: str = "console"
    level: str = "info"


_LEVELS = ("debug", "info", "warning", "error")


def port(text: str) -> int:
    """0 to 65535; 0 lets the system choose."""
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError("expected a port between 0 and 65535 (0 = any free one)")
    return int(text)


def flag(text: str) -> bool:
    """1, true, yes, on — or 0, false, no, off, nothing."""
    lowered = text.strip().lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("", "0", "false", "no", "off"):
        return False
    raise ValueError("expected true or false")


def seconds(text: str) -> float:
    """`90s`, `30m`, `6h`, `2d`; a bare number means seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if not found:
        raise ValueError("expected a length of time such as 30m or 6h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def names(text: str) -> tuple[str, ...]:
    """Comma-separated words."""
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def namespaces(text: str) -> tuple[str, ...]:
    """Names of namespaces, joined by commas (RFC 1123 labels)."""
    found = names(text)
    for name in found:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
            raise ValueError("expected names of namespaces: small letters, digits and -, joined by commas")
    return found


def path(text: str) -> Path | None:
    """A file or directory; ~ is the home directory; nothing = not set."""
    return Path(text).expanduser() if text else None


def cluster_name(text: str) -> str:
    """A name that ids and URLs can carry; "" = take it from the context."""
    if text and not CLUSTER_NAME.fullmatch(text):
        raise ValueError("expected 1 to 100 of the characters A-Z a-z 0-9 . _ @ -")
    return text


def server_url(text: str) -> str:
    """`http://host:port`; a bare `host:port` is taken as http."""
    if not text:
        return ""
    url = text if "://" in text else f"http://{text}"
    if not re.fullmatch(r"https?://[^/\s]+(/.*)?", url):
        raise ValueError("expected a URL such as http://127.0.0.1:7117")
    return url.rstrip("/")


def store_url(text: str) -> str:
    """`chdb:DIR` or `http(s)://user@host:port/database`; "" = under the data directory."""
    if text and not re.match(r"(chdb:.|https?://.)", text):
        raise ValueError("expected chdb:DIR or http(s)://user@host:port/database")
    return text


def log_style(text: str) -> LogStyle:
    """`console`, `json`, a level, or both: `json,debug`."""
    form, level = "console", "info"
    for word in names(text.lower()):
        if word in ("console", "json"):
            form = word
        elif word in _LEVELS:
            level = word
        else:
            raise ValueError(f"expected console or json and one of {', '.join(_LEVELS)}")
    return LogStyle(form, level)
