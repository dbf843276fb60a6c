/** Pointers on the three canvases. One finger or the mouse pans, two zoom, a tap chooses; the wheel zooms with Ctrl. */
import { batch } from "@preact/signals";
import { nearest } from "./merge";
import type { Row } from "./rows";
import { panBy, pinch, toT, toX, type View, zoomAt } from "./scale";
import { choose, chosenRev, head, hoverRow, orderOf, overall, present, rows, shownModel, view, width } from "./stage";

export interface Hit {
  readonly row: Row;
  readonly index: number;
  readonly mark: number;
  readonly t: number;
}
export function hitAt(x: number, y: number, height: number, reach = 12): Hit | undefined {
  const v = view.peek(), m = shownModel.peek(), index = Math.floor(y / height), row = rows.peek()[index];
  if (!v || !m || !row) return undefined;
  const mark = row.type === "cluster" || row.type === "namespace" ? -1 : nearest(m, orderOf(row), v, width.peek(), x, reach);
  return { row, index, mark, t: toT(v, width.peek(), x) };
}

export interface Surface {
  /** The height of a row, and how far the canvas is scrolled: y of the first row's top on it. */
  readonly rowHeight: () => number;
  readonly top: () => number;
  readonly onHover: (hit: Hit | undefined, event: PointerEvent | undefined) => void;
  readonly onOpen: (row: Row) => void;
}

export function lanesGestures(canvas: HTMLCanvasElement, surface: Surface): () => void {
  const down = new Map<number, { x: number; y: number }>();
  let start: { view: View; points: readonly [number, number]; x: number; y: number } | undefined;
  let moved = false, lastTap = 0;
  const place = (event: { clientX: number; clientY: number }) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const begin = () => {
    const [a, b] = [...down.values()];
    if (a && view.peek()) start = { view: view.peek()!, points: [a.x, b?.x ?? a.x], x: a.x, y: a.y };
  };
  const on = listeners(canvas);
  on("pointerdown", event => {
    if (event.button) return;
    down.set(event.pointerId, place(event));
    moved = down.size > 1 || false;
    begin();
  });
  on("pointermove", event => {
    const here = place(event);
    if (!down.has(event.pointerId)) {
      const hit = hitAt(here.x, here.y + surface.top(), surface.rowHeight());
      hoverRow.value = hit?.index ?? -1;
      return surface.onHover(hit, event);
    }
    down.set(event.pointerId, here);
    if (!start) return;
    const [a, b] = [...down.values()];
    if (a && b) { moved = true; view.value = pinch(start.view, width.peek(), start.points, [a.x, b.x]); return; }
    if (!moved && Math.abs(here.x - start.x) > 4) { moved = true; canvas.setPointerCapture(event.pointerId); }
    if (moved) {
      surface.onHover(undefined, undefined);
      view.value = panBy(start.view, ((start.x - here.x) / width.peek()) * (start.view.t1 - start.view.t0));
    }
  });
  const end = (event: PointerEvent) => {
    if (!down.delete(event.pointerId)) return;
    if (down.size) return begin();
    start = undefined;
    if (moved || event.type !== "pointerup") return;
    const here = place(event), hit = hitAt(here.x, here.y + surface.top(), surface.rowHeight(), event.pointerType === "touch" ? 22 : 12);
    if (!hit) return;
    const twice = performance.now() - lastTap < 350;
    lastTap = performance.now();
    if (twice) return surface.onOpen(hit.row);
    if (shownModel.peek()?.binned && hit.mark >= 0) { const v = view.peek()!; view.value = zoomAt(v, 0.25, hit.t); choose(hit.row, -1, hit.t); return; }
    choose(hit.row, hit.mark, hit.t);
  };
  on("pointerup", end);
  on("pointercancel", end);
  on("pointerleave", () => { hoverRow.value = -1; surface.onHover(undefined, undefined); });
  canvas.addEventListener("wheel", event => wheel(event, place(event).x), { passive: false });
  return on.off;
}

