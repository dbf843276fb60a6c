"""Every version becomes one event, every chain is whole, and what was missed is said."""

from datetime import timedelta

import jsonpatch
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from collector.sink import Position
from collector.tracker import UNNOTICED
from schema.canonical import Json, JsonObject, canonical, digest, strip_envelope
from schema.events import Event
from schema.patch import apply, invert
from tests.fakes.clock import FakeClock
from tests.fakes.records import remembered
from tests.fakes.served import (
    CONFIG_MAPS,
    NOON,
    at,
    bookmark,
    entry,
    events,
    exact_skew,
    gaps,
    lates,
    line,
    served,
    tracker,
    watching,
)


def state(event: Event) -> JsonObject:
    assert event.object is not None
    found: JsonObject = orjson.loads(bytes(event.object))
    return found


def test_first_sight_is_a_list_event_and_no_gap() -> None:
    found = tracker()
    found.restore([], None)
    assert found.position is None
    records = found.replace([served(7, {"data": {"a": "1"}})], rv="9", at=NOON, reason="")
    (event,) = events(records)
    assert (event.op, event.origin, event.seq, event.rv, event.prev_rv) == ("add", "list", 1, "7", "")
    assert not gaps(records)
    assert found.position == Position(rv="9", epoch=event.epoch, at=NOON, version="v1", since=NOON)


def test_a_change_is_a_patch_from_the_version_before() -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    (event,) = events(found.observe([line("MODIFIED", served(101, {"data": {"a": "2"}}))], at=at(1), not_before=None))
    assert (event.op, event.seq, event.rv, event.prev_rv) == ("update", 2, "101", "7")
    assert orjson.loads(bytes(event.patch)) == [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "2"},
    ]
    assert (event.paths, event.ts, event.ts_error) == (["data.a"], at(1), 0.0)


def test_state_and_hash_are_those_of_the_object_as_served_without_its_envelope() -> None:
    raw = served(
        101, {"data": {"b": "1", "a": "é"}, "x": [None, 1.0]}, managed=[entry("me", {})], metadata={"labels": {}}
    )
    (event,) = events(watching().observe([line("ADDED", raw)], at=at(1), not_before=None))
    obj = orjson.loads(raw)
    strip_envelope(obj)
    assert bytes(event.object or b"") == canonical(obj)
    assert event.hash == digest(canonical(obj))


def test_lists_leave_out_the_type_and_watches_send_it_which_is_no_change() -> None:
    found = watching(served(7, {"data": {}}, typed=False))
    (event,) = events(found.observe([line("MODIFIED", served(101, {"data": {}}))], at=at(1), not_before=None))
    assert (event.patch, event.noise) == (Raw(b"[]"), "touch")
    assert state(event)["kind"] == "ConfigMap"


def test_a_write_that_only_moves_ownership_is_still_an_event() -> None:
    found = watching(served(7, {"data": {}}, managed=[entry("one", {"f:data": {}})]))
    raw = served(101, {"data": {}}, managed=[entry("two", {"f:data": {}}, time=1)])
    (event,) = events(found.observe([line("MODIFIED", raw)], at=at(1), not_before=None))
    assert (event.noise, event.paths, event.seq) == ("managed-fields", [], 2)


def test_delete_and_recreate_under_one_name_are_two_lives() -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    lines = [
        line("DELETED", served(101, {"data": {"a": "1"}})),
        line("ADDED", served(102, {"data": {"a": "1"}}, uid="u-2")),
    ]
    gone, born = events(found.observe(lines, at=at(1), not_before=None))
    assert (gone.op, gone.uid, gone.seq, gone.prev_rv, gone.patch) == ("delete", "u-1", 2, "7", Raw(b"[]"))
    assert state(gone)["data"] == {"a": "1"}
    assert (born.op, born.origin, born.uid, born.seq, born.prev_rv) == ("add", "watch", "u-2", 1, "")


