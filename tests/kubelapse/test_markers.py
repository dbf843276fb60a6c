"""Redacted values are shown as changed or unchanged, and never applied by accident."""

import base64

import click
import pytest

from kubelapse.cli.markers import key_of, masked, redacted_places
from kubelapse.cli.show import cleaned
from schema.canonical import JsonObject


def marker(digits: str, key: str = "k1") -> str:
    return base64.b64encode(f"hmac:{key}:{digits:0>16}".encode()).decode()


def secret(**data: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"a": "b"}},
        "data": dict(data),
        "status": {"x": 1},
    }


def test_a_marker_is_known_in_both_forms_and_nothing_else_is() -> None:
    assert key_of(marker("1")) == "k1"
    assert key_of("hmac:k1:0123456789abcdef") == "k1"
    assert not any(map(key_of, ["", "aG1hYw==", base64.b64encode(b"hmac:secret").decode(), "hmac:k1:xyz"]))


def test_changed_and_unchanged_values_are_told_apart_without_showing_either() -> None:
    before, after = masked(secret(a=marker("1"), b=marker("2")), secret(a=marker("1"), b=marker("3")))
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["data"], after["data"]) == ({"a": "***", "b": "*** (before)"}, {"a": "***", "b": "*** (after)"})


def test_values_under_different_keys_are_not_called_changed() -> None:
    before, after = masked(marker("1", "k1"), marker("1", "k2"))
    assert "not comparable" in f"{before} {after}"


def test_added_and_removed_keys_stay_visible() -> None:
    assert masked({"old": marker("1")}, {"new": marker("1")}) == ({"old": "*** (before)"}, {"new": "*** (after)"})


def test_clean_leaves_what_a_person_would_write() -> None:
    assert cleaned(secret(a="eA=="), allow_redacted=False) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "labels": {"a": "b"}},
        "data": {"a": "eA=="},
    }


def test_clean_refuses_redacted_values() -> None:
    with pytest.raises(click.ClickException, match=r"1 redacted values \(data\.a\) cannot be applied"):
        cleaned(secret(a=marker("1")), allow_redacted=False)


def test_clean_leaves_redacted_keys_out_when_told_to() -> None:
    said: list[str] = []
    kept = cleaned(secret(a=marker("1"), b="eA=="), allow_redacted=True, note=said.append)
    assert kept["data"] == {"b": "eA=="}
    assert said == ["left out as redacted: data.a"]
    assert redacted_places(kept) == []
