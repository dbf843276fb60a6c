"""The queue on disk: order, bounds, and that nothing is left behind."""

from pathlib import Path

import pytest

from collector.spill import Spill, SpillFull


def drain(spill: Spill) -> list[bytes]:
    found = []
    while (frame := spill.take()) is not None:
        found.append(frame)
    return found


def test_frames_come_out_in_the_order_in_which_they_went_in_over_many_files(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", most=10_000, segment=50)
    frames = [b"%d" % number * 10 for number in range(40)]
    for frame in frames:
        spill.put(frame)
    assert len(spill) == 40
    assert drain(spill) == frames
    assert spill.size == 0


def test_what_is_read_makes_room_while_writing_goes_on(tmp_path: Path) -> None:
    spill = Spill(tmp_path, most=200, segment=40)
    for number in range(1000):
        spill.put(b"%020d" % number)
        if number >= 3:
            assert spill.take() == b"%020d" % (number - 3)
    assert spill.size <= 200
    spill.clear()


def test_a_full_queue_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    spill = Spill(tmp_path, most=30)
    spill.put(b"a" * 20)
    with pytest.raises(SpillFull, match="24 of 30 bytes"):
        spill.put(b"b" * 20)
    assert drain(spill) == [b"a" * 20]


def test_nothing_on_disk_has_a_name_that_others_could_open(tmp_path: Path) -> None:
    spill = Spill(tmp_path, most=100)
    spill.put(b"new")
    assert list(tmp_path.iterdir()) == []
    assert drain(spill) == [b"new"]