def test_what_is_read_again_is_skipped_and_counted() -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    lines = [line("MODIFIED", served(101, {"data": {"a": "2"}})), line("DELETED", served(102, {"data": {"a": "2"}}))]
    assert len(found.observe(lines, at=at(1), not_before=at(0))) == 0
    assert found.held == 2
    found.observe(lines, at=at(2), not_before=at(0))
    assert (found.held, found.replays) == (2, 2)


def test_a_deletion_of_something_unknown_is_told_once() -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    gone = line("DELETED", served(101, {"data": {}}, uid="u-9", name="unknown"))
    (event,) = events(found.observe([gone, gone], at=at(1), not_before=None))
    assert (event.op, event.uid, event.seq, event.prev_rv) == ("delete", "u-9", 1, "")


def test_versions_that_are_no_numbers_are_known_by_having_been_told() -> None:
    def changed(rv: str) -> bytes:
        return line("MODIFIED", served(7, {"data": {"a": rv}})).replace(b'"7"', b'"%s"' % rv.encode())

    found = watching(served(7, {"data": {"a": "1"}}))
    told = events(found.observe([changed(rv) for rv in ("x", "y", "x", "y", "z")], at=at(1), not_before=None))
    assert [event.rv for event in told] == ["x", "y", "z"]


def test_after_a_restart_the_log_is_known_by_its_versions() -> None:
    before = watching(served(7, {"data": {"a": "1"}}), served(8, {"data": {}}, uid="u-2", name="b"))
    position = before.position
    lines = [
        line("MODIFIED", served(101, {"data": {"a": "2"}})),
        line("DELETED", served(102, {"data": {}}, uid="u-2", name="b")),
    ]
    changed, gone = events(before.observe(lines, at=at(1), not_before=None))
    after = tracker()
    after.restore([remembered(changed), remembered(gone)], position)
    assert after.observe(lines, at=at(5), not_before=at(1)) == []
    assert (after.replays, after.held) == (2, 0)
    again = line("MODIFIED", served(103, {"data": {"a": "3"}}))
    (event,) = events(after.observe([again], at=at(6), not_before=None))
    assert (event.seq, event.prev_rv, event.epoch, event.paths) == (3, "101", changed.epoch, ["data.a"])


def test_bookmarks_move_the_resume_point_and_held_events_keep_it() -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    found.observe([bookmark(150)], at=at(1), not_before=None)
    assert found.position is not None
    assert (found.position.rv, found.position.at) == ("150", at(1))
    found.observe([line("MODIFIED", served(151, {"data": {}})), bookmark(160)], at=at(9), not_before=at(2))
    assert (found.position.rv, found.position.at) == ("150", at(1))
    found.settle(at=at(10), caught_up=True)
    assert (found.position.rv, found.position.at) == ("160", at(10))


def test_late_events_are_dated_by_the_servers_claims_and_put_on_record() -> None:
    owner: JsonObject = {"f:data": {"f:a": {}}}
    found = watching(served(7, {"data": {"a": "1"}}, managed=[entry("me", owner)]), skew=exact_skew())
    raw = served(101, {"data": {"a": "2"}}, managed=[entry("me", owner, time=20)])
    assert found.observe([line("MODIFIED", raw)], at=at(60), not_before=at(1)) == []
    records = found.settle(at=at(61))
    (event,) = events(records)
    assert abs(event.ts - at(20.5)) <= timedelta(seconds=0.3)
    assert event.ts_error <= 0.7
    (late,) = lates(records)
    assert (late.from_t, late.to_t, late.events) == (NOON, at(61), 1)


def test_what_comes_as_live_but_is_proved_old_by_the_server_is_dated_as_late() -> None:
    found = watching(served(7, {"data": {"a": "1"}}), skew=exact_skew())
    fields: JsonObject = {"f:data": {"f:a": {}}}
    old = served(101, {"data": {"a": "2"}}, managed=[entry("kubectl", fields, time=20)])
    records = found.observe([line("MODIFIED", old)], at=at(30), not_before=None)
    (event,), (late,) = events(records), lates(records)
    assert abs((event.ts - at(20.5)).total_seconds()) <= event.ts_error < 1
    assert (late.reason, late.to_t) == ("delayed", at(30))


