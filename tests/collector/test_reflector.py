"""A watch never loses its place, whatever the server and the network do."""

import asyncio

import pytest

from collector.cluster import (
    BadAnswer,
    Busy,
    ClusterError,
    Expired,
    Silent,
    StreamingRefused,
    TooLargeVersion,
    Unauthorized,
    Unreachable,
)
from collector.settings import CollectorSettings, Timings
from schema.events import Event
from tests.fakes.cluster import (
    added,
    bookmark,
    deleted,
    error,
    initial,
    listed,
    modified,
    obj,
    until,
)
from tests.fakes.watching import Bench


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
    bench.cluster.newest = "7"
    bench.cluster.will_stream("configmaps", initial("5"), added(obj("a", rv="6")) + line[:20]).end()
    bench.cluster.will_stream("configmaps", line)
    async with bench.running():
        await until(lambda: len(bench.events) == 2)
    assert bench.events == [("add", "a", "6"), ("add", "b", "7")]


async def test_a_first_list_with_an_object_too_deep_to_be_parsed_is_whole_but_for_a_gap(bench: Bench) -> None:
    deep = added(obj("deep", rv="4")).replace(b'"metadata"', b'"x":' + b"[" * 5000 + b"]" * 5000 + b',"metadata"')
    bench.cluster.will_stream("configmaps", deep, initial("5", obj("a", rv="3")))
    async with bench.running():
        await until(lambda: bench.events)
    assert bench.events == [("add", "a", "3")]
    assert len(bench.gaps) == 1


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
