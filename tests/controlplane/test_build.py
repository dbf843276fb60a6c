"""The control plane is built once, whole or not at all, and a machine that cannot build it says what it needs."""

from pathlib import Path

import pytest

from tests.controlplane import build

GO = """#!/bin/sh
echo "$*" >> {log}
case "$1 $2" in
  "build -p") while [ "$1" != -o ]; do shift; done; {compile} "$2" ;;
  "install -p") touch "$GOBIN/kwok" ;;
  "mod download") [ "$3" != -json ] || echo '{{"Dir": "{module}"}}' ;;
esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go that does next to nothing, in front of the real one, and the file where it writes down its calls."""
    module = tmp_path / "module"
    for name in build.STAGES:
        stage = module / "kustomize" / "stage" / name.replace("*", "ready")
        stage.parent.mkdir(parents=True, exist_ok=True)
        stage.write_text(f"kind: Stage # {stage.name}")
    monkeypatch.setenv("KUBELAPSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("sys.platform", "linux")
    log = tmp_path / "calls"
    (tmp_path / "go").write_text(GO.format(log=log, compile="touch", module=module))
    (tmp_path / "go").chmod(0o755)
    return log


def silent(_: str) -> None:
    """For progress that nobody reads."""


def test_what_is_built_is_not_built_again(calls: Path) -> None:
    place = build.build(silent)
    assert place == build.directory()
    assert {path.name for path in place.iterdir()} == {"controlplane", "kwok", "stages.yaml"}
    assert (place / "stages.yaml").read_text().count("kind: Stage") == len(build.STAGES)
    made = calls.read_text()
    assert build.build(silent) == place
    assert calls.read_text() == made


def test_a_failed_build_leaves_nothing_and_shows_why(calls: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text(go.read_text().replace("touch", "echo no space left >&2; false", 1))
    with pytest.raises(build.BuildFailed, match="no space left"):
        build.build(silent)
    assert [path.name for path in build.directory().parent.iterdir()] == ["lock"]


def test_without_go_nothing_is_tried_and_the_need_is_named(
    calls: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert "Go" in build.missing()
    assert build.build(silent) is None
