"""Memory gives back what it was given, and costs little."""

import gc
import tracemalloc

import orjson
from hypothesis import given
from hypothesis import strategies as st

from collector.memory import TOLD_TWICE, Ended, Entry, Memory, Version, Warm
from collector.observation import sections_of
from schema.canonical import JsonObject, canonical
from tests.fakes.served import NOON, served, tracker


def entry(memory: Memory, version: Version, *, name: str = "web", rv: str = "7") -> Entry:
    packed = memory.pack(version)
    return Entry(namespace="shop", name=name, epoch=1, seq=1, rv=rv, digest=b"\0" * 16, packed=packed)


def version(number: int) -> Version:
    state = canonical(
        {"kind": "Pod", "metadata": {"name": f"n{number}", "labels": {"app": "web"}}, "spec": {"x": [number] * 9}}
    )
    return Version(state, sections_of(state), {"kubelet\0Update\0status\0v1": "2026-03-01T12:00:00Z"}, b"12345678")


@given(st.lists(st.integers(0, 10**6), max_size=150, unique=True))
def test_what_is_remembered_comes_back_also_after_the_dictionary_was_made(numbers: list[int]) -> None:
    memory = Memory()
    for number in numbers:
        memory.put(f"u-{number}", entry(memory, version(number)))
    assert len(memory) == len(numbers)
    for number in numbers:
        kept = memory.get(f"u-{number}")
        assert kept is not None
        assert memory.unpack(kept) == version(number)


def warm(kept: Version) -> Entry:
    return Entry(namespace="shop", name="web", epoch=1, seq=1, rv="7", digest=b"\0" * 16, warm=kept)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30)), max_size=200))
def test_what_was_told_lately_stays_as_it_is_within_a_bound_and_all_of_it_comes_back(
    told: list[tuple[int, int]],
) -> None:
    shared = Warm(most=10_000)
    memories = Memory(shared), Memory(shared)
    for turn, (scope, number) in enumerate(told):
        memories[scope].put(f"u-{number}", warm(version(100 * turn + number)))
    for memory in memories:
        memory.prune("1")
    kept = [entry for memory in memories for uid in memory if (entry := memory.get(uid)) and entry.warm]
    assert sum(len(entry.warm.state) + 2048 for entry in kept if entry.warm) <= 10_000
    newest = {place: turn for turn, place in enumerate(told)}
    for (scope, number), turn in newest.items():
        found = memories[scope].get(f"u-{number}")
        assert found is not None
        assert memories[scope].unpack(found) == version(100 * turn + number)


def test_sections_lie_where_they_are_said_to_be() -> None:
    state = canonical({"kind": "A", "Ω/": {"x": [1, "}"]}, "spec": None})
    found = {one.name: orjson.loads(state[one.start : one.end]) for one in sections_of(state)}
    assert found == orjson.loads(state)


def test_ended_lives_are_known_until_the_resume_point_has_passed_them_and_the_newest_longer() -> None:
    memory = Memory()
    memory.put("u-0", entry(memory, version(1)))
    for number in range(TOLD_TWICE + 2):
        memory.end(f"u-{number}", Ended(str(50 + number), 1, 1))
    assert memory.get("u-0") is None
    memory.prune("49")
    assert memory.ended("u-0") == Ended("50", 1, 1)
    memory.prune("900")
    assert [memory.ended(f"u-{number}") is not None for number in range(4)] == [False, False, True, True]


def test_a_remembered_object_costs_less_than_three_kilobytes() -> None:
    spec: JsonObject = {
        "containers": [
            {"name": f"c{i}", "env": [{"name": f"V{j}", "value": f"v-{i}-{j}"} for j in range(60)]} for i in (1, 2)
        ]
    }
    items = [
        served(
            n,
            {"spec": {**spec, "id": n}, "status": {"podIP": f"10.0.{n % 250}.{n // 250}"}},
            uid=f"u-{n:032d}",
            name=f"pod-{n}",
        )
        for n in range(2000)
    ]
    assert len(items[0]) > 3000
    found = tracker()
    found.restore([], None)
    tracemalloc.start()
    found.replace(items, rv="5000", at=NOON, reason="")
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / len(items) < 3000
