"""The documentation names every rule of redaction that holds by default."""

from pathlib import Path

from collector.redact_rules import DEFAULTS


def test_every_default_rule_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
    assert [name for name in DEFAULTS if f"| `{name}` |" not in text] == []
