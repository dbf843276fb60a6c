"""Somebody signs in, reads what they may, and signs out; of the rest every page says that it is left out."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.provider import Provider
from tests.ui.browser import PHONE, Visit, settled
from tests.ui.inside import Inside
from tests.ui.manners import beyond_a_keyboard, objections, too_wide
from tests.ui.people import BEES, BOSS, HIDDEN, SPAN, addresses, people
from tests.ui.views import address

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]
REFUSED = "error: Failed to load resource"  # Chromium writes a line for every refusal; the page itself must be silent
PART = "You see namespace a. What you may not list is left out of every answer and count."

FOLLOW = """href => { const link = document.createElement("a"); link.href = href; document.body.append(link);
  link.click(); link.remove(); }"""
"""A click on a link of the interface: the next page without another start."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inside, Provider]]:
    with people(tmp_path_factory.mktemp("people")) as running:
        yield running


def reader(page: Page) -> None:
    """Open what the bar tells of who is signed in."""
    page.get_by_label("Signed in as").click()


def test_somebody_signs_in_reads_and_signs_out(served: tuple[Inside, Provider], visit: Enter) -> None:
    visitor = visit(served[0].url, expected=REFUSED)
    page = visitor.open(address("changes", {**SPAN, "kind": "configmaps"}))
    assert objections(page) == []
    assert beyond_a_keyboard(page) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert too_wide(page) <= 0
    wanted = page.url
    page.get_by_role("link", name="Sign in with 127.0.0.1").click()
    expect(page.locator("tr.changerow")).to_have_count(2)
    assert page.url.replace("%3A", ":") == wanted.replace("%3A", ":")
    (cookie,) = visitor.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], page.evaluate("document.cookie")) == (True, "Lax", "")
    page.goto("/changes")  # follows now: the feed knows the cookie too
    expect(page.get_by_title("Following new changes")).to_be_visible()
    reader(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out here")).to_be_visible()
    page.goto("/changes")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_token_signs_in_and_a_session_that_ends_is_told_as_such(
    served: tuple[Inside, Provider], visit: Enter
) -> None:
    visitor = visit(served[0].url, expected=REFUSED)
    page = visitor.open(address("changes", SPAN))
    token = page.get_by_label("Or with a token")
    token.fill("guessed")
    token.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The token means nobody here.")
    token.fill(BOSS)
    token.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(HIDDEN)
    reader(page)
    expect(page.get_by_text("Nothing is left out")).to_be_visible()
    visitor.context.clear_cookies()
    page.get_by_role("combobox", name="Namespace").select_option("a")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your sign-in has ended")
    assert HIDDEN not in page.locator("body").inner_text()


def test_who_reads_a_part_is_told_so_on_every_page_and_meets_nothing_of_the_rest(
    served: tuple[Inside, Provider], visit: Enter
) -> None:
    visitor = visit(served[0].url)
    page = visitor.page
    page.goto(f"{served[0].url}/auth/login?next=changes")
    settled(page)
    for name, where in addresses().items():
        visitor.expected = REFUSED if name == "hidden" else "nothing"
        page.evaluate(FOLLOW, where)
        if name == "hidden":
            expect(page.get_by_role("main")).to_contain_text("was never seen")
        else:
            settled(page)
        expect(page.get_by_role("note").first).to_have_text(PART)
        shown = page.locator("body").inner_text().replace(BEES.rpartition("/")[2], "")
        assert HIDDEN not in shown, name
        assert "could not be" not in shown, name
        if name == "sql":
            expect(page.get_by_role("main")).to_contain_text("who sees everything sees it, and saves")
