"""A checkpoint is either whole or known to be broken; it never makes a watch go on at a wrong place."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sink import Position
from kubelapse.checkpoint import Checkpoint, CheckpointDamaged, CheckpointUnwritable, State
from schema.objects import Scope
from tests.fakes.records import NOON, at

PODS = Position(rv="17", epoch=1, at=at(3), version="v1", since=NOON)
STATE = State(cluster_uid="c-1", positions={Scope("pods"): PODS, Scope("deployments.apps", "shop"): PODS})


def test_what_was_saved_is_loaded_to_the_microsecond(tmp_path: Path) -> None:
    state = replace(STATE, positions={Scope("pods"): replace(PODS, at=at(1.000001))})
    Checkpoint(tmp_path, "lab").save(state)
    assert Checkpoint(tmp_path, "lab").load() == state


def test_before_the_first_save_there_is_none(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path, "lab").load() is None


def test_two_clusters_in_one_data_directory_do_not_share(tmp_path: Path) -> None:
    Checkpoint(tmp_path, "lab").save(STATE)
    assert Checkpoint(tmp_path, "prod").load() is None


def test_the_file_of_another_cluster_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path, "lab").save(STATE)
    Checkpoint(tmp_path, "lab").path.rename(Checkpoint(tmp_path, "prod").path)
    with pytest.raises(CheckpointDamaged, match="belongs to the cluster lab"):
        Checkpoint(tmp_path, "prod").load()


@pytest.mark.parametrize("content", [b"", b"null", b"[1]", b"{}", b"\x00" * 400], ids=repr)
def test_a_torn_or_foreign_file_is_called_damaged(tmp_path: Path, content: bytes) -> None:
    checkpoint = Checkpoint(tmp_path, "lab")
    checkpoint.path.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match="torn or no checkpoint"):
        checkpoint.load()


def test_a_file_of_a_later_version_is_not_guessed_at(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, "lab")
    checkpoint.path.write_bytes(b'{"format": 2, "other": []}')
    with pytest.raises(CheckpointDamaged, match="has format 2"):
        checkpoint.load()


def _saved(directory: Path) -> bytes:
    checkpoint = Checkpoint(directory, "lab")
    checkpoint.save(STATE)
    return checkpoint.path.read_bytes()


@given(cut=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_flipped_byte_and_no_cut_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    directory = tmp_path_factory.mktemp("cp")
    raw = bytearray(_saved(directory))
    place = cut % len(raw)
    for broken in (raw[:place], raw[:place] + bytes([raw[place] ^ flip]) + raw[place + 1 :]):
        Checkpoint(directory, "lab").path.write_bytes(broken)
        with suppress(CheckpointDamaged):
            assert Checkpoint(directory, "lab").load() == STATE, "only white space may change"


def test_a_crash_while_writing_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path, "lab")
    checkpoint.save(STATE)

    def crash(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(CheckpointUnwritable, match="No space left"):
        checkpoint.save(replace(STATE, cluster_uid="other"))
    assert checkpoint.load() == STATE
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-lab.json"]


def test_a_name_that_would_leave_the_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no cluster name"):
        Checkpoint(tmp_path, "../etc")
