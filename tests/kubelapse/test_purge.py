"""A leaked value taken out of a store: nothing of it is left in any byte, and the history is whole."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
from msgspec.structs import replace

from collector.redact import Redactor
from kubelapse.purge import look, purge
from kubelapse.purge_proof import search
from kubelapse.purge_value import Leak, PurgeValueError
from kubelapse.verify import Wanted, verify
from query.userdata import About, Content, Question, add_note, baseline, notes, put_baseline, put_saved
from schema.chdb import ChdbStore
from schema.migrate import migrate
from schema.rows import kube_event_rows
from tests.fakes.history import History, at
from tests.fakes.records import kube_event

KEY = b"0123456789abcdef0123456789abcdef"
VALUE = 'hunter2-"leaked"/9f3a'
REDACTOR = Redactor(KEY)
LEAK = Leak(VALUE, REDACTOR.marker)
MARKER = REDACTOR.marker(VALUE.encode())
NOBODY = About(cluster="", namespace="", resource="", name="")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def told() -> History:
    """A value that comes, stays, changes and goes, also in a large object whose states are left out."""
    history = History("lab")
    history.watch(from_=0, to=900)
    history.put("configmaps", "shop/settings", {"data": {"note": "before"}}, at=1)
    history.put("configmaps", "shop/settings", {"data": {"note": VALUE, "b64": b64(VALUE)}}, at=2)
    history.put("configmaps", "shop/settings", {"data": {"note": VALUE, "more": b64(f"ann:{VALUE}!")}}, at=3)
    history.put("configmaps", "shop/settings", {"data": {"note": "after"}}, at=4)
    history.put("configmaps", "shop/large", {"data": {"a": VALUE, "n": "0"}}, at=5)
    for turn in range(1, 4):
        history.put("configmaps", "shop/large", {"data": {"a": VALUE, "n": str(turn)}}, at=5 + turn, left_out=True)
    history.put("configmaps", "shop/other", {"data": {"a": "b"}}, at=20)
    history.put("configmaps", "shop/other", {"data": {"a": "c"}}, at=86_500)
    history.put("configmaps", "shop/manifest", {"data": {"m": orjson.dumps({"p": VALUE}).decode()}}, at=86_600)
    history.put("configmaps", "shop/url", {"data": {"u": f"https://ann:{quote(VALUE, safe='')}@host/"}}, at=86_700)
    return history


@dataclass(frozen=True, slots=True)
class Purged:
    """A store after a purge, and what was so before."""

    store: ChdbStore
    folder: Path
    counted: Mapping[str, int]
    lives: int
    held: int
    feed: object


FEED = (
    "SELECT count(), min(log_order), max(log_order), sum(cityHash64(uid, seq, ts)) FROM changes WHERE name != 'later'"
)


@pytest.fixture(scope="module")
def purged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Purged]:
    """Also over what a purge that broke off has left."""
    folder = tmp_path_factory.mktemp("purged")
    store = ChdbStore.open(folder / "store")
    migrate(store)
    told().store(store)
    store.insert("k8s_events", kube_event_rows([replace(kube_event(), message=f"failed: {VALUE}")]), token="k")
    add_note(store, at(5), f"ann has found {VALUE} here", NOBODY, now=at(5))
    put_saved(store, "who", Question(kind="search", params={"q": VALUE}), now=at(6))
    put_baseline(store, "wanted", Content(sort="manifests", documents=[{"data": {"a": VALUE}}], scope={}), now=at(7))
    store.command("CREATE TABLE purge_events AS events")
    found, feed, held = look(store, LEAK), store.rows(FEED), len(search(folder, LEAK.needles).found)
    take_out(store)
    yield Purged(store, folder, found.rows, found.lives, held, feed)
    store.close()


def take_out(store: ChdbStore) -> list[str]:
    said: list[str] = []
    purge(store, LEAK, marker=MARKER, now=at(90_000), say=said.append)
    return said


def test_looking_counts_rows_and_lives(purged: Purged) -> None:
    assert purged.counted["events"] >= 6
    assert purged.lives == 4
    assert {"events", "changes", "k8s_events", "notes", "saved", "baselines"} <= purged.counted.keys()


def test_nothing_of_it_is_left_in_any_byte(purged: Purged) -> None:
    assert purged.held > 5
    assert look(purged.store, LEAK).total == 0
    searched = search(purged.folder, LEAK.needles)
    assert searched.found == []
    assert searched.blocks > 100


def test_the_history_is_whole(purged: Purged) -> None:
    report = verify(purged.store, Wanted(name="settings"))
    assert (report.failures, report.forward) == ([], 3)
    assert verify(purged.store, Wanted()).failures == []
    assert purged.store.rows(FEED) == purged.feed


def test_markers_show_when_it_came_and_went(purged: Purged) -> None:
    sql = "SELECT object FROM events FINAL WHERE name = 'settings' ORDER BY seq"
    states = [state for (state,) in purged.store.rows(sql)]
    assert [MARKER in state for state in states] == [False, True, True, False]
    assert b64(MARKER) in states[1]


def test_views_go_on_to_fill_their_tables_afterwards(purged: Purged) -> None:
    more = History("lab", epoch=1_772_366_500_000)
    more.put("configmaps", "shop/later", {"data": {"a": "b"}}, at=90_100)
    more.store(purged.store)
    for table in ("events", "changes", "objects", "marks"):
        assert purged.store.rows(f"SELECT count() FROM {table} WHERE name = 'later'") == [(1,)]


def test_what_people_wrote_about_it_goes_too_and_the_purge_is_on_record(purged: Purged) -> None:
    texts = [note.text for note in notes(purged.store)]
    assert texts[0] == f"ann has found {MARKER} here"
    assert texts[1].startswith("kubelapse purge: a leaked value was taken out of")
    _, content = baseline(purged.store, "wanted")
    assert content.documents == [{"data": {"a": MARKER}}]


def test_a_second_purge_finds_nothing_and_writes_no_note(purged: Purged) -> None:
    assert take_out(purged.store) == []
    assert len(notes(purged.store)) == 2


def test_nothing_is_left_of_a_purge_that_broke_off(purged: Purged) -> None:
    assert purged.store.rows("SELECT name FROM system.tables WHERE name LIKE 'purge_%'") == []


@pytest.mark.parametrize("value", ["", "short"])
def test_a_value_that_stands_everywhere_is_refused(value: str) -> None:
    with pytest.raises(PurgeValueError, match="less than 6 characters"):
        Leak(value, REDACTOR.marker)


@pytest.mark.parametrize("around", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("behind", ["", "!", "!!", "!!!"])
def test_base64_of_anything_with_the_value_in_it_is_found(around: str, behind: str) -> None:
    text = f"x {b64(around + VALUE + behind)} y"
    assert LEAK.held(text)
    assert not LEAK.held(LEAK.text(text))
    assert LEAK.text(text).startswith("x ")
