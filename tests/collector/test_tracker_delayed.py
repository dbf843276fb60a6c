"""A server that is behind: its claims prove it, for what it sends and for what comes right behind that."""

from schema.canonical import JsonObject
from tests.fakes.served import at, entry, events, exact_skew, lates, line, served, watching


def test_what_comes_right_behind_old_lines_is_as_old_though_it_claims_nothing() -> None:
    other = served(8, {"data": {}}, uid="u-2", name="b")
    found = watching(served(7, {"data": {"a": "1"}}), other, skew=exact_skew())
    fields: JsonObject = {"f:data": {"f:a": {}}}
    old = served(101, {"data": {"a": "2"}}, managed=[entry("kubectl", fields, time=20)])
    found.observe([line("MODIFIED", old)], at=at(30), not_before=None)
    (gone,) = events(found.observe([line("DELETED", served(102, {"data": {}}))], at=at(30.1), not_before=None))
    assert gone.ts_error > 4
    later = served(103, {"data": {}}, uid="u-2", name="b")
    (fresh,) = events(found.observe([line("DELETED", later)], at=at(31), not_before=None))
    assert fresh.ts_error == 0


def test_a_resumed_stream_that_is_older_than_was_believed_takes_back_what_was_claimed() -> None:
    found = watching(served(7, {"data": {"a": "1"}}), skew=exact_skew())
    fields: JsonObject = {"f:data": {"f:a": {}}}
    old = served(101, {"data": {"a": "2"}}, managed=[entry("kubectl", fields, time=20)])
    found.observe([line("MODIFIED", old)], at=at(60), not_before=at(50))
    records = found.settle(at=at(61))
    (event,), (late,) = events(records), lates(records)
    assert abs((event.ts - at(20.5)).total_seconds()) <= event.ts_error
    assert late.from_t < at(20)
