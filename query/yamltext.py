"""Kubernetes objects as YAML that people read and kubectl takes back with the same types.

Readers disagree on YAML's plain scalars: PyYAML follows 1.1, Go's parser also knows parts of 1.2. A string that any of
them would take for a number, a boolean or a date is quoted. Control characters are escaped by PyYAML itself; those that
turn the direction of text around are escaped here, as the text may be meant for a terminal.
"""

import re
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from schema.canonical import Json

_Dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_AMBIGUOUS = re.compile(
    r"[-+]?(\.?\d[\d_]*(\.[\d_]*)?([eE][-+]?\d+)?|0[xob][\da-fA-F_]+|\.(inf|nan))"
    r"|y|n|yes|no|on|off|true|false|null|~|=|<<|\d{4}-\d\d?-\d\d?.*|[-+]?\d+(:\d+)+.*",
    re.IGNORECASE,
)
_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class ObjectDumper(_Dumper):  # type: ignore[misc,valid-type]
    """Block literals for text of several lines, quotes where a reader could guess another type, no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Objects are trees; equal parts are written twice, as kubectl does."""
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = _AMBIGUOUS.fullmatch(text) or _TURNING.search(text)
    style = '"' if quoted else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


ObjectDumper.add_representer(str, _string)


def yaml_text(value: "Json") -> str:
    """One document, keys in the order they come in (canonical objects are sorted, as kubectl sorts them)."""
    text: str = yaml.dump(
        value, Dumper=ObjectDumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1 << 20
    )
    return _TURNING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
