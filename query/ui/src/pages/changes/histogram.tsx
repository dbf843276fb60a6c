/** Columns over time: dark is what somebody decided, light is what followed; hatched where nobody was watching. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { TimelineAnswer } from "../../api/timeline";
import { go } from "../../state/url";
import { isDark, painted, zone } from "../../state/view";
import { readPalette, type Palette } from "../../timeline/palette";
import { tickLabel, ticks } from "../../timeline/scale";
import { many } from "../../ui/time";

/** Neighbouring columns added up until each has its pixels. */
export function coarser(values: readonly number[], by: number): number[] {
  const made = new Array<number>(Math.ceil(values.length / by)).fill(0);
  values.forEach((each, n) => (made[Math.floor(n / by)]! += each));
  return made;
}

export function Histogram({ answer }: { answer: TimelineAnswer }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const from = Date.parse(answer.origin), to = from + answer.span;
  const drag = useRef<number>(undefined);
  const paint = painted.value, z = zone.value;
  const palette = useMemo(() => readPalette(isDark()), [paint]);
  useEffect(() => {
    const node = canvas.current;
    if (!node) return;
    const draw = () => drawColumns(node, palette, answer, from, to, z);
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(node);
    return () => watch.disconnect();
  }, [answer, palette, z]);
  const timeAt = (event: PointerEvent) => { const box = canvas.current!.getBoundingClientRect(); return from + ((event.clientX - box.left) / box.width) * (to - from); };
  const total = answer.overview.loud.reduce((a, b) => a + b, 0) + answer.overview.quiet.reduce((a, b) => a + b, 0);
  return (
    <canvas ref={canvas} role="img" aria-label={`${many(total, "change")} over the range; drag to choose a part of it`} title="Drag to choose a range"
      onPointerDown={event => { drag.current = timeAt(event); canvas.current!.setPointerCapture(event.pointerId); }}
      onPointerUp={event => {
        const a = drag.current, b = timeAt(event);
        drag.current = undefined;
        if (a === undefined || Math.abs(a - b) < (to - from) / 200) return;
        go({ from: new Date(Math.min(a, b)).toISOString(), to: new Date(Math.max(a, b)).toISOString(), live: "off" });
      }} />
  );
}

function drawColumns(node: HTMLCanvasElement, p: Palette, answer: TimelineAnswer, from: number, to: number, z: string): void {
  const w = node.clientWidth, h = node.clientHeight, foot = 15;
  node.width = Math.round(w * p.ratio);
  node.height = Math.round(h * p.ratio);
  const g = node.getContext("2d")!;
  g.setTransform(p.ratio, 0, 0, p.ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  const by = Math.max(1, Math.ceil((answer.overview.loud.length * 7) / w));
  const loud = coarser(answer.overview.loud, by), quiet = coarser(answer.overview.quiet, by);
  const most = Math.max(1, ...loud.map((each, n) => each + quiet[n]!));
  const tall = (n: number) => (n ? Math.max(2, Math.sqrt(n / most) * (h - foot - 4)) : 0);
  const step = (answer.overview.width * by * w) / (to - from);
  loud.forEach((each, n) => {
    const all = tall(each + quiet[n]!), dark = each ? Math.max(2, (all * each) / (each + quiet[n]!)) : 0;
    g.fillStyle = p.css["edge"];
    g.globalAlpha = 0.55;
    g.fillRect(n * step, h - foot - all, Math.max(1, step - 1), all - dark);
    g.globalAlpha = 1;
    g.fillStyle = p.css["ink"];
    g.fillRect(n * step, h - foot - dark, Math.max(1, step - 1), dark);
  });
  for (const each of answer.spans) if (each.class === "gap" && p.hatch) {
    const x = (each.from / (to - from)) * w, wide = Math.max(2, ((each.to - each.from) / (to - from)) * w);
    g.fillStyle = p.css["sheet"];
    g.fillRect(x, 0, wide, h - foot);
    g.fillStyle = p.hatch;
    g.fillRect(x, 0, wide, h - foot);
  }
  const { step: unit, at } = ticks({ t0: from, t1: to }, w, z);
  g.font = `11px ${p.font}`;
  g.textBaseline = "alphabetic";
  for (const t of at) {
    const x = ((t - from) / (to - from)) * w;
    g.fillStyle = p.css["line"];
    g.fillRect(x, h - foot, 1, 4);
    g.fillStyle = p.css["ink-3"];
    const text = tickLabel(t, unit, z);
    if (x + g.measureText(text).width + 4 < w) g.fillText(text, x + 3, h - 3);
  }
}
