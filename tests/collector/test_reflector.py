"""A watch never loses its place, whatever the server and the network do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from collector.clock import Capture, utc_now
from collector.cluster import (
    BadAnswer,
    Busy,
    ClusterError,
    Expired,
    Forbidden,
    NotServed,
    Silent,
    StreamingRefused,
    TooLargeVersion,
    Unauthorized,
    Unreachable,
)
from collector.heartbeat import Heartbeat, steady
from collector.metrics import Metrics
from collector.reflector import Reflector, State
from collector.settings import CollectorSettings, Timings
from collector.sink import Position
from collector.skew import Skew
from collector.trackers import RestorableTracker, factory
from schema.events import Event, Gap, Late, Record
from schema.objects import Scope
from tests.fakes.cluster import (
    FakeCluster,
    added,
    bookmark,
    deleted,
    error,
    initial,
    kind,
    listed,
    modified,
    obj,
    until,
)

QUICK = Timings(
    backoff_first=0.001,
    backoff_most=0.004,
    reconnect_most=0.004,
    idle=0.01,
    idle_resumed=0.01,
    hold=0.2,
    forbidden_retry=0.01,
    burst_silence=0.1,
)
SETTINGS = CollectorSettings(cluster="test", redaction_key=b"k" * 32, instance="i", timings=QUICK)
KIND = kind("configmaps")
SCOPE = Scope("configmaps")
YESTERDAY = datetime(2026, 2, 28, tzinfo=UTC)


@dataclass
class Bench:
    """One Reflector with the real tracker, on a scripted cluster."""

    cluster: FakeCluster = field(default_factory=lambda: FakeCluster(KIND))
    records: list[Record] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    clock: Callable[[], datetime] = utc_now
    settings: CollectorSettings = SETTINGS

    def __post_init__(self) -> None:
        self.asleep = 0.0
        self.heartbeat = Heartbeat(clock=self.clock, ruler=lambda: steady() + self.asleep)
        self.metrics = Metrics(CollectorRegistry())
        self.reflector = self.make(self.new_tracker())

    def new_tracker(self, position: Position | None = None) -> RestorableTracker:
        skew = Skew()
        made = factory(SETTINGS, skew=skew, clock=self.clock)(Capture(cluster="test", cluster_uid="u"), KIND, SCOPE)
        if position is not None:
            made.restore([], position)
        return made

    def make(self, tracker: RestorableTracker) -> Reflector:
        return Reflector(
            cluster=self.cluster,
            kind=KIND,
            scope=SCOPE,
            tracker=tracker,
            emit=self.emit,
            heartbeat=self.heartbeat,
            skew=Skew(),
            syncs=asyncio.Semaphore(6),
            metrics=self.metrics,
            settings=self.settings,
            clock=self.clock,
            random=Random(1),
            on_state=lambda one: self.states.append(one.state),
        )

    def resume_from(self, rv: str) -> None:
        at = self.clock()
        self.reflector = self.make(self.new_tracker(Position(rv=rv, epoch=1, at=at, version="v1", since=at)))

    async def emit(self, records: Sequence[Record], scope: Scope, position: Position | None) -> None:
        assert scope == SCOPE
        self.records += records
        self.positions.append(position.rv if position else "")

    @property
    def events(self) -> list[tuple[str, str, str]]:
        """(op, name, version) in log order."""
        return [(one.op, one.name, one.rv) for one in self.records if isinstance(one, Event)]

    @property
    def gaps(self) -> list[str]:
        return [one.reason for one in self.records if isinstance(one, Gap)]

    async def reached(self, rv: str) -> None:
        await until(lambda: self.reflector.rv == rv)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        beating = asyncio.create_task(self.heartbeat.run())
        task = asyncio.create_task(self.reflector.run())
        try:
            yield
        finally:
            self.reflector.request_stop()
            await asyncio.wait_for(task, 5)
            beating.cancel()


@pytest.fixture
def bench() -> Bench:
    return Bench()


# ---- the first list --------------------------------------------------------------------------------------------------


async def test_a_streaming_list_goes_on_as_the_watch(bench: Bench) -> None:
    stream = bench.cluster.will_stream("configmaps", initial("5", obj("web", rv="3")))
    async with bench.running():
        await until(lambda: bench.reflector.live)
        stream.send(modified(obj("web", rv="6", data={"a": "1"})))
        await until(lambda: len(bench.events) == 2)
    assert bench.events == [("add", "web", "3"), ("update", "web", "6")]
    assert [one.initial for one in bench.cluster.watches("configmaps")] == [True]


async def test_a_break_inside_the_initial_events_starts_them_over(bench: Bench) -> None:
    torn = bench.cluster.will_stream("configmaps", added(obj("a", rv="100")), added(obj("b", rv="500")))
    torn.fail(Unreachable("reset"))
    bench.cluster.will_stream("configmaps", initial("600", obj("b", rv="500"), obj("c", rv="50"), obj("a", rv="100")))
    async with bench.running():
        await until(lambda: bench.reflector.live)
    assert {name for _, name, _ in bench.events} == {"a", "b", "c"}
    assert all(one.initial and one.rv == "" for one in bench.cluster.watches("configmaps"))


async def test_changes_between_initial_events_and_their_end_are_applied(bench: Bench) -> None:
    bench.cluster.will_stream(
        "configmaps",
        added(obj("a", rv="1")) + added(obj("b", rv="2")),
        modified(obj("a", rv="7", data={"new": "1"})) + deleted(obj("b", rv="8")) + bookmark("8", end=True),
    )
    async with bench.running():
        await until(lambda: bench.reflector.live)
    assert bench.events == [("add", "a", "7")]
    assert bench.reflector.rv == "8"


async def test_an_end_bookmark_that_never_comes_leads_to_a_list_and_is_remembered(bench: Bench) -> None:
    bench.cluster.will_stream("configmaps", added(obj("a", rv="1")))
    bench.cluster.will_list("configmaps", listed("4", obj("a", rv="1")))
    async with bench.running():
        await until(lambda: bench.reflector.live)
    assert bench.events == [("add", "a", "1")]
    assert [(one.rv, one.initial) for one in bench.cluster.watches("configmaps")] == [("", True), ("4", False)]


async def test_a_server_that_refuses_streaming_lists_is_listed_in_pages(bench: Bench) -> None:
    bench.cluster.will_refuse_watch("configmaps", StreamingRefused("sendInitialEvents is forbidden"))
    bench.cluster.will_list("configmaps", listed("4", obj("a", rv="1"), more="next"), listed("4", obj("b", rv="2")))
    async with bench.running():
        await until(lambda: bench.reflector.live)
    assert [one.more for one in bench.cluster.lists("configmaps")] == ["", "next"]
    assert bench.cluster.watches("configmaps")[-1].rv == "4"


async def test_a_list_whose_second_page_has_expired_is_started_over(bench: Bench) -> None:
    bench.cluster.will_refuse_watch("configmaps", StreamingRefused("no"))
    bench.cluster.will_list("configmaps", listed("4", obj("a", rv="1"), more="next"), Expired("token"))
    bench.cluster.will_list("configmaps", listed("9", obj("b", rv="8")))
    async with bench.running():
        await until(lambda: bench.reflector.live)
    assert bench.events == [("add", "b", "8")]
    assert [one.more for one in bench.cluster.lists("configmaps")] == ["", "next", ""]


async def test_an_empty_kind_and_then_its_first_object(bench: Bench) -> None:
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    async with bench.running():
        await until(lambda: bench.reflector.live)
        stream.send(added(obj("first", rv="9")))
        await until(lambda: bench.events)
    assert [one.origin for one in bench.records if isinstance(one, Event)] == ["watch"]


async def test_a_long_list_is_whole_before_there_is_a_place_to_go_on_from(bench: Bench) -> None:
    many = [obj(f"o{number}", rv=str(number)) for number in range(1, 2501)]
    bench.cluster.will_stream("configmaps", initial("5000", *many))
    async with bench.running():
        await until(lambda: bench.reflector.live)
    assert len(bench.events) == 2500
    assert set(bench.positions) == {""}
    assert bench.reflector.rv == "5000"


async def test_what_comes_in_the_same_bytes_as_the_end_bookmark_is_not_lost(bench: Bench) -> None:
    bench.cluster.will_stream(
        "configmaps", initial("5", obj("a", rv="3")) + modified(obj("a", rv="6", data={"x": "1"}))
    )
    async with bench.running():
        await until(lambda: len(bench.events) == 2)
    assert bench.events[-1] == ("update", "a", "6")


async def test_a_list_that_fails_again_and_again_is_tried_until_it_succeeds(bench: Bench) -> None:
    errors: list[ClusterError] = [
        Busy("503"),
        TooLargeVersion("504"),
        Unauthorized("401"),
        BadAnswer("?"),
        Unreachable("x"),
    ]
    bench.cluster.will_refuse_watch("configmaps", *errors)
    bench.cluster.will_stream("configmaps", initial("5", obj("a", rv="3")))
    async with bench.running():
        await until(lambda: bench.reflector.live)
    assert bench.events == [("add", "a", "3")]


# ---- going on --------------------------------------------------------------------------------------------------------


async def resumed(bench: Bench, *errors: ClusterError | None) -> None:
    """A watch at version 6 that ends in each of these ways (None: cleanly), and goes on every time."""
    stream = bench.cluster.will_stream("configmaps", initial("5", obj("web", rv="3")))
    bench.cluster.newest = "100"
    async with bench.running():
        await until(lambda: bench.reflector.live)
        for rv, failure in enumerate(errors, 6):
            stream.send(modified(obj("web", rv=str(rv), data={"n": str(rv)})))
            await bench.reached(str(rv))
            following = bench.cluster.will_stream("configmaps")
            if failure is None:
                stream.end()
            else:
                stream.fail(failure)
            await asyncio.wait_for(following.opened.wait(), 5)
            stream = following


@pytest.mark.parametrize(
    "failure",
    [None, Unreachable("reset"), Silent("70 s"), Busy("429", retry_after=0.01), TooLargeVersion("504"), BadAnswer("?")],
    ids=repr,
)
async def test_a_watch_that_ends_goes_on_from_its_version_without_a_list(
    bench: Bench, failure: ClusterError | None
) -> None:
    await resumed(bench, failure, failure, failure)
    assert [one.rv for one in bench.cluster.watches("configmaps")] == ["", "6", "7", "8"]
    assert bench.events == [("add", "web", "3"), *(("update", "web", str(rv)) for rv in (6, 7, 8))]
    assert bench.gaps == []


@pytest.mark.parametrize("code", [429, 500, 504, 418])
async def test_an_error_event_that_is_not_410_resumes_from_the_last_version(bench: Bench, code: int) -> None:
    bench.cluster.newest = "100"
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    again = bench.cluster.will_stream("configmaps", added(obj("b", rv="7")))
    async with bench.running():
        stream.send(added(obj("a", rv="6")) + error(code))
        await until(lambda: len(bench.events) == 2)
    assert again.opened.is_set()
    assert [one.rv for one in bench.cluster.watches("configmaps")] == ["", "6"]


async def test_half_a_line_before_the_end_is_read_again_from_the_version_before_it(bench: Bench) -> None:
    line = added(obj("b", rv="7"))
    bench.cluster.will_stream("configmaps", initial("5"), added(obj("a", rv="6")) + line[:20]).end()
    bench.cluster.will_stream("configmaps", line)
    async with bench.running():
        await until(lambda: len(bench.events) == 2)
    assert bench.events == [("add", "a", "6"), ("add", "b", "7")]


async def test_bookmarks_move_the_place_to_go_on_from(bench: Bench) -> None:
    bench.cluster.newest = "50"
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    async with bench.running():
        await until(lambda: bench.reflector.live)
        stream.send(bookmark("42"))
        await until(lambda: bench.reflector.rv == "42")
        stream.end()
        await until(lambda: len(bench.cluster.watches("configmaps")) == 2)
    assert bench.cluster.watches("configmaps")[-1].rv == "42"


async def test_watches_that_end_at_once_are_not_opened_in_a_hot_loop() -> None:
    slow = Timings(backoff_first=0.5, idle=0.01, idle_resumed=0.01)
    bench = Bench(settings=CollectorSettings(cluster="test", redaction_key=b"k" * 32, instance="i", timings=slow))
    bench.cluster.will_stream("configmaps", initial("5")).end()
    for _ in range(50):
        bench.cluster.will_stream("configmaps").end()
    async with bench.running():
        await until(lambda: len(bench.cluster.watches("configmaps")) >= 2)
        await asyncio.sleep(0.2)
    assert len(bench.cluster.watches("configmaps")) < 10


async def test_an_unreadable_line_is_a_gap_and_the_watch_goes_on(bench: Bench) -> None:
    bench.cluster.will_stream("configmaps", initial("5"), b'{"type":"ADDED","object":{"bad\n', added(obj("a", rv="6")))
    async with bench.running():
        await until(lambda: bench.events)
    assert bench.events == [("add", "a", "6")]
    assert len(bench.gaps) == 1


# ---- 410, rollback, rights -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["status", "event"])
async def test_410_leads_to_a_fresh_list_a_gap_and_what_was_missed(bench: Bench, where: str) -> None:
    bench.cluster.newest = "100"
    stream = bench.cluster.will_stream("configmaps", initial("5", obj("web", rv="3"), obj("old", rv="4")))
    if where == "status":
        bench.cluster.will_refuse_watch("configmaps", Expired("too old resource version"))
    bench.cluster.will_stream("configmaps", initial("90", obj("web", rv="80", data={"new": "1"})))
    async with bench.running():
        await until(lambda: bench.reflector.live)
        stream.send(error(410, "Expired")) if where == "event" else stream.end()
        await until(lambda: bench.reflector.rv == "90" and bench.reflector.live)
    assert bench.gaps == ["expired"]
    assert ("update", "web", "80") in bench.events
    assert ("delete", "old") in {(op, name) for op, name, _ in bench.events}


async def test_relists_that_fail_after_a_410_are_repeated_until_one_succeeds(bench: Bench) -> None:
    stream = bench.cluster.will_stream("configmaps", initial("5", obj("web", rv="3")))
    bench.cluster.will_refuse_watch("configmaps", Busy("503"), Unreachable("x"), Expired("again"), Busy("500"))
    bench.cluster.will_stream("configmaps", initial("90", obj("web", rv="80", data={"new": "1"})))
    async with bench.running():
        stream.send(error(410))
        await until(lambda: bench.reflector.rv == "90")
    assert bench.gaps == ["expired"]


async def test_after_a_restart_the_stored_version_is_resumed(bench: Bench) -> None:
    bench.cluster.newest = "50"
    bench.cluster.will_stream("configmaps", added(obj("a", rv="43")))
    bench.resume_from("42")
    async with bench.running():
        await until(lambda: bench.events)
    assert [(one.rv, one.initial) for one in bench.cluster.watches("configmaps")] == [("42", False)]
    assert bench.gaps == []


async def test_a_server_that_went_back_is_noticed_before_a_watch_from_the_future_is_believed(bench: Bench) -> None:
    bench.cluster.newest = "30"
    bench.cluster.will_stream("configmaps", initial("30", obj("a", rv="7")))
    bench.resume_from("42")
    async with bench.running():
        await until(lambda: bench.reflector.rv == "30")
    assert bench.gaps == ["rollback"]


async def test_a_server_that_went_back_while_we_watched_is_noticed_after_the_connection_broke(bench: Bench) -> None:
    stream = bench.cluster.will_stream("configmaps", initial("5", obj("a", rv="3")))
    bench.cluster.will_stream("configmaps", initial("2", obj("a", rv="1")))
    async with bench.running():
        await until(lambda: bench.reflector.live)
        bench.cluster.newest = "2"
        stream.fail(Unreachable("reset"))
        await until(lambda: bench.reflector.rv == "2")
    assert bench.gaps == ["rollback"]


async def test_a_forbidden_kind_is_tried_slowly_and_watched_once_it_may(bench: Bench) -> None:
    bench.cluster.will_refuse_watch("configmaps", Forbidden("no"), Forbidden("no"))
    async with bench.running():
        await until(lambda: bench.reflector.live)
    assert bench.states[:3] == [State.SYNC, State.FORBIDDEN, State.SYNC]


async def test_a_kind_that_is_not_served_ends_its_watch(bench: Bench) -> None:
    bench.cluster.will_refuse_watch("configmaps", NotServed("404"))
    await asyncio.wait_for(bench.reflector.run(), 5)
    assert bench.reflector.state is State.GONE


# ---- time ------------------------------------------------------------------------------------------------------------


async def test_what_is_read_after_a_reconnect_is_late_and_what_comes_then_is_live(bench: Bench) -> None:
    bench.cluster.newest = "50"
    stream = bench.cluster.will_stream("configmaps", added(obj("a", rv="43")), added(obj("b", rv="44")))
    bench.resume_from("42")
    async with bench.running():
        await until(lambda: bench.reflector.live)
        stream.send(added(obj("c", rv="45")))
        await until(lambda: len(bench.events) == 3)
    errors = [one.ts_error for one in bench.records if isinstance(one, Event)]
    assert errors[0] > 0
    assert errors[2] == 0
    assert [one.events for one in bench.records if isinstance(one, Late)] == [2]


async def test_an_idle_live_stream_is_current_up_to_the_last_tick(bench: Bench) -> None:
    bench.cluster.will_stream("configmaps", initial("5"))
    async with bench.running():
        await until(lambda: bench.reflector.live)
        before = bench.clock()
        await until(lambda: (bench.reflector.current_until or before) > before)
    assert bench.reflector.confirmed is not None
    assert bench.reflector.confirmed < before


async def test_a_stream_that_turns_out_dead_was_current_up_to_its_last_byte_only(bench: Bench) -> None:
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    bench.cluster.will_refuse_watch("configmaps", *[Unreachable("down")] * 1000)
    async with bench.running():
        await until(lambda: bench.reflector.live)
        stream.send(bookmark("6"))
        await until(lambda: bench.reflector.rv == "6")
        last_byte = bench.reflector.confirmed
        await until(lambda: (bench.reflector.current_until or YESTERDAY) > (last_byte or YESTERDAY))
        stream.fail(Silent("no byte for 70 s"))
        await until(lambda: not bench.reflector.connected)
        assert bench.reflector.current_until == last_byte


async def test_a_freeze_makes_what_is_read_after_it_late(bench: Bench) -> None:
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    async with bench.running():
        await until(lambda: bench.reflector.live)
        bench.asleep = 85.0
        stream.send(added(obj("a", rv="6")))
        await until(lambda: bench.events)
    assert [one.ts_error > 0 for one in bench.records if isinstance(one, Event)] == [True]


async def test_positions_never_run_ahead_of_records_that_the_log_has_not_taken(bench: Bench) -> None:
    gate = asyncio.Event()
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    take = bench.emit

    async def slow(records: Sequence[Record], scope: Scope, position: Position | None) -> None:
        await gate.wait()
        await take(records, scope, position)

    bench.reflector._outlet._emit = slow
    async with bench.running():
        await until(lambda: bench.reflector.live)
        stream.send(added(obj("a", rv="6")))
        before = bench.clock()
        await until(lambda: bench.reflector._stream is not None and bench.reflector._stream.busy)
        assert bench.reflector.rv == "5"
        assert (bench.reflector.current_until or before) <= (bench.reflector.confirmed or before)
        gate.set()
        await until(lambda: bench.reflector.rv == "6")


async def test_a_stop_gives_out_everything_that_was_read(bench: Bench) -> None:
    lines = b"".join(added(obj(f"o{number}", rv=str(number))) for number in range(6, 500))
    stream = bench.cluster.will_stream("configmaps", initial("5"))
    async with bench.running():
        await until(lambda: bench.reflector.live)
        stream.send(lines)
        await until(lambda: bench.reflector.queued or bench.events)
    assert len(bench.events) == 494
    assert bench.positions[-1] == "499"
    assert bench.reflector.state is State.STOPPED
