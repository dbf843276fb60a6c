"""Brute force: what a history must answer, told from full states alone, without a store, a patch or an index.

In the gate histories are short and questions few, so that a slow machine is done with all of them in half a minute.
`KUBELAPSE_REFEREE_CHANGES=10000 KUBELAPSE_REFEREE_QUESTIONS=25` (`make referee`) is what is promised.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from query.selectors import Selector
from schema.canonical import ABSENT, Absent, Json, canonical, same
from schema.diff import diff
from schema.events import Event
from schema.listkeys import heuristic
from schema.lookup import leaves, value_at
from schema.paths import Path, render
from tests.fakes.telling import Told

CHANGES = int(os.environ.get("KUBELAPSE_REFEREE_CHANGES", "1500"))
"""Of the long random history."""
SEED = int(os.environ.get("KUBELAPSE_REFEREE_SEED", "1"))
"""Of the same."""


def questions(few: int = 1) -> settings:
    """How often a test asks: `few` times, or KUBELAPSE_REFEREE_QUESTIONS times. A failure names its seed."""
    return settings(
        max_examples=int(os.environ.get("KUBELAPSE_REFEREE_QUESTIONS", few)),
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a seed has no smaller one
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


Name = tuple[str, str, str]
"""(resource, namespace, name)."""

Fields = dict[str, tuple[str | None, object, object]]
"""path → (event, before, after)."""

Chosen = Callable[[Event], bool]


def equal(one: Any, other: Any) -> bool:
    """Strictly, and absent is absent."""
    return one is other if isinstance(one, Absent) or isinstance(other, Absent) else same(one, other)


def unordered(value: Any) -> Any:
    """Without the order of lists whose items are known by a key: for drift it says nothing."""
    if isinstance(value, dict):
        return {name: unordered(part) for name, part in value.items()}
    if not isinstance(value, list):
        return value
    items = [unordered(item) for item in value]
    return sorted(items, key=canonical) if heuristic((), value, value) else items


def by_name(told: Iterable[Told]) -> dict[Name, list[Told]]:
    """Every version of everything that ever bore a name, oldest first."""
    grouped: dict[Name, list[Told]] = {}
    for each in told:
        grouped.setdefault((each.event.resource, each.event.namespace, each.event.name), []).append(each)
    return grouped


def at_moment(versions: Sequence[Told], moment: datetime) -> Told | None:
    """The state at T: the newest version of the one life that is not over."""
    newest: dict[str, Told] = {}
    for each in versions:
        if each.event.ts <= moment:
            newest[each.event.uid] = each
    living = [each for each in newest.values() if each.event.op != "delete"]
    return living[-1] if living else None


def differences(
    told: Iterable[Told], start: datetime, end: datetime, chosen: Chosen, selector: Selector | None
) -> dict[Name, tuple[str, Fields]]:
    """What differs between two moments: (added, removed, changed or recreated; fields)."""
    result: dict[Name, tuple[str, Fields]] = {}
    for name, versions in by_name(told).items():
        one, other = (at_moment(versions, moment) for moment in (start, end))
        if not chosen(versions[0].event) or (one is None and other is None):
            continue
        sides = [each for each in (one, other) if each is not None]
        if selector and not any(selector.matches(each.state["metadata"].get("labels", {})) for each in sides):
            continue
        if one is None or other is None:
            result[name] = ("removed" if other is None else "added", {})
        elif one.event.uid != other.event.uid or not same(one.state, other.state):
            fields: Fields = {
                render(edit.path): (origin(versions, other, edit.path).event.id, edit.old, edit.new)
                for edit in diff(one.state, other.state, heuristic)
            }
            result[name] = ("recreated" if one.event.uid != other.event.uid else "changed", fields)
    return result


def lifetime(versions: Sequence[Told], last: Told) -> list[Told]:
    """The versions of one life up to `last`, its deletion left out."""
    return [
        each
        for each in versions
        if each.event.uid == last.event.uid and each.event.seq <= last.event.seq and each.event.op != "delete"
    ]


def origin(versions: Sequence[Told], last: Told, path: Path) -> Told:
    """The version after which the value at this path was always that of `last`."""
    life = [each for each in versions if each.event.uid == last.event.uid and each.event.seq <= last.event.seq]
    place = len(life) - 1
    while place and equal(value_at(life[place - 1].state, path), value_at(last.state, path)):
        place -= 1
    return life[place]


def blamed(life: Sequence[Told]) -> dict[str, tuple[str, object]]:
    """(event, previous value) of every leaf of the last state."""
    found: dict[str, tuple[str, object]] = {}
    for path, _ in leaves(life[-1].state):
        since = origin(life, life[-1], path)
        at = life.index(since)
        before = value_at(life[at - 1].state, path) if at else ABSENT
        found[render(path)] = (since.event.id, None if isinstance(before, Absent) else before)
    return found


@dataclass(frozen=True, slots=True)
class Onset:
    """Since which event a place is not as it was, and how often it had left and come back before."""

    event: str | None
    flaps: int


def onset(life: Sequence[Told], path: Path, expected: Json | Absent, floor: datetime) -> Onset:
    """Of a place that differs in the last of these versions. None: it differed already at `floor`."""
    wanted = unordered(expected)
    values = [(each, equal(unordered(value_at(each.state, path)), wanted)) for each in life]
    began = [number for number, (each, _) in enumerate(values) if each.event.ts <= floor]
    seen = values[began[-1] :] if began else values
    flaps = sum(well and not before for (_, before), (_, well) in pairwise(seen))
    first = len(seen) - 1
    while first and not seen[first - 1][1]:
        first -= 1
    event = seen[first][0].event
    return Onset(None if began and event.ts <= floor else event.id, flaps)


def apart_since(theirs: Sequence[Told], mine: Sequence[Told], path: Path) -> Onset:
    """Since which event, on either side, a place that differs in the last versions of both was never equal again."""
    steps = sorted([*((each, 0) for each in theirs), *((each, 1) for each in mine)], key=lambda each: _turn(*each))
    sides: list[Told | None] = [None, None]
    judged: list[tuple[str, bool]] = []
    for each, side in steps:
        sides[side] = each
        one, other = sides
        if one is not None and other is not None:
            values = [unordered(value_at(either.state, path)) for either in (one, other)]
            judged.append((each.event.id, equal(*values)))
    flaps = sum(well and not before for (_, before), (_, well) in pairwise(judged))
    first = len(judged) - 1
    while first and not judged[first - 1][1]:
        first -= 1
    return Onset(judged[first][0], flaps)


def _turn(each: Told, side: int) -> tuple[datetime, int]:
    return each.event.ts, side
