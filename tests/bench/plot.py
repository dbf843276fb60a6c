"""Samples over time as a small SVG: panels below one another, each with its own scale that begins at zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 760
PANEL: Final = 96
LEFT: Final = 64
GAP: Final = 34
STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#475569}.title{fill:#0f172a;font-weight:600}"
    ".grid{stroke:#e2e8f0;stroke-width:1}.line{fill:none;stroke:#2563eb;stroke-width:1.5}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One quantity: its values, evenly spread over the time."""

    title: str
    unit: str
    values: Sequence[float]


def draw(panels: Sequence[Panel], *, hours: float) -> str:
    """The whole picture; the time axis is below the last panel."""
    height = len(panels) * (PANEL + GAP) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f'<style>{STYLE}</style><rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for place, panel in enumerate(panels):
        parts += _panel(panel, top=place * (PANEL + GAP) + GAP - 8)
    parts += [_text(_x(share), height - 8, f"{hours * share:.2g} h", "middle") for share in (0.25, 0.5, 0.75)]
    parts.append(_text(WIDTH - 8, height - 8, f"{hours:.2g} h", "end"))
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, *, top: int) -> list[str]:
    most = _ceiling(max(panel.values))
    lines = [_text(LEFT, top - 6, f"{panel.title} ({panel.unit})" if panel.unit else panel.title, "start", "title")]
    for share in (0.0, 0.5, 1.0):
        y = top + PANEL * (1 - share)
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 8}" y1="{y:.0f}" y2="{y:.0f}"/>')
        lines.append(_text(LEFT - 6, y + 4, f"{most * share:g}", "end"))
    last = max(1, len(panel.values) - 1)
    points = (f"{_x(i / last):.1f},{top + PANEL * (1 - v / most):.1f}" for i, v in enumerate(panel.values))
    return [*lines, f'<polyline class="line" points="{" ".join(points)}"/>']


def _x(share: float) -> float:
    return LEFT + (WIDTH - 8 - LEFT) * share


def _ceiling(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10 times a power of ten."""
    power = 10.0 ** (len(str(int(value))) - 1)
    return next((step * power for step in (1, 2, 4, 6, 8) if step * power >= value), 10 * power)


def _text(x: float, y: float, words: str, anchor: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(words)}</text>'