def test_what_claims_to_be_older_than_the_list_that_lacked_it_proves_nothing() -> None:
    found = watching(served(7, {"data": {"a": "1"}}), skew=exact_skew())
    born = served(101, {"data": {}}, uid="u-2", name="b", created=-86_400)
    records = found.observe([line("ADDED", born)], at=at(30), not_before=None)
    (event,) = events(records)
    assert (event.ts, event.ts_error, lates(records)) == (at(30), 0, [])


def test_a_live_line_with_a_claim_of_this_second_is_dated_by_its_reading() -> None:
    found = watching(served(7, {"data": {"a": "1"}}), skew=exact_skew())
    fields: JsonObject = {"f:data": {"f:a": {}}}
    new = served(101, {"data": {"a": "2"}}, managed=[entry("kubectl", fields, time=29)])
    (event,) = events(found.observe([line("MODIFIED", new)], at=at(30), not_before=None))
    assert (event.ts, event.ts_error) == (at(30), 0)


def test_a_stream_may_have_been_behind_when_it_broke_but_never_before_its_list() -> None:
    found = watching(served(7, {"data": {}}))
    found.observe([line("MODIFIED", served(101, {"data": {"a": "1"}}))], at=at(60), not_before=at(30))
    (late,) = lates(found.settle(at=at(61)))
    assert late.from_t == at(30) - UNNOTICED


def test_an_unsettled_stream_only_counts_as_current_up_to_what_was_read() -> None:
    found = watching(served(7, {"data": {}}))
    found.observe([line("MODIFIED", served(101, {"data": {"a": "1"}}))], at=at(60), not_before=at(1))
    found.settle(at=at(61))
    assert found.position is not None
    assert (found.position.rv, found.position.at) == ("101", NOON)


def test_a_fresh_list_tells_what_was_missed_and_that_something_was() -> None:
    items = [served(number, {"data": {}}, uid=f"u-{number}", name=f"n{number}") for number in (1, 2, 3)]
    found = watching(*items)
    changed = served(150, {"data": {"a": "1"}}, uid="u-2", name="n2", typed=False)
    born = served(160, {"data": {}}, uid="u-9", name="n3", created=30, typed=False)
    records = found.replace([items[0], changed, born], rv="200", at=at(60), reason="expired")
    (gap,) = gaps(records)
    assert (gap.from_rv, gap.to_rv, gap.reason) == ("100", "200", "expired")
    assert (gap.from_t, gap.to_t) == (NOON, at(60))
    assert records[0] is gap
    summary = [(one.op, one.uid, one.rv, one.prev_rv, one.seq) for one in events(records)]
    assert summary == [("delete", "u-3", "200", "3", 2), ("update", "u-2", "150", "2", 2), ("add", "u-9", "160", "", 1)]
    assert {(one.origin, one.gap) for one in events(records)} == {("relist", gap.id)}
    assert all(NOON <= one.ts <= at(61) and one.ts_error >= 14 for one in events(records))


def test_gap_ids_are_the_same_when_said_twice() -> None:
    def ask() -> str:
        return gaps(watching(served(1, {})).replace([], rv="200", at=at(60), reason="expired"))[0].id

    assert ask() == ask()


def test_an_item_that_cannot_be_read_ends_no_life() -> None:
    found = watching(served(7, {"data": {}}))
    records = found.replace([b'{"metadata":7}'], rv="200", at=at(60), reason="expired")
    assert (events(records), found.objects) == ([], 1)
    assert [one.reason.partition(":")[0] for one in gaps(records)] == ["expired", "unreadable-object"]


def test_a_list_older_than_the_watch_ends_no_life() -> None:
    found = watching(served(7, {"data": {}}))
    found.observe([line("ADDED", served(300, {"data": {}}, uid="u-2", name="b"))], at=at(1), not_before=None)
    assert events(found.replace([served(7, {"data": {}})], rv="200", at=at(9), reason="expired")) == []
    assert found.objects == 2


