/** The life of this one object as a lane: states, marks, A, B and the instant shown; a click goes there. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { CLASSES } from "../../ui/glyphs";
import { isDark, painted, zone } from "../../state/view";
import type { Model } from "../../timeline/model";
import { EXISTS, FAILING, GONE, PROGRESSING, READY, TERMINATING } from "../../timeline/model";
import { readPalette, SPRITE, type Palette } from "../../timeline/palette";
import { tickLabel, ticks, toT, toX, type View } from "../../timeline/scale";
import { hms } from "../../ui/time";

const HEIGHT: Readonly<Record<number, number>> = { [EXISTS]: 1.5, [READY]: 3.5, [PROGRESSING]: 8, [TERMINATING]: 8, [FAILING]: 12, [GONE]: 1 };

export interface StripProps {
  readonly model: Model;
  readonly lane: number;
  readonly view: View;
  readonly at: number;
  readonly a: number | undefined;
  readonly b: number | undefined;
  readonly now: number;
  /** What is known at all: from the first watch to the watermark. */
  readonly since: number;
  readonly known: number;
  readonly onGo: (t: number) => void;
  readonly label: string;
}

export function Strip(props: StripProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const paint = painted.value, z = zone.value;
  const palette = useMemo(() => readPalette(isDark()), [paint]);
  useEffect(() => {
    const node = canvas.current;
    if (!node) return;
    const draw = () => paintStrip(node, palette, props, z);
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(node);
    return () => watch.disconnect();
  });
  return <canvas ref={canvas} role="img" aria-label={props.label} onClick={event => { const box = event.currentTarget.getBoundingClientRect(); props.onGo(nearest(props, box.width, event.clientX - box.left)); }} />;
}

/** The mark under the pointer, else the instant. */
function nearest({ model, lane, view }: StripProps, width: number, x: number): number {
  let best = toT(view, width, x), reach = 12;
  for (let n = model.markFrom[lane]!; n < model.markFrom[lane + 1]!; n++) {
    const t = model.t[model.laneMarks[n]!]!, away = Math.abs(toX(view, width, t) - x);
    if (away < reach) { reach = away; best = t + 1; } // the column holds whole milliseconds, the change is in them
  }
  return best;
}

function paintStrip(node: HTMLCanvasElement, p: Palette, { model, lane, view, at, a, b, now, since, known }: StripProps, z: string): void {
  const w = node.clientWidth, h = node.clientHeight, y = 33, foot = h - 15;
  node.width = Math.round(w * p.ratio);
  node.height = Math.round(h * p.ratio);
  const g = node.getContext("2d")!, x = (t: number) => toX(view, w, t);
  g.setTransform(p.ratio, 0, 0, p.ratio, 0, 0);
  g.fillStyle = p.css.sheet;
  g.fillRect(0, 0, w, h);
  if (a !== undefined && b !== undefined) { g.fillStyle = p.css.hover; g.fillRect(x(Math.min(a, b)), 0, Math.abs(x(b) - x(a)), foot); }
  const { step, at: found } = ticks(view, w, z, 76);
  g.font = `11px ${p.font}`;
  g.textBaseline = "alphabetic";
  for (const t of found) {
    g.fillStyle = p.css.line;
    g.fillRect(x(t), 0, 1, foot + 4);
    g.fillStyle = p.css["ink-3"];
    if (x(t) + 40 < w) g.fillText(tickLabel(t, step, z), x(t) + 4, h - 4);
  }
  for (let n = model.segFrom[lane]!; n < model.segFrom[lane + 1]!; n++) {
    const x0 = Math.max(x(model.segStart[n]!), 0), x1 = Math.min(x(Math.min(model.segEnd[n]!, now)), w), code = model.segState[n]!, tall = HEIGHT[code];
    if (!tall || x1 <= x0) continue;
    const wide = Math.max(1.5, x1 - x0);
    g.fillStyle = p.css[code === FAILING ? "failing" : code === PROGRESSING ? "progressing" : code === TERMINATING ? "terminating" : code === READY ? "ready" : "gone"];
    if (code === GONE) for (let k = x0; k < x1; k += 6) g.fillRect(k, y, 2, 1.2);
    else if (code === TERMINATING) { g.strokeStyle = p.css.terminating; g.lineWidth = 1.5; g.strokeRect(x0 + 0.75, y - 3.25, Math.max(1, wide - 1.5), 6.5); }
    else g.fillRect(x0, y - tall / 2, wide, tall);
    if (code === PROGRESSING) { g.fillStyle = p.css.sheet; for (let k = x0 + 4; k < x1 - 1; k += 5) g.fillRect(k, y - 4, 1.5, 8); }
  }
  const hatched = (from: number, to: number) => {
    if (to <= from || !p.hatch) return;
    const x0 = x(from), wide = Math.max(2, x(to) - x0);
    g.fillStyle = p.css.sheet;
    g.fillRect(x0, 0, wide, foot);
    g.fillStyle = p.hatch;
    g.fillRect(x0, 0, wide, foot);
  };
  for (const each of model.spans) if (!each.late && (!each.resource || each.resource === model.lanes[lane]?.resource)) hatched(each.from, each.to);
  hatched(view.t0, Math.min(since, view.t1));
  hatched(Math.max(known, view.t0), Math.min(now, view.t1));
  if (x(now) < w) { g.fillStyle = p.css.sunken; g.fillRect(x(now), 0, w - x(now), foot); }
  const order = Array.from(model.laneMarks.subarray(model.markFrom[lane]!, model.markFrom[lane + 1]!)).sort((m, n) => model.cls[m]! - model.cls[n]! || model.t[m]! - model.t[n]!);
  for (const mark of order) {
    const px = x(model.t[mark]!), code = model.cls[mark]!;
    if (px < -14 || px > w + 14 || !CLASSES[code]) continue;
    g.drawImage(p.sprite(code, model.human[mark] === 1, false), px - SPRITE / 2, y - SPRITE / 2, SPRITE, SPRITE);
  }
  const flag = (t: number, text: string, dark: boolean) => {
    g.font = `600 11px ${p.font}`;
    const wide = g.measureText(text).width + 10, left = Math.min(Math.max(x(t) - (dark ? 0 : wide / 2), 0), w - wide);
    g.fillStyle = dark ? p.css.ink : p.css.sheet;
    g.strokeStyle = p.css.ink;
    g.lineWidth = 1;
    g.fillRect(left + 0.5, 0.5, wide, 16);
    g.strokeRect(left + 0.5, 0.5, wide - 1, 16);
    g.fillStyle = dark ? p.css.inverse : p.css.ink;
    g.fillText(text, left + 5, 12.5);
  };
  g.fillStyle = p.css.ink;
  g.fillRect(x(at) - 0.8, 0, 1.6, foot);
  flag(at, hms(at, z), true);
  if (a !== undefined) flag(a, "A", false);
  if (b !== undefined) flag(b, "B", false);
}
