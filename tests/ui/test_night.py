"""At 3 a.m.: open, see the red lane, read who changed what, send the link, and another reader sees the same."""

import re
from collections.abc import Callable

import pytest

from tests.ui.browser import Visit, settled
from tests.ui.serving import Demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]
CLOCK = re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?")


def test_who_broke_it_is_four_clicks_away_and_the_link_shows_the_same(demo: Demo, visit: Enter) -> None:
    reader = visit(demo.url)
    page = reader.open("/")
    page.locator(".eye", has_text="web failed").get_by_role("link", name="Look").click()
    settled(page)
    assert page.get_by_role("treeitem", selected=True).get_by_role("img", name="failing").is_visible()
    for _ in range(2):  # from the failure back to what came before it
        page.get_by_role("button", name="← Previous").click()
        settled(page)
    page.get_by_role("button", name="Copy link").click()
    told = what_is_chosen(reader)
    assert told[0] == "Rollout 1.8.2 → 1.9.0"
    assert told[2].startswith("deploy-bot")

    link = page.evaluate("navigator.clipboard.readText()")
    assert "now" not in link
    colleague = visit(demo.url, theme="dark")
    colleague.open(link)
    assert what_is_chosen(colleague) == told
    assert lanes(colleague) == lanes(reader)


def what_is_chosen(reader: Visit) -> list[str]:
    """Title, time, author, fields: what the panel says, without ages."""
    panel = reader.page.get_by_role("complementary", name="What is chosen")
    panel.locator(".fd").first.wait_for()
    parts = ["h1", "dd time", "dd:nth-of-type(2)", ".fd .path", ".fd .old", ".fd .new"]
    return [panel.locator(part).first.inner_text() for part in parts]


def lanes(reader: Visit) -> list[str]:
    return reader.page.get_by_role("treeitem").all_inner_texts()


def test_a_person_who_reads_only_sees_all_changes_of_the_canvas(demo: Demo, visit: Enter) -> None:
    """The canvas is walked with a key, its twin is the table: every mark stands there, in the same order.

    Changes nearer than a mark is wide are one mark; the table has each of them.
    """
    since, until = demo.recorded()
    scope = f"from={since}&to={until}&live=off&ns=shop&kind=deployments.apps&name=web"
    reader = visit(demo.url, size=(1440, 4000))  # the table draws only what can be seen
    page = reader.open(f"/changes?{scope}&group=flat")
    table = [CLOCK.findall(row)[0] for row in page.locator("tr.changerow td.at").all_inner_texts()]
    listed = page.locator(".counts b").first.inner_text()

    reader.open(f"/timeline?{scope}&sel=prod-eu/shop/deployments.apps/web&at={since}")
    walked: list[str] = []
    for _ in table:
        page.keyboard.press("ArrowRight")
        settled(page)
        walked += CLOCK.findall(page.locator("aside.panel dd").first.inner_text())[-1:]
    oldest_first = iter(table[::-1])
    marks = list(dict.fromkeys(walked))
    assert len(marks) > 3
    assert all(any(one == mark for one in oldest_first) for mark in marks)
    assert int(listed) == len(table)
