"""A redacted value is known as such in every form that the collector gives it, and nothing else is."""

import base64

import pytest

from schema.markers import in_docker_cfg, in_docker_config, key_of, marker

MARKER = marker("k1", "0123456789abcdef0000")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("text", [MARKER, in_docker_config(MARKER), in_docker_cfg(MARKER)])
def test_the_key_is_found_in_every_form(text: str) -> None:
    assert key_of(text) == key_of(encoded(text)) == "k1"


@pytest.mark.parametrize(
    "text",
    ["", "hmac", "hmac:k1:xyz", f" {MARKER}", f"{MARKER}0", '{"auths":{"registry.example":{}}}', f'{{"a":"{MARKER}"}}'],
)
def test_nothing_else_is_a_marker(text: str) -> None:
    assert key_of(text) == key_of(encoded(text)) == ""


def test_what_only_looks_like_base64_is_no_marker() -> None:
    assert not any(map(key_of, ["aG1hYz", "aG1hYz/////=", encoded("hmac:k1:") + "=="]))
