"""Wherever a recorder dies and from wherever it reads again: the same history, nothing twice, nothing lost."""

from dataclasses import dataclass
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from collector.sink import Position, Remembered
from collector.tracker import Tracker
from schema.events import Event
from tests.fakes.records import remembered
from tests.fakes.served import NOON, at, events, line, served, tracker

Write = tuple[Literal["ADDED", "MODIFIED", "DELETED"], int, bytes]


@dataclass
class Log:
    """What a recorder has put away: events in order, and the resume point it had committed."""

    events: list[Event]
    position: Position | None

    def remembered(self) -> list[Remembered]:
        """The newest version of every life, as a store gives it back."""
        newest = {one.uid: one for one in self.events}
        return [remembered(one) for one in newest.values()]


@st.composite
def writes(draw: st.DrawFn) -> list[Write]:
    """A watch's lines: creations, changes and deletions of three names, versions rising."""
    alive: dict[str, str] = {}
    made: list[Write] = []
    for rv in range(101, 101 + draw(st.integers(1, 25))):
        name = draw(st.sampled_from("abc"))
        value = draw(st.integers(0, 2))
        if name not in alive:
            alive[name] = f"{name}-{rv}"
            kind: Literal["ADDED", "MODIFIED", "DELETED"] = "ADDED"
        else:
            kind = "DELETED" if value == 0 else "MODIFIED"
        obj = served(rv, {"data": {"value": value}}, name=name, uid=alive[name])
        made.append((kind, rv, line(kind, obj)))
        if kind == "DELETED":
            del alive[name]
    return made


def first_sight() -> tuple[Tracker, Log]:
    made = tracker()
    made.restore([], None)
    made.replace([], rv="100", at=NOON, reason="")
    return made, Log([], made.position)


def told(one: Event) -> tuple[object, ...]:
    return (one.id, one.op, one.seq, one.prev_rv, one.hash, one.paths, one.patch, one.object)


@given(writes(), st.lists(st.tuples(st.integers(1, 8), st.integers(0, 6), st.booleans()), max_size=6))
def test_a_history_with_deaths_is_the_history_without(stream: list[Write], deaths: list[tuple[int, int, bool]]) -> None:
    whole, _ = first_sight()
    expected = events(whole.observe([raw for _, _, raw in stream], at=at(1), not_before=None))

    living, log = first_sight()
    committed = log.position
    for number, (steps, behind, held) in enumerate(deaths):
        assert committed is not None
        rest = [raw for _, rv, raw in stream if rv > int(committed.rv)]
        for raw in rest[:steps]:
            log.events += events(
                living.observe([raw], at=at(number * 10 + 1), not_before=at(number * 10) if held else None)
            )
        if not held:  # what is held dies with the process; what was given out may be ahead of the committed position
            points = [100, *(rv for _, rv, _ in stream if rv <= int((living.position or committed).rv))]
            rv = max(int(committed.rv), points[max(0, len(points) - 1 - behind)])
            committed = Position(rv=str(rv), epoch=committed.epoch, at=at(number * 10 + 1), version="v1", since=NOON)
        living = tracker()
        living.restore(log.remembered(), committed)
    assert committed is not None
    rest = [raw for _, rv, raw in stream if rv > int(committed.rv)]
    log.events += events(living.observe(rest, at=at(99), not_before=at(90)))
    log.events += events(living.settle(at=at(100)))

    assert [told(one) for one in log.events] == [told(one) for one in expected]
