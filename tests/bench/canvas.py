"""How fast the timeline draws, in headless Chromium: `python -m tests.bench canvas`.

The built interface (`make ui`) is served from memory beside a generated answer, so that the figures are those of the
browser alone. First paint: from the parsed answer to the first frame drawn. Frames: the time that our own drawing takes
in each frame of 200 steps of panning and zooming, without the browser's own waiting for the next refresh.

Of a million changes the page gets bins, and for each closer look what the server would give for that window: other
bins, or marks when they are few enough.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, sync_playwright

from tests.bench.report import figure

UI = Path(__file__).parents[2] / "query" / "_ui"
CHROMIUM = "/usr/bin/chromium"
HOUR = 3_600_000
_SAID = (2, 2, 2, 4, 5)
ORIGIN = "2026-11-22T00:00:00Z"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
MEASURE = """async steps => {
  const took = [], box = document.querySelector('.lanes .body canvas').getBoundingClientRect();
  const frame = () => new Promise(requestAnimationFrame);
  performance.clearMeasures();
  for (let n = 0; n < steps; n++) {
    const at = { clientX: box.left + box.width / 2, clientY: box.top + 100, bubbles: true, cancelable: true };
    const zoom = Math.floor(n / 20) % 2;
    // There and back: beside the range there is nothing to draw.
    const wheel = zoom ? { ctrlKey: true, deltaY: n % 40 < 30 ? -30 : 30 } : { deltaX: n % 20 < 10 ? 60 : -60 };
    document.querySelector('.lanes .body canvas').dispatchEvent(new WheelEvent('wheel', { ...at, ...wheel }));
    const began = performance.now();
    await frame(); await frame();
    took.push((performance.now() - began) / 2);
  }
  return [performance.getEntriesByName('timeline-frame').map(each => each.duration), took];
}"""


def answer(events: int, lanes: int, hours: int = 6, *, seed: int = 7, flips: bool = False) -> dict[str, Any]:
    """An answer of `/api/v1/timeline` with this many marks on this many lanes, a tenth of them Deployments.

    `flips`: every change brings another state, else eight a lane do.
    """
    pick = random.Random(seed)  # figures must repeat, nothing is secret
    span = hours * HOUR
    strings = ["", "prod-eu-1", *[f"team-{n:02}" for n in range(20)]]
    strings += ["Deployment", "deployments.apps", "Pod", "pods", "kubelet"]
    at = {text: n for n, text in enumerate(strings)}
    owners = lanes // 10
    namespaces = [at[f"team-{n % owners % 20:02}"] for n in range(lanes)]
    names = [f"service-{n}" if n < owners else f"service-{n % owners}-7c9f8d5b6-{n:05x}" for n in range(lanes)]
    base = len(strings)
    times = sorted(pick.randrange(span) for _ in range(events))
    life = [pick.randrange(lanes) for _ in range(events)]
    classes = pick.choices(range(6), weights=[70, 5, 5, 14, 3, 3], k=events)
    told = range(events) if flips else sorted(pick.sample(range(events), min(events, lanes * 8)))
    columns = [0] * 1200
    for each in times:
        columns[each * 1200 // span] += 1
    nothing = {"complete": True, "watched_since": ORIGIN, "watermark": None, "confirmed": None}
    return {
        "from": ORIGIN, "to": "2026-11-22T06:00:00Z", "origin": ORIGIN, "span": span, "now": None,
        "coverage": {**nothing, "gaps": [], "late": [], "unwatched": [], "why": []},
        "hidden": {"noise": 0, "first_sight": 0}, "total": events, "mode": "marks", "strings": [*strings, *names],
        "classes": ["status", "metadata", "create", "spec", "rollout", "delete", "drift"],
        "states": ["exists", "ready", "terminating", "progressing", "failing"],
        "lanes": {
            "cluster": [1] * lanes, "namespace": namespaces,
            "kind": [at["Deployment" if n < owners else "Pod"] for n in range(lanes)],
            "resource": [at["deployments.apps" if n < owners else "pods"] for n in range(lanes)],
            "name": [base + n for n in range(lanes)], "owner": [-1 if n < owners else n % owners for n in range(lanes)],
            "changes": [events // lanes] * lanes, "worst": [4 if n % 7 == 0 else 1 for n in range(lanes)],
            "state": [1] * lanes, "note": [0] * lanes, "last": [span - n for n in range(lanes)],
        },
        "lanes_left_out": 0,
        "lives": {"lane": list(range(lanes)), "uid": [f"u{n}" for n in range(lanes)], "epoch": [1] * lanes,
                  "from": [None] * lanes, "to": [None] * lanes, "said": [2] * lanes},
        "said": {"state": [-1, 0, 1, 2, 3, 4], "note": [0] * 6},
        "bars": {"life": [], "t": [], "said": []},
        "marks": {"t": list(_deltas(times)), "life": life, "class": classes, "op": [1] * events,
                  "actor": [at["kubelet"]] * events, "human": [n for n in range(events) if n % 97 == 0],
                  "seq": [1] * events,
                  "said": {"mark": list(_deltas(told)), "said": [pick.choice(_SAID) for _ in told]},
                  "error": {"mark": [], "ms": []}, "epoch": {"mark": [], "epoch": []},
                  "noise": []},
        "bins": None,
        "overview": {"width": span // 1200, "loud": [0] * 1200, "quiet": columns},
        "spans": [],
    }  # fmt: skip


def _deltas(times: Sequence[int]) -> Iterator[int]:
    before = 0
    for each in times:
        yield each - before
        before = each


MOST_MARKS = 50_000
"""As the server has it: from here on a window is answered with bins."""
BINS = 6


def crowded(events: int, lanes: int, window: tuple[str, str], *, hours: int = 6) -> dict[str, Any]:
    """What the server gives for a window of a range with this many changes, spread evenly."""
    begin = datetime.fromisoformat(ORIGIN)
    first, last = (min(max(datetime.fromisoformat(each), begin), begin + timedelta(hours=hours)) for each in window)
    span = max(1, int((last - first) / timedelta(milliseconds=1)))
    inside = events * span // (hours * HOUR)
    made = answer(min(inside, MOST_MARKS), lanes, hours) | {"total": inside, "span": span}
    made |= {key: at.astimezone(UTC).isoformat() for key, at in (("from", first), ("to", last), ("origin", first))}
    if inside <= MOST_MARKS:
        return made
    pick, cells = random.Random(9), lanes * BINS
    return made | {
        "mode": "bins", "marks": None, "bars": None,
        "bins": {
            "width": -(-span // BINS), "cells": [BINS] * lanes, "bin": [*range(BINS)] * lanes,
            "count": [max(1, inside // cells)] * cells,
            "class": pick.choices(range(6), weights=[70, 5, 5, 14, 3, 3], k=cells),
            "human": [n for n in range(cells) if n % 97 == 0], "worst": pick.choices((0, 2, 4, 5), k=cells),
            "final": [2] * cells,
        },
    }  # fmt: skip


def run(events: int = 100_000, lanes: int = 2_000) -> None:
    """Serve, open, measure; then the same with ten times as many, as bins."""
    body = json.dumps(answer(events, lanes), separators=(",", ":")).encode()
    figure("timeline answer, 100,000 changes, gzip", len(gzip.compress(body, 5)) / 1e6, "MB", events=events)
    flipping = json.dumps(answer(events, lanes, flips=True), separators=(",", ":")).encode()
    figure("the same where each change is another state", len(gzip.compress(flipping, 5)) / 1e6, "MB", events=events)
    _measure(lambda _window: body, events, lanes)
    many, wide = events * 10, lanes * 10
    _measure(lambda window: json.dumps(crowded(many, wide, window)).encode(), many, wide)


def _measure(told: Callable[[tuple[str, str]], bytes], events: int, lanes: int) -> None:
    """`told`: the answer for a window."""
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.route("**/*", lambda route: _serve(route, told))
        page.goto("http://ui.test/timeline?from=2026-11-22T00:00:00Z&to=2026-11-22T06:00:00Z&live=off")
        page.wait_for_function("performance.getEntriesByName('timeline-frame').length > 1", timeout=120_000)
        _report(page, events, lanes)
        browser.close()


def _report(page: Page, events: int, lanes: int) -> None:
    first = page.evaluate("performance.getEntriesByName('timeline-first').map(each => each.duration)[0]")
    figure("timeline, first paint after data", first, "ms", events=events, lanes=lanes)
    own, whole = page.evaluate(MEASURE, 200)
    for name, took in (("drawing", own), ("whole frame", whole)):
        ordered = sorted(took)
        figure(f"timeline, pan and zoom, {name}, p50", ordered[len(ordered) // 2], "ms", events=events, lanes=lanes)
        figure(
            f"timeline, pan and zoom, {name}, p95", ordered[int(len(ordered) * 0.95)], "ms", events=events, lanes=lanes
        )


def _serve(route: Route, told: Callable[[tuple[str, str]], bytes]) -> None:
    address = urlsplit(route.request.url)
    path, asked = address.path, parse_qs(address.query)
    if path == "/api/v1/timeline":
        route.fulfill(body=told((asked["from"][0], asked["to"][0])), content_type="application/json")
    elif path.startswith("/api/"):
        route.fulfill(body='{"items":[]}', content_type="application/json")
    else:
        file = UI / (path.lstrip("/") if "." in path else "index.html")
        route.fulfill(body=file.read_bytes(), content_type=TYPES.get(file.suffix, "text/plain"))
