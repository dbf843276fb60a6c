"""Debian's Chromium, driven headless, and everything that a page did which it should not have done.

The browser comes from the machine (`KUBELAPSE_TEST_CHROMIUM` or `chromium` on the path), so nothing is downloaded.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, expect, sync_playwright

from query import assets

Theme = Literal["light", "dark"]
DESKTOP = (1440, 900)
PHONE = (390, 844)
PATIENCE = 90_000
"""Milliseconds. Waiting ends as soon as there is what is waited for: this is for machines that are busy."""
AXE = Path(__file__).parents[2] / "query" / "ui" / "node_modules" / "axe-core" / "axe.min.js"
POLICED = """addEventListener('securitypolicyviolation', each =>
  console.error(`policy: ${each.violatedDirective} ${each.blockedURI} ${each.sourceFile}:${each.lineNumber}`))"""


def chromium() -> str:
    """The program; "" where there is none."""
    return (
        os.environ.get("KUBELAPSE_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
    )


def missing() -> str:
    """What this machine lacks for tests in a browser."""
    lacking = [
        *([] if chromium() else ["chromium"]),
        *([] if assets.load().built and AXE.exists() else ["the built interface (make ui)"]),
    ]
    return " and ".join(lacking)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window. Only one at a time, and no event loop may run in this thread."""
    with sync_playwright() as playwright:
        # Containers run as root and give /dev/shm 64 MB: both are about isolation from hostile pages, and ours is none.
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


class Visit:
    """One reader's window on one server. `trouble` lists what a console would show: errors, warnings, refused content.

    Requests to any other host are refused and listed as trouble, too. `expected`: how messages
    begin that a test brings about itself.
    """

    def __init__(
        self,
        browser: Browser,
        base: str,
        *,
        theme: Theme = "light",
        size: tuple[int, int] = DESKTOP,
        expected: str = "nothing",
    ) -> None:
        self.expected = expected
        self.trouble: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            locale="en-GB",
            timezone_id="Europe/Vienna",
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
            base_url=base,
            has_touch=size[0] < 640,
        )
        self.context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        self.context.add_init_script(POLICED)
        self.context.add_init_script(ASKED)
        self.context.route(lambda url: urlsplit(url).netloc != urlsplit(base).netloc, self._outside)
        self.page = self.tab()

    def tab(self) -> Page:
        """One more page of this window."""
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.trouble.append(f"uncaught: {error}"))
        page.on("requestfailed", self._failed)
        return page

    def open(self, address: str) -> Page:
        """Go there, and wait until the page has drawn what it was asked for."""
        self.page.goto(address)
        settled(self.page)
        return self.page

    def close(self) -> None:
        """The window."""
        self.context.close()

    def _said(self, message: ConsoleMessage) -> None:
        text = f"{message.type}: {message.text}"
        if message.type in {"error", "warning"} and not text.startswith(self.expected):
            self.trouble.append(f"{text} {message.location['url']}")

    def _failed(self, request: Request) -> None:
        # A page that is left, or asks something newer, no longer waits for its answers.
        if self.expected == "nothing" and request.failure and "ERR_ABORTED" not in request.failure:
            self.trouble.append(f"failed: {request.url} {request.failure}")

    def _outside(self, route: Route) -> None:
        self.trouble.append(f"outside request: {route.request.url}")
        route.abort()


ASKED = """(() => {
  const real = window.fetch, frame = () => new Promise(requestAnimationFrame);
  window.asking = window.asked = 0;
  window.fetch = (...what) => { window.asking++; window.asked++; return real(...what).finally(() => window.asking--); };
  window.quiet = async () => {
    for (let n = 0; n < 4; n++) { await frame(); if (window.asking) n = -1; }
    return true;
  };
})()"""
SETTLED = """() => window.asked && document.querySelector('main h1') && !document.querySelector('.ghost, .outdated')"""


def settled(page: Page) -> None:
    """A page has a title, every question is answered and drawn, and nothing belongs to an earlier one."""
    page.wait_for_function(SETTLED)
    page.evaluate("quiet()")
    page.wait_for_function(SETTLED)
