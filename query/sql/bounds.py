"""How much ad-hoc SQL may take, as the operator chose; apart, so that settings do not load a parser."""

from dataclasses import dataclass, field

from schema.sandbox import Caps


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Rows and bytes (of JSON) of one answer, statements at once; `caps` of the engine for each."""

    rows: int = 1_000_000
    bytes: int = 64 << 20
    queries: int = 2
    caps: Caps = field(default_factory=Caps)
