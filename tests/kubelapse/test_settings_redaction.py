"""Rules of redaction from the settings: read whole or refused, with the place that is wrong."""

from pathlib import Path

import pytest

from kubelapse.setting import SettingError
from kubelapse.settings import load
from kubelapse.settings_redaction import rules

GOOD = """
[[rule]]
name = "license"
kinds = ["configmaps"]
paths = ["data.license", 'metadata.annotations["example.org/key"]']

[[rule]]
name = "customer"
names = ["CUSTOMER_PIN"]
pattern = 'card (?P<value>[0-9]{16})'
"""


def read(text: str, folder: Path, off: str = "") -> object:
    file = folder / "redaction.toml"
    file.write_text(text)
    home = {"XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    return rules(load({}, {**home, "KUBELAPSE_REDACTION_FILE": str(file), "KUBELAPSE_REDACTION_OFF": off}))


def test_without_settings_all_default_rules_hold(tmp_path: Path) -> None:
    found = rules(load({}, {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}))
    assert (found.off, found.own) == (frozenset(), ())


def test_rules_are_read_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    found = rules(
        load({}, {**environ, "KUBELAPSE_REDACTION_FILE": str(file), "KUBELAPSE_REDACTION_OFF": "urls, headers"})
    )
    assert found.off == {"urls", "headers"}
    assert [one.name for one in found.own] == ["license", "customer"]
    assert found.own[0].paths[1] == ("metadata", "annotations", "example.org/key")
    assert found.is_name("CUSTOMER_PIN")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[rule]]", "name must be there"),
        ('[[rule]]\nname = "x"', "says nothing to look for"),
        ('[[rule]]\nname = "x"\npattern = "(a"', "no expression of RE2"),
        ('[[rule]]\nname = "x"\npaths = ["data"]', "expected a path"),
        ('[[rule]]\nname = "x"\nregex = "a"', "unknown key 'regex'"),
        ('[[rule]]\nname = "x"\nnames = "PIN"', "must be a list of texts"),
        ('[[rule]]\nname = "x"\nnames = ["PIN"]\nkinds = ["pods"]', "names hold for every kind"),
        ("off = 1", "nothing but"),
        ("[[rule", "end of an array"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=says):
        read(text, tmp_path)


def test_a_rule_that_there_is_not_cannot_be_switched_off(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no such rule: uris"):
        read("", tmp_path, off="uris")