/** Ctrl zooms at the pointer, Shift and sideways pan; plain wheel stays with the browser and scrolls lanes. */
function wheel(event: WheelEvent, x: number): void {
  const v = view.peek();
  if (!v) return;
  const sideways = event.shiftKey ? event.deltaY || event.deltaX : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
  if (!event.ctrlKey && !event.metaKey && !sideways) return;
  event.preventDefault();
  const pixels = event.deltaMode === 1 ? 16 : 1;
  if (event.ctrlKey || event.metaKey) view.value = zoomAt(v, Math.exp(Math.max(-60, Math.min(60, event.deltaY * pixels)) * 0.004), toT(v, width.peek(), x));
  else view.value = panBy(v, ((sideways * pixels) / width.peek()) * (v.t1 - v.t0));
}

export function rulerGestures(canvas: HTMLCanvasElement): () => void {
  const on = listeners(canvas);
  const move = (event: PointerEvent) => {
    const v = view.peek();
    if (!v || (event.type === "pointermove" && !canvas.hasPointerCapture(event.pointerId))) return;
    if (event.type === "pointerdown") canvas.setPointerCapture(event.pointerId);
    const t = toT(v, width.peek(), event.clientX - canvas.getBoundingClientRect().left);
    batch(() => { chosenRev.value = ""; head.value = t >= present.peek() ? undefined : t; });
  };
  on("pointerdown", move);
  on("pointermove", move);
  canvas.addEventListener("wheel", event => wheel(event, event.clientX - canvas.getBoundingClientRect().left), { passive: false });
  return on.off;
}

/** The brush: its edges, the window between them, or a new window on empty ground. */
export function overviewGestures(canvas: HTMLCanvasElement): () => void {
  const on = listeners(canvas);
  let grip: "left" | "right" | "middle" | "new" | undefined, from = 0, start: View | undefined;
  const where = (event: PointerEvent) => toT(overall.peek(), canvas.clientWidth, event.clientX - canvas.getBoundingClientRect().left);
  const gripOf = (event: PointerEvent): typeof grip => {
    const v = view.peek()!, x = event.clientX - canvas.getBoundingClientRect().left, reach = event.pointerType === "touch" ? 22 : 8;
    const a = Math.max(0, toX(overall.peek(), canvas.clientWidth, v.t0)), b = Math.min(canvas.clientWidth, toX(overall.peek(), canvas.clientWidth, v.t1));
    if (Math.abs(x - a) <= reach && x - a < (b - a) / 3) return "left";
    if (Math.abs(x - b) <= reach) return "right";
    return x > a && x < b && b - a < canvas.clientWidth * 0.97 ? "middle" : "new";
  };
  on("pointerdown", event => {
    if (!view.peek()) return;
    canvas.setPointerCapture(event.pointerId);
    grip = gripOf(event);
    start = view.peek()!;
    from = where(event);
  });
  on("pointermove", event => {
    if (!view.peek()) return;
    if (!grip || !start) { canvas.style.cursor = { left: "ew-resize", right: "ew-resize", middle: "grab", new: "crosshair" }[gripOf(event)!]; return; }
    const t = where(event), least = (overall.peek().t1 - overall.peek().t0) / 500;
    if (grip === "middle") view.value = panBy(start, t - from);
    else if (grip === "left") view.value = { t0: Math.min(t, start.t1 - least), t1: start.t1 };
    else if (grip === "right") view.value = { t0: start.t0, t1: Math.max(t, start.t0 + least) };
    else if (Math.abs(t - from) > least) view.value = { t0: Math.min(t, from), t1: Math.max(t, from) };
  });
  const end = (event: PointerEvent) => {
    if (grip === "new" && start && event.type === "pointerup" && Math.abs(where(event) - from) < (overall.peek().t1 - overall.peek().t0) / 100) {
      const half = (start.t1 - start.t0) / 2; // a click on empty ground brings the window there
      if (half * 2 < (overall.peek().t1 - overall.peek().t0) * 0.9) view.value = { t0: from - half, t1: from + half };
    }
    grip = start = undefined;
  };
  on("pointerup", end);
  on("pointercancel", end);
  return on.off;
}

type On = ((kind: "pointerdown" | "pointermove" | "pointerup" | "pointercancel" | "pointerleave", run: (event: PointerEvent) => void) => void) & { off: () => void };
function listeners(canvas: HTMLCanvasElement): On {
  const control = new AbortController();
  const on = ((kind, run) => canvas.addEventListener(kind, run as EventListener, { signal: control.signal })) as On;
  on.off = () => control.abort();
  return on;
}
