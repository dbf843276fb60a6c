"""Markers: what stands in the place of a redacted value. The collector writes them, answers and commands know them.

A marker is `hmac:<key id>:<16 hex>`, in `data` as base64. Where Kubernetes asks for a value that is JSON (Secrets of
the types `kubernetes.io/dockerconfigjson` and `kubernetes.io/dockercfg`) it is the name of an empty entry:
`{"auths":{"hmac:…":{}}}`, `{"hmac:…":{}}`. Equal values under one key have equal markers, nothing can be guessed from
them, and under different keys two markers say nothing about each other.
"""

import base64
import binascii
import re

_MARKER = r"hmac:([^:\s\"]+):[0-9a-f]{16}"
_FORMS = re.compile(rf'{_MARKER}|\{{"{_MARKER}":\{{\}}\}}|\{{"auths":\{{"{_MARKER}":\{{\}}\}}\}}')
_ENCODED = re.compile(r"(aG1hYz|eyJobWFj|eyJhdXRo)[A-Za-z0-9+/]*={0,2}")
"""How base64 of `hmac:`, `{"hmac` and `{"auth` begins: anything else need not be decoded."""
_WITHIN = re.compile(rf"(?<![A-Za-z0-9+/]){_ENCODED.pattern}|{_MARKER}")


def marker(key_id: str, digest: str) -> str:
    """The marker's text, before base64; `digest`: hex digits of the keyed hash, of which 16 are kept."""
    return f"hmac:{key_id}:{digest[:16]}"


def in_docker_config(text: str) -> str:
    """A `.dockerconfigjson` that says no more than this marker."""
    return '{"auths":{"' + text + '":{}}}'


def in_docker_cfg(text: str) -> str:
    """A `.dockercfg`, likewise."""
    return '{"' + text + '":{}}'


def key_of(text: str) -> str:
    """The id of the key under which a value was redacted, "" when the text is no marker in any of its forms."""
    plain = text
    if _ENCODED.fullmatch(text):
        try:
            plain = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
    found = _FORMS.fullmatch(plain)
    return next(filter(None, found.groups())) if found else ""


def keys_in(text: str) -> set[str]:
    """The ids of the keys of all markers in a text, whole or within (`https://user:hmac:...@host`)."""
    if "hmac:" not in text and not _ENCODED.search(text):
        return set()
    return {key for found in _WITHIN.finditer(text) if (key := key_of(found[0]))}


def comparable(one: str, other: str) -> bool:
    """False when the texts are the same but for markers of different keys, alone or within (last-applied holds them).

    Whether the values behind such markers differ cannot be said. What differs beside them is a difference.
    """
    if one == other:
        return True
    (bare, keys), (other_bare, other_keys) = _blurred(one), _blurred(other)
    return bare != other_bare or keys == other_keys


def _blurred(text: str) -> tuple[str, list[str]]:
    """The text with `***` for each marker, and the keys of these, in order."""
    keys: list[str] = []

    def blur(found: re.Match[str]) -> str:
        key = key_of(found[0])
        if key:
            keys.append(key)
        return "***" if key else found[0]

    return _WITHIN.sub(blur, text), keys
