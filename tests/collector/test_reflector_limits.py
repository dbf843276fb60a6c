"""What a watch says when its place is lost or forbidden, and what it claims about time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from collector.cluster import (
    Busy,
    Expired,
    Forbidden,
    NotServed,
    Silent,
    Unreachable,
)
from collector.reflector import State
from collector.sink import Position
from schema.events import Event, Late, Record
from schema.objects import Scope
from tests.fakes.cluster import (
    added,
    bookmark,
    error,
    initial,
    obj,
    until,
)
from tests.fakes.watching import EVENTS, QUICK, SETTINGS, YESTERDAY, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


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


async def test_a_silent_watch_of_events_moves_on_without_bookmarks() -> None:
    at_once = replace(QUICK, idle_proof=0.0)
    bench = Bench(watched=EVENTS, settings=replace(SETTINGS, timings=at_once))
    bench.cluster.newest = "50"
    bench.cluster.will_stream("events").end()
    bench.cluster.will_stream("events")
    bench.resume_from("42")
    async with bench.running():
        await until(lambda: len(bench.cluster.watches("events")) == 2)
    assert [one.rv for one in bench.cluster.watches("events")] == ["42", "50"]


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
