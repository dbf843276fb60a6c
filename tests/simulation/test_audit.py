"""What no watch can notice, an audit does: it is repaired on record, inside a gap that covers it.

One thing leaves no trace anywhere: a version that a server swallowed and that was followed by another one.
"""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import pytest

from collector.lines import LineSplitter
from schema.events import Event, Gap, Start
from schema.objects import Kind
from tests.simulation.faults import Fault, Schedule
from tests.simulation.run import SETTINGS, simulate
from tests.simulation.server import Server

AUDITED: Final = dataclasses.replace(SETTINGS, audit_every=40.0)
NEVER: Final = dataclasses.replace(SETTINGS, audit_every=1e9)
WRITES: Final = [0.5 * number for number in range(4, 80)]


class Lossy:
    """A way to the server on which every tenth line about an object is lost, as bugs of etcd and caches did."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.uid, self.discover, self.page = server.uid, server.discover, server.page
        self.exact, self.document, self.close = server.exact, server.document, server.close
        self._chance = Random(7)

    @asynccontextmanager
    async def watch(self, kind: Kind, namespace: str, *, rv: str, initial: bool) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._server.watch(kind, namespace, rv=rv, initial=initial) as chunks:
            yield self._thinned(chunks)

    async def _thinned(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        splitter = LineSplitter()
        async for chunk in chunks:
            for line in splitter.feed(chunk):
                if self._chance.random() > 0.1 or line.startswith((b'{"type":"BOOKMARK"', b'{"type":"ADDED"')):
                    yield line + b"\n"


def schedule(*faults: Fault, seed: int = 3, writes: Sequence[float] = WRITES) -> Schedule:
    return Schedule(seed=seed, length=40.0, writes=writes, faults=faults, atomic=True)


@pytest.mark.parametrize("seed", range(8))
def test_what_a_watch_lost_is_found_and_repaired_on_record(seed: int) -> None:
    run, complaints = simulate(schedule(seed=seed), seen_by=Lossy, settings=AUDITED, plain=True)
    assert [one for one in complaints if one.startswith(("ended", "stated", "chained", "unique"))] == []
    assert any(isinstance(one, Gap) and one.reason == "audit" for one in run.kept.records)
    assert any(isinstance(one, Event) and one.origin == "audit" for one in run.kept.records)


def test_without_an_audit_nobody_would_have_known() -> None:
    _, complaints = simulate(schedule(), seen_by=Lossy, settings=NEVER)
    assert any(one.startswith("complete: missing") for one in complaints)


@pytest.mark.parametrize("seed", range(8))
def test_a_restored_store_that_has_already_passed_our_version_is_found(seed: int) -> None:
    restored = schedule(Fault(20.0, "rollback", "configmaps", 0.1), seed=seed, writes=[0.2 * n for n in range(20, 200)])
    _, complaints = simulate(restored, settings=AUDITED, writers_wait=False)
    assert [one for one in complaints if one.startswith(("ended", "complete"))] == []


def test_an_audit_of_what_is_whole_changes_nothing() -> None:
    run, complaints = simulate(schedule(), settings=AUDITED)
    assert complaints == []
    assert not any(isinstance(one, Gap) for one in run.kept.records)


class Stumbling(Lossy):
    """A way to the server on which every exact list ends in an error that nobody foresaw."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.watch = server.watch  # type: ignore[method-assign]  # nothing is lost on this way
        self.exact = self._stumble  # type: ignore[assignment]  # the questions that only audits and healing put

    async def _stumble(self, *_: object, **__: object) -> None:
        raise ZeroDivisionError


def test_an_audit_that_stumbles_does_not_end_capture() -> None:
    run, complaints = simulate(schedule(), seen_by=Stumbling, settings=AUDITED)
    assert complaints == []
    assert sum(isinstance(one, Start) for one in run.kept.records) == 1  # it was not begun again by a supervisor
