"""Questions of one's own: a statement is a link, a value is found with its times, a rule is tried before it is made."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui.browser import Visit, settled
from tests.ui.serving import Demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]


def rows(page: Page) -> list[str]:
    return page.get_by_role("region", name="Answer", exact=True).locator("tbody tr").all_inner_texts()


def test_a_statement_is_written_asked_and_sent_on_as_a_link(demo: Demo, visit: Enter) -> None:
    page = visit(demo.url).open("/sql?ns=shop")
    page.get_by_label("Statement").last.fill(
        "SELECT name FROM objects WHERE namespace = {ns:String} AND kind = 'Deployment'"
    )
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="CSV")).to_be_visible()
    settled(page)
    answered = rows(page)
    assert any("web" in each for each in answered)
    assert rows(visit(demo.url, theme="dark").open(page.url)) == answered


def test_a_wrong_statement_says_what_is_wrong_with_it(demo: Demo, visit: Enter) -> None:
    page = visit(demo.url, expected="error: Failed to load resource").open("/sql?sql=SELECT+nonsense+FROM+changes")
    expect(page.locator(".state")).to_contain_text("nonsense")


def test_a_value_that_is_missing_is_asked_for(demo: Demo, visit: Enter) -> None:
    page = visit(demo.url).open("/sql?sql=SELECT+{image:String}+AS+wanted")
    expect(page.locator(".state")).to_contain_text("{image}")
    page.get_by_label("image").fill("web:1.9.0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Answer", exact=True)).to_contain_text("web:1.9.0")


def test_an_example_runs_from_a_click(demo: Demo, visit: Enter) -> None:
    page = visit(demo.url).open("/sql")
    page.get_by_role("button", name="Changes per ten seconds, by class").click()
    expect(page.get_by_role("img", name="over slot")).to_be_visible()


def test_a_value_is_found_with_who_brought_and_who_ended_it(demo: Demo, visit: Enter) -> None:
    page = visit(demo.url).open("/search?kind=deployments.apps")
    page.get_by_label("Value", exact=True).fill("web:1.9.0")
    page.keyboard.press("Enter")
    match = page.locator("tbody tr").first
    expect(match).to_contain_text("spec.template.spec.containers[name=web].image")
    expect(match).to_contain_text("ended by deploy-bot")


def test_a_rule_is_tried_and_then_told_as_a_setting(demo: Demo, visit: Enter) -> None:
    page = visit(demo.url).open("/noise?from=now-1d")
    page.get_by_label("Try a rule out").last.fill("pods status kwok")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="tried out")).to_be_visible()
    expect(page.get_by_role("region", name="The tried rule")).to_contain_text('noise = ["pods status kwok"]')
