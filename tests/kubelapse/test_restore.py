"""What is remembered after a restart: on the real embedded engine, with history written by the real ingester."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from collector.sink import Batch, Position, Remembered, Restored
from ingest.metrics import Metrics
from ingest.run import Ingester
from ingest.settings import IngestSettings
from kubelapse.checkpoint import Checkpoint, State
from kubelapse.memorylog import MemoryLog
from kubelapse.restore import Restorer
from schema.canonical import canonical, digest
from schema.chdb import ChdbStore
from schema.events import Event, Record
from schema.migrate import migrate
from schema.objects import Scope
from tests.fakes.clock import FakeClock
from tests.fakes.records import CLUSTER_UID, NOON, at, event, remembered, watermark
from tests.fakes.source import FakeSource

PODS = Scope("pods")
_clusters = count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    opened = ChdbStore.open(tmp_path_factory.mktemp("restore") / "store")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def cluster() -> str:
    """A name of its own: all tests share the store."""
    return f"lab-{next(_clusters)}"


@pytest.fixture
def checkpoint(tmp_path: Path, cluster: str) -> Checkpoint:
    return Checkpoint(tmp_path, cluster)


async def ingest(store: ChdbStore, records: Sequence[Record], log_id: str) -> None:
    source = FakeSource(records)
    source.log_id = log_id
    metrics, clock = Metrics(CollectorRegistry()), FakeClock(at(60))
    await Ingester(source=source, store=store, settings=IngestSettings(linger=0.0), metrics=metrics, clock=clock).run()


async def remember(
    store: ChdbStore, checkpoint: Checkpoint, kind: str = "pods"
) -> tuple[Restored, dict[str, Remembered]]:
    restorer = Restorer(store, checkpoint)
    try:
        restored = await restorer.restore(checkpoint.cluster)
        return restored, {one.uid: one async for one in restorer.remembered(checkpoint.cluster, kind)}
    finally:
        restorer.close()


def save(checkpoint: Checkpoint, *, rv: str = "9", second: float = 9) -> dict[Scope, Position]:
    positions = {PODS: Position(rv=rv, epoch=1, at=at(second), version="v1", since=NOON)}
    checkpoint.save(State(cluster_uid=CLUSTER_UID, positions=positions))
    return positions


async def test_a_new_store_without_checkpoint_remembers_nothing_and_has_lost_nothing(
    store: ChdbStore, checkpoint: Checkpoint
) -> None:
    assert await remember(store, checkpoint) == (Restored(cluster_uid="", positions={}), {})


async def test_memory_is_the_newest_version_of_every_living_object(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    newest = event(3, uid="a", op="update", seq=2, cluster=cluster)
    older = event(1, uid="a", cluster=cluster, managed=b"[1]")
    other = event(2, uid="b", cluster=cluster, managed=b'[{"manager":"helm"}]')
    await ingest(store, [older, other, event(2, uid="n", kind="nodes", cluster=cluster)], f"{cluster}-1")
    await ingest(store, [newest], f"{cluster}-2")
    positions = save(checkpoint)
    restored, memory = await remember(store, checkpoint)
    assert restored == Restored(cluster_uid=CLUSTER_UID, positions=positions)
    assert memory == {"a": remembered(newest, managed=True), "b": remembered(other, managed=True)}


async def test_lives_that_ended_near_the_checkpoint_are_known_and_older_ones_are_not(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    long_ago, lately = (
        event(1, uid="old", op="delete", cluster=cluster),
        event(5000, uid="new", op="delete", cluster=cluster),
    )
    await ingest(store, [long_ago, lately], cluster)
    save(checkpoint, rv="4000", second=5010)
    _, memory = await remember(store, checkpoint)
    assert memory == {"new": remembered(lately, managed=True)}


async def test_a_delete_that_the_watch_will_tell_again_is_known_however_it_is_dated(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    await ingest(store, [event(4001, uid="a", op="delete", ts=NOON, cluster=cluster)], cluster)
    save(checkpoint, rv="4000", second=5010)
    _, memory = await remember(store, checkpoint)
    assert memory["a"].deleted


async def test_without_a_resume_point_ended_lives_are_left_where_they_are(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    await ingest(store, [event(1, uid="a", op="delete", cluster=cluster), event(2, uid="b", cluster=cluster)], cluster)
    _, memory = await remember(store, checkpoint)
    assert set(memory) == {"b"}


def chain(cluster: str, length: int) -> list[Event]:
    """A large object: state on the first row only, then patches."""
    states = [canonical({"metadata": {"name": "big"}, "n": n}) for n in range(length)]
    first = event(1, uid="big", state=states[0], cluster=cluster)
    rest = [
        event(
            n + 1,
            uid="big",
            op="update",
            seq=n + 1,
            state=b"",
            state_hash=digest(states[n]),
            patch=b'[{"op":"test","path":"/n","value":%d},{"op":"replace","path":"/n","value":%d}]' % (n - 1, n),
            cluster=cluster,
        )
        for n in range(1, length)
    ]
    return [first, *rest]


async def test_the_state_of_a_large_object_is_folded_from_its_patches(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    await ingest(store, chain(cluster, 5), cluster)
    save(checkpoint)
    _, memory = await remember(store, checkpoint)
    assert memory["big"].object == canonical({"metadata": {"name": "big"}, "n": 4})
    assert memory["big"].seq == 5


async def test_a_state_whose_hash_does_not_fit_is_not_remembered(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str, caplog: pytest.LogCaptureFixture
) -> None:
    events = chain(cluster, 3)
    await ingest(store, [events[0], events[2]], cluster)
    save(checkpoint)
    _, memory = await remember(store, checkpoint)
    assert memory["big"].object is None
    assert "does not fit its base" in caplog.text


async def test_history_without_a_checkpoint_is_said_to_be_lost(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    await ingest(store, [event(1, uid="a", cluster=cluster)], cluster)
    restored, memory = await remember(store, checkpoint)
    assert (restored.cluster_uid, restored.positions) == (CLUSTER_UID, {})
    assert "there is no checkpoint" in restored.lost
    assert set(memory) == {"a"}, "memory is there to compare a fresh list with"


async def test_a_damaged_checkpoint_is_said_and_memory_is_there_to_compare_with(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    await ingest(store, [event(1, uid="a", cluster=cluster)], cluster)
    checkpoint.path.write_bytes(b"\x00" * 100)
    restored, memory = await remember(store, checkpoint)
    assert (restored.positions, set(memory)) == ({}, {"a"})
    assert "is damaged" in restored.lost


async def test_a_checkpoint_without_its_store_is_said_to_be_lost(store: ChdbStore, checkpoint: Checkpoint) -> None:
    save(checkpoint)
    restored, memory = await remember(store, checkpoint)
    assert (restored.positions, memory) == ({}, {})
    assert "the store has no history" in restored.lost


async def test_what_a_crash_kept_from_the_views_is_mended(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    await ingest(store, [event(1, uid="a", cluster=cluster), event(2, uid="b", cluster=cluster)], cluster)
    for table in ("changes", "objects", "marks", "states"):
        store.command(f"DELETE FROM {table} WHERE cluster = {{c:String}} AND uid = 'b'", {"c": cluster})
    save(checkpoint)
    _, memory = await remember(store, checkpoint)
    await remember(store, checkpoint)
    assert set(memory) == {"a", "b"}
    seen = store.rows("SELECT uid FROM changes WHERE cluster = {c:String} ORDER BY uid", {"c": cluster})
    assert [uid for (uid,) in seen] == ["a", "b"]
    for table in ("marks", "states"):
        drawn = store.rows(f"SELECT DISTINCT uid FROM {table} WHERE cluster = {{c:String}}", {"c": cluster})
        assert {uid for (uid,) in drawn} == {"a", "b"}


async def test_killed_and_started_again_the_embedded_way_goes_on_where_it_was(
    store: ChdbStore, checkpoint: Checkpoint, cluster: str
) -> None:
    """Log, ingester, store, checkpoint and memory together: the second log knows what the first one stored."""
    position = Position(rv="2", epoch=1, at=at(2), version="v1", since=NOON)
    first = event(2, uid="a", op="update", seq=2, cluster=cluster)
    mark = watermark(2)
    mark.cluster = cluster
    log = MemoryLog(checkpoint=checkpoint, restorer=Restorer(store, checkpoint))
    running = Ingester(
        source=log,
        store=store,
        settings=IngestSettings(linger=0.0),
        metrics=Metrics(CollectorRegistry()),
        clock=FakeClock(at(60)),
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(running.run())
        await log.append(Batch(records=[event(1, uid="a", cluster=cluster), first, mark], positions={PODS: position}))
        await log.close()
    restored, memory = await remember(store, checkpoint)
    assert restored == Restored(cluster_uid=CLUSTER_UID, positions={PODS: position})
    assert memory == {"a": remembered(first, managed=True)}
    spans = store.rows("SELECT class, from_t, to_t FROM coverage FINAL WHERE cluster = {c:String}", {"c": cluster})
    assert list(spans) == [("watched", NOON, at(2))]
