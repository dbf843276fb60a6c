"""What reaches a terminal is safe, and what is printed as YAML or JSON comes back as it was."""

import json

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubelapse.cli.text import csv_text, json_text, plain, table
from query.yamltext import yaml_text

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JSON.filter(lambda value: "\\ud" not in json.dumps(value).lower()))
def test_yaml_is_read_back_with_the_same_values_and_types(value: object) -> None:
    back = yaml.safe_load(yaml_text(value))  # type: ignore[arg-type]  # any JSON
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "text", ["1e3", "1_000", "0o14", "0x1F", "yes", "n", "1:20", "2026-01-01", ".5", "+1", "null", "~"]
)
def test_a_string_that_some_reader_takes_for_another_type_is_quoted(text: str) -> None:
    assert yaml_text({"a": text}).strip() in (f'a: "{text}"', f"a: '{text}'")


def test_text_of_several_lines_is_a_literal_block() -> None:
    assert yaml_text({"script": "#!/bin/sh\nexit 0\n"}) == "script: |\n  #!/bin/sh\n  exit 0\n"


def test_yaml_escapes_what_turns_text_around() -> None:
    text = "a\u202eb\x9bc\nd"
    assert yaml.safe_load(yaml_text({text: text})) == {text: text}
    assert "\u202e" not in yaml_text({text: text})


@given(st.text())
def test_nothing_printed_can_move_a_cursor_or_turn_text_around(text: str) -> None:
    shown = plain(text) + table(["A"], [[text]]) + json_text({"a": text}) + csv_text(["A"], [[text]])
    assert not {
        c for c in shown if (ord(c) < 32 and c not in "\n\t\r") or 127 <= ord(c) < 160 or "\u202a" <= c <= "\u202e"
    }


def test_json_keeps_control_characters_escaped() -> None:
    assert json.loads(json_text({"a": "\x9b31m\x7f"})) == {"a": "\x9b31m\x7f"}


def test_a_table_has_columns_without_boxes() -> None:
    assert (
        table(["NAME", "AGE"], [["web", "1h"], ["database", ""]])
        == "NAME       AGE\nweb        1h\ndatabase   <none>\n"
    )
    assert table(["NAME"], [["web"]], headers=False) == "web\n"
    assert table(["NAME"], []) == ""


def test_wide_characters_take_two_columns() -> None:
    assert table(["A", "B"], [["日本", "x"], ["abcd", "y"]], headers=False) == "日本   x\nabcd   y\n"


def test_csv_runs_no_formula_in_a_spreadsheet() -> None:
    assert csv_text(["A"], [["=HYPERLINK()"], ["-5"]]) == "a\r\n'=HYPERLINK()\r\n-5\r\n"


@pytest.mark.parametrize("text", ["=1", "+1", "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", "-A1", "\t=1"])
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert csv_text(["A"], [[text]], headers=False).strip().strip('"').startswith("'")


@pytest.mark.parametrize("text", ["-", "-5", "-0.25", "web-1", "2026-03-01"])
def test_plain_values_stay_as_they_are_in_csv(text: str) -> None:
    assert csv_text(["A"], [[text]], headers=False) == f"{text}\r\n"


@pytest.mark.parametrize("hidden", ["\u200b", "\u061c", "\ufeff", "\u2028", "\U000e0041", "\u202e", "\x1b"])
def test_what_cannot_be_seen_is_left_out_or_escaped(hidden: str) -> None:
    assert plain(f"we{hidden}b") == "web"
    assert hidden not in json_text({"a": hidden})
    assert orjson.loads(json_text({"a": hidden})) == {"a": hidden}
