"""Where ad-hoc SQL is taken in: the walls one after the other, so many statements at once, each with an end.

A statement runs in a thread of its own small group, beside those of all other answers. Whoever goes away ends it:
between two blocks by not reading on, within one by `cancel`. Rows and bytes are counted here; past the server's own
bounds an answer fails, it is never cut in silence. Only the limit that the asker sent cuts it, and the answer says so.
"""

import itertools
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from query import times
from query.errors import BadStatement, StatementEnded
from query.sql import tree
from query.sql.bounds import Bounds
from query.sql.statement import Statement, understand
from schema.sandbox import NotOffered, Sandbox
from schema.store import Params, QueryFailed, StoreError, StoreReadOnly

_TIME, _CANCELLED = frozenset({159, 160}), frozenset({394})
_TOO_MUCH = frozenset({158, 241, 307, 396, 191, 168, 167, 306, 36, 128, 131, 173, 243, 12, 290, 458})
"""Codes of src/Common/ErrorCodes.cpp: rows, memory, AST, recursion, sizes of arrays and strings, disk."""
_SAID = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One statement as it came."""

    query: str
    params: Params
    limit: int | None
    now: datetime
    zone: tzinfo
    filters: Mapping[str, str] = field(default_factory=dict)
    """Per table of the store, which rows the asker may see."""


@dataclass(slots=True)
class Answer:
    """Names and types, then rows as JSON arrays; `truncated` is known after the last one."""

    names: bytes
    types: bytes
    rows: Iterator[bytes]
    count: int = 0
    truncated: bool = False

    def close(self) -> None:
        """No more rows are read: the engine lets go. Rows know their answer, so nothing else would say so soon."""
        if close := getattr(self.rows, "close", None):
            close()


class Desk:
    """One per application."""

    def __init__(self, door: Sandbox | None, database: str, bounds: Bounds) -> None:
        """Without a door nothing is offered."""
        self._door = door
        self._database = database
        self.bounds = bounds

    @property
    def door(self) -> Sandbox:
        """Raises NotOffered."""
        if self._door is None:
            raise NotOffered(
                "Ad-hoc SQL is not offered here: on a ClickHouse server it needs a user of its own that can do nothing "
                "else (KUBELAPSE_SQL_STORE)."
            )
        return self._door

    @staticmethod
    def ticket() -> str:
        """A name for one statement, for `cancel`."""
        return f"kubelapse-sql-{uuid.uuid4()}"

    def understand(self, asked: Asked) -> Statement:
        """Through the first two walls. Raises BadStatement, BadTime, NotOffered."""
        door = self.door
        found = understand(
            asked.query,
            asked.params,
            instant=lambda text: times.instant(text, now=asked.now, tz=asked.zone),
            database=self._database,
        )
        try:
            tree.check(door.tree(found.sql, asked.params), self._database)
        except (QueryFailed, StoreReadOnly) as error:
            raise _spoken(error, self.bounds) from error
        return found

    def check(self, asked: Asked) -> None:
        """Whether it can be asked, now or with values that come later. Raises BadStatement, BadTime."""
        found = understand(
            asked.query,
            asked.params,
            instant=lambda text: times.instant(text, now=asked.now, tz=asked.zone),
            database=self._database,
            later=True,
        )
        if self._door is not None and found.parameters <= asked.params.keys():
            self.understand(asked)

    def run(self, found: Statement, asked: Asked, ticket: str) -> Answer:
        """Begin it; the rows follow as they are read. Raises BadStatement, StatementEnded."""
        blocks = self.door.ask(found.sql, asked.params, self.bounds.caps, ticket=ticket, filters=asked.filters)
        lines = self._lines(blocks)
        try:
            names, types = next(lines), next(lines)
        except StopIteration:
            raise StatementEnded("The engine gave no answer.", "Ask again.") from None
        answer = Answer(names, types, iter(()))
        answer.rows = self._rows(answer, lines, asked.limit)
        return answer

    def cancel(self, ticket: str) -> None:
        """End the statement, if it still runs."""
        if self._door is not None:
            self._door.cancel(ticket)

    def _rows(self, answer: Answer, lines: Iterator[bytes], limit: int | None) -> Iterator[bytes]:
        try:
            for line in lines:
                if limit is not None and answer.count >= limit:
                    answer.truncated = True
                    return
                if answer.count >= self.bounds.rows:
                    raise StatementEnded(
                        f"The answer has more than {self.bounds.rows} rows.", "Group them, or send a limit."
                    )
                answer.count += 1
                yield line
        finally:
            lines.close()  # type: ignore[attr-defined]  # it is a generator

    def _lines(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Lines of all blocks; a line may go over their edges. Errors of the engine in words."""
        rest, total = b"", 0
        try:
            for block in blocks:
                total += len(block)
                if total > self.bounds.bytes:
                    raise StatementEnded(
                        f"The answer has more than {self.bounds.bytes >> 20} MiB.", "Name fewer columns, or fewer rows."
                    )
                *whole, rest = (rest + block).split(b"\n")
                yield from (line for line in whole if line)
            if rest:
                yield rest
        except (QueryFailed, StoreReadOnly) as error:
            raise _spoken(error, self.bounds) from error
        finally:
            blocks.close()  # type: ignore[attr-defined]  # it is a generator


def _spoken(error: StoreError, bounds: Bounds) -> BadStatement | StatementEnded:
    """What the engine refused, in its own words where they are about the statement."""
    code = error.code if isinstance(error, QueryFailed) else 0
    if code in _TIME:
        return StatementEnded(
            f"The statement took longer than {bounds.caps.seconds:g} s.", "Ask for a shorter time, or fewer kinds."
        )
    if code in _CANCELLED:
        return StatementEnded("The statement was ended.", "Ask again.")
    if code in _TOO_MUCH:
        return StatementEnded(
            f"The statement needs more than it may have ({bounds.caps.memory >> 20} MiB of memory).",
            "Ask for a shorter time, fewer columns, or group earlier.",
        )
    if isinstance(error, StoreReadOnly) or code in (164, 497):
        return BadStatement("The engine does not let this pass.", "Read the documented views only.")
    return BadStatement(
        f"The engine refuses it: {_own_words(str(error))}.", "kubelapse sql --schema lists the columns."
    )


def _own_words(text: str) -> str:
    """The engine's sentence without ours before it and without the statement, which may be long, after it."""
    said = text.removeprefix("The store refused a statement: ")
    for end in (": In scope ", ": while executing", ": While executing", ". In query", " (in query", ": In query"):
        said = said.partition(end)[0]
    said = said.replace("kubelapse.sql_", "").replace("cte_", "")
    return "".join(itertools.islice(said, _SAID)).rstrip(". ")
