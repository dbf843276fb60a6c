/** A line of time in a row of a table: the same ground, hatch and ticks for drift and for rollouts. */
import type { Palette } from "../timeline/palette";
import { ticks, toX, type View } from "../timeline/scale";
import type { Zone } from "./time";

type G = CanvasRenderingContext2D;
export type Stretch = readonly [from: number, to: number];

/** Ground and ticks; call `unwatched` last, so that nothing is drawn over what nobody saw. */
export function ground(g: G, p: Palette, view: View, zone: Zone, width: number, y: number, height: number): void {
  g.clearRect(0, 0, width, height);
  g.fillStyle = p.css.line;
  g.fillRect(0, y - 0.5, width, 1);
  for (const t of ticks(view, width, zone, 70).at) g.fillRect(Math.round(toX(view, width, t)), 2, 1, height - 4);
}
/** Hatched; at least 4 px wide, or a short gap would not be seen. */
export function unwatched(g: G, p: Palette, view: View, gaps: readonly Stretch[], width: number, height: number): void {
  for (const [from, to] of gaps) {
    if (to < view.t0 || from > view.t1) continue;
    const x0 = Math.max(0, toX(view, width, from)), x1 = Math.min(width, Math.max(toX(view, width, to), x0 + 4));
    g.fillStyle = p.hatch ?? p.css.unknown;
    g.fillRect(x0, 2, x1 - x0, height - 4);
  }
}
/** A mark centred on x,y. */
export function mark(g: G, p: Palette, of: number, human: boolean, x: number, y: number): void {
  g.drawImage(p.sprite(of, human, false), x - 14, y - 14, 28, 28);
}
/** The window of such lines: the range asked for, but no longer than anybody was watching; a little room on both sides. */
export function track(from: number, to: number, since: string | null): View {
  const start = Math.min(Math.max(from, since ? Date.parse(since) : from), to - 1000);
  return { t0: start - (to - start) * 0.02, t1: to + (to - start) * 0.02 };
}
