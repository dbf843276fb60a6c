"""What a user installs is what this repository holds."""

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import kubelapse

ROOT = Path(__file__).parents[1]
PACKAGES = ("schema", "collector", "ingest", "query", "kubelapse")


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_imported_from_this_repository(package: str) -> None:
    """Other distributions on package indexes are called `schema`, `query` and `collector` too."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == ROOT / package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built by the backend itself, so nothing is fetched."""
    target = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)], cwd=ROOT, check=True)
    (built,) = target.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_module_and_every_migration(wheel: zipfile.ZipFile) -> None:
    packed = set(wheel.namelist())
    ours = {path for path in tracked() if path.split("/")[0] in PACKAGES and not path.startswith("query/ui/")}
    assert ours <= packed
    assert any(re.fullmatch(r"schema/ddl/0001_\w+\.sql", path) for path in packed)


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {path.split("/")[0] for path in wheel.namelist()} == {
        *PACKAGES,
        f"kubelapse-{kubelapse.__version__}.dist-info",
    }


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_the_changelog_knows_the_version() -> None:
    """A version that is not out yet stands under Unreleased."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0] == kubelapse.__version__


def test_the_lock_has_a_hash_for_every_dependency_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["project"]["dependencies"] + [
        one for one in project["dependency-groups"]["dev"] if isinstance(one, str)
    ]
    names = {re.split(r"[<>=! \[]", one)[0].lower().replace("_", "-") for one in asked}
    locked = re.findall(
        r"^([a-z0-9.-]+)==\S+(?: ;[^\\]*)? \\\n    --hash=sha256:", (ROOT / "requirements.lock").read_text(), re.M
    )
    assert names <= set(locked)
