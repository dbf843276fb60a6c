"""What a user installs is what this repository holds."""

import contextlib
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
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


def locked() -> list[str]:
    """Distributions of the lock that carry a hash."""
    pattern = r"^([a-z0-9.-]+)==\S+(?: ;[^\\]*)? \\\n    --hash=sha256:"
    return re.findall(pattern, (ROOT / "requirements.lock").read_text(), re.MULTILINE)


def test_the_lock_has_a_hash_for_every_dependency_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    asked = project["project"]["dependencies"] + [
        one for one in groups["dev"] + groups["build"] if isinstance(one, str)
    ]
    names = {re.split(r"[<>=! \[]", one)[0].lower().replace("_", "-") for one in asked}
    assert names <= set(locked())


def test_no_two_distributions_of_the_lock_install_the_same_module() -> None:
    """Else the one that a machine gets depends on the order of its installer."""
    owner: dict[str, str] = {}
    clashes = []
    for name in locked():
        with contextlib.suppress(metadata.PackageNotFoundError):  # for another platform
            for file in metadata.files(name) or ():
                if file.suffix == ".py" and owner.setdefault(str(file), name) != name:
                    clashes.append((str(file), name, owner[str(file)]))
    assert not clashes
