"""Pictures of every page for the documents: `make screenshots`. Desktop in both themes, and a phone, on the demo."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.ui.browser import DESKTOP, PHONE, Theme, Visit, launched
from tests.ui.palette import reduced
from tests.ui.serving import Demo
from tests.ui.views import views

TARGET = Path(__file__).parents[2] / "docs" / "screenshots"
KINDS: tuple[tuple[str, Theme, tuple[int, int]], ...] = (
    ("light", "light", DESKTOP),
    ("dark", "dark", DESKTOP),
    ("phone", "light", PHONE),
)


def take(demo: Demo, browser: Browser, target: Path) -> None:
    """All of them."""
    for kind, theme, size in KINDS:
        visit = Visit(browser, demo.url, theme=theme, size=size)
        for name, address in views(demo).items():
            visit.open(address)
            (target / f"{name}-{kind}.png").write_bytes(reduced(visit.page.screenshot()))
        visit.close()


def main() -> None:
    """Into docs/screenshots/, or the folder that is named."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kubelapse-pictures-") as data:
        demo = Demo(Path(data)).start()
        try:
            with launched() as browser:
                take(demo, browser, target)
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
