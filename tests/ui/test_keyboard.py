"""Keys that do more than Tab: walking the timeline, the list of keys. `test_pages` asks what Tab reaches."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.ui.browser import Visit, settled
from tests.ui.serving import Demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]


def test_the_timeline_is_read_without_a_mouse(demo: Demo, visit: Enter) -> None:
    since, until = demo.recorded()
    page = visit(demo.url).open(f"/timeline?from={since}&to={until}&live=off&ns=shop")
    page.keyboard.press("j")
    page.keyboard.press("j")
    first = page.get_by_role("treeitem", selected=True)
    expect(first).to_contain_text("api")
    page.keyboard.press("ArrowLeft")
    settled(page)
    expect(page.get_by_role("complementary").locator("dl")).to_contain_text("Who")
    page.keyboard.press("Enter")
    page.wait_for_url("**/object?**")
    settled(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("api")


def test_a_question_mark_lists_the_keys_and_escape_leaves(demo: Demo, visit: Enter) -> None:
    page = visit(demo.url).open("/coverage")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_contain_text("copy link to this view")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="local")).to_be_visible()
