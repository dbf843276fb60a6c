"""What every page must keep: nothing that axe objects to, all within reach of a keyboard, no scrolling sideways."""

from typing import Any

from playwright.sync_api import Page

from tests.ui.browser import AXE

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """options => axe.run(document, { ...options, resultTypes: ['violations'] })"""

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


def objections(page: Page) -> list[str]:
    """What axe has against a page, in the light and in the dark, by rule and place.

    Only colours depend on the theme: the rest is asked once. The debugger gives axe to the page, whose policy forbids
    it.
    """
    page.evaluate(AXE.read_text())
    found = _violations(page, {"runOnly": {"type": "tag", "values": WCAG}})
    page.emulate_media(color_scheme="dark")
    page.evaluate("quiet()")
    found += _violations(page, {"runOnly": {"type": "rule", "values": ["color-contrast"]}})
    page.emulate_media(color_scheme="light")
    return found


def _violations(page: Page, options: dict[str, object]) -> list[str]:
    found: Any = page.evaluate(RUN, options)  # axe's own shape
    return [
        f"{rule['id']} at {node['target']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]


def beyond_a_keyboard(page: Page) -> list[str]:
    """What a pointer can use and Tab does not reach, or reaches without showing it."""
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


def too_wide(page: Page) -> int:
    """Pixels by which a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
