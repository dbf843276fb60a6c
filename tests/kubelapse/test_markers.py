"""Redacted values are shown as changed or unchanged, and never applied by accident."""

import base64

import click
import pytest

from kubelapse.cli.markers import masked, redacted_places
from kubelapse.cli.show import cleaned
from schema.canonical import JsonObject
from schema.markers import comparable, in_docker_config


def marker(digits: str, key: str = "k1") -> str:
    return encoded(f"hmac:{key}:{digits:0>16}")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(**data: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"a": "b"}},
        "data": dict(data),
        "status": {"x": 1},
    }


def test_a_redacted_docker_config_is_neither_shown_as_a_value_nor_applied() -> None:
    pull = {one: encoded(in_docker_config(f"hmac:k1:{one:0>16}")) for one in "12"}
    assert masked({"data": pull["1"]}, {"data": pull["2"]}) == ({"data": "*** (before)"}, {"data": "*** (after)"})
    with pytest.raises(click.ClickException, match="redacted values"):
        cleaned(secret(a=pull["1"]), allow_redacted=False)


def test_changed_and_unchanged_values_are_told_apart_without_showing_either() -> None:
    before, after = masked(secret(a=marker("1"), b=marker("2")), secret(a=marker("1"), b=marker("3")))
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["data"], after["data"]) == ({"a": "***", "b": "*** (before)"}, {"a": "***", "b": "*** (after)"})


def test_values_under_different_keys_are_not_called_changed() -> None:
    before, after = masked(secret(a=marker("1", "k1")), secret(a=marker("2", "k2")))
    assert before == after
    assert "not comparable" in str(before)


def test_a_manifest_within_an_annotation_is_not_called_changed_by_another_key_either() -> None:
    def applied(key: str, *, name: str = "s") -> str:
        config = encoded(in_docker_config(f"hmac:{key}:{'1':0>16}"))
        return f'{{"data":{{"a":"{marker("1", key)}","b":"{config}"}},"metadata":{{"name":"{name}"}}}}'

    assert not comparable(applied("k1"), applied("k2"))
    assert comparable(applied("k1"), applied("k1", name="t"))
    assert comparable(applied("k1"), applied("k2", name="t"))


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
    with pytest.raises(click.ClickException, match=r"redacted values \(data\.a\) cannot be applied"):
        cleaned(secret(a=marker("1")), allow_redacted=False)


def test_clean_leaves_redacted_keys_out_when_told_to() -> None:
    said: list[str] = []
    kept = cleaned(secret(a=marker("1"), b="eA=="), allow_redacted=True, note=said.append)
    assert kept["data"] == {"b": "eA=="}
    assert said == ["left out as redacted: data.a"]
    assert redacted_places(kept) == []
