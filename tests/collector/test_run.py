"""A collector begins, goes on and ends in an order that loses nothing, and no kind can harm another."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from collector.clock import utc_now
from collector.cluster import Busy, Forbidden, NotServed, Unreachable
from collector.errors import CollectorError, OtherCluster
from collector.metrics import Metrics
from collector.reflector import State
from collector.run import Collector
from collector.settings import CollectorSettings, Timings
from collector.sink import Position, Remembered, Restored, SinkError, SinkFull
from schema.canonical import digest
from schema.events import Gap, KindInfo, Kinds, Record, Start, Stop, Watermark
from schema.objects import Scope
from tests.fakes.cluster import FakeCluster, added, initial, kind, modified, obj, until
from tests.fakes.sink import FakeSink

QUICK = Timings(
    backoff_first=0.001,
    backoff_most=0.004,
    reconnect_most=0.004,
    idle=0.01,
    idle_resumed=0.01,
    forbidden_retry=60.0,
    discovery_every=30.0,
    discovery_after_poke=(0.001, 0.05),
    watermark_every=0.05,
    full_log_retry=0.001,
    stop_within=5.0,
)
SETTINGS = CollectorSettings(cluster="test", redaction_key=b"k" * 32, instance="i", timings=QUICK)
UID = "uid-of-the-cluster"
CRDS = kind("customresourcedefinitions", "apiextensions.k8s.io", namespaced=False)


@dataclass
class Bench:
    """A Collector between a scripted cluster and a log that keeps everything."""

    cluster: FakeCluster = field(default_factory=lambda: FakeCluster(kind("configmaps"), kind("secrets")))
    sink: FakeSink = field(default_factory=FakeSink)
    settings: CollectorSettings = SETTINGS
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def make(self) -> Collector:
        metrics = Metrics(CollectorRegistry())
        return Collector(
            cluster=self.cluster,
            sink=self.sink,
            settings=self.settings,
            metrics=metrics,
            clock=utc_now,
            random=Random(1),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Collector]:
        collector = self.make()
        task = asyncio.create_task(collector.run(self.stop))
        try:
            await until(lambda: collector.status().ready or task.done())
            yield collector
        finally:
            self.stop.set()
            await asyncio.wait_for(task, 10)

    def of(self, *types: type[Record]) -> list[Record]:
        return [record for record in self.sink.records if isinstance(record, types)]

    def verdicts(self) -> dict[str, str]:
        """The newest word on each kind, as the log tells it."""
        kinds: Iterable[KindInfo] = (
            info for record in self.sink.records if isinstance(record, Kinds) for info in record.kinds
        )
        return {f"{info.resource}.{info.group}".rstrip("."): info.watching for info in kinds}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def position(rv: str) -> Position:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Position(rv=rv, epoch=1, at=at, version="v1", since=at)


async def test_the_log_tells_start_kinds_watermark_and_stop_in_this_order(bench: Bench) -> None:
    async with bench.running():
        await until(lambda: bench.of(Watermark))
    records = bench.sink.records
    assert [type(one) for one in records[:2]] == [Start, Kinds]
    assert [type(one) for one in records[-2:]] == [Watermark, Stop]
    assert bench.sink.flushed == len(bench.sink.batches)
    assert bench.sink.closed


async def test_a_watermark_covers_every_watch_and_moves_its_resume_point(bench: Bench) -> None:
    async with bench.running():
        await until(lambda: len(bench.sink.positions) == 2)
    last = bench.of(Watermark)[-1]
    assert isinstance(last, Watermark)
    assert set(last.scopes) == {"configmaps", "secrets"}
    rv, current, confirmed, since = last.scopes["secrets"]
    assert rv == bench.sink.positions[Scope("secrets")].rv
    assert since <= confirmed <= current <= last.at
    # What begins again cannot know whether a silent connection was alive: it goes on from the last byte.
    assert bench.sink.positions[Scope("secrets")].at == confirmed


async def test_another_cluster_under_the_same_name_is_refused_with_both_uids(bench: Bench) -> None:
    bench.sink.restored = Restored(cluster_uid="uid-of-another", positions={})
    with pytest.raises(OtherCluster, match=r"uid-of-another.*uid-of-the-cluster.*--cluster"):
        await bench.make().run(bench.stop)
    assert bench.sink.records == []


async def test_a_uid_that_is_given_is_not_asked_for(bench: Bench) -> None:
    bench.cluster.identity = Forbidden("no")
    bench.settings = replace(SETTINGS, cluster_uid="given")
    async with bench.running() as collector:
        assert collector.status().cluster_uid == "given"


async def test_no_right_to_the_identity_says_what_to_do(bench: Bench) -> None:
    bench.cluster.identity = Forbidden("no")
    with pytest.raises(CollectorError, match="KUBELAPSE_CLUSTER_UID"):
        await bench.make().run(bench.stop)


async def test_a_cluster_that_does_not_answer_is_not_waited_for_for_ever(bench: Bench) -> None:
    bench.cluster.identity = Unreachable("https://x does not answer")
    with pytest.raises(Unreachable, match="does not answer"):
        await bench.make().run(bench.stop)


async def test_what_is_stored_is_resumed_and_nothing_is_listed(bench: Bench) -> None:
    bench.cluster.newest = "90"
    bench.sink.restored = Restored(cluster_uid=UID, positions={Scope("configmaps"): position("42")})
    async with bench.running():
        await until(lambda: len(bench.cluster.watches("configmaps")) == 1)
    assert [(one.rv, one.initial) for one in bench.cluster.watches("configmaps")] == [("42", False)]
    assert [one.initial for one in bench.cluster.watches("secrets")] == [True]
    assert bench.of(Gap) == []


async def test_a_store_that_lost_its_memory_is_a_gap_never_silence(bench: Bench) -> None:
    bench.cluster.newest = "90"
    bench.sink.restored = Restored(cluster_uid=UID, positions={}, lost="the checkpoint is damaged")
    state = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop","uid":"uid-a"}}'
    bench.sink.memory = [
        Remembered(
            kind="configmaps",
            namespace="shop",
            name="a",
            uid="uid-a",
            epoch=1,
            seq=1,
            rv="3",
            deleted=False,
            hash=digest(state),
            object=state,
            managed=None,
        )
    ]
    async with bench.running():
        await until(lambda: bench.of(Gap))
    assert [one.op for one in bench.sink.events] == ["delete"]


# ---- kinds -----------------------------------------------------------------------------------------------------------


async def test_a_new_crd_is_watched_soon_after_it_is_seen(bench: Bench) -> None:
    bench.cluster.kinds = [CRDS]
    stream = bench.cluster.will_stream(CRDS.id, initial("5"))
    async with bench.running() as collector:
        bench.cluster.kinds = [CRDS, kind("gadgets", "ex.io")]
        stream.send(added(obj("gadgets.ex.io", rv="6", namespace="")))
        await until(lambda: any(one.scope.kind == "gadgets.ex.io" and one.live for one in collector.status().scopes))
    assert bench.verdicts()["gadgets.ex.io"] == "yes"


async def test_a_kind_that_is_not_served_any_more_is_told_as_gone(bench: Bench) -> None:
    stream = bench.cluster.will_stream("secrets", initial("5"))
    async with bench.running() as collector:
        bench.cluster.kinds = [kind("configmaps")]
        bench.cluster.will_refuse_watch("secrets", NotServed("404"))
        stream.end()
        await until(lambda: bench.verdicts()["secrets"] == "gone")
        await until(lambda: [one.scope.kind for one in collector.status().scopes] == ["configmaps"])


async def test_kinds_of_a_stale_group_stay_watched(bench: Bench) -> None:
    bench.cluster.kinds = [CRDS, kind("gadgets", "ex.io")]
    stream = bench.cluster.will_stream(CRDS.id, initial("5"))
    async with bench.running() as collector:
        bench.cluster.kinds, bench.cluster.stale = [CRDS], frozenset({"ex.io"})
        before = bench.cluster.discoveries
        stream.send(added(obj("other", rv="6", namespace="")))
        await until(lambda: bench.cluster.discoveries > before + 1)
        assert len(collector.status().scopes) == 2
    assert bench.verdicts()["gadgets.ex.io"] == "yes"


async def test_a_failing_discovery_leaves_the_known_kinds_alone(bench: Bench) -> None:
    bench.cluster.kinds = [CRDS]
    stream = bench.cluster.will_stream(CRDS.id, initial("5"))
    async with bench.running() as collector:
        bench.cluster.discovery_error = Busy("503")
        stream.send(added(obj("x", rv="6", namespace="")))
        await until(lambda: "cannot be discovered" in collector.status().trouble)
        assert len(collector.status().scopes) == 1


async def test_a_kind_at_another_version_gets_a_new_watch_from_a_fresh_list(bench: Bench) -> None:
    bench.cluster.kinds = [CRDS, kind("gadgets", "ex.io")]
    stream = bench.cluster.will_stream(CRDS.id, initial("5"))
    async with bench.running():
        bench.cluster.kinds = [CRDS, kind("gadgets", "ex.io", version="v2")]
        stream.send(modified(obj("gadgets.ex.io", rv="6", namespace="")))
        await until(lambda: len(bench.cluster.watches("gadgets.ex.io")) == 2)
        await until(lambda: bench.sink.positions[Scope("gadgets.ex.io")].version == "v2")


async def test_a_forbidden_kind_is_said_and_the_others_are_recorded(bench: Bench) -> None:
    bench.cluster.will_refuse_watch("secrets", Forbidden("no right to list secrets"))
    async with bench.running() as collector:
        await until(lambda: bench.verdicts()["secrets"] == "forbidden")
        states = {str(one.scope): one.state for one in collector.status().scopes}
    assert states == {"configmaps": State.STREAM, "secrets": State.FORBIDDEN}


# ---- namespaces ------------------------------------------------------------------------------------------------------


def scopes(bench: Bench) -> set[str]:
    return {one.scope for one in bench.cluster.asked if one.what == "watch"}


async def test_namespaces_that_are_asked_for_are_watched_alone(bench: Bench) -> None:
    bench.cluster.kinds = [kind("configmaps"), kind("nodes", namespaced=False)]
    bench.settings = replace(SETTINGS, namespaces=("shop", "bank"))
    async with bench.running():
        pass
    assert scopes(bench) == {"configmaps/shop", "configmaps/bank", "nodes"}


async def test_only_namespace_rights_fall_back_to_a_watch_per_namespace(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, namespaces=("shop",), only_namespaces=False)
    bench.cluster.will_refuse_watch("secrets", Forbidden("no"))
    async with bench.running():
        await until(lambda: Scope("secrets", "shop") in bench.sink.positions)
    assert scopes(bench) == {"configmaps", "secrets", "secrets/shop"}
    assert bench.verdicts()["secrets"] == "yes"


async def test_a_namespace_without_rights_is_named(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, namespaces=("shop", "bank"))
    bench.cluster.will_refuse_watch("secrets/bank", Forbidden("no"))
    async with bench.running() as collector:
        await until(lambda: "forbidden in bank" in collector.status().kinds["secrets"].reason)
        assert collector.status().kinds["secrets"].watching == "yes"


# ---- trouble ---------------------------------------------------------------------------------------------------------


async def test_a_full_log_is_waited_for_and_nothing_is_dropped(bench: Bench) -> None:
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    async with bench.running():
        bench.sink.refusals = [SinkFull("no room")] * 3
        stream.send(added(obj("a", rv="6")))
        await until(lambda: [one.name for one in bench.sink.events] == ["a"])
    assert bench.sink.refusals == []


async def test_a_log_that_keeps_nothing_any_more_ends_capture_with_its_reason(bench: Bench) -> None:
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    collector = bench.make()
    task = asyncio.create_task(collector.run(bench.stop))
    await until(lambda: collector.status().ready)
    bench.sink.refusals = [SinkError("the disk is gone")] * 100
    stream.send(added(obj("a", rv="6")))
    with pytest.raises(SinkError, match="the disk is gone"):
        await asyncio.wait_for(task, 5)


async def test_a_stop_in_the_first_list_is_quick_and_keeps_nothing_half(bench: Bench) -> None:
    bench.cluster.will_stream("configmaps", added(obj("half", rv="3")))
    collector = bench.make()
    task = asyncio.create_task(collector.run(bench.stop))
    await until(lambda: any(one.connected for one in collector.status().scopes))
    bench.stop.set()
    await asyncio.wait_for(task, 5)
    assert bench.sink.events == []
    assert Scope("configmaps") not in bench.sink.positions


def names(bench: Bench) -> Sequence[str]:
    return [one.name for one in bench.sink.events]


async def test_the_second_collector_goes_on_where_the_first_one_ended() -> None:
    first = Bench()
    stream = first.cluster.will_stream("configmaps", initial("5"))
    async with first.running():
        stream.send(added(obj("a", rv="6")))
        await until(lambda: names(first) == ["a"])
    second = Bench()
    second.cluster.newest = "90"
    second.sink.restored = Restored(cluster_uid=UID, positions=first.sink.positions)
    second.cluster.will_stream("configmaps", added(obj("b", rv="7")))
    async with second.running():
        await until(lambda: names(second) == ["b"])
    assert second.cluster.watches("configmaps")[0].rv == "6"
    assert second.of(Gap) == []
