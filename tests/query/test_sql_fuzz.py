"""A short share of the fuzz run (`python -m tests.query.fuzz_sql`)."""

from pathlib import Path

from tests.query import fuzz_sql
from tests.query.sql_yard import yard


def test_no_mutated_statement_escapes(tmp_path: Path) -> None:
    with yard(tmp_path, fuzz_sql.TINY) as place:
        *_, counts = fuzz_sql.run(place, 600, seed=7, seconds=12)
    assert counts["refused"]
