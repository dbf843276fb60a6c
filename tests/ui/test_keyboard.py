"""Nothing needs a mouse: what can be clicked can be reached with Tab, and shows that it was."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui.browser import Visit, settled
from tests.ui.serving import Demo
from tests.ui.views import views

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]

# What a pointer can use, by its nature or by its cursor, and that a keyboard neither reaches nor reaches around: a
# row's own control, or the item of a tree, stands for what lies in it.
UNREACHABLE = """() => {
  const stops = 'a[href], button, input, select, textarea, summary, label, [tabindex], [role=treeitem], canvas';
  return [...document.querySelectorAll('body *')]
    .filter(each => each.checkVisibility() && getComputedStyle(each).cursor === 'pointer' && !each.closest(stops))
    .map(each => each.outerHTML.slice(0, 120));
}"""
STOPS = """() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
  return all.filter(each => each.checkVisibility({ visibilityProperty: true }) && !each.disabled).length;
}"""
WHERE = """seen => {
  const at = document.activeElement;
  if (at === document.body) return 'body';
  const style = getComputedStyle(at);
  if (at.dataset.seen) return 'again';
  at.dataset.seen = '1';
  return style.outlineStyle === 'none' && style.boxShadow === 'none' ? `no ring: ${at.outerHTML.slice(0, 120)}` : '';
}"""


def test_tab_reaches_everything_and_shows_where_it_is(demo: Demo, visit: Enter) -> None:
    reader = visit(demo.url)
    found = {name: _walk(reader.open(address)) for name, address in views(demo).items() if name != "diff"}
    assert {name: each for name, each in found.items() if each} == {}


def _walk(page: Page) -> list[str]:
    wrong: list[str] = page.evaluate(UNREACHABLE)
    stops, reached = page.evaluate(STOPS), 0
    for _ in range(stops + 20):
        page.keyboard.press("Tab")
        where = page.evaluate(WHERE)
        if where in {"body", "again"}:
            break
        reached += 1
        wrong += [where] if where else []
    return wrong if reached >= stops else [*wrong, f"{stops} stops, {reached} reached"]


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
