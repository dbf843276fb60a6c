/** Overview, ruler and lanes: three canvases and, beside them, the same as a tree that keyboards and screen readers use. */
import type { ComponentChildren } from "preact";
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { painted } from "../../state/view";
import { StateGlyph } from "../../ui/glyphs";
import { Kind } from "../../ui/parts";
import { visible } from "../../ui/safe";
import { palette } from "../../ui/strip";
import { PinIcon } from "../../ui/glyphs";
import { count, duration, hms, many } from "../../ui/time";
import { describe, drawLanes } from "../../timeline/draw";
import { drawOverview } from "../../timeline/overview";
import { drawRuler } from "../../timeline/ruler";
import { lanesGestures, overviewGestures, rulerGestures, type Hit } from "../../timeline/gestures";
import type { Model } from "../../timeline/model";
import { STATE_NAMES } from "../../timeline/model";
import { type Row, shortName } from "../../timeline/rows";
import * as stage from "../../timeline/stage";
import { zone } from "../../state/view";
import { openObject } from "./links";

/** Rows that are drawn above and below what can be seen, so that scrolling shows no blank before the next frame. */
const BEYOND = 12;
const RULER = 40;
const narrow = matchMedia("(max-width: 640px)");
const coarse = matchMedia("(pointer: coarse)");

