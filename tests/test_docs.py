"""What is written for people is true: generated pages are fresh, commands and links exist, nothing local leaks."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelapse import docs, settings
from kubelapse.cli.main import COMMANDS, cli
from schema.events import Event

ROOT = Path(__file__).parents[1]
HOSTS = re.compile(
    r"files\.pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org|proxy\.golang\.org|deb\.debian\.org"
)
MACHINE_PATH = re.compile(r"(?<![\w.~$}])/(work|farm|root|tmp/[a-z]|home/\w+)/")


def tracked(*patterns: str) -> Iterator[tuple[str, str]]:
    """(path, text) of the tracked text files."""
    listed = subprocess.run(
        ["git", "grep", "-lI", "", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for path in listed.stdout.splitlines():
        yield path, (ROOT / path).read_text(encoding="utf-8")


def guides() -> list[tuple[str, str]]:
    return list(tracked("*.md", ":!tests/**"))


@pytest.mark.parametrize("page", sorted(docs.pages()))
def test_a_generated_page_says_what_the_code_says(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == docs.pages()[page], "run: .venv/bin/python -m kubelapse.docs"


def test_every_setting_has_one_name_and_a_sentence() -> None:
    names = [name for one in settings.SETTINGS for name in (one.name, one.env)]
    assert len(names) == len(set(names))
    assert not [one.name for one in settings.SETTINGS if len(one.help.split()) < 3]


def test_the_guides_name_only_commands_that_exist() -> None:
    command = r"\bkubelapse ([a-z]+(?:-[a-z]+)*)\b"
    used = {(path, word) for path, text in guides() for word in re.findall(command, commands(text))}
    assert not {(path, word) for path, word in used if word not in COMMANDS}


def commands(text: str) -> str:
    """What stands in code: fenced blocks, and `spans`."""
    fenced = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "\n".join(fenced + re.findall(r"`([^`\n]+)`", text))


def test_the_readme_uses_only_options_that_exist() -> None:
    text = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    lines = re.findall(r"\bkubelapse ([a-z]+) ([^|#\n]*)", text)
    wrong = [(name, option) for name, rest in lines for option in options(rest) if option not in known_options(name)]
    assert lines
    assert not wrong


def options(rest: str) -> list[str]:
    return re.findall(r"(?<!\S)(--?[a-zA-Z][\w-]*)", rest)


def known_options(name: str) -> set[str]:
    command = cli.get_command(cli.make_context("kubelapse", [name, "--help"], resilient_parsing=True), name)
    assert command is not None
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }


def test_the_guides_name_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {word for _, text in guides() for word in re.findall(r"\bmake ([a-z]+)\b", commands(text))}
    assert used <= targets


def test_links_between_pages_lead_somewhere() -> None:
    for path, text in guides():
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert ((ROOT / path).parent / target).exists(), f"{path}: {target}"


def test_architecture_names_every_module() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    modules = [
        path
        for path, _ in tracked("*.py")
        if re.fullmatch(r"(schema|collector|ingest|query|kubelapse)/[a-z]\w*\.py", path)
    ]
    assert modules
    assert not [path for path in modules if f"`{Path(path).stem}`" not in text]


def test_architecture_explains_every_field_of_the_event() -> None:
    explained = set(
        re.findall(r"`(\w+)`", (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## The event")[1])
    )
    assert set(Event.__struct_fields__) <= explained


def test_no_tracked_file_names_a_download_host_or_a_path_of_one_machine() -> None:
    found = [
        f"{path}:{number}"
        for path, text in tracked(":!tests/controlplane/go.sum")
        for number, line in enumerate(text.splitlines(), start=1)
        if HOSTS.search(line) or MACHINE_PATH.search(line)
    ]
    assert not found


def test_what_the_page_on_reliability_names_as_proof_exists() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"([\w/]*test_\w+\.py)::(test_\w+)", text)
    missing = [(path, name) for path, name in named if f"def {name}(" not in _text(ROOT / "tests" / path)]
    assert len(named) > 100
    assert not missing


def test_every_fault_promise_and_case_has_a_test_or_says_why_not() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([FP]?\d+) \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE))
    wanted = {f"F{n}" for n in range(1, 35)} | {f"P{n}" for n in range(1, 31)} | {str(n) for n in range(1, 93)}
    assert set(rows) == wanted
    held = re.compile(r"::test_|`chaos`|`rough`|not held, because")
    assert not [name for name, what in rows.items() if not held.search(what)]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
