"""The command line is quick: the help page loads nothing heavy, reading commands load no engine."""

import subprocess
import sys

import pytest

HEAVY = (
    "fastapi",
    "chdb",
    "pyarrow",
    "kubernetes",
    "uvicorn",
    "aiohttp",
    "structlog",
    "httpx",
    "clickhouse_connect",
    "rich",
)


def loaded(*argv: str) -> set[str]:
    """Top-level modules that this command line imports."""
    program = (
        "import sys; from kubelapse.cli.main import run\n"
        f"code = run(['kubelapse', *{list(argv)!r}])\n"
        "print('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return set(out.rsplit("MODULES", 1)[1].split())


@pytest.mark.parametrize(
    "argv", [["--help"], ["--version"], ["changes", "--help"], ["up", "--help"], ["demo", "--help"]]
)
def test_help_imports_nothing_heavy(argv: list[str]) -> None:
    assert not loaded(*argv) & set(HEAVY)


def test_a_question_to_a_server_loads_neither_engine_nor_arrow() -> None:
    modules = loaded("changes", "--server", "http://127.0.0.1:9")
    assert not modules & (set(HEAVY) - {"httpx", "rich"})  # httpx loads rich for its own command
