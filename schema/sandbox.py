"""The door of ad-hoc SQL: statements that strangers wrote, run where they can read the documented views only.

It is a second wall, not the only one: what comes here has been parsed, checked against lists of what is allowed, and
written anew (`query.sql`). Behind it a role that may read `READABLE` only, settings that cannot be changed, limits of
time and memory, one handle per statement. Adapters: `schema.chdb_sandbox`, `schema.clickhouse_sandbox`.

Answers come as the engine's JSONCompactEachRowWithNamesAndTypes: the names, the types, then one JSON array per row and
line, in blocks. A line never holds a newline.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from schema.dialect import literal
from schema.store import Params, StoreError

PREFIX = "sql_"
"""In the database the view `changes` of ad-hoc SQL is called `sql_changes`: a table has the short name."""

VIEWS = ("history", "changes", "states_at", "objects", "field_changes", "k8s_events", "coverage", "drift")
READABLE = (
    *(PREFIX + name for name in VIEWS),
    *("history", "events", "changes", "objects", "k8s_events", "coverage", "drift_results"),
)
"""The views and what they are made of; views are read with the rights of the asker."""

FORMAT = "JSONCompactEachRowWithNamesAndTypes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Of one statement: seconds, bytes of memory, threads."""

    seconds: float = 10.0
    memory: int = 256 << 20
    threads: int = 2


class NotOffered(StoreError):
    """This store has no such door; one sentence that says what to do."""


class Sandbox(Protocol):
    """Every call blocks, and may come from any thread."""

    def tree(self, sql: str, params: Params) -> str:
        """The statement as the engine's own parser reads it (EXPLAIN AST); nothing is run.

        Raises QueryFailed for what is not exactly one statement that reads.
        """
        ...

    def ask(
        self, sql: str, params: Params, caps: Caps, *, ticket: str, filters: Mapping[str, str] | None = None
    ) -> Iterator[bytes]:
        """Blocks of lines; close the iterator to stop. `ticket` names the statement for `cancel`.

        `filters`: per table a condition on every row of it that is read, in views too (`query.access.filters`).

        Raises QueryFailed, StoreError.
        """
        ...

    def cancel(self, ticket: str) -> None:
        """End the statement, whatever it is doing; nothing when it has ended."""
        ...


@runtime_checkable
class Sandboxed(Protocol):
    """A store that has such a door."""

    def sandbox(self) -> Sandbox:
        """The door; raises NotOffered."""
        ...


def filter_setting(filters: Mapping[str, str]) -> str:
    """`additional_table_filters` as text: a map of table to condition."""
    return "{" + ", ".join(f"{literal(table)}: {literal(condition)}" for table, condition in filters.items()) + "}"


def settings(caps: Caps) -> dict[str, int | float | str]:
    """Limits and the form of answers, for both adapters. Nothing spills to disk; what is too large fails."""
    return {
        "max_execution_time": caps.seconds,
        "timeout_overflow_mode": "throw",
        "timeout_before_checking_execution_speed": 0,
        "max_memory_usage": caps.memory,
        "max_threads": caps.threads,
        "max_block_size": 8192,
        "preferred_block_size_bytes": 1 << 20,
        "max_bytes_before_external_group_by": 0,
        "max_bytes_ratio_before_external_group_by": 0,
        "max_bytes_before_external_sort": 0,
        "max_bytes_ratio_before_external_sort": 0,
        "max_temporary_data_on_disk_size_for_query": 1,
        "max_ast_depth": 400,
        "max_ast_elements": 10_000,
        "max_expanded_ast_elements": 50_000,
        "max_subquery_depth": 30,
        "max_query_size": 1 << 18,
        "allow_introspection_functions": 0,
        "use_query_cache": 0,
        "log_queries": 0,
        "priority": 10,
        "date_time_output_format": "iso",
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_quote_denormals": 1,
        "output_format_json_validate_utf8": 1,
        "output_format_json_escape_forward_slashes": 0,
    }
