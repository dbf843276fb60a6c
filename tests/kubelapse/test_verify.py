"""`verify` says nothing against a sound history, and finds each way in which one can be damaged."""

import itertools
from collections.abc import Callable

import pytest
from msgspec import Raw

from kubelapse.verify import Wanted, inverted, verify
from schema.canonical import JsonObject
from schema.chdb import ChdbStore
from schema.events import Event
from tests.fakes.history import History

NUMBERS = itertools.count(1)


def told() -> History:
    history = History(f"verify{next(NUMBERS)}")
    for replicas in range(1, 5):
        body: JsonObject = {"spec": {"replicas": replicas, "list": [{"name": "x", "v": replicas}]}}
        history.put("deployments.apps", "shop/web", body, at=replicas, left_out=replicas == 3)
    history.delete("deployments.apps", "shop/web", at=9)
    history.put("pods", "shop/one", {"spec": {}}, at=10)
    return history


def test_a_sound_history_is_proved_forwards_and_backwards(store: ChdbStore) -> None:
    history = told()
    history.store(store)
    report = verify(store, Wanted(cluster=history.cluster))
    assert (report.wrong, report.failures) == (0, [])
    assert (report.objects, report.chains, report.events) == (2, 2, 6)
    assert (report.forward, report.backward, report.states) == (3, 3, 6)


def other_hash(event: Event) -> None:
    event.hash = "0" * 32


def other_patch(event: Event) -> None:
    event.patch = Raw(
        b'[{"op":"test","path":"/spec/replicas","value":1},{"op":"replace","path":"/spec/replicas","value":9}]'
    )


def failing_test(event: Event) -> None:
    event.patch = Raw(
        b'[{"op":"test","path":"/spec/replicas","value":7},{"op":"replace","path":"/spec/replicas","value":2}]'
    )


def no_test(event: Event) -> None:
    event.patch = Raw(b'[{"op":"replace","path":"/spec/replicas","value":2}]')


def no_patch(event: Event) -> None:
    event.patch = Raw(b'{"op":"replace"}')


def hole(event: Event) -> None:
    event.seq += 5


def other_chain(event: Event) -> None:
    event.prev_rv = "7"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (other_hash, "the state does not have the hash"),
        (other_patch, "the patch leads to another state"),
        (failing_test, "the patch cannot be applied forwards"),
        (no_test, "the patch cannot be inverted"),
        (no_patch, "the patch is no list of operations"),
        (hole, "seq 3 follows seq 1"),
        (other_chain, "prev_rv is 7"),
    ],
)
def test_damage_is_found_and_named(store: ChdbStore, damage: Callable[[Event], None], sentence: str) -> None:
    history = told()
    damage(history.events[1])
    history.store(store)
    report = verify(store, Wanted(cluster=history.cluster))
    assert any(sentence in str(failure["problem"]) for failure in report.failures), report.failures


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("ALTER TABLE events DELETE WHERE {mine} AND op = 'delete'", "the newest version is known and not in the"),
        ("ALTER TABLE events DELETE WHERE {mine} AND name = 'one'", "the newest version is known and not in the"),
        ("ALTER TABLE events DELETE WHERE {mine} AND seq = 1", "the chain begins with seq 2"),
        ("ALTER TABLE events DELETE WHERE {mine} AND seq = 3", "seq 4 follows seq 2"),
        ("ALTER TABLE changes DELETE WHERE {mine} AND seq = 3", "the list of changes has other rows than the history"),
        ("ALTER TABLE events UPDATE patch = '{' WHERE {mine} AND seq = 3", "the patch is no list of operations"),
        ("ALTER TABLE events UPDATE object = replaceOne(object, 'x', 'y') WHERE {mine} AND seq = 2", "another state"),
    ],
)
def test_a_row_that_is_lost_or_touched_later_is_found(store: ChdbStore, lost: str, sentence: str) -> None:
    history = told()
    history.store(store)
    mine = f"cluster = '{history.cluster}'"
    store.command(f"{lost.replace('{mine}', mine)} SETTINGS mutations_sync = 2")
    report = verify(store, Wanted(cluster=history.cluster))
    assert any(sentence in str(failure["problem"]) for failure in report.failures), report.failures


def test_only_what_was_asked_for_is_looked_at(store: ChdbStore) -> None:
    history = told()
    history.store(store)
    assert verify(store, Wanted(cluster=history.cluster, kind="po")).events == 1
    assert verify(store, Wanted(cluster=history.cluster, name="web")).events == 5
    assert verify(store, Wanted(cluster=history.cluster, sample=0.0001)).events < 6


def test_a_patch_without_its_tests_cannot_be_inverted() -> None:
    with pytest.raises(ValueError, match="remove without a test"):
        inverted([{"op": "remove", "path": "/a"}])
