"""Tokens for machines, from a TOML file that holds their digests only.

    [[token]]
    name = "grafana"
    sha256 = "9f86d081884c7d65…"        # printf %s "$TOKEN" | sha256sum
    clusters = ["prod"]                  # each of these three: without it, all
    namespaces = ["shop", "_"]           # "_" = cluster-scoped objects
    kinds = ["pods", "deployments.apps"]
    secrets = true                       # Secrets are among "all kinds"
    metrics = true                       # may read /metrics
    everything = true                    # instead of the four above: all of it, and writing pins and notes

A token is a random text of 32 characters or more: it is looked up by its SHA-256, which needs no salt and no slow hash
for what nobody can guess. Every digest of the file is compared, each in constant time.
"""

import hashlib
import hmac
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubelapse.setting import SettingError
from query.access import EVERYTHING, Grant, Reach
from query.callers import Caller
from schema.objects import split_kind_id

_KEYS = {"name", "sha256", "clusters", "namespaces", "kinds", "secrets", "metrics", "everything"}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StaticTokens:
    """Digests and whom they stand for."""

    entries: Sequence[tuple[bytes, Caller]]

    def find(self, token: str) -> Caller | None:
        """Who shows this token."""
        digest, found = hashlib.sha256(token.encode()).digest(), None
        for expected, caller in self.entries:
            if hmac.compare_digest(expected, digest):
                found = caller
        return found


def read_tokens(file: Path) -> StaticTokens:
    """Raises SettingError with the place and what is expected there."""
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise SettingError(f"KUBELAPSE_AUTH_TOKENS_FILE: {file} cannot be read: {said}") from None
    entries = document.get("token")
    if not isinstance(entries, list) or not entries or set(document) != {"token"}:
        raise SettingError(f"KUBELAPSE_AUTH_TOKENS_FILE: {file} is expected to hold [[token]] tables and nothing else")
    named = f"of {file}"
    return StaticTokens(
        [_entry(each, f"KUBELAPSE_AUTH_TOKENS_FILE: token {n} {named}") for n, each in enumerate(entries, 1)]
    )


def _entry(entry: Mapping[str, object], place: str) -> tuple[bytes, Caller]:
    if unknown := sorted(set(entry) - _KEYS):
        raise SettingError(f"{place} has an unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    name, digest = entry.get("name"), entry.get("sha256")
    if not isinstance(name, str) or not name or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise SettingError(f"{place} needs a name and the sha256 of the token (64 small hexadecimal digits)")
    metrics = _flag(entry, "metrics", place)
    return bytes.fromhex(digest), Caller(name=f"token:{name}", reach=_reach(entry, place), metrics=metrics)


def _reach(entry: Mapping[str, object], place: str) -> Reach:
    if _flag(entry, "everything", place):
        return EVERYTHING
    scoped = {"clusters", "namespaces", "kinds", "secrets"} & set(entry)
    if not scoped:
        if _flag(entry, "metrics", place):
            return Reach()
        raise SettingError(f"{place} does not say what it may see: clusters, namespaces, kinds, or everything = true")
    kinds, spaces = _names(entry, "kinds", place), _names(entry, "namespaces", place)
    grant = Grant(
        clusters=_names(entry, "clusters", place),
        kinds=None if kinds is None else frozenset(split_kind_id(each) for each in kinds),
        namespaces=None if spaces is None else frozenset("" if each == "_" else each for each in spaces),
        secrets=_flag(entry, "secrets", place),
    )
    return Reach(grants=(grant,))


def _names(entry: Mapping[str, object], key: str, place: str) -> frozenset[str] | None:
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise SettingError(f"{place}: {key} is expected to be a list of names")
    return frozenset(value)


def _flag(entry: Mapping[str, object], key: str, place: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise SettingError(f"{place}: {key} is expected to be true or false")
    return value
