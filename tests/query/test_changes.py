"""Lists of changes: whole, ordered, paged without loss, and honest about what they hide."""

import random

import orjson
import pytest
from msgspec import Raw

from query import changes, inventory
from query.changes import Ask
from query.errors import BadWindow, DamagedHistory
from query.scope import ChangeFilter, Scope
from query.selectors import parse
from schema.chdb import ChdbStore
from tests.fakes.history import History, at


def ask(
    history: History, *, limit: int = 500, newest_first: bool = False, selector: str = "", noise: bool = True
) -> Ask:
    scope = Scope(clusters=(history.cluster,), selector=parse(selector) if selector else None)
    chosen = ChangeFilter(scope=scope, noise=noise, first_sight=True)
    return Ask(filter=chosen, after=at(0), until=at(1000), limit=limit, newest_first=newest_first)


def paged(store: ChdbStore, wanted: Ask) -> list[str]:
    """Ids of all pages in order."""
    page = changes.changes(store, wanted)
    found = [each.id for each in page.items]
    while page.next:
        page = changes.changes(store, wanted, page.next)
        found += [each.id for each in page.items]
    return found


@pytest.fixture
def crowded(store: ChdbStore, history: History) -> tuple[History, list[str]]:
    """200 changes of 20 objects, many at the very same moment; and their ids in the order that a list must have."""
    chance = random.Random(7)
    told = [
        history.put(
            chance.choice(["pods", "deployments.apps", "configmaps"]),
            f"shop/o{chance.randrange(20)}",
            {"data": {"n": str(number)}},
            at=1 + number // 10,
            labels={"app": "web" if number % 3 else "db"},
            left_out=number % 7 == 0,
        )
        for number in range(200)
    ]
    history.store(store)
    told.sort(key=lambda each: (each.ts, each.resource, each.group, int(each.rv)))
    return history, [each.id for each in told]


@pytest.mark.parametrize("limit", [1, 7, 10, 199, 200, 500])
def test_pages_hold_everything_once_and_in_order(
    store: ChdbStore, crowded: tuple[History, list[str]], limit: int
) -> None:
    history, expected = crowded
    if limit > 1:
        assert paged(store, ask(history, limit=limit)) == expected
    assert paged(store, ask(history, limit=max(limit, 7), newest_first=True)) == expected[::-1]


def test_streaming_gives_the_same(store: ChdbStore, crowded: tuple[History, list[str]]) -> None:
    history, expected = crowded
    assert [each.id for page in changes.pages(store, ask(history)) for each in page] == expected


def test_what_is_stored_while_someone_pages_does_not_shift_the_pages(
    store: ChdbStore, crowded: tuple[History, list[str]]
) -> None:
    history, expected = crowded
    first = changes.changes(store, ask(history, limit=100))
    for number in range(10):
        history.put("pods", f"shop/new{number}", {}, at=15)
    history.store(store)
    second = changes.changes(store, ask(history, limit=100), first.next)
    assert [each.id for each in (*first.items, *second.items)] == expected


def test_an_observation_that_is_stored_twice_is_listed_once(store: ChdbStore, history: History) -> None:
    event = history.put("pods", "shop/a", {}, at=1)
    history.store(store)
    history.events = [event]
    history.store(store)
    assert [each.id for each in changes.changes(store, ask(history)).items] == [event.id]


@pytest.mark.parametrize("before", [False, True], ids=["with patches", "from before they stood in changes"])
def test_a_change_is_whole_however_large_it_is_and_however_old_its_row(
    store: ChdbStore, history: History, before: bool
) -> None:
    told = [history.put("pods", "shop/a", {"n": 0}, at=1, origin="list")]
    told[0].managed = Raw(b'[{"manager":"kubelet"}]')
    told += [history.put("pods", "shop/a", {"n": n, "text": "x" * n}, at=1 + n) for n in (1, 9_000)]
    told.append(history.delete("pods", "shop/a", at=10_000))
    history.store(store)
    if before:
        emptied = "UPDATE patch = '', hash = '' WHERE cluster = {c:String} SETTINGS mutations_sync = 1"
        store.command(f"ALTER TABLE changes {emptied}", {"c": history.cluster})
    wanted = Ask(
        filter=ChangeFilter(scope=Scope(clusters=(history.cluster,)), first_sight=True), after=at(0), until=at(20_000)
    )
    found = changes.changes(store, wanted).items
    assert [(each.id, each.patch, each.managed, each.hash) for each in found] == [
        (each.id, each.patch, each.managed, each.hash) for each in told
    ]


def test_a_selector_judges_the_state_as_of_the_change_also_where_it_was_left_out(
    store: ChdbStore, history: History
) -> None:
    for number in range(6):
        label = {"app": "web" if number < 3 else "db"}
        history.put("pods", "shop/a", {"n": number}, at=1 + number, labels=label, left_out=number > 0)
    history.store(store)
    for limit in (2, 500):
        found = paged(store, ask(history, selector="app=db", limit=limit))
        assert [identity.split(":")[-2] for identity in found] == ["104", "105", "106"]


def test_damage_is_named_where_a_selector_needs_the_state(store: ChdbStore, history: History) -> None:
    history.put("pods", "shop/a", {"n": 1}, at=1, left_out=True)
    history.store(store)
    with pytest.raises(DamagedHistory):
        changes.changes(store, ask(history, selector="app=db"))


def test_hidden_counts_are_those_of_the_whole_window(store: ChdbStore, history: History) -> None:
    for number in range(10):
        history.put("nodes", "n1", {"n": number}, at=1 + number, noise="heartbeat" if number else "")
    history.store(store)
    page = changes.changes(store, ask(history, noise=False, limit=1))
    assert (len(page.items), page.hidden.noise) == (1, 9)


def test_impossible_windows_and_limits_are_refused(history: History) -> None:
    with pytest.raises(BadWindow):
        ask(history, limit=0)
    with pytest.raises(BadWindow):
        Ask(filter=ChangeFilter(), after=at(2), until=at(1))


def test_a_snapshot_rebuilds_what_left_its_state_out(store: ChdbStore, history: History) -> None:
    for number in range(4):
        history.put("pods", "shop/big", {"n": number}, at=number, left_out=number > 0, labels={"app": "web"})
        history.put("pods", "shop/small", {"n": number}, at=number)
    history.delete("pods", "shop/small", at=5)
    history.store(store)

    def numbers(seconds: float, selector: str = "") -> list[int]:
        scope = Scope(clusters=(history.cluster,), selector=parse(selector) if selector else None)
        return sorted(orjson.loads(state)["n"] for state in inventory.snapshot(store, scope, at(seconds)))

    assert (numbers(2.5), numbers(9), numbers(2.5, "app=web"), numbers(2.5, "app=db")) == ([2, 2], [3], [2], [])
