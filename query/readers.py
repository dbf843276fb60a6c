"""Store calls block; they run in a few threads of their own, and never in the event loop.

A small answer borrows a reader for one call. A stream keeps a thread of a second, separate group from first to last
block, and hands its chunks over one at a time: a client that does not read stops the query, it does not fill memory.
When every thread is taken a caller waits for `patience` seconds and is then asked to come back.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from query.errors import TooBusy

T = TypeVar("T")

_WAIT = 0.5


class Readers:
    """Made when the application starts, closed when it ends."""

    def __init__(self, *, readers: int, streams: int, patience: float) -> None:
        """Counts of threads; `patience` in seconds."""
        self._pool = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._stream_pool = ThreadPoolExecutor(streams, thread_name_prefix="stream")
        self._free = asyncio.Semaphore(readers)
        self._free_streams = asyncio.Semaphore(streams)
        self._patience = patience
        self._closing = threading.Event()

    async def run(self, question: Callable[[], T]) -> T:
        """One question, answered in a thread. Raises TooBusy."""
        await self._take(self._free)
        try:
            # Shielded: a caller that goes away must not give a reader back that is still at work.
            answer = asyncio.get_running_loop().run_in_executor(self._pool, question)
        except BaseException:
            self._free.release()
            raise
        answer.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(answer)

    async def stream(
        self, chunks: Callable[[], Iterator[bytes]], *, done: Callable[[], None] = lambda: None
    ) -> "Chunks":
        """The chunks of a blocking iterator; leaving early stops it. `done` is called once, when its thread is free.

        The first one is here when this returns, so that what fails fails before an answer has begun: TooBusy, and
        whatever the iterator raises.
        """
        try:
            await self._take(self._free_streams)
        except BaseException:
            done()
            raise
        loop = asyncio.get_running_loop()
        handover = _Handover(loop, self._closing)
        work = self._stream_pool.submit(handover.feed, chunks)
        work.add_done_callback(lambda _: _unless_closed(loop, self._free_streams.release))
        work.add_done_callback(lambda _: _unless_closed(loop, done))
        return await Chunks(handover).begin()

    def close(self) -> None:
        """End streams at their next chunk, and wait for the questions under way."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._stream_pool.shutdown(wait=True, cancel_futures=True)

    async def _take(self, free: asyncio.Semaphore) -> None:
        try:
            # Not `wait_for`: before Python 3.12 it takes the place for an answer to a cancellation, and goes on.
            async with asyncio.timeout(self._patience):
                await free.acquire()
        except TimeoutError as error:
            raise TooBusy("Every reader is busy with other questions.", "Ask again in a few seconds.") from error


class Chunks:
    """An asynchronous iterator that lets its thread go when it ends, is closed, or is dropped unread."""

    def __init__(self, handover: "_Handover") -> None:
        self._handover = handover
        self._first: bytes | None = None
        self._begun = False

    async def begin(self) -> "Chunks":
        """Wait for the first chunk."""
        self._first = await self._handover.next()
        return self

    def __aiter__(self) -> "Chunks":
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next chunk; raises what the iterator raised."""
        chunk = await self._handover.next() if self._begun else self._first
        self._begun = True
        if chunk is None:
            self._handover.left.set()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Nobody takes what is left."""
        self._handover.left.set()

    def __del__(self) -> None:
        """The same."""
        self._handover.left.set()


class _Handover:
    """One chunk at a time from a thread to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, closing: threading.Event) -> None:
        self._loop = loop
        self._closing = closing
        self._queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue(maxsize=2)
        self.left = threading.Event()

    def feed(self, chunks: Callable[[], Iterator[bytes]]) -> None:
        """Runs in the thread."""
        last: BaseException | None = None
        iterator = chunks()
        try:
            for chunk in iterator:
                if not self._give(chunk):
                    return
        except Exception as error:
            last = error
        finally:
            if close := getattr(iterator, "close", None):
                close()
        self._give(last)

    async def next(self) -> bytes | None:
        """The next chunk, None at the end; raises what the iterator raised."""
        given = await self._queue.get()
        if isinstance(given, BaseException):
            raise given
        return given

    def _give(self, item: bytes | BaseException | None) -> bool:
        """False when nobody takes it any more."""
        if self.left.is_set():
            return False
        put: Future[None] = asyncio.run_coroutine_threadsafe(self._queue.put(item), self._loop)
        while not self.left.is_set() and not self._closing.is_set():
            try:
                put.result(_WAIT)
            except TimeoutError:
                continue
            return True
        put.cancel()
        return False


def _unless_closed(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what)
