"""Every page, in both themes, on a desk and on a phone: no error, no refused content, nothing that axe objects to."""

from collections.abc import Callable

import pytest

from tests.ui.browser import PHONE, Visit
from tests.ui.manners import beyond_a_keyboard, objections, too_wide
from tests.ui.serving import Demo
from tests.ui.views import NAMES, views

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_clean_on_a_desk_and_used_without_a_mouse(demo: Demo, visit: Enter, name: str) -> None:
    page = visit(demo.url).open(views(demo)[name])
    assert objections(page) == []
    assert beyond_a_keyboard(page) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_clean_on_a_phone_and_never_scrolls_sideways(demo: Demo, visit: Enter, name: str) -> None:
    page = visit(demo.url, size=PHONE).open(views(demo)[name])
    assert objections(page) == []
    assert too_wide(page) <= 0


def test_every_page_is_among_them(demo: Demo) -> None:
    assert set(views(demo)) == set(NAMES)


def test_a_phone_leads_to_every_page(demo: Demo, visit: Enter) -> None:
    page = visit(demo.url, size=PHONE).open("/coverage")
    page.get_by_role("navigation", name="Pages").get_by_text("More").click()
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    assert {"Drift", "Rollouts", "Coverage", "Search", "SQL", "Noise"} < set(links.all_inner_texts())
    links.filter(has_text="Search").click()
    page.get_by_role("heading", level=1, name="Search").wait_for()
