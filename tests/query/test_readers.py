"""Streams hold a thread for no longer than someone listens, and fail before an answer has begun."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from query.errors import BadTime, TooBusy
from query.readers import Readers
from tests.waiting import until


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers(readers=1, streams=1, patience=0.5)
    yield made
    made.close()


def endless(ended: threading.Event) -> Iterator[bytes]:
    try:
        while True:
            yield b"chunk"
    finally:
        ended.set()


async def test_chunks_come_in_order_and_end(readers: Readers) -> None:
    assert [chunk async for chunk in await readers.stream(lambda: iter([b"a", b"b"]))] == [b"a", b"b"]
    assert [chunk async for chunk in await readers.stream(lambda: iter([]))] == []


async def test_when_every_stream_is_taken_nobody_is_kept_waiting(readers: Readers) -> None:
    ended = threading.Event()
    taken = await readers.stream(lambda: endless(ended))
    with pytest.raises(TooBusy):
        await readers.stream(lambda: iter([b"a"]))
    assert await anext(taken) == b"chunk"


@pytest.mark.parametrize("steps", range(6))
async def test_who_goes_away_while_taking_a_reader_is_gone(readers: Readers, steps: int) -> None:
    go_on = threading.Event()
    asked = asyncio.create_task(readers.run(go_on.wait))
    for _ in range(steps):
        await asyncio.sleep(0)
    asked.cancel()
    done, _ = await asyncio.wait([asked], timeout=5)
    go_on.set()
    assert done == {asked}
    assert asked.cancelled()


async def test_what_fails_at_once_fails_before_an_answer_begins(readers: Readers) -> None:
    def fail(part: bytes) -> bytes:
        raise BadTime(f"no {part!r}")

    with pytest.raises(BadTime):
        await readers.stream(lambda: map(fail, [b"a"]))


async def test_a_stream_that_is_dropped_unread_gives_its_thread_back(readers: Readers) -> None:
    ended = threading.Event()
    taken = await readers.stream(lambda: endless(ended))
    del taken
    await asyncio.to_thread(until, ended.is_set)
    assert [chunk async for chunk in await readers.stream(lambda: iter([b"a"]))] == [b"a"]
