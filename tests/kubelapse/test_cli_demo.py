"""`demo` from a bundle to three answers, without a cluster and without a trace left behind."""

import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from schema.codec import encode
from tests.kubelapse.conftest import shop


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    told = shop()
    lines = b"\n".join(encode(record) for record in (*told.kinds, *told.events, *told.ledger))
    file = tmp_path / "bundle.jsonl.zst"
    file.write_bytes(zstandard.compress(lines))
    return file


def demo(*args: str, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    environ = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-m", "kubelapse", "demo", *args], capture_output=True, text=True, env=environ, timeout=60
    )


def test_three_questions_are_answered_by_real_commands(tmp_path: Path) -> None:
    done = demo("--once", tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line[:2] for line in done.stdout.splitlines() if line[:2] in ("1.", "2.", "3.")] == ["1.", "2.", "3."]
    assert "   $ kubelapse changes -n shop " in done.stdout
    assert "kubectl-scale" in done.stdout
    assert "error" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_directory_that_already_holds_history_is_not_touched(bundle: Path, tmp_path: Path) -> None:
    args = ("--once", "--bundle", str(bundle), "--data", str(tmp_path / "data"))
    assert demo(*args, tmp_path=tmp_path).returncode == 0
    again = demo(*args, tmp_path=tmp_path)
    assert (again.returncode, "already holds history" in again.stderr) == (2, True)
    read = subprocess.run(
        [sys.executable, "-m", "kubelapse", "changes", "--since", "2h", "--data", str(tmp_path / "data"), "-o", "name"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "deployment.apps/web" in read.stdout


def test_a_damaged_bundle_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"nothing")
    done = demo("--once", "--bundle", str(tmp_path / "bad"), tmp_path=tmp_path)
    assert done.returncode == 2
    assert "error: the bundle is damaged" in done.stderr
