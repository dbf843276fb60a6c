"""The locked door of ad-hoc SQL in the embedded engine, without the walls before it."""

import threading
import time
from collections.abc import Iterator

import pytest

from schema.chdb import ChdbStore
from schema.migrate import migrate
from schema.roles import reader
from schema.rows import event_rows
from schema.sandbox import READABLE, VIEWS, Caps, Sandbox, Sandboxed
from schema.store import QueryFailed, StoreError
from tests.fakes.records import event


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    opened = ChdbStore.open(tmp_path_factory.mktemp("store"))
    migrate(opened)
    opened.insert("events", event_rows([event(n) for n in range(1, 6)]), token="a")
    yield opened
    opened.close()


@pytest.fixture
def door(store: ChdbStore) -> Sandbox:
    assert isinstance(store, Sandboxed)
    return store.sandbox()


def asked(door: Sandbox, sql: str, caps: Caps | None = None, **params: str) -> list[bytes]:
    return b"".join(door.ask(sql, params, caps or Caps(), ticket="test")).splitlines()


def test_an_answer_is_names_types_and_rows(door: Sandbox) -> None:
    lines = asked(door, "SELECT number AS n, 'a\nb' AS t FROM numbers({count:UInt8})", count="2")
    assert lines == [b'["n", "t"]', b'["UInt64", "String"]', b'[0, "a\\nb"]', b'[1, "a\\nb"]']


def test_names_and_types_come_once_however_long_the_answer(door: Sandbox) -> None:
    lines = asked(door, "SELECT number FROM numbers(100000)")
    assert len(lines) == 100_002
    assert lines.count(b'["number"]') == 1


def test_every_view_can_be_read(door: Sandbox) -> None:
    for name in VIEWS:
        asking = "(T = now64(6))" if name == "states_at" else ""
        assert len(asked(door, f"SELECT * FROM sql_{name}{asking}")) >= 2


def test_an_answer_without_rows_has_names_and_types(door: Sandbox) -> None:
    lines = asked(door, "SELECT baseline, ended FROM sql_drift WHERE name = {n:String}", n="web")
    assert lines == [b'["baseline","ended"]', b'["LowCardinality(String)","Nullable(DateTime64(6, \'UTC\'))"]']


def test_nothing_else_of_the_store_can_be_read(door: Sandbox, store: ChdbStore) -> None:
    tables = [name for (name,) in store.rows("SELECT name FROM system.tables WHERE database = 'kubelapse'")]
    for name in set(tables) - set(READABLE):
        with pytest.raises(QueryFailed, match="Not enough privileges"):
            asked(door, f"SELECT * FROM `{name}`")


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1; SELECT 2", "SET readonly = 0", "SELECT 1 INTO OUTFILE '/nowhere/x'", "KILL QUERY WHERE 1", "SELEC 1",
     "DROP TABLE events", "SET ROLE kubelapse_app", "USE system"],
)  # fmt: skip
def test_the_engine_itself_must_take_it_for_one_statement_that_reads(door: Sandbox, sql: str) -> None:
    with pytest.raises(QueryFailed, match="one statement that reads"):
        asked(door, sql)
    with pytest.raises(QueryFailed, match="one statement that reads"):
        door.tree(sql, {})


def test_files_and_the_network_are_out_of_reach_also_of_the_application(door: Sandbox, store: ChdbStore) -> None:
    for source in ("file('/etc/hostname', 'LineAsString')", "url('http://127.0.0.1:1/', 'CSV')"):
        with pytest.raises(QueryFailed, match="necessary to have the grant"):
            asked(door, f"SELECT * FROM {source}")
        with pytest.raises(QueryFailed, match="necessary to have the grant"):
            store.rows(f"SELECT * FROM {source}")


def test_time_and_memory_are_bounded(door: Sandbox) -> None:
    with pytest.raises(QueryFailed) as slow:
        asked(door, "SELECT count() FROM numbers(1000000000000)", Caps(seconds=0.5))
    with pytest.raises(QueryFailed) as large:
        asked(door, "SELECT groupArray(number) FROM numbers(1000000000)", Caps(memory=50 << 20))
    assert (slow.value.code, large.value.code) == (159, 241)


def test_limits_cannot_be_raised(door: Sandbox) -> None:
    with pytest.raises(StoreError, match="readonly mode"):
        asked(door, "SELECT 1 SETTINGS max_execution_time = 100")


def test_the_rest_of_a_failed_answer_is_not_in_the_next_one(door: Sandbox) -> None:
    with pytest.raises(QueryFailed):
        asked(door, "SELECT throwIf(number = 20000) FROM numbers(50000)")
    assert asked(door, "SELECT 1 AS one") == [b'["one"]', b'["UInt8"]', b"[1]"]


def test_a_statement_that_gives_nothing_yet_can_be_ended(door: Sandbox) -> None:
    ended = threading.Event()

    def cancel() -> None:
        while not ended.wait(0.05):
            door.cancel("long")

    helper = threading.Thread(target=cancel)
    helper.start()
    began = time.monotonic()
    try:
        with pytest.raises(QueryFailed) as cancelled:
            list(door.ask("SELECT count() FROM numbers(10000000000000)", {}, Caps(seconds=60), ticket="long"))
    finally:
        ended.set()
        helper.join()
    assert cancelled.value.code == 394
    assert time.monotonic() - began < 60


def test_the_engine_tells_how_it_reads_a_statement(door: Sandbox) -> None:
    tree = door.tree("SELECT count() FROM sql_changes WHERE name = {n:String}", {"n": "web"})
    assert "TableIdentifier sql_changes" in tree
    assert "Function count" in tree


def test_a_user_of_a_server_sees_its_clusters_only_and_others_see_what_they_saw() -> None:
    made = reader("reader", "ab" * 32, clusters=["prod"], database="kubelapse")
    assert "DEFAULT ROLE kubelapse_readonly" in made[0]
    assert any("ON `kubelapse`.`events` FOR SELECT USING cluster IN ('prod') TO kubelapse_readonly" in m for m in made)
    assert sum("TO ALL EXCEPT kubelapse_readonly" in m for m in made) == 6
