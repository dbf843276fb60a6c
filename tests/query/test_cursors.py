"""Cursors come back as they were given, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query import cursors
from query.errors import BadCursor

values = st.lists(st.text() | st.integers(-(2**53), 2**53) | st.none(), min_size=3, max_size=3)


@given(values)
def test_a_cursor_reads_back(given_out: list[str | int | None]) -> None:
    assert cursors.read("changes", cursors.write("changes", given_out), length=3) == given_out


@given(st.text())
def test_made_up_cursors_are_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        cursors.read("changes", text, length=3)


def test_a_cursor_of_another_listing_is_refused() -> None:
    with pytest.raises(BadCursor):
        cursors.read("changes", cursors.write("feed", [1]), length=1)
