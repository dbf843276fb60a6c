/** One drift on a line: a bar from the onset on, a whisker where the onset is only known as an interval, hatch over gaps. */
import { CLASSES } from "../../ui/glyphs";
import type { Zone } from "../../ui/time";
import { ground, mark, type Stretch, unwatched } from "../../ui/track";
import type { Palette } from "../../timeline/palette";
import { toX, type View } from "../../timeline/scale";
import type { DriftItem } from "./model";

const DRIFT = CLASSES.indexOf("drift");

/** Milliseconds; a drift that lasts reaches to the right edge of what was asked. */
export function stretches(item: DriftItem, view: View, end: number): Stretch[] {
  const ended = item.spans.map(each => [Date.parse(each.from ?? "") || view.t0, Date.parse(each.to ?? "") || end] as const);
  return item.lasts ? [...ended, [item.since ? Date.parse(item.since) : view.t0, end] as const] : ended;
}

export function drawOnset(g: CanvasRenderingContext2D, p: Palette, item: DriftItem, view: View, end: number, gaps: readonly Stretch[], human: boolean, zone: Zone, width: number, height: number): void {
  const y = height / 2, x = (t: number) => Math.min(width, Math.max(0, toX(view, width, t)));
  ground(g, p, view, zone, width, y, height);
  const bars = stretches(item, view, end);
  g.fillStyle = p.css.drift;
  for (const [from, to] of bars) if (to >= view.t0) g.fillRect(x(from), y - 3, Math.max(x(to) - x(from), 2), 6);
  unwatched(g, p, view, gaps, width, height);
  const since = item.lasts && item.since ? Date.parse(item.since) : bars[0]?.[0];
  if (since === undefined || since < view.t0) return;
  if (item.after && item.after !== item.since) whisker(g, p, x(Date.parse(item.after)), x(since), y);
  if (bars.length < 4) mark(g, p, DRIFT, human, x(since), y);
}

function whisker(g: CanvasRenderingContext2D, p: Palette, x0: number, x1: number, y: number): void {
  g.strokeStyle = p.css.drift;
  g.lineWidth = 1.5;
  g.beginPath();
  g.moveTo(x0, y);
  g.lineTo(x1, y);
  g.moveTo(x0, y - 5);
  g.lineTo(x0, y + 5);
  g.stroke();
}
