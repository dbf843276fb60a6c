"""The audit of dependencies fails on what is known, and never takes silence for an answer."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import audit

WEAK_PYTHON = {"dependencies": [
    {"name": "left", "version": "1.0", "vulns": []},
    {"name": "right", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]},
]}  # fmt: skip
WEAK_NODE = {"vulnerabilities": {
    "a": {"via": [{"url": "https://github.com/advisories/GHSA-1", "title": "reads too much", "range": "<2"}]},
    "b": {"via": ["a"]},
}}  # fmt: skip
FINE: Mapping[str, Any] = {"dependencies": [], "vulnerabilities": {}}
AWAY = "requests.exceptions.ConnectionError: Failed to resolve 'api.osv.dev'"


class Tools:
    """What the two tools would say: a report, or an error of the tool."""

    def __init__(self, python: Any, node: Any) -> None:
        self.said = {audit.PYTHON.command: python, audit.NODE.command: node}

    def __call__(self, command: Sequence[str], _: Path) -> "subprocess.CompletedProcess[str]":
        said = self.said[tuple(command)]
        if said is None:
            raise subprocess.TimeoutExpired(command, 60)
        out, err = ("", said) if isinstance(said, str) else (json.dumps(said), "")
        return subprocess.CompletedProcess(command, 1, stdout=out, stderr=err)


@pytest.mark.parametrize(
    ("python", "node", "code", "gate", "sentence"),
    [
        (FINE, FINE, 0, 0, "osv.dev): no known weaknesses"),
        (WEAK_PYTHON, FINE, 1, 1, "right 2.0: PYSEC-1, mended in 2.1"),
        (FINE, WEAK_NODE, 1, 1, "a <2: https://github.com/advisories/GHSA-1, reads too much"),
        (AWAY, FINE, 2, 0, "NOT AUDITED: Python packages"),
        (FINE, {"error": {}, "message": "405 Method Not Allowed - POST"}, 2, 0, "NOT AUDITED: packages of the web"),
        (None, FINE, 2, 0, "no answer within 60 s"),
        (AWAY, WEAK_NODE, 1, 1, "NOT AUDITED"),
        ("TypeError: of the tool", FINE, 1, 1, "failed: TypeError: of the tool"),
        ("TypeError: of the tool", AWAY, 2, 1, "failed: TypeError: of the tool"),
    ],
)
def test_what_is_known_fails_and_what_cannot_be_asked_is_said(
    python: Any, node: Any, code: int, gate: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main([], run=Tools(python, node), accepted={}) == code
    assert sentence in capsys.readouterr().out
    assert audit.main(["--if-reachable"], run=Tools(python, node), accepted={}) == gate


def test_a_weakness_is_accepted_by_its_name_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    accepted = {"PYSEC-1": "its parser is not used", "GHSA-1": "only in tests"}
    assert audit.main([], run=Tools(WEAK_PYTHON, WEAK_NODE), accepted=accepted) == 0
    assert "no known weaknesses, 1 accepted" in capsys.readouterr().out


def test_every_accepted_weakness_has_a_reason_and_the_gate_asks() -> None:
    assert all(audit.accepted_in(audit.ROOT / "pyproject.toml").values())
    assert "make audit ARGS=--if-reachable" in (audit.ROOT / ".ci" / "run").read_text()
