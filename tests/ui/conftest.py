"""A demo for the whole session, a browser for each module, a window for each test that must end without trouble."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.ui.browser import Visit, launched
from tests.ui.serving import Demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The recorded incident. Shared: nobody writes to it."""
    running = Demo(tmp_path_factory.mktemp("demo") / "data").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module and no longer: while it runs, this thread has an event loop, in which asyncio tests cannot run."""
    with launched() as running:
        yield running


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens windows, with the arguments of `Visit`; none of them may have had trouble in the end."""
    opened: list[Visit] = []

    def enter(base: str, **options: object) -> Visit:
        opened.append(Visit(browser, base, **options))  # type: ignore[arg-type]  # checked where they are named
        return opened[-1]

    yield enter
    for each in opened:
        each.close()
    assert [each.trouble for each in opened] == [[] for _ in opened]
