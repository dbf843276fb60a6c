"""Who restarts where it died goes on at once; who starts beside a living collector knows nothing."""

from pathlib import Path

from kubelapse.succession import KEPT, succeed


def test_the_one_before_is_known_once_it_has_ended(tmp_path: Path) -> None:
    with succeed(tmp_path, "lab-1/2", "one") as before:
        assert before == frozenset()
    with succeed(tmp_path, "lab-1/2", "two") as before:
        assert before == {"one"}


def test_nothing_is_known_beside_a_living_one(tmp_path: Path) -> None:
    with succeed(tmp_path, "lab-1/2", "one"), succeed(tmp_path, "lab-1/2", "two") as before:
        assert before == frozenset()
    with succeed(tmp_path, "lab-1/2", "three") as before:
        assert before == {"one"}


def test_one_that_was_killed_in_its_start_does_not_hide_the_one_before_it(tmp_path: Path) -> None:
    for number in range(100):
        with succeed(tmp_path, "lab-1/1", f"run-{number}"):
            pass
    with succeed(tmp_path, "lab-1/1", "last") as before:
        assert {"run-98", "run-99"} <= before
        assert len(before) == KEPT


def test_slots_and_clusters_have_nothing_to_do_with_one_another(tmp_path: Path) -> None:
    with succeed(tmp_path, "lab-1/2", "one"):
        pass
    with succeed(tmp_path, "lab-2/2", "two") as before:
        assert before == frozenset()
