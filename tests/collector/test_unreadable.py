"""An object that cannot be read: nothing of its text is kept, and yet enough is said to find it."""

import re

import pytest

from tests.fakes.served import at, gaps, line, served, watching

DEEP = b"[" * 5000 + b'"canary"' + b"]" * 5000


def broken(rv: int, text: bytes = DEEP) -> bytes:
    """An object with this in place of a value."""
    return served(rv, {"data": {"a": "canary"}}).replace(b'"canary"', text)


@pytest.mark.parametrize(
    ("text", "wrong"), [(DEEP, "it is nested too deeply"), (b'"canary" 1', "it is no JSON that can be read")]
)
def test_of_what_cannot_be_kept_stays_how_long_it_was_what_was_wrong_and_a_keyed_hash(
    text: bytes, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw, told = broken(102, text), set()
    for _ in range(2):
        (gap,) = gaps(watching().observe([line("ADDED", raw)], at=at(1), not_before=None))
        told.add(gap.reason)
    (reason,) = told
    assert re.fullmatch(rf"unreadable-object: {wrong} \([\d,]+ bytes, keyed hash [0-9a-f]{{16}}\)", reason), reason
    assert "canary" not in caplog.text + reason


def test_the_gap_of_what_is_too_deep_lies_between_two_versions_and_the_log_names_the_object(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = watching(served(7, {"data": {"a": "1"}}))
    (gap,) = gaps(found.observe([line("MODIFIED", broken(102))], at=at(1), not_before=None))
    assert (gap.from_rv, gap.to_rv) == ("7", "102")
    assert f"shop/web (uid u-1), version 102 ({len(broken(102)):,} bytes" in caplog.text
