"""Label selectors mean what kubectl means by them."""

import pytest

from query.errors import BadSelector
from query.selectors import parse

WEB = {"app": "web", "env": "prod", "example.com/team": "a.b"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app=web",
        "app==web,env=prod",
        "app",
        "!tier",
        "tier!=db",
        "env in (prod, canary)",
        "tier notin (db)",
        "env notin (dev),app in (web)",
        "example.com/team=a.b",
    ],
)
def test_selected(text: str) -> None:
    assert parse(text).matches(WEB)


@pytest.mark.parametrize("text", ["app=db", "!app", "tier", "app!=web", "env in (dev)", "env notin (prod)", "tier="])
def test_not_selected(text: str) -> None:
    assert not parse(text).matches(WEB)


@pytest.mark.parametrize("text", ["=", "app=web,", "a b", "env in", "env in (a", "app=we b", "app>3", "env in (a,-)"])
def test_a_malformed_selector_is_refused(text: str) -> None:
    with pytest.raises(BadSelector):
        parse(text)