def test_a_rollback_opens_a_new_epoch_with_a_first_event_for_every_object() -> None:
    clock = FakeClock(NOON)
    found = tracker(clock=clock)
    found.restore([], None)
    first = found.replace(
        [served(7, {"data": {"a": "1"}}), served(8, {}, uid="u-2", name="b"), served(9, {}, uid="u-3", name="c")],
        rv="100",
        at=NOON,
        reason="",
    )
    clock.tick(60)
    restored = [served(5, {"data": {"a": "0"}}), served(8, {}, uid="u-2", name="b")]
    records = found.replace(restored, rv="50", at=at(60), reason="rollback")
    chains = [(one.op, one.origin, one.uid, one.seq, one.prev_rv, one.cause) for one in events(records)]
    assert chains == [
        ("add", "list", "u-2", 1, "", "rollback"),
        ("delete", "relist", "u-3", 1, "", "rollback"),
        ("update", "relist", "u-1", 1, "", "rollback"),
    ]
    assert {one.epoch > events(first)[0].epoch for one in events(records)} == {True}
    assert events(records)[2].paths == ["data.a"]
    (event,) = events(found.observe([line("MODIFIED", served(51, {"data": {"a": "7"}}))], at=at(61), not_before=None))
    assert (event.seq, event.prev_rv) == (2, "5")


@pytest.mark.parametrize("broken", ["version", "content"])
def test_chains_that_cannot_go_on_ask_for_a_fresh_list(broken: str) -> None:
    before = watching(served(7, {"data": {}}))
    first = events(before.observe([line("ADDED", served(101, {}, uid="u-2", name="b"))], at=at(1), not_before=None))[0]
    assert before.position is not None
    version = "v1beta1" if broken == "version" else "v1"
    position = Position(rv="101", epoch=first.epoch, at=at(1), version=version, since=NOON)
    after = tracker()
    after.restore([remembered(first, broken=broken == "content")], position)
    assert after.position is None
    records = after.replace([served(101, {}, uid="u-2", name="b")], rv="200", at=at(60), reason="")
    (event,) = events(records)
    assert (event.origin, event.seq, event.epoch > first.epoch) == ("list", 1, True)
    assert gaps(records)[0].from_t == NOON
    assert after.position is not None


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"MODIFIED","object":{"metadata":',
        b'{"type":"MODIFIED","object":[]}',
        b'{"type":"SOMETHING","object":{"metadata":{}}}',
        line("MODIFIED", served(102, {}).replace(b'"web"', b'"\\ud800"')),
        line("MODIFIED", served(102, {"data": {"a": "canary"}}).replace(b'"canary"', b"[" * 300 + b"]" * 300)),
        line("MODIFIED", served(102, {"data": {"a": "canary"}}).replace(b'"canary"', b"[" * 100_000 + b"]" * 100_000)),
        line("MODIFIED", served(102, {"data": {"a": "canary"}}).replace(b'"canary"', b"NaN")),
        line("MODIFIED", served(102, {"data": {"a": "canary"}}).replace(b'"canary"', b"1e999")),
    ],
)
def test_what_cannot_be_read_is_a_gap_and_stops_nothing(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    good = line("MODIFIED", served(103, {"data": {"a": "2"}}))
    records = found.observe([raw, good], at=at(1), not_before=None)
    (gap,) = gaps(records)
    assert (gap.reason.partition(":")[0], found.unreadable) == ("unreadable-object", 1)
    (event,) = events(records)
    assert (event.prev_rv, event.rv, event.seq) == ("7", "103", 2)
    assert "canary" not in caplog.text


def test_an_object_too_deep_to_be_parsed_is_a_gap_in_a_list_too_and_ends_no_life() -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    deep = served(102, {"data": {"a": "x"}}, uid="u-9", name="deep").replace(b'"x"', b"[" * 5000 + b"]" * 5000)
    records = found.replace([deep], rv="110", at=at(60), reason="expired")
    assert [gap.reason.partition(":")[0] for gap in gaps(records)] == ["expired", "unreadable-object"]
    assert events(records) == []


def test_an_integer_beyond_64_bits_is_the_double_that_the_server_meant() -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    raw = line("MODIFIED", served(103, {"data": {"a": 1}}).replace(b'"a":1', b'"a":18446744073709552000'))
    (event,) = events(found.observe([raw], at=at(1), not_before=None))
    assert event.object is not None
    assert orjson.loads(bytes(event.object))["data"]["a"] == 2.0**64


def test_an_object_without_a_uid_gets_one_of_its_own() -> None:
    raw = served(101, {"data": {}}, uid="")
    (event,) = events(watching().observe([line("ADDED", raw)], at=at(1), not_before=None))
    assert event.uid.startswith("~")
    assert len(event.uid) == 33


def test_large_states_are_left_out_except_on_every_sixteenth_event() -> None:
    found = tracker(keyframe=100)
    found.restore([], None)
    found.replace([served(7, {"data": {"a": "x" * 200}})], rv="100", at=NOON, reason="")
    lines = [line("MODIFIED", served(101 + n, {"data": {"a": "x" * 200, "n": str(n)}})) for n in range(16)]
    made = events(found.observe(lines, at=at(1), not_before=None))
    assert [one.seq for one in made if one.object is not None] == [16]


def test_moments_of_reading_are_never_the_same_and_never_go_back() -> None:
    found = watching()
    lines = [line("ADDED", served(101 + n, {}, uid=f"u-{n}", name=f"n{n}")) for n in range(3)]
    made = events(found.observe(lines, at=at(5), not_before=None))
    made += events(found.observe([line("ADDED", served(200, {}, uid="u-9", name="z"))], at=at(2), not_before=None))
    moments = [one.observed_at for one in made]
    assert moments == sorted(set(moments))


values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 0.5]) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "key", "a", "b/~"]), inner, max_size=4)
    ),
    max_leaves=15,
)
bodies = st.dictionaries(st.sampled_from(["spec", "status", "data", "Ω", "x" * 300]), values, max_size=3)


