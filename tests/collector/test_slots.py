"""A kind belongs to one slot, and who is a rival is waited for."""

from datetime import timedelta

import msgspec
import pytest

from collector.kafka_state import Head
from collector.rivals import Rivals
from collector.slots import Slot
from tests.fakes.records import NOON

KINDS = [f"things{number}.example.org" for number in range(200)]


def head(slot: str = "1/1", *, instance: str = "other", released: bool = False) -> Head:
    return Head(
        cluster="lab", cluster_uid="c-1", slot=slot, instance=instance, at=NOON, batch=1, kinds=1, released=released
    )


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_every_kind_belongs_to_exactly_one_slot(of: int) -> None:
    slots = [Slot(number, of) for number in range(1, of + 1)]
    assert all(sum(slot.has(kind) for slot in slots) == 1 for kind in KINDS)
    assert all(any(slot.has(kind) for kind in KINDS) for slot in slots)


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/101", "a/b", "1/2/3"])
def test_what_is_no_slot_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="expected I/N, such as"):
        Slot.parse(text)


def test_a_holder_that_wrote_just_now_is_waited_for_and_a_silent_one_is_not() -> None:
    heads = {"1/1": head()}
    assert Rivals(Slot(), known={"me"}).at_work(heads, now=NOON + timedelta(seconds=14), moment=0.0)
    assert not Rivals(Slot(), known={"me"}).at_work(heads, now=NOON + timedelta(seconds=15), moment=0.0)


def test_a_holder_is_waited_for_as_long_as_its_head_changes_whatever_its_clock_says() -> None:
    rivals, late = Rivals(Slot(), known={"me"}), NOON + timedelta(hours=1)
    rivals.at_work({"1/1": head()}, now=NOON, moment=0.0)
    changed = msgspec.structs.replace(head(), batch=2)
    assert rivals.at_work({"1/1": changed}, now=late, moment=10.0)
    assert rivals.at_work({"1/1": changed}, now=late, moment=24.0)
    assert not rivals.at_work({"1/1": changed}, now=late, moment=25.0)


def test_time_in_which_nobody_could_write_proves_nothing() -> None:
    rivals = Rivals(Slot(), known={"me"})
    rivals.at_work({"1/1": head()}, now=NOON, moment=0.0)
    rivals.could_not_look(60.0)
    assert rivals.at_work({"1/1": head()}, now=NOON, moment=74.0)


@pytest.mark.parametrize(
    ("slot", "instance", "released", "rival"),
    [
        ("1/2", "other", False, True),
        ("2/2", "other", False, False),
        ("1/1", "other", False, True),
        ("1/2", "me", False, False),
        ("1/2", "other", True, False),
    ],
)
def test_who_is_a_rival(slot: str, instance: str, released: bool, rival: bool) -> None:
    heads = {slot: head(slot, instance=instance, released=released)}
    assert bool(Rivals(Slot(1, 2), known={"me"}).at_work(heads, now=NOON, moment=0.0)) is rival
