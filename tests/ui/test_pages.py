"""Every page, in both themes, on a desk and on a phone: no error, no refused content, nothing that axe objects to."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.ui.browser import AXE, DESKTOP, PHONE, Theme, Visit
from tests.ui.serving import Demo
from tests.ui.views import views

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
Enter = Callable[..., Visit]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_clean(demo: Demo, visit: Enter, theme: Theme, size: tuple[int, int]) -> None:
    reader = visit(demo.url, theme=theme, size=size)
    found = {name: objections(reader.open(address)) for name, address in views(demo).items()}
    assert {name: each for name, each in found.items() if each} == {}


def objections(page: Page) -> list[str]:
    """What axe has against a page, by rule and place. The debugger gives it to the page, whose policy forbids it."""
    page.evaluate(AXE.read_text())
    run = "tags => axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })"
    found: Any = page.evaluate(run, WCAG)
    return [
        f"{rule['id']} at {node['target']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]


def test_a_phone_never_scrolls_sideways(demo: Demo, visit: Enter) -> None:
    reader = visit(demo.url, size=PHONE)
    wide = {}
    for name, address in views(demo).items():
        reader.open(address)
        wide[name] = reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert {name: each for name, each in wide.items() if each > 0} == {}
