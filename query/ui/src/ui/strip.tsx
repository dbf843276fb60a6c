/** A small canvas that draws itself again when its size or the colours change. */
import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isDark, painted } from "../state/view";
import { type Palette, readPalette } from "../timeline/palette";

let shared: { of: number; palette: Palette } | undefined;
/** One palette for all strips of a page, read again after a change of colour. */
export function palette(): Palette {
  if (!shared || shared.of !== painted.peek() || shared.palette.ratio !== devicePixelRatio) shared = { of: painted.peek(), palette: readPalette(isDark()) };
  return shared.palette;
}

export function Strip({ height, label, draw }: { height: number; label?: string; draw: (g: CanvasRenderingContext2D, p: Palette, width: number, height: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(draw);
  latest.current = draw;
  const paint = useRef(() => {
    const el = canvas.current, p = palette(), w = el?.clientWidth ?? 0;
    if (!el || !w) return;
    el.width = Math.round(w * p.ratio);
    el.height = Math.round(height * p.ratio);
    const g = el.getContext("2d")!;
    g.setTransform(p.ratio, 0, 0, p.ratio, 0, 0);
    latest.current(g, p, w, height);
  });
  useEffect(() => paint.current());
  useEffect(() => {
    const watch = new ResizeObserver(() => paint.current());
    watch.observe(canvas.current!);
    return () => watch.disconnect();
  }, []);
  useSignalEffect(() => { void painted.value; requestAnimationFrame(() => paint.current()); });
  return <canvas ref={canvas} class="strip-canvas" style={{ height: `${height}px` }} {...(label ? { role: "img" as const, "aria-label": label } : { "aria-hidden": true as const })} />;
}
