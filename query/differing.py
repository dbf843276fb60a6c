"""Pairs of versions compared by what they say: the edits between two states, judged by rules, without who made them.

Only the sections of two states that differ are parsed. A selector takes a pair that it matches at either end; labels
are part of the state, so with a selector the states of all pairs are read first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import orjson
from msgspec import Raw

from query import ends
from query.ends import Pair, Version
from query.meaning import Judged, judge
from query.records import labels
from query.scope import Scope
from query.semantics import Rules
from schema.canonical import Json, JsonObject, canonical
from schema.diff import Edit, diff
from schema.listkeys import heuristic
from schema.store import Store

_sections = msgspec.json.Decoder(dict[str, Raw]).decode


@dataclass(frozen=True, slots=True)
class Compared:
    """One pair with its states and what differs. Documents are not kept: they are large."""

    pair: Pair
    before: bytes | None
    after: bytes | None
    edits: list[Edit]
    judged: Judged


def selected(store: Store, scope: Scope, pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Those that the selector takes at either end. Raises DamagedHistory."""
    selector = scope.selector
    if selector is None or not selector.requirements or not pairs:
        return pairs
    states = ends.states(store, [each for pair in pairs for each in (pair.before, pair.after) if each])

    def takes(version: Version | None) -> bool:
        return version is not None and selector.matches(labels(states[version]))

    return [pair for pair in pairs if takes(pair.before) or takes(pair.after)]


def compare(
    store: Store, pairs: Sequence[Pair], rules: Rules | None, *, states: bool = False, drop: Sequence[str] = ()
) -> list[Compared]:
    """What differs in each; `states`: also those of objects that only one end has. Raises DamagedHistory.

    `drop`: metadata that is not compared.
    """
    needed = [pair for pair in pairs if states or (pair.before and pair.after)]
    read = ends.states(store, [each for pair in needed for each in (pair.before, pair.after) if each])
    return [
        _compared(
            pair,
            read.get(pair.before) if pair.before else None,
            read.get(pair.after) if pair.after else None,
            drop,
            rules,
        )
        for pair in pairs
    ]


def _compared(
    pair: Pair, before: bytes | None, after: bytes | None, drop: Sequence[str], rules: Rules | None
) -> Compared:
    if before is not None and drop:
        before = canonical(_document(before, drop))
    if after is not None and drop:
        after = canonical(_document(after, drop))
    edits, judged = list[Edit](), Judged()
    if before is not None and after is not None and before != after:
        old, new = _differing(before, after)
        kind = pair.either.ref.kind_id
        keys = rules.kinds.list_keys(kind) if rules else heuristic
        edits = diff(old, new, keys)
        if any(not edit.pointer for edit in edits):  # so much that a part cannot stand for the whole
            old, new = orjson.loads(before), orjson.loads(after)
            edits = diff(old, new, keys)
        judged = judge(edits, kind, old, new, rules)
    return Compared(pair, before, after, edits, judged)


def _differing(before: bytes, after: bytes) -> tuple[Json, Json]:
    """The sections of two states that differ: most of an object is read no further than to its end."""
    old, new = _sections(before), _sections(after)
    names = [name for name in old.keys() | new.keys() if name not in old or name not in new or old[name] != new[name]]
    first, second = ({name: side[name] for name in sorted(names) if name in side} for side in (old, new))
    return _parsed(first), _parsed(second)


def _parsed(sections: dict[str, Raw]) -> JsonObject:
    return {name: orjson.loads(memoryview(section)) for name, section in sections.items()}


def _document(state: bytes, drop: Sequence[str]) -> JsonObject:
    """Without what only tells places apart."""
    document: JsonObject = orjson.loads(state)
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        for name in drop:
            metadata.pop(name, None)
        owners = metadata.get("ownerReferences")
        for owner in owners if isinstance(owners, list) else []:
            if isinstance(owner, dict):
                owner.pop("uid", None)
    return document