@given(st.lists(bodies, min_size=1, max_size=6))
def test_every_chain_leads_from_state_to_state_both_ways(versions: list[JsonObject]) -> None:
    found = watching()
    lines = [line("MODIFIED" if n else "ADDED", served(101 + n, body)) for n, body in enumerate(versions)]
    made = events(found.observe(lines, at=at(1), not_before=None))
    assert [one.seq for one in made] == list(range(1, len(versions) + 1))
    for n, (one, body) in enumerate(zip(made, versions, strict=True)):
        obj = orjson.loads(served(101 + n, body))
        strip_envelope(obj)
        assert bytes(one.object or b"") == canonical(obj)
        assert one.hash == digest(canonical(obj))
        if n:
            ops, before = orjson.loads(bytes(one.patch)), state(made[n - 1])
            assert one.prev_rv == made[n - 1].rv
            assert canonical(apply(before, ops)) == canonical(obj)
            assert canonical(apply(obj, invert(ops))) == canonical(before)
            assert jsonpatch.apply_patch(before, ops) == obj
            assert len(one.paths) == sum(op["op"] != "test" for op in ops) == len(one.managers)


def test_a_comparison_that_fails_is_recorded_as_whole_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("canary")

    found = watching(served(7, {"data": {"a": "1"}}))
    monkeypatch.setattr("collector.recorder.diff", broken)
    (event,) = events(found.observe([line("MODIFIED", served(101, {"data": {"a": "2"}}))], at=at(1), not_before=None))
    assert (event.paths, found.diff_fallbacks) == (["data"], 1)
    obj = apply({"data": {"a": "1"}}, orjson.loads(bytes(event.patch)))
    assert obj == {"data": {"a": "2"}}


def test_version_of_the_kind_and_id_are_public_and_stable() -> None:
    (event,) = events(watching().observe([line("ADDED", served(101, {}))], at=at(1), not_before=None))
    assert event.id == f"lab:c-1:configmaps:u-1:{event.epoch}:101:add"
    assert (event.version, event.kind, event.resource) == ("v1", "ConfigMap", CONFIG_MAPS.resource)
