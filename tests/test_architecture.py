"""The shape that keeps the stages apart and each piece small enough to read."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("schema", "collector", "ingest", "query", "kubelapse")
MOST_LINES = 400


def modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_layers_of_pyproject_hold() -> None:
    linter = shutil.which("lint-imports", path=str(ROOT / ".venv" / "bin")) or "lint-imports"
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_module_is_short_enough_to_be_read_at_once() -> None:
    long = {name(path): lines for path in modules(*PACKAGES, "tests") if (lines := line_count(path)) > MOST_LINES}
    assert not long, "is there a module of its own in there?"


def line_count(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_every_module_says_what_it_is_for() -> None:
    assert not [name(path) for path in modules(*PACKAGES) if not ast.get_docstring(tree(path))]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_only_the_composition_root_reads_the_environment() -> None:
    assert not [
        where for path in modules("schema", "collector", "ingest", "query") for where in environment_reads(path)
    ]


def environment_reads(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        names: set[str] = set()
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
            names = {node.attr}
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
        if names & {"environ", "environb", "getenv"}:
            yield name(path)


def test_tests_are_no_packages() -> None:
    """An __init__.py below tests/ would let `tests/schema` become the package `schema`."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_stages_print_nothing() -> None:
    """They log; only the command line has a standard output."""
    found = [
        f"{name(path)}:{node.lineno}"
        for path in modules("schema", "collector", "ingest", "query")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not found


# Where the clock of production is read, and why.
CLOCKS = {
    "collector/clock.py": "utc_now, which is passed to everything else",
    "collector/credentials.py": "a plugin says when its grant ends by the wall clock",
    "query/web.py": "utc_now, the default of create_app",
    "schema/migrate.py": "the ledger's note of when, for people",
}


def test_time_comes_from_outside() -> None:
    """No other module of a stage reads a clock that a test cannot turn."""
    readers = {
        name(path)
        for path in modules("schema", "collector", "ingest", "query")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"datetime.now", "datetime.utcnow", "time.time"}
    }
    assert readers <= set(CLOCKS)
