"""Histories that no cluster tells on a quiet day: hostile names, ten thousand namespaces, nothing at all, a restart."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from schema.canonical import Json
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.fakes.history import History
from tests.ui.browser import PHONE, Visit, settled
from tests.ui.inside import Inside
from tests.ui.views import address

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]
NAMESPACES = 10_000
SCRIPT = "<script>alert(1)<!--"
IMAGE = '"><img src=x onerror=alert(1)>'
TURNED = "safe\u202egpj.exe"
LONG = "l" * 253
SPAN = {"from": "2026-03-01T11:59:00Z", "to": "2026-03-01T12:10:00Z", "live": "off"}
NAMES = (SCRIPT, IMAGE, TURNED, LONG, "🚀-日本-ü")


def hostile() -> History:
    told = History("evil")
    told.watch(from_=0, to=600)
    for number, name in enumerate(NAMES):
        said: Json = {SCRIPT: IMAGE, "javascript:alert(1)": TURNED}
        for second, replicas in ((10, 1), (200, 2)):
            told.put(
                "deployments.apps",
                f"shop/{name}",
                {"spec": {"replicas": replicas, "template": {"note": said}}, "status": {"message": IMAGE}},
                at=second + number,
                by=f"kubectl-{IMAGE}",
                labels={"app": SCRIPT, "team": "🚀"},
            )
    return told


def crowded() -> History:
    told = History("crowd")
    told.watch("configmaps", from_=0, to=600)
    for number in range(NAMESPACES):
        told.put("configmaps", f"team-{number:05}/settings", {"data": {"a": "1"}}, at=10 + number / 100)
    return told


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """Both histories in one store."""
    path: Path = tmp_path_factory.mktemp("histories")
    store = ChdbStore.open(path)
    migrate(store)
    for told in (hostile(), crowded()):
        told.store(store)
    inside = Inside(store).start()
    yield inside
    inside.stop()
    store.close()


# What some pages must be asked before they show anything.
ASKED = {"search": {"path": "spec"}, "sql": {"sql": "SELECT * FROM history WHERE cluster = 'evil'"}}
PAGES = ["", "timeline", "changes", "compare", "drift", "rollouts", "coverage", "search", "noise"]


@pytest.mark.parametrize("page", [*PAGES, "sql"])
def test_names_from_a_cluster_are_text_on_every_page(served: Inside, visit: Enter, page: str) -> None:
    opened = visit(served.url).open(address(page, {**SPAN, "cluster": "evil", **ASKED.get(page, {})}))
    assert injected(opened) == []


@pytest.mark.parametrize("name", NAMES)
def test_an_object_of_any_name_has_its_page_and_fits_a_phone(served: Inside, visit: Enter, name: str) -> None:
    reader = visit(served.url, size=PHONE)
    of = "/".join(quote(part, safe="") for part in ("evil", "shop", "deployments.apps", name))
    page = reader.open(address("object", {**SPAN, "of": of}))
    expect(page.get_by_role("heading", level=1)).to_contain_text(name.replace("\u202e", "⟨U+202E⟩"))
    assert injected(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def injected(page: Page) -> list[str]:
    """Elements that only markup in a name can have made, and steering characters that were let through."""
    made = page.locator("#app script, #app img").evaluate_all("all => all.map(each => each.outerHTML)")
    return [*made, *(["steering"] if "\u202e" in page.locator("body").inner_text() else [])]


def test_ten_thousand_namespaces_are_chosen_from_and_drawn_only_where_seen(served: Inside, visit: Enter) -> None:
    page = visit(served.url).open(address("timeline", {**SPAN, "cluster": "crowd"}))
    assert page.get_by_role("treeitem").count() < 150
    page.get_by_label("Namespace").fill("team-07777")
    page.keyboard.press("Tab")
    expect(page.get_by_role("treeitem").filter(has_text="settings")).to_have_count(1)


@pytest.mark.parametrize("page", PAGES)
def test_where_nothing_was_recorded_the_page_says_that(served: Inside, visit: Enter, page: str) -> None:
    reader = visit(served.url)
    before = {"cluster": "evil", "live": "off", "from": "2026-01-01", "to": "2026-01-02"}
    reader.page.goto(address(page, {**before, **ASKED.get(page, {}), "span": "range"}))
    settled(reader.page)
    text = reader.page.locator("main").inner_text()
    assert any(
        word in text
        for word in (
            "Nobody was watching",
            "not watched",
            "Nothing is known",
            "nobody was watching",
            "not known",
            "unknown",
        )
    )


def test_a_saved_statement_is_there_for_the_next_reader(served: Inside, visit: Enter) -> None:
    page = visit(served.url).open("/sql?sql=SELECT+DISTINCT+cluster+FROM+objects+ORDER+BY+cluster")
    page.get_by_label("Name to save this under").fill("all-clusters")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="all-clusters", exact=True)).to_be_visible()
    other = visit(served.url).open("/sql")
    other.get_by_role("button", name="all-clusters", exact=True).click()
    expect(other.get_by_role("region", name="Answer", exact=True)).to_contain_text("crowd")


def test_a_restarted_server_is_noticed_and_followed_again(served: Inside, visit: Enter) -> None:
    reader = visit(served.url, expected="error: Failed to load resource")
    page = reader.open(address("changes", {"cluster": "evil"}))
    live = page.locator(".scope .live")
    expect(live).to_have_text("Live")
    served.stop()
    expect(page.get_by_text("Last heard from the server at")).to_be_visible()
    served.start()
    page.get_by_role("button", name="Try now").first.click()
    expect(page.get_by_text("Last heard from the server at")).to_have_count(0)
    expect(live).to_have_text("Live")
