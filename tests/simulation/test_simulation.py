"""Whatever goes wrong between a cluster and the log, history is complete or says where it is not. In virtual time.

Each seed is a run of 20 to 60 simulated seconds with writes and up to five faults, and a quiet end. A failing seed is
replayed by `python -m tests.simulation.run --seeds SEED --verbose`; those that once failed are kept in `RECORD`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final

import pytest
from msgspec import Raw
from msgspec.structs import replace

from schema.events import Event, Gap, Record, Watermark
from schema.objects import Kind
from tests.simulation.faults import Schedule, draw
from tests.simulation.run import KINDS, Simulation, simulate
from tests.simulation.server import Server

SEEDS: Final = range(100)

RECORD: Final = {
    15: "what was healed was dated before the list that it was healed from",
    61: "after a kill, a change was dated before one that the store already had",
    90: "a connection had been dead for a while when the process was killed, and nobody took its claims back",
    4660: "what a list showed was dated before what memory had, because the clock had been set back",
    3448: "a server that was stopped in order and restored from a backup had ended its watches cleanly",
    6049: "the proof asked when a life began that had ended unseen and was brought back by a backup",
    487: "the clock was set back while the process was away",
}
"""Seed → the bug that it found."""


def drawn(seed: int) -> Schedule:
    return draw(seed, list(KINDS))


@pytest.mark.parametrize("seed", [*SEEDS, *sorted(RECORD.keys() - set(SEEDS))])
def test_history_is_complete_or_says_where_it_is_not(seed: int) -> None:
    schedule = drawn(seed)
    _, complaints = simulate(schedule)
    assert not complaints, schedule


def test_a_seed_replays_its_run() -> None:
    first, second = (simulate(drawn(17))[0].kept.records for _ in range(2))
    assert first == second


# ---- every proof notices what it is there for ------------------------------------------------------------------------

Break = Callable[[list[Record]], list[Record]]


def without(kind: type[Record], place: int) -> Break:
    def broken(records: list[Record]) -> list[Record]:
        index = [number for number, one in enumerate(records) if isinstance(one, kind)][place]
        return records[:index] + records[index + 1 :]

    return broken


def changed(place: int, change: Callable[[Event], Event]) -> Break:
    """The event at this place among those that a watch brought as an update is another."""

    def broken(records: list[Record]) -> list[Record]:
        updates = [n for n, one in enumerate(records) if isinstance(one, Event) and (one.op, one.origin) == UPDATE]
        index = updates[place]
        event = records[index]
        assert isinstance(event, Event)
        return [*records[:index], change(event), *records[index + 1 :]]

    return broken


def twice(records: list[Record]) -> list[Record]:
    return [*records, next(one for one in records if isinstance(one, Event))]


def claiming(records: list[Record]) -> list[Record]:
    """Watermarks that are 10 s ahead of what stands before them."""
    return [_ahead(one) if isinstance(one, Watermark) else one for one in records]


def _ahead(mark: Watermark) -> Watermark:
    later = {name: (rv, at + timedelta(seconds=10), seen, since) for name, (rv, at, seen, since) in mark.scopes.items()}
    return replace(mark, scopes=later)


def with_a_gap_for_nothing(records: list[Record]) -> list[Record]:
    mark = next(one for one in records if isinstance(one, Watermark))
    gap = Gap(
        id="g",
        cluster=mark.cluster,
        cluster_uid=mark.cluster_uid,
        resource="configmaps",
        group="",
        namespace="",
        from_rv="1",
        to_rv="2",
        from_t=mark.at,
        to_t=mark.at,
        reason="expired",
    )
    return [*records, gap]


UPDATE: Final = ("update", "watch")
UNFIT: Final = Raw(b'[{"op":"test","path":"/data/value","value":"another"}]')
OTHER_STATE: Final = Raw(b'{"data":{}}')
BREAKS: Final[dict[str, Sequence[Break]]] = {
    "unique": [twice],
    "chained": [without(Event, 20), changed(5, lambda one: replace(one, seq=one.seq + 1))],
    "patched": [
        changed(5, lambda one: replace(one, patch=Raw(b"[]"))),
        changed(5, lambda one: replace(one, patch=UNFIT)),
    ],
    "ordered": [changed(9, lambda one: replace(one, ts=one.ts - timedelta(hours=1)))],
    "stated": [changed(5, lambda one: replace(one, object=OTHER_STATE))],
    "ended": [without(Event, -1)],
    "complete": [without(Event, 20), without(Event, -1)],
    "claimed": [claiming],
    "dated": [changed(9, lambda one: replace(one, ts=one.ts + timedelta(seconds=10)))],
    "warranted": [with_a_gap_for_nothing],
}
CALM: Final = 13
"""A seed in which many things are written and nothing goes wrong."""


@pytest.mark.parametrize("proof", BREAKS)
def test_a_broken_history_is_noticed(proof: str) -> None:
    calm, complaints = simulate(drawn(CALM), plain=True)
    assert not complaints
    for broken in BREAKS[proof]:
        found = dict(calm.proved(broken(list(calm.kept.records))))
        assert found[proof], f"{proof} has not noticed"


class Forgetful:
    """A way to the server on which resume points are lost: every watch begins from now, as many recorders do."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.uid, self.discover, self.page = server.uid, server.discover, server.page
        self.exact, self.document, self.close = server.exact, server.document, server.close

    def watch(
        self, kind: Kind, namespace: str, *, rv: str, initial: bool
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        now = rv and str(self._server.world.revision)
        return self._server.watch(kind, namespace, rv=now, initial=initial)


def test_a_recorder_that_does_not_resume_is_found_out() -> None:
    found = [simulate(drawn(seed), seen_by=Forgetful)[1] for seed in (19, 61, 131)]
    assert all(any(one.startswith("complete: missing") for one in complaints) for complaints in found)


def test_a_gap_that_is_not_declared_is_found_out() -> None:
    run = next(one for one in map(_simulated, (15, 17)) if any(isinstance(each, Gap) for each in one.kept.records))
    silent = [one for one in run.kept.records if not isinstance(one, Gap)]
    assert any(one.startswith("complete: missing") for one in run.complaints(silent))


def _simulated(seed: int) -> Simulation:
    return simulate(drawn(seed))[0]
