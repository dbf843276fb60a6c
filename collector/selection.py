"""Which of the served kinds are watched, and why the others are not.

A pattern is `resource.group` with `*` and `?`. One that fits no id is tried on plural, singular, kind and short
names, so that `deploy` does what a user means; one that fits nothing at all is reported, never taken for "nothing to
do".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from collector.discovery import is_watchable
from schema.events import KindInfo, Watching
from schema.objects import Kind

OFF_BY_DEFAULT: Final[Mapping[str, str]] = {
    "leases.coordination.k8s.io": "nodes renew them every 10 s; --include leases.coordination.k8s.io records them",
    "endpoints": "the same as endpointslices.discovery.k8s.io; --include endpoints records them",
    "events.events.k8s.io": "the same objects as the core events, which are recorded",
}

WITNESSES: Final = ("leases.coordination.k8s.io", "endpoints")
"""Kinds of these whose writes, if they are not recorded, explain revisions (`collector.concert`)."""
NOT_AMONG: Final = "not among --kinds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Every kind with its verdict, and the patterns that fit nothing."""

    kinds: Mapping[str, KindInfo]
    unmatched: Sequence[str]


def choose(
    kinds: Iterable[Kind], *, only: Sequence[str] = (), include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Choice:
    """Apply `--kinds`, `--include` and `--exclude` to what the server has."""
    every = list(kinds)
    wanted, named = matches(every, only), {pattern for pattern in only if "*" not in pattern and "?" not in pattern}
    included = matches(every, include) | (matches(every, sorted(named)) if named else set())
    excluded = matches(every, exclude)
    verdicts = {kind.id: _verdict(kind, wanted if only else None, included, excluded) for kind in every}
    unmatched = [pattern for pattern in (*only, *include, *exclude) if not matches(every, [pattern])]
    return Choice(kinds={kind.id: info(kind, *verdicts[kind.id]) for kind in every}, unmatched=unmatched)


def matches(kinds: Sequence[Kind], patterns: Sequence[str]) -> set[str]:
    """Ids of the kinds that these patterns mean."""
    found: set[str] = set()
    for pattern in (pattern.lower() for pattern in patterns):
        exact = {kind.id for kind in kinds if fnmatchcase(kind.id.lower(), pattern)}
        found |= exact or {kind.id for kind in kinds if any(fnmatchcase(name, pattern) for name in _names(kind))}
    return found


def info(kind: Kind, watching: Watching, reason: str = "") -> KindInfo:
    """A kind as it is written to the log."""
    return KindInfo(
        resource=kind.resource,
        group=kind.group,
        version=kind.version,
        kind=kind.kind,
        namespaced=kind.namespaced,
        singular=kind.singular,
        short_names=list(kind.short_names),
        categories=list(kind.categories),
        watching=watching,
        reason=reason,
    )


def _names(kind: Kind) -> list[str]:
    return [name.lower() for name in (kind.resource, kind.singular, kind.kind, *kind.short_names) if name]


def _verdict(kind: Kind, only: set[str] | None, included: set[str], excluded: set[str]) -> tuple[Watching, str]:
    if not is_watchable(kind):
        return "unwatchable", "the server cannot list and watch it"
    if kind.id in excluded:
        return "excluded", "excluded by --exclude"
    if only is not None and kind.id not in only and kind.id not in included:
        return "excluded", NOT_AMONG
    if kind.id in OFF_BY_DEFAULT and kind.id not in included:
        return "off", OFF_BY_DEFAULT[kind.id]
    return "yes", ""