export function Chart({ model, news, onNews, empty }: { model: Model | undefined; news: number; onNews: () => void; empty?: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null), over = useRef<HTMLCanvasElement>(null), ruler = useRef<HTMLCanvasElement>(null), lanes = useRef<HTMLCanvasElement>(null), tip = useRef<HTMLDivElement>(null);
  const size = useSignal({ height: 0, lane: 22 });
  const first = useSignal(0);
  const buffer = useRef(new Uint8Array(0));
  const beyond = useSignal(1); // the first frame is for what can be seen, the next for the rest
  const room = useComputed(() => Math.ceil(size.value.height / size.value.lane) + 2 * beyond.value);
  const span = useComputed(() => { const all = stage.rows.value.length; const from = Math.max(0, Math.min(first.value, all - room.value)); return { from, to: Math.min(all, from + room.value) }; });

  const measure = () => {
    const el = box.current, canvas = lanes.current;
    if (!el || !canvas) return;
    const height = el.clientHeight - RULER, all = stage.rows.peek().length;
    const spare = all ? Math.floor(height / all) : 0;
    const lane = narrow.matches ? 42 : coarse.matches ? 40 : Math.min(30, Math.max(22, spare));
    stage.width.value = Math.max(1, el.clientWidth - (narrow.matches ? 0 : (el.querySelector<HTMLElement>(".ruler .what")?.offsetWidth ?? 0)));
    if (height !== size.peek().height || lane !== size.peek().lane) size.value = { height, lane };
  };
  const scrolled = () => {
    const el = box.current;
    if (!el) return;
    const top = Math.floor(el.scrollTop / size.peek().lane);
    // Move in steps: every step draws and renders once.
    if (top < first.peek() + BEYOND / 3 || top > first.peek() + BEYOND * 1.6) first.value = Math.max(0, top - BEYOND);
    tip.current!.hidden = true;
  };
  useLayoutEffect(() => {
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);
  useSignalEffect(() => { void stage.rows.value.length; measure(); });

  // One frame draws all three; whatever they depend on asks for one.
  const due = useRef(0), frames = useRef(0);
  const paint = () => {
    due.current = 0;
    const s = stage.scene();
    if (!lanes.current || !over.current || !ruler.current) return;
    const p = palette();
    const { from, to } = span.peek(), w = stage.width.peek(), lane = size.peek().lane;
    if (!s) return withContext(lanes.current, w, room.peek() * lane, p.ratio, () => undefined); // made while the data is on its way
    if (buffer.current.length < w + 1) buffer.current = new Uint8Array(Math.ceil(w) + 1);
    const began = performance.now();
    withContext(lanes.current, w, Math.max(1, (to - from) * lane), p.ratio, g => drawLanes(g, p, s, stage.rows.peek(), from, to, w, lane, buffer.current.subarray(0, Math.ceil(w))));
    withContext(ruler.current, w, RULER, p.ratio, g => drawRuler(g, p, s, w));
    const wide = narrow.matches ? 48 : 64;
    if (frames.current) withContext(over.current, over.current.clientWidth, wide, p.ratio, g => drawOverview(g, p, { ...s, model: stage.model.peek()! }, stage.overall.peek(), over.current!.clientWidth, wide));
    if (++frames.current % 1000 === 0) performance.clearMeasures("timeline-frame"); // kept for benchmarks, not for ever
    performance.measure("timeline-frame", { start: began });
    if (performance.getEntriesByName("timeline-first").length === 0) performance.measure("timeline-first", "timeline-data");
    if (stage.drawn.peek()) return;
    // The first frame is the lanes that can be seen. What lies beyond them, the overview and the panel follow at once.
    setTimeout(() => { beyond.value = BEYOND; stage.drawn.value = true; due.current ||= requestAnimationFrame(paint); });
  };
  useSignalEffect(() => {
    void [stage.scene(), stage.rows.value, span.value, size.value, stage.width.value, painted.value, stage.overall.value];
    due.current ||= requestAnimationFrame(paint);
  });
  useLayoutEffect(() => { due.current ||= requestAnimationFrame(paint); }, []);
  useEffect(() => () => cancelAnimationFrame(due.current), []);

  useEffect(() => {
    const show = (hit: Hit | undefined, event: PointerEvent | undefined) => tooltip(tip.current, hit, event);
    const stops = [
      lanesGestures(lanes.current!, { rowHeight: () => size.peek().lane, top: () => span.peek().from * size.peek().lane, onHover: show, onOpen: row => (row.lane ? openObject(row) : stage.fold(row)) }),
      rulerGestures(ruler.current!), overviewGestures(over.current!),
    ];
    return () => { for (const stop of stops) stop(); };
  }, []);
  // The chosen row stays in sight.
  useSignalEffect(() => {
    const n = stage.chosenIndex.value, el = box.current, h = size.value.lane;
    if (n < 0 || !el) return;
    const y = n * h, view = el.clientHeight - RULER;
    if (y < el.scrollTop) el.scrollTop = Math.max(0, y - h);
    else if (y + h > el.scrollTop + view) el.scrollTop = y + 2 * h - view;
  });

  const { from, to } = span.value;
  return (
    <section class="chart" aria-label="Timeline; the same as a table on the Changes page" style={{ "--lane": `${size.value.lane}px` }}>
      <div class="over">
        {model ? <Summary model={model} /> : <div class="what" />}
        <canvas ref={over} role="img" aria-label={model ? `Changes from ${hms(model.from, zone.value)} to ${hms(model.to, zone.value)}: ${count(model.total)}` : "Changes are being read"} />
      </div>
      <div class="lanes" ref={box} onScroll={scrolled}>
        <div class="ruler"><Clock /><canvas ref={ruler} aria-hidden="true" /></div>
        {empty}
        <div class="body" hidden={empty !== undefined} style={{ height: `${stage.rows.value.length * size.value.lane}px` }}>
          {model && <TreeView from={from} to={to} lane={size.value.lane} model={model} />}
          <canvas ref={lanes} aria-hidden="true" style={{ top: `${from * size.value.lane}px` }} />
        </div>
      </div>
      {news > 0 && <button type="button" class="btn main news" onClick={onNews}>{many(news, "new change")}</button>}
      <div id="tip" role="tooltip" ref={tip} hidden />
    </section>
  );
}

function withContext(canvas: HTMLCanvasElement, w: number, h: number, ratio: number, draw: (g: CanvasRenderingContext2D) => void): void {
  const W = Math.round(w * ratio), H = Math.round(h * ratio);
  if (canvas.width !== W || canvas.height !== H) {
    canvas.width = W;
    canvas.height = H;
    canvas.style.height = `${h}px`;
  }
  const g = canvas.getContext("2d", { alpha: false });
  if (!g) return;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw(g);
}

function tooltip(tip: HTMLDivElement | null, hit: Hit | undefined, event: PointerEvent | undefined): void {
  if (!tip) return;
  const s = stage.scene();
  if (!hit || !event || event.pointerType === "touch" || !s || hit.row.type === "cluster" || hit.row.type === "namespace") { tip.hidden = true; return; }
  const name = document.createElement("b"), line = document.createElement("div");
  name.textContent = visible(hit.row.lane ? `${hit.row.lane.resource.split(".")[0]} ${hit.row.lane.name}` : hit.row.label);
  if (hit.mark >= 0) line.textContent = visible(describe(s, hit.mark));
  else {
    const gap = stage.gapAt(hit.row, hit.t), { state, note } = stage.rowState(hit.row, hit.t);
    line.textContent = hit.t > s.now ? "not yet" : gap ? `not watched ${hms(gap.from, zone.value)} – ${hms(gap.to, zone.value)}` : `${state === "none" ? "not there yet" : state === "gone" ? "deleted" : state === "exists" ? "there" : state}${note && ` ${visible(note)}`} at ${hms(hit.t, zone.value)}`;
  }
  const parts: (HTMLElement)[] = [name, line];
  if (hit.mark >= 0 && hit.row.lanes.length > 1 && s.model.lane[hit.mark] !== hit.row.lane?.index) {
    const of = document.createElement("div");
    of.textContent = visible(`${s.model.lanes[s.model.lane[hit.mark]!]?.resource.split(".")[0]} ${s.model.lanes[s.model.lane[hit.mark]!]?.name}`);
    parts.splice(1, 0, of);
  }
  tip.replaceChildren(...parts);
  tip.hidden = false;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
}

function Summary({ model }: { model: Model }) {
  const { t0, t1 } = stage.range.value;
  return (
    <div class="what">
      <b>{model.openEnd ? `Last ${duration(t1 - t0)}` : duration(t1 - t0)}</b>
      <span class="mut"><b class="sec">{count(model.total)}</b> changes{model.binned && ", drawn as counts"}</span>
      <span class="row tools">
        <span class="mut grow">drag to choose</span>
        <button type="button" class="btn small icon" aria-label="Zoom out" onClick={() => stage.zoom(1 / 0.6)}>−</button>
        <button type="button" class="btn small icon" aria-label="Zoom in" onClick={() => stage.zoom(0.6)}>+</button>
      </span>
    </div>
  );
}

function Clock() {
  return (
    <div class="what">
      <span class="mut grow clip">At <b class="sec">{hms(stage.at.value, zone.value)}</b></span>
      <button type="button" class="btn small" aria-pressed={stage.head.value === undefined} title="The play-head follows the clock" onClick={() => { stage.choose(undefined); stage.head.value = undefined; stage.fit(); }}>Now</button>
      <button type="button" class="btn small icon" aria-label="Previous change" onClick={() => stage.step(-1)}>←</button>
      <button type="button" class="btn small icon" aria-label="Next change" onClick={() => stage.step(1)}>→</button>
    </div>
  );
}

function TreeView({ from, to, lane, model }: { from: number; to: number; lane: number; model: Model }) {
  const all = stage.rows.value, t = stage.at.value, chosen = stage.chosenIndex.value;
  const focusable = chosen >= 0 ? chosen : 0;
  const tree = useRef<HTMLDivElement>(null);
  const wanted = useRef(false), keyboard = useRef(true);
  useEffect(() => {
    if (!wanted.current) return;
    wanted.current = false;
    tree.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
  });
  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const row = all[chosen];
    // Who came here by keyboard is in a tree: arrows open and fold. Who clicked is on a lane: arrows walk its changes.
    const walked = event.target instanceof Element && event.target.matches(":focus-visible") && keyboard.current;
    const jump = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, j: chosen + 1, k: chosen - 1, Home: 0, End: all.length - 1 }[event.key];
    const next = jump === undefined ? undefined : all[Math.min(Math.max(jump, 0), all.length - 1)];
    if (next) stage.choose(next);
    else if (walked && row && event.key === "ArrowRight" && row.open === false) stage.fold(row);
    else if (walked && row && event.key === "ArrowLeft" && row.open === true) stage.fold(row);
    else return; // along the lane: the page's own keys
    wanted.current = keyboard.current || next !== undefined;
    event.preventDefault();
    event.stopPropagation();
  };
  const shown = [];
  for (let n = from; n < to; n++) shown.push([n, all[n]!] as const);
  if (focusable < from || focusable >= to) if (all[focusable]) shown.push([focusable, all[focusable]!] as const);
  return (
    <div class="tree" role="tree" aria-label="Objects" ref={tree} onKeyDown={keys} onPointerDown={() => (keyboard.current = false)} onFocusOut={event => { if (!(event.relatedTarget instanceof Node && tree.current?.contains(event.relatedTarget))) keyboard.current = true; }}>
      {shown.map(([n, row]) => <TreeRow key={row.id} n={n} row={row} top={n * lane} t={t} model={model} focusable={n === focusable} chosen={n === chosen} />)}
    </div>
  );
}

