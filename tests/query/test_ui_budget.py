"""The built interface stays small: what is loaded first, and all of it."""

import gzip
import re
from pathlib import Path

import pytest

UI = Path(__file__).parents[2] / "query" / "_ui"
FIRST_LOAD = 60_000
"""Bytes, gzipped: the document, what it names, and the chunks of the page that is opened."""
WHOLE = 600_000

pytestmark = pytest.mark.skipif(not (UI / "index.html").exists(), reason="the interface is not built here: make ui")


PAGES = sorted(each.parent.name for each in (UI.parent / "ui" / "src" / "pages").glob("*/index.tsx"))


def test_every_page_is_weighed() -> None:
    assert {"home", "timeline", "changes", "object", "compare", "drift", "rollouts", "coverage", "search", "sql"} < {
        *PAGES
    }


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_with_little(page: str) -> None:
    chunks = list((UI / "assets").glob(f"{page}-*.*"))
    assert chunks, "the page is not in this build: make ui"
    files = closure({UI / "index.html", *chunks, *named(UI / "index.html")})
    sizes = {file.name: len(gzip.compress(file.read_bytes(), 6)) for file in files}
    assert sum(sizes.values()) <= FIRST_LOAD, sizes


def test_the_whole_of_it_fits_a_wheel() -> None:
    sizes = {file.name: file.stat().st_size for file in UI.rglob("*") if file.is_file()}
    assert sum(sizes.values()) <= WHOLE, sizes


def test_nothing_is_asked_of_anyone_else() -> None:
    """No address of another host in what a browser would load by itself."""
    outside = re.compile(r"""(?:src|href|url|import|@import)\s*[=(]\s*["']?(?:https?:)?//""")
    assert not [
        file.name for file in UI.rglob("*") if file.suffix in {".html", ".css", ".js"} and outside.search(text(file))
    ]


def closure(files: set[Path]) -> set[Path]:
    """These files and what they import at once; what is loaded lazily is not among them."""
    found: set[Path] = set()
    while files:
        found |= files
        files = {other for file in files for other in named(file)} - found
    return found


def named(file: Path) -> set[Path]:
    if file.suffix == ".html":
        names = re.findall(r'(?:src|href)="\./([^"]+)"', text(file))
    elif file.suffix == ".js":
        names = [f"assets/{name}" for name in re.findall(r'(?:from|import)\s*"\./([^"]+\.js)"', text(file))]
    else:
        names = []
    return {UI / name for name in names}


def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
