"""Whatever fails is said in a sentence, with what to do; what was read before stays."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.ui.browser import Visit, settled
from tests.ui.serving import Demo
from tests.ui.views import views

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]
API = "**/api/v1/**"
REFUSED = "error: Failed to load resource"  # Chromium writes a line for every refusal; the page itself must be silent
AWAY = {
    "type": "urn:kubelapse:problem:store",
    "title": "The store cannot be reached",
    "status": 503,
    "detail": "The store did not answer.",
    "hint": "Look at /readyz?verbose.",
}


def away(route: Route) -> None:
    """As the server answers without its store."""
    route.fulfill(
        status=503, headers={"Retry-After": "0.01"}, content_type="application/problem+json", body=json.dumps(AWAY)
    )


def test_without_the_store_every_page_says_so_and_comes_back(demo: Demo, visit: Enter) -> None:
    reader = visit(demo.url, expected=REFUSED)
    for address in views(demo).values():
        reader.context.route(API, away)
        reader.page.goto(address)
        expect(reader.page.locator("body")).to_contain_text("The store did not answer.")
        reader.context.unroute(API)
    reader.page.get_by_role("button", name="Try again").first.click()
    expect(reader.page.get_by_text("The store did not answer.")).to_have_count(0)


def test_what_was_read_stays_when_the_store_goes_away(demo: Demo, visit: Enter) -> None:
    reader = visit(demo.url, expected=REFUSED)
    page = reader.open(views(demo)["rollouts"])
    reader.context.route(API, away)
    page.get_by_role("combobox", name="Namespace").select_option("shop")
    expect(page.locator(".strip").last).to_contain_text("What is here was read at")
    expect(page.locator("tbody tr")).not_to_have_count(0)


def test_a_login_that_ended_is_told_as_such(demo: Demo, visit: Enter) -> None:
    reader = visit(demo.url, expected=REFUSED)
    reader.context.route(API, lambda route: route.fulfill(status=401))
    reader.page.goto("/changes")
    expect(reader.page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_slow_answer_shows_that_it_is_awaited(demo: Demo, visit: Enter) -> None:
    reader = visit(demo.url)
    held: list[Route] = []
    question = "**/api/v1/changes?**"
    reader.context.route(question, lambda route: held.append(route))  # Playwright looks into what it calls
    reader.page.goto(views(demo)["changes"])
    expect(reader.page.locator(".ghost + [role=status]")).to_contain_text("Reading")
    reader.context.unroute(question)  # first: what is asked from now on is not held
    for route in held:
        route.continue_()
    settled(reader.page)
    expect(reader.page.locator("tr.changerow")).not_to_have_count(0)


def test_a_page_that_does_not_exist_and_a_wrong_time_are_said_in_words(demo: Demo, visit: Enter) -> None:
    reader = visit(demo.url, expected=REFUSED)
    reader.page.goto("/changes?from=teatime")
    expect(reader.page.locator(".state")).to_contain_text("teatime")
