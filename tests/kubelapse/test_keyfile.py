"""The redaction key is made once, for its owner only, and never replaced in silence."""

import stat
from pathlib import Path

import pytest

from kubelapse.keyfile import KeyFileError, load_key


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    key = load_key(None, tmp_path)
    file = tmp_path / "redaction.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(key) >= 32


def test_the_next_start_finds_the_same_key(tmp_path: Path) -> None:
    assert load_key(None, tmp_path) == load_key(None, tmp_path)


def test_a_named_file_is_used_as_it_is(tmp_path: Path) -> None:
    named = tmp_path / "shared"
    named.write_bytes(b"0123456789abcdef\n")
    assert load_key(named, tmp_path) == b"0123456789abcdef"


def test_a_named_file_that_is_missing_or_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot read the redaction key"):
        load_key(tmp_path / "none", tmp_path)
    (tmp_path / "short").write_bytes(b"abc")
    with pytest.raises(KeyFileError, match="shorter than 16 bytes"):
        load_key(tmp_path / "short", tmp_path)
