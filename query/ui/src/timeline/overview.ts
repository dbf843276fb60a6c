/** The whole range as a histogram, with the window in it. */
import { columns } from "./merge";
import type { Model } from "./model";
import type { Palette } from "./palette";
import { tickLabel, ticks, toX, type View } from "./scale";
import { type G, hatch, type Scene } from "./shapes";

/** Columns of three pixels from single marks: exact also where the overview shows less than the range. */
function counted(model: Model, range: View, width: number): { loud: ArrayLike<number>; quiet: ArrayLike<number>; width: number } {
  const key = `${range.t0} ${range.t1} ${width}`, had = overviews.get(model);
  if (had?.key === key) return had;
  const everything = new Int32Array(model.t.length);
  for (let i = 0; i < everything.length; i++) everything[i] = i;
  const { loud, all } = columns(model, everything, range, width, 3);
  const made = { key, loud, quiet: all.map((n, c) => n - loud[c]!), width: ((range.t1 - range.t0) / width) * 3 };
  overviews.set(model, made);
  return made;
}
const overviews = new WeakMap<Model, { key: string; loud: ArrayLike<number>; quiet: ArrayLike<number>; width: number }>();

/** The whole range, and the window in it. */
export function drawOverview(g: G, p: Palette, scene: Scene, range: View, width: number, height: number): void {
  const { model, view } = scene, base = height - 16, x = (t: number) => toX(range, width, t);
  g.fillStyle = p.css.paper;
  g.fillRect(0, 0, width, height);
  const x0 = Math.max(0, x(view.t0)), x1 = Math.min(width, x(view.t1));
  g.fillStyle = p.css.sheet;
  g.fillRect(x0, 0, x1 - x0, base);
  if (scene.since !== undefined && x(scene.since) > 0) hatch(g, p, 0, 0, Math.min(width, x(scene.since)), base);
  if (scene.known !== undefined && scene.known < scene.now && x(scene.known) < width) hatch(g, p, Math.max(0, x(scene.known)), 0, Math.min(width, x(scene.now)), base);
  for (const each of model.spans) if (!each.late) hatch(g, p, x(each.from), 0, Math.max(x(each.to), x(each.from) + 2), each.resource ? 8 : base);
  const { loud, quiet, width: step } = model.binned ? model.overview : counted(model, range, width);
  let most = 1;
  for (let c = 0; c < loud.length; c++) most = Math.max(most, loud[c]! + quiet[c]!);
  const room = base - 6, from = model.binned ? model.from : range.t0;
  for (let c = 0; c < loud.length; c++) {
    const all = loud[c]! + quiet[c]!;
    if (!all) continue;
    const left = x(from + c * step), w = Math.max(x(from + (c + 1) * step) - left - (step / (range.t1 - range.t0) * width > 3 ? 1 : 0), 1);
    const h = Math.max(1.5, Math.sqrt(all / most) * room), hot = loud[c] ? Math.max(1.5, (h * loud[c]!) / all) : 0;
    g.fillStyle = p.css.edge;
    g.globalAlpha = 0.55;
    g.fillRect(left, base - h, w, h - hot);
    g.globalAlpha = 1;
    g.fillStyle = p.css.ink;
    if (hot) g.fillRect(left, base - hot, w, hot);
  }
  g.font = `11px ${p.font}`;
  g.textBaseline = "middle";
  g.textAlign = "left";
  const marks = ticks(range, width, scene.zone, 70);
  g.fillStyle = p.css["ink-3"];
  for (const t of marks.at) { g.fillRect(Math.round(x(t)), base, 1, 4); g.fillText(tickLabel(t, marks.step, scene.zone), x(t) + 3, height - 7); }
  g.strokeStyle = p.css.ink;
  g.lineWidth = 1;
  g.strokeRect(Math.round(x0) + 0.5, 0.5, Math.max(2, Math.round(x1 - x0) - 1), base - 1);
  g.fillStyle = p.css.ink;
  for (const v of [x0, x1 - 4]) g.fillRect(v, base / 2 - 10, 4, 20);
  if (x(scene.at) >= 0 && x(scene.at) <= width) g.fillRect(x(scene.at) - 0.75, 0, 1.5, base);
}
