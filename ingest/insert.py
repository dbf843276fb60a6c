"""Inserts that happen exactly once: the same rows, the same token, until the store says yes or which row is bad.

The store blocks, so everything runs in one thread; building rows too, it is the larger half of the work. A failure that
may pass (away, full, read-only, overloaded) is waited for with growing pauses. A refusal of the data itself is searched
for by halving: the bad records come back with the reason, their neighbours are stored.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

from ingest.deadletter import Streak
from ingest.metrics import Metrics
from ingest.settings import IngestSettings
from schema.store import QueryFailed, Store, StoreError, StoreFull, StoreUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

# ClickHouse's codes for "this value does not fit": CANNOT_PARSE_*, BAD_ARGUMENTS, TYPE_MISMATCH, INCORRECT_DATA, ...
DATA_ERRORS = frozenset(
    {6, 25, 26, 27, 33, 36, 38, 41, 53, 69, 70, 72, 117, 128, 131, 190, 321, 349, 376, 407, 467, 469, 691}
)
# MEMORY_LIMIT_EXCEEDED: fewer rows may pass.
TOO_MUCH = frozenset({241})


class Refused(Exception):
    """The store, or the making of rows, does not take this data."""


class Inserter:
    """One writer's thread. `trouble`: why nothing moves at the moment, or ""."""

    def __init__(self, store: Store, settings: IngestSettings, metrics: Metrics, streak: Streak) -> None:
        self._store, self._settings, self._metrics, self._streak = store, settings, metrics, streak
        self._thread = ThreadPoolExecutor(1, "ingest")
        self.trouble = ""

    async def put(
        self,
        table: str,
        records: Sequence[T],
        rows: Callable[[Sequence[T]], pa.Table],
        token: Callable[[Sequence[T]], str],
        refused: Callable[[T, str], None],
    ) -> None:
        """Store these in order, as one insert if all are good; `refused` hears of each bad one.

        Raises TooManyDeadLetters.
        """
        runs = deque([records])
        while runs:
            run = runs.popleft()
            try:
                await self._until_stored(table, run, rows, token(run))
            except Refused as refusal:
                if len(run) > 1:
                    runs.extendleft((run[len(run) // 2 :], run[: len(run) // 2]))
                    continue
                refused(run[0], str(refusal))
                self._streak.bad(str(refusal))
            else:
                self._streak.good()

    def close(self) -> None:
        """Let the thread end; an insert under way ends by itself and is not acknowledged."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _until_stored(
        self, table: str, run: Sequence[T], rows: Callable[[Sequence[T]], pa.Table], token: str
    ) -> None:
        made: list[pa.Table] = []
        pause = self._settings.retry_first
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._insert, table, run, rows, token, made
                )
            except StoreError as error:
                _raise_refusal(error, alone=len(run) == 1)
                self._say(error)
            else:
                break
            self._metrics.retries.inc()
            await asyncio.sleep(pause)
            pause = min(self._settings.retry_most, 2 * pause)
        self._metrics.rows.labels(table).inc(made[0].num_rows)
        self._recovered()

    def _insert(
        self, table: str, run: Sequence[T], rows: Callable[[Sequence[T]], pa.Table], token: str, made: list[pa.Table]
    ) -> None:
        """In the thread. `made` keeps the rows: a repetition sends the very same ones."""
        if not made:
            try:
                made.append(rows(run))
            except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
                raise Refused(f"it does not fit the table {table}: {type(error).__name__}") from error
        self._store.insert(table, made[0], token=token)

    def _say(self, error: StoreError) -> None:
        """Once per trouble, not once per try."""
        sentence = _sentence(error)
        if sentence != self.trouble:
            log.warning("%s", sentence)
        self.trouble = sentence

    def _recovered(self) -> None:
        if self.trouble:
            log.info("the store takes rows again")
        self.trouble = ""


def _raise_refusal(error: StoreError, *, alone: bool) -> None:
    """Tell a refusal of the data from a trouble that may pass; the engine's text may quote values: it is dropped."""
    if not isinstance(error, QueryFailed):
        return
    if error.code in DATA_ERRORS or (error.code in TOO_MUCH and not alone):
        raise Refused(f"the store refused it (code {error.code})") from error


def _sentence(error: StoreError) -> str:
    match error:
        case StoreFull():
            what = "the store is full: free space or shorten the retention"
        case StoreUnavailable():
            what = "the store cannot be reached"
        case _:
            what = "the store does not take rows"
    return f"{what} ({error}); what is captured waits in the log and is tried again"
