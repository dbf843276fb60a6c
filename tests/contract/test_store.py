"""What every store promises, wherever it runs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pytest

from schema.migrate import migrate
from schema.rows import EVENT_COLUMNS, event_from_row, event_rows, events_from_arrow
from schema.store import QueryFailed, Store, StoreError
from tests.fakes.records import at, event

MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123457, tzinfo=UTC)
AWKWARD = 'it\'s \\ a "test"\nwith\ttabs, \x00 zero, {braces:String}, 100 % – 🦊'


def plain(store: Store, *, window: int = 100) -> None:
    store.command(
        "CREATE TABLE plain (n UInt64, text String, t DateTime64(6, 'UTC'), words Array(String)) ENGINE = MergeTree"
        f" ORDER BY n SETTINGS non_replicated_deduplication_window = {window}"
    )


def some(*numbers: int, text: str = "a") -> pa.Table:
    columns = {
        "n": pa.array(numbers, pa.uint64()),
        "text": [text] * len(numbers),
        "t": pa.array([MOMENT + timedelta(microseconds=n) for n in numbers], pa.timestamp("us", "UTC")),
        "words": [[text, str(n)] for n in numbers],
    }
    return pa.table(columns)


def count(store: Store, table: str = "plain") -> int:
    [(number,)] = store.rows(f"SELECT count() FROM {table}")
    return int(number)


def test_rows_come_back_as_they_were_inserted(store: Store) -> None:
    plain(store)
    store.insert("plain", some(7), token="a")
    [row] = store.rows("SELECT n, text, t, words FROM plain")
    assert row == (7, "a", MOMENT + timedelta(microseconds=7), ["a", "7"])
    assert row[2].utcoffset() == timedelta(0)


def test_all_ways_of_reading_give_the_same(store: Store) -> None:
    plain(store)
    store.insert("plain", some(*range(10)), token="a")
    sql = "SELECT n, text, t, words FROM plain ORDER BY n"
    table = store.arrow(sql)
    assert list(zip(*table.to_pydict().values(), strict=True)) == list(store.rows(sql))
    assert pa.Table.from_batches(store.stream(sql)).to_pydict() == table.to_pydict()


def test_an_answer_without_rows_is_empty(store: Store) -> None:
    plain(store)
    assert list(store.rows("SELECT n FROM plain")) == []
    assert store.arrow("SELECT n, t FROM plain").column_names == ["n", "t"]
    assert [batch for batch in store.stream("SELECT n FROM plain") if batch.num_rows] == []


def test_any_text_survives(store: Store) -> None:
    plain(store)
    store.insert("plain", some(1, text=AWKWARD), token=AWKWARD)
    [(text, words)] = store.rows("SELECT text, words FROM plain WHERE text = {text:String}", {"text": AWKWARD})
    assert (text, words[0]) == (AWKWARD, AWKWARD)
    [there] = store.arrow("SELECT text FROM plain WHERE has({all:Array(String)}, text)", {"all": [AWKWARD]})["text"]
    assert there.as_py() == AWKWARD


def test_a_large_value_survives(store: Store) -> None:
    plain(store)
    text = "0123456789" * 500_000
    store.insert("plain", some(1, text=text), token="a")
    assert store.rows("SELECT text FROM plain") == [(text,)]


def test_moments_are_compared_to_the_microsecond(store: Store) -> None:
    plain(store)
    store.insert("plain", some(1, 2, 3), token="a")
    params = {"t": MOMENT + timedelta(microseconds=2)}
    sql = "SELECT n FROM plain WHERE t <= {t:DateTime64(6, 'UTC')} ORDER BY n"
    assert store.rows(sql, params) == [(1,), (2,)]
    assert store.arrow(sql, params)["n"].to_pylist() == [1, 2]


def test_a_parameter_may_be_longer_than_a_url(store: Store) -> None:
    names = [f"a-name-that-is-not-short-{number}" for number in range(5_000)]
    assert store.rows("SELECT length({names:Array(String)})", {"names": names}) == [(5_000,)]


def test_a_percent_sign_is_no_placeholder(store: Store) -> None:
    sql = "SELECT 'a%b' LIKE 'a%', {n:UInt64}"
    assert store.rows(sql, {"n": 1}) == [(1, 1)]
    assert store.rows("SELECT 'a%b' LIKE 'a%'") == [(1,)]


def test_a_parameter_that_the_statement_does_not_name_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="no parameter other"):
        store.rows("SELECT 'a%s'", {"other": 1})


def test_the_same_insert_twice_counts_once(reopen: Callable[[], Store]) -> None:
    store = reopen()
    plain(store)
    store.insert("plain", some(1, 2), token="a")
    store.insert("plain", some(1, 2), token="a")
    assert count(store) == 2
    store.close()
    again = reopen()
    again.insert("plain", some(1, 2), token="a")
    assert count(again) == 2


def test_the_same_rows_under_another_token_are_other_rows(store: Store) -> None:
    plain(store)
    store.insert("plain", some(1), token="a")
    store.insert("plain", some(1), token="b")
    assert count(store) == 2


def test_inserting_no_rows_does_nothing(store: Store) -> None:
    plain(store)
    store.insert("plain", some(), token="a")
    store.insert("plain", some(1), token="a")
    assert count(store) == 1


def test_a_refused_statement_says_why_and_keeps_the_code(store: Store) -> None:
    for ask in (store.rows, store.arrow, store.command, lambda sql: list(store.stream(sql))):
        with pytest.raises(QueryFailed, match="no_such_table") as caught:
            ask("SELECT x FROM no_such_table")
        assert caught.value.code == 60
    assert store.rows("SELECT 1") == [(1,)]


def test_a_refused_insert_says_why(store: Store) -> None:
    plain(store)
    with pytest.raises(QueryFailed) as caught:
        store.insert("plain", pa.table({"nothing": [1]}), token="a")
    assert caught.value.code == 16
    store.insert("plain", some(1), token="a")
    assert count(store) == 1


def test_an_error_never_repeats_a_whole_statement(store: Store) -> None:
    with pytest.raises(QueryFailed) as caught:
        store.rows(f"SELECT nonsense({', '.join(map(str, range(5000)))})")
    assert len(str(caught.value)) < 400


def test_an_error_in_the_middle_of_a_stream_is_told(store: Store) -> None:
    with pytest.raises(QueryFailed, match="enough"):
        for _ in store.stream("SELECT throwIf(number = 3000000, 'enough') FROM numbers(4000000)"):
            pass


def test_a_stream_may_be_left_early(store: Store) -> None:
    stream = store.stream("SELECT number FROM numbers(10000000)")
    assert next(stream).num_rows
    assert store.rows("SELECT 1") == [(1,)], "other questions go on meanwhile"
    stream.close()  # type: ignore[attr-defined]
    assert store.rows("SELECT 2") == [(2,)]


def test_many_threads_share_a_store(store: Store) -> None:
    plain(store)

    def work(number: int) -> int:
        store.insert("plain", some(number), token=str(number))
        return len(store.arrow("SELECT n FROM plain WHERE n = {n:UInt64}", {"n": number}).to_pylist())

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(24))) == [1] * 24
    assert count(store) == 24


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.rows("SELECT 1")


def test_events_come_back_whole(store: Store) -> None:
    migrate(store)
    events = [event(n, managed=b'[{"manager":"kubelet"}]') for n in range(1, 6)]
    store.insert("events", event_rows(events), token="a")
    sql = f"SELECT {EVENT_COLUMNS} FROM events FINAL ORDER BY ts"
    assert [event_from_row(row) for row in store.rows(sql)] == events
    assert list(events_from_arrow(store.arrow(sql))) == events


def test_an_observation_that_is_recorded_again_collapses(store: Store) -> None:
    migrate(store)
    store.insert("events", event_rows([event(1), event(2)]), token="a")
    store.insert("events", event_rows([event(2), event(3)]), token="after a crash")
    for table in ("events FINAL", "changes FINAL", "history"):
        assert count(store, table) == 3, table


def test_a_repeated_insert_is_dropped_from_what_is_derived_too(store: Store) -> None:
    migrate(store)
    for _ in range(2):
        store.insert("events", event_rows([event(1), event(2)]), token="a")
    assert [count(store, table) for table in ("events", "changes", "objects")] == [2, 2, 2]


def test_objects_know_their_first_and_their_newest_version(store: Store) -> None:
    migrate(store)
    store.insert("events", event_rows([event(2, uid="u", op="update", seq=2)]), token="the middle first")
    store.insert("events", event_rows([event(1, uid="u")]), token="then the beginning")
    store.insert("events", event_rows([event(3, uid="u", op="delete", seq=3)]), token="then the end")
    sql = "SELECT first_ts, first.ts, ts, last.op, seq, last.rv, deleted, deleted_at FROM objects FINAL"
    known = [(at(1), at(1), at(3), "delete", 3, "3", True, at(3))]
    assert store.rows(sql) == known
    assert (
        store.rows(f"{sql} WHERE last.op = 'delete' AND first.ts < {{t:DateTime64(6, 'UTC')}}", {"t": at(2)}) == known
    )
    assert store.rows(f"{sql} WHERE op = 'update'") == []


def test_history_says_null_where_nothing_is_known(store: Store) -> None:
    migrate(store)
    known = event(1)
    bare = msgspec.structs.replace(known, object=None, hash="0" * 32)
    store.insert("events", event_rows([bare]), token="a")
    [row] = store.rows("SELECT id, hash, object, managed, gap, claimed_at FROM history")
    assert row == (known.id, "0" * 32, None, None, None, None)
