"""What collectors remember, without a leaked value: the same lives, states and accounts, and hashes that fit."""

from collections.abc import Iterable
from datetime import timedelta

import orjson
import pytest
from msgspec import Raw

from collector.kafka_account import Account
from collector.kafka_purge import at_work, cleaned
from collector.kafka_state import Entry, Head
from collector.kafka_table import Table
from schema.canonical import Json, canonical, digest
from schema.events import Event
from tests.fakes.history import History
from tests.fakes.records import NOON

KIND, VALUE = "configmaps", "hunter2-leaked"


def clean(value: Json) -> Json:
    loaded: Json = orjson.loads(orjson.dumps(value).replace(VALUE.encode(), b"(gone)"))
    return loaded


def table(entries: Iterable[Entry]) -> Table:
    made = Table("lab")
    for key, value in entries:
        made.put(key, value)
    return made


def entries(events: Iterable[Event]) -> list[Entry]:
    account = Account("lab", largest=1_000_000)
    written = [entry for event in events for entry in account.take(event)]
    return [*written, account.kind_entry(KIND)]


def told() -> History:
    history = History("lab")
    history.put(KIND, "shop/large", {"data": {"a": "b", "n": "0"}}, at=1)
    history.put(KIND, "shop/large", {"data": {"a": VALUE, "n": "0"}}, at=2, left_out=True)
    history.put(KIND, "shop/large", {"data": {"a": VALUE, "n": "1"}}, at=3, left_out=True)
    history.put(KIND, "shop/small", {"data": {"a": VALUE}}, at=4)
    return history


def test_states_fold_to_what_they_say_now_and_the_account_still_fits() -> None:
    before = entries(told().events)
    lives = list(table(before).lives(KIND))
    after = table([*before, *(entry for one in lives for entry in cleaned("lab", KIND, one, clean))])
    account = Account("lab", largest=1_000_000)
    account.restore(KIND, {}, after.lives(KIND))
    state = after.state(KIND)
    assert state is not None
    assert account.sum_of(KIND) == (state.lives, state.sum)
    remembered = {one.remembered(KIND).name: one.remembered(KIND) for one in after.lives(KIND)}
    assert {name: orjson.loads(one.object or b"{}")["data"] for name, one in remembered.items()} == {
        "large": {"a": "(gone)", "n": "1"},
        "small": {"a": "(gone)"},
    }
    assert all(one.hash == digest(canonical(orjson.loads(one.object or b""))) for one in remembered.values())


def test_a_state_that_was_too_large_to_be_kept_stays_left_out() -> None:
    [first, *_] = told().events
    first.object = Raw(b"x" * 10)
    account = Account("lab", largest=5)
    [one] = table(account.take(first)).lives(KIND)
    [(_, raw)] = cleaned("lab", KIND, one, clean)
    assert orjson.loads(raw or b"")["object"] is None


@pytest.mark.parametrize(
    ("age", "released", "working"), [(3.0, False, True), (3.0, True, False), (30.0, False, False), (-3.0, False, True)]
)
def test_who_gave_a_sign_of_life_and_did_not_end_is_at_work(age: float, released: bool, working: bool) -> None:
    head = Head(
        cluster="lab", cluster_uid="u", slot="1/1", instance="one", at=NOON, batch=1, kinds=1, released=released
    )
    assert (at_work({"1/1": head}, NOON + timedelta(seconds=age)) == head) is working