function TreeRow({ n, row, top, t, model, focusable, chosen }: { n: number; row: Row; top: number; t: number; model: Model; focusable: boolean; chosen: boolean }) {
  const group = row.type === "cluster" || row.type === "namespace";
  const { state, note } = group || row.type === "kind" ? { state: "exists" as const, note: "" } : stage.rowState(row, t);
  const words = group ? many(row.changes, "change") : row.type !== "lane" ? "" : state === "none" ? "not yet" : state === "gone" ? "deleted" : note;
  const name = visible(shortName(row, model));
  const worst = STATE_NAMES.indexOf(state as (typeof STATE_NAMES)[number]);
  const fold = (event: Event) => { if (row.open === undefined) return; event.stopPropagation(); stage.fold(row); };
  return (
    <div class={`ln ${group ? "group" : ""} ${row.type}`} role="treeitem" aria-level={row.depth + 1} aria-expanded={row.open} aria-selected={chosen} aria-posinset={n + 1} aria-setsize={stage.rows.value.length} tabIndex={focusable ? 0 : -1}
      title={visible(row.lane ? `${row.lane.resource} ${row.lane.name}` : row.label)}
      style={{ top: `${top}px`, "--depth": row.depth }}
      onClick={() => { if (row.type === "lane") stage.choose(row); else { stage.choose(row); stage.fold(row); } }} onDblClick={() => row.lane && openObject(row)}
      onPointerEnter={() => (stage.hoverRow.value = n)} onPointerLeave={() => (stage.hoverRow.value = -1)}>
      <span class="tw" onClick={fold} aria-hidden="true">{row.open === undefined ? "" : row.open ? "▾" : "▸"}</span>
      {!group && row.type !== "kind" && <StateGlyph state={state} />}
      {row.lane && <Kind of={row.lane.resource} />}
      <span class="nm clip">{name}{name.startsWith("…") && <span class="sr"> {visible(row.label)}</span>}</span>
      {stage.pinned.value.has(row.id) && <span class="pin" title="Kept on top (p)"><PinIcon /></span>}
      {words && <span class={`note ${worst === 6 ? "bad" : ""}`}>{visible(words)}</span>}
    </div>
  );
}
