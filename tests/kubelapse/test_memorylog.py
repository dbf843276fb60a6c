"""The in-process log is bounded, fair, and never lets a resume point run ahead of stored records."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collector.sink import Batch, Position, SinkError, SinkFull
from kubelapse.checkpoint import Checkpoint, CheckpointUnwritable, State
from kubelapse.memorylog import MemoryLog, weight
from kubelapse.restore import Restorer
from schema.objects import Scope
from tests.fakes.records import CLUSTER, NOON, at, event
from tests.fakes.store import FakeStore

PODS = Scope("pods")
ONE = weight(event(1))


def make(directory: Path, *, room: int = 1_000, patience: float | None = None) -> MemoryLog:
    """A log with room for so many events of the tests' usual size."""
    checkpoint = Checkpoint(directory, CLUSTER)
    restorer = Restorer(FakeStore(), checkpoint)
    return MemoryLog(
        checkpoint=checkpoint, restorer=restorer, max_bytes=room * ONE + ONE // 2, patience=patience, save_every=0.0
    )


def position(number: int) -> Position:
    return Position(rv=str(number), epoch=1, at=at(number), version="v1", since=NOON)


def batch(*numbers: int, scope: Scope = PODS) -> Batch:
    return Batch(records=[event(n) for n in numbers], positions={scope: position(numbers[-1])})


async def soon() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_full_log_makes_the_collector_wait_until_the_store_has_caught_up(tmp_path: Path) -> None:
    log = make(tmp_path, room=2)
    await log.append(batch(1, 2))
    waiting = asyncio.create_task(log.append(batch(3)))
    await log.receive(most=10, timeout=1)
    await soon()
    assert not waiting.done(), "what ingest holds in its hands still counts"
    await log.acknowledge({0: 1})
    await waiting
    assert log.bytes == ONE


async def test_nobody_overtakes_a_batch_that_waits_for_room(tmp_path: Path) -> None:
    log = make(tmp_path, room=3)
    await log.append(batch(1, 2))
    large, small = asyncio.create_task(log.append(batch(3, 4))), asyncio.create_task(log.append(batch(5)))
    await soon()
    assert not small.done()
    await log.receive(most=10, timeout=1)
    await log.acknowledge({0: 1})
    await asyncio.gather(large, small)
    assert [one.record for one in await log.receive(most=10, timeout=1)] == [event(3), event(4), event(5)]


async def test_a_batch_heavier_than_the_log_is_taken_when_the_log_is_empty(tmp_path: Path) -> None:
    log = make(tmp_path, room=2)
    await log.append(batch(1, 2, 3, 4))
    assert log.waiting == 4


async def test_impatient_logs_say_that_the_store_is_too_slow(tmp_path: Path) -> None:
    log = make(tmp_path, room=1, patience=0.001)
    await log.append(batch(1))
    with pytest.raises(SinkFull, match="slower than the cluster"):
        await log.append(batch(2))


async def test_when_ingest_has_ended_for_good_the_collector_is_told_why(tmp_path: Path) -> None:
    log = make(tmp_path, room=1)
    await log.append(batch(1))
    waiting, flushing = asyncio.create_task(log.append(batch(2))), asyncio.create_task(log.flush())
    await soon()
    await log.break_off("too many dead letters")
    for task in (waiting, flushing):
        with pytest.raises(SinkError, match="too many dead letters"):
            await task
    assert Checkpoint(tmp_path, CLUSTER).load() is None


async def test_two_logs_never_have_the_same_identity(tmp_path: Path) -> None:
    assert make(tmp_path).log_id != make(tmp_path).log_id


async def test_offsets_that_were_never_written_cannot_be_acknowledged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="never written"):
        await make(tmp_path).acknowledge({0: 0})


async def test_another_cluster_under_the_same_name_does_not_inherit_resume_points(tmp_path: Path) -> None:
    Checkpoint(tmp_path, CLUSTER).save(State(cluster_uid="before", positions={Scope("nodes"): position(5)}))
    log = make(tmp_path)
    await log.restore(CLUSTER)
    await log.append(batch(1))
    await log.receive(most=1, timeout=1)
    await log.acknowledge({0: 0})
    await log.flush()
    assert Checkpoint(tmp_path, CLUSTER).load() == State(cluster_uid="c-1", positions={PODS: position(1)})


async def test_a_disk_that_is_full_is_said_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = make(tmp_path)
    await log.append(batch(1))
    await log.receive(most=1, timeout=1)
    with monkeypatch.context() as disk:
        disk.setattr(Checkpoint, "save", _full)
        await log.acknowledge({0: 0})
        with pytest.raises(SinkError, match="disk is full"):
            await log.flush()
        assert "disk is full" in log.trouble
    await log.close()
    assert log.trouble == ""
    assert Checkpoint(tmp_path, CLUSTER).load() == State(cluster_uid="c-1", positions={PODS: position(1)})


def _full(_checkpoint: Checkpoint, _state: State) -> None:
    raise CheckpointUnwritable("the disk is full")


class ResumePoints(RuleBasedStateMachine):
    """Several watches append, ingest reads and acknowledges as it likes; at any moment the process may be killed."""

    scopes = st.sampled_from([Scope("pods"), Scope("nodes"), Scope("secrets", "shop")])

    @initialize()
    def begin(self) -> None:
        self.directory = TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.log = make(Path(self.directory.name))
        self.number = self.received = 0
        self.stored = -1
        # scope → [(resume point, offset of the last record that must be stored before it)]
        self.promised: dict[Scope, list[tuple[str, int]]] = {}

    @rule(scope=scopes, count=st.integers(0, 4))
    def append(self, scope: Scope, count: int) -> None:
        numbers = range(self.number, self.number + count)
        positions = {scope: position(self.number + count)}
        self.loop.run_until_complete(self.log.append(Batch(records=[event(n) for n in numbers], positions=positions)))
        self.number += count
        self.promised.setdefault(scope, []).append((positions[scope].rv, self.number - 1))

    @rule(most=st.integers(1, 5))
    def receive(self, most: int) -> None:
        got = self.loop.run_until_complete(self.log.receive(most=most, timeout=0))
        assert [one.offset for one in got] == list(range(self.received, self.received + len(got)))
        self.received += len(got)

    @precondition(lambda self: self.received > self.stored + 1)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        self.stored = data.draw(st.integers(self.stored + 1, self.received - 1))
        self.loop.run_until_complete(self.log.acknowledge({0: self.stored}))

    @rule()
    def let_time_pass(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0.002))

    @precondition(lambda self: self.stored == self.number - 1)
    @rule()
    def flush(self) -> None:
        self.loop.run_until_complete(self.log.flush())
        saved = Checkpoint(Path(self.directory.name), CLUSTER).load()
        newest = {scope: points[-1][0] for scope, points in self.promised.items()}
        assert {scope: p.rv for scope, p in (saved.positions if saved else {}).items()} == newest

    @invariant()
    def the_checkpoint_is_never_ahead_of_the_store(self) -> None:
        saved = Checkpoint(Path(self.directory.name), CLUSTER).load()
        for scope, point in (saved.positions if saved else {}).items():
            assert min(after for rv, after in self.promised[scope] if rv == point.rv) <= self.stored

    def teardown(self) -> None:
        with _closing(self.loop):
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0.002))
        self.directory.cleanup()


@contextmanager
def _closing(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    try:
        yield
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


TestResumePoints = ResumePoints.TestCase
TestResumePoints.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
