"""Known weaknesses of what is in the locks: `make audit` asks osv.dev (pip-audit) and npm's advisories (npm audit).

    0   none is known
    1   some are: each is a line with what mends it; or an audit failed by itself
    2   a database could not be asked: nothing is known of what it would have said

`--if-reachable` says the third just as plainly and exits with 0: for a gate that must also hold without a network. An
accepted weakness stands in `[tool.kubelapse-audit]` of pyproject.toml with the reason why it does no harm here.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
LIMIT: Final = 60.0
"""Seconds for both audits, side by side."""
_AWAY: Final = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|Could not connect|HTTPError|ServiceError|ProxyError|SSLError"
    r"|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|audit endpoint|Method Not Allowed"
)
# What the tools print.
Json = Any
Run = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]


class CannotAsk(Exception):
    """The database gave no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One tool: what it looks at, how it is called, and how its report is read: (id, sentence) of each weakness."""

    about: str
    command: Sequence[str]
    folder: Path
    read: Callable[[Json], Iterable[tuple[str, str]]]


def python(report: Json) -> Iterable[tuple[str, str]]:
    """Of pip-audit's JSON."""
    for package in report["dependencies"]:
        for each in package.get("vulns", ()):
            mended = f"mended in {', '.join(each['fix_versions'])}" if each["fix_versions"] else "not mended yet"
            yield each["id"], f"{package['name']} {package['version']}: {each['id']}, {mended}"


def node(report: Json) -> Iterable[tuple[str, str]]:
    """Of npm's JSON; what only depends on a weak package is not named again."""
    for name, package in report["vulnerabilities"].items():
        for each in package["via"]:
            if isinstance(each, dict):
                yield each["url"].rpartition("/")[2], f"{name} {each['range']}: {each['url']}, {each['title']}"


PYTHON: Final = Audit(
    about="Python packages (requirements.lock, osv.dev)",
    command=(
        sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--vulnerability-service", "osv",
        "--requirement", "requirements.lock", "--format", "json", "--progress-spinner", "off", "--timeout", "10",
    ),
    folder=ROOT,
    read=python,
)  # fmt: skip
NODE: Final = Audit(
    about="packages of the web interface (package-lock.json, npm)",
    command=("./npm", "audit", "--json", "--fetch-timeout=10000", "--fetch-retries=1"),
    folder=ROOT / "query" / "ui",
    read=node,
)


def run(command: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """The tool itself. Raises subprocess.TimeoutExpired."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=LIMIT)


def weaknesses(audit: Audit, run: Run) -> list[tuple[str, str]]:
    """(id, sentence) of each. Raises CannotAsk; RuntimeError when the tool itself failed."""
    try:
        done = run(audit.command, audit.folder)
    except subprocess.TimeoutExpired:
        raise CannotAsk(f"no answer within {LIMIT:.0f} s") from None
    try:
        return list(audit.read(json.loads(done.stdout)))
    except (ValueError, KeyError):
        why = _why(done)
        if _AWAY.search(f"{done.stderr}\n{done.stdout}"):
            raise CannotAsk(why) from None
        raise RuntimeError(f"the audit of {audit.about} failed: {why}") from None


def _why(done: "subprocess.CompletedProcess[str]") -> str:
    """In one line: npm's message, or the last line that was said."""
    told = re.search(r'"message": "([^"]+)"', done.stdout)
    last = told[1] if told else (done.stderr.strip().splitlines() or ["no report"])[-1]
    return last if len(last) <= 160 else f"{last[:80]} … {last[-78:]}"


def main(
    arguments: Sequence[str],
    *,
    run: Run = run,
    audits: Sequence[Audit] = (PYTHON, NODE),
    accepted: Mapping[str, str] | None = None,
) -> int:
    """Says what is known and gives the exit code."""
    fine = accepted_in(ROOT / "pyproject.toml") if accepted is None else accepted
    with ThreadPoolExecutor(len(audits)) as pool:
        asked = [(each, pool.submit(weaknesses, each, run)) for each in audits]
    code = 0
    for audit, answer in asked:
        try:
            found = answer.result()
        except CannotAsk as error:
            print(f"audit: NOT AUDITED: {audit.about}: its database cannot be reached from here ({error})")
            code = max(code, 0 if "--if-reachable" in arguments else 2)
            continue
        except RuntimeError as error:
            print(f"audit: {error}")
            code = 1
            continue
        bad = [sentence for identity, sentence in found if identity not in fine]
        told = f", {len(found) - len(bad)} accepted" if len(found) > len(bad) else ""
        print(f"audit: {audit.about}: {len(bad) or 'no'} known weakness{'' if len(bad) == 1 else 'es'}{told}")
        for sentence in bad:
            print(f"audit:   {sentence}")
        code = 1 if bad or code == 1 else code
    return code


def accepted_in(file: Path) -> Mapping[str, str]:
    """Id → why it does no harm here."""
    found: Mapping[str, str] = tomllib.loads(file.read_text())["tool"]["kubelapse-audit"]["accepted"]
    assert all(found.values()), "an accepted weakness needs its reason"
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
