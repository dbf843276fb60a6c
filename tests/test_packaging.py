"""What a user installs is what this repository holds."""

import contextlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import kubelapse
from query import assets

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


def test_the_wheel_holds_the_web_interface_and_not_its_source(wheel: zipfile.ZipFile) -> None:
    packed = set(wheel.namelist())
    named = re.findall(r'(?:src|href)="\./([^"]+)"', wheel.read("query/_ui/index.html").decode())
    assert named
    assert {f"query/_ui/{path}" for path in named} <= packed
    assert not any(path.startswith("query/ui/") for path in packed)


def test_a_wheel_without_the_web_interface_is_refused(tmp_path: Path) -> None:
    """An installation has no Node to make it up with."""
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    shutil.copy(ROOT / "kubelapse" / "__init__.py", tmp_path / "kubelapse")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "make ui" in done.stderr


def test_the_web_interface_keeps_to_its_budget() -> None:
    """60 KiB compressed before the first page shows, 600 KiB in all; whatever comes later comes when it is wanted."""
    built = assets.load()
    index = built.get(assets.INDEX)
    assert index is not None, "make ui"
    named = re.findall(r'(?:src|href)="\./([^"]+)"', index.data.decode())
    first = [index, *filter(None, (built.get(name) for name in named))]
    assert sum(len(each.packed) for each in first) <= 60 * 1024
    assert built.size <= 600 * 1024


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
