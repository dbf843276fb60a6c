/** The ruler above the lanes: ticks, then flags for the pins, the play-head and gaps. */
import { duration, hms } from "../ui/time";
import type { Palette } from "./palette";
import { tickLabel, ticks, toX } from "./scale";
import { type G, hatch, type Scene } from "./shapes";

function flag(g: G, p: Palette, x: number, top: number, text: string, filled: boolean, width: number): void {
  g.font = `600 11px ${p.font}`;
  const w = g.measureText(text).width + 10;
  const left = Math.min(Math.max(x - w / 2, 0), width - w);
  g.fillStyle = filled ? p.css.ink : p.css.sheet;
  g.strokeStyle = p.css.ink;
  g.lineWidth = 1;
  g.beginPath();
  g.rect(Math.round(left) + 0.5, top + 0.5, Math.round(w), 17);
  g.fill();
  g.stroke();
  g.fillStyle = filled ? p.css.inverse : p.css.ink;
  g.textAlign = "left";
  g.textBaseline = "middle";
  g.fillText(text, Math.round(left) + 5, top + 9.5);
}

/** 20 px of ticks, 20 px of flags. */
export function drawRuler(g: G, p: Palette, scene: Scene, width: number): void {
  const { view, zone } = scene, x = (t: number) => toX(view, width, t), marks = ticks(view, width, zone);
  g.fillStyle = p.css.sunken;
  g.fillRect(0, 0, width, 40);
  if (scene.a !== undefined && scene.b !== undefined) { g.fillStyle = p.css.chosen; g.fillRect(x(Math.min(scene.a, scene.b)), 20, Math.abs(x(scene.b) - x(scene.a)), 20); }
  g.font = `11px ${p.font}`;
  g.textBaseline = "middle";
  g.textAlign = "left";
  for (const t of marks.at) {
    const v = Math.round(x(t));
    g.fillStyle = p.css.edge;
    g.fillRect(v, 0, 1, 6);
    g.fillStyle = p.css["ink-3"];
    g.fillText(tickLabel(t, marks.step, zone), v + 4, 10.5);
  }
  rulerGaps(g, p, scene, x, width);
  const xNow = x(scene.now);
  if (xNow < width + 40 && xNow > 24) { g.fillStyle = p.css["ink-3"]; g.textAlign = "right"; g.fillText("now", Math.min(xNow, width) - 4, 30); g.textAlign = "left"; }
  for (const [t, name] of [[scene.a, "A"], [scene.b, "B"]] as const) if (t !== undefined && x(t) > -10 && x(t) < width + 10) flag(g, p, x(t), 21, name, false, width);
  if (x(scene.at) >= 0 && x(scene.at) <= width) flag(g, p, x(scene.at), 21, hms(scene.at, zone, (view.t1 - view.t0) < 20_000), true, width);
}

function rulerGaps(g: G, p: Palette, scene: Scene, x: (t: number) => number, width: number): void {
  const gaps: [number, number, string][] = scene.model.spans.filter(each => !each.late && each.to > scene.view.t0 && each.from < scene.view.t1).map(each => [each.from, each.to, each.resource ? "gap in part" : "gap"]);
  if (scene.since !== undefined) gaps.push([-Infinity, scene.since, "not watched"]);
  if (scene.known !== undefined && scene.known < scene.now) gaps.push([scene.known, scene.now, "not known yet"]);
  let covered = -Infinity;
  for (const [from, to, word] of gaps.sort((a, b) => a[0] - b[0])) {
    const x0 = Math.max(0, x(from), covered), x1 = Math.min(width, Math.max(x(to), x(from) + 3));
    if (x1 <= x0) continue;
    covered = x1;
    hatch(g, p, x0, 20, x1, 40);
    const full = Number.isFinite(from) ? `${word} ${duration(to - from)}` : word;
    const text = g.measureText(full).width + 12 < x1 - x0 ? full : g.measureText(word).width + 12 < x1 - x0 ? word : "";
    if (!text) continue;
    const w = g.measureText(text).width + 8;
    g.fillStyle = p.css.sheet;
    g.fillRect((x0 + x1 - w) / 2, 22, w, 16);
    g.fillStyle = p.css.ink;
    g.fillText(text, (x0 + x1 - w) / 2 + 4, 30.5);
  }
}
