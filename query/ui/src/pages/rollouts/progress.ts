/** A rollout on a line: striped until it is complete, thin while it stays, solid where its pods failed. */
import { CLASSES } from "../../ui/glyphs";
import type { Zone } from "../../ui/time";
import { ground, mark, type Stretch, unwatched } from "../../ui/track";
import type { Palette } from "../../timeline/palette";
import { toX, type View } from "../../timeline/scale";
import type { Rollout } from "./model";

const ROLLOUT = CLASSES.indexOf("rollout");

export function drawProgress(g: CanvasRenderingContext2D, p: Palette, of: Rollout, view: View, end: number, gaps: readonly Stretch[], human: boolean, zone: Zone, width: number, height: number): void {
  const y = height / 2, x = (t: number) => Math.min(width, Math.max(0, toX(view, width, t)));
  const started = Date.parse(of.started), ended = of.ended ? Date.parse(of.ended) : end, complete = of.completed_at ? Date.parse(of.completed_at) : undefined;
  ground(g, p, view, zone, width, y, height);
  g.fillStyle = p.css.progressing;
  striped(g, p, x(started), Math.max(x(complete ?? ended), x(started) + 2), y);
  if (complete !== undefined) { g.fillStyle = p.css.ready; g.fillRect(x(complete), y - 2, x(ended) - x(complete), 4); }
  g.fillStyle = p.css.failing;
  for (const each of of.failures) g.fillRect(x(Date.parse(each.first)), y - 6, Math.max(x(Date.parse(each.last)) - x(Date.parse(each.first)), 2), 12);
  unwatched(g, p, view, gaps, width, height);
  if (started >= view.t0) mark(g, p, ROLLOUT, human, x(started), y);
}
function striped(g: CanvasRenderingContext2D, p: Palette, x0: number, x1: number, y: number): void {
  g.fillRect(x0, y - 4, x1 - x0, 8);
  g.fillStyle = p.css.sheet;
  for (let at = x0 + 5; at < x1 - 1; at += 6) g.fillRect(at, y - 4, 1.5, 8);
}
