/** Lines of time in tables: when something was watched, and the ticks above a column of such lines. */
import type { Zone } from "../ui/time";
import type { Palette } from "./palette";
import { tickLabel, ticks, toX, type View } from "./scale";
import { type G, hatch } from "./shapes";

/** A line of watching: solid, hatched where nobody was, half height where it was read late. Times in milliseconds. */
export function drawWatch(g: G, p: Palette, view: View, watched: readonly (readonly [number, number])[], gaps: readonly (readonly [number, number])[], late: readonly (readonly [number, number])[], width: number, height: number): void {
  const x = (t: number) => Math.min(width, Math.max(0, toX(view, width, t))), top = Math.round((height - 10) / 2);
  g.clearRect(0, 0, width, height);
  hatch(g, p, 0, top - 3, width, top + 13);
  for (const [from, to] of watched) {
    g.fillStyle = p.css.sheet;
    g.fillRect(x(from), 0, x(to) - x(from), height);
  }
  for (const [from, to] of watched) { g.fillStyle = p.css.edge; g.fillRect(x(from), top, Math.max(x(to) - x(from), 1), 10); }
  for (const [from, to] of late) {
    g.fillStyle = p.css.sheet;
    g.fillRect(x(from), top, Math.max(x(to) - x(from), 2), 5);
  }
  for (const [from, to] of gaps) hatch(g, p, x(from), top - 3, Math.max(x(to), x(from) + 4), top + 13);
}
/** Ticks for a column of such lines. */
export function drawAxis(g: G, p: Palette, view: View, zone: Zone, width: number): void {
  const marks = ticks(view, width, zone, 70);
  g.clearRect(0, 0, width, 16);
  g.font = `11px ${p.font}`;
  g.textBaseline = "middle";
  g.textAlign = "left";
  g.fillStyle = p.css["ink-3"];
  for (const t of marks.at) {
    const v = Math.round(toX(view, width, t));
    g.fillRect(v, 0, 1, 4);
    if (v < width - 34) g.fillText(tickLabel(t, marks.step, zone), v + 4, 9);
  }
}
