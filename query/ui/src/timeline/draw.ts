/** Painting: lanes, ruler, overview. Each takes a context that is scaled to CSS pixels and knows nothing of the page. */
import { visible } from "../ui/safe";
import { hms, moment, duration, type Zone } from "../ui/time";
import { EXISTS, FAILING, GONE, type Model, PROGRESSING, READY, STATUS, TERMINATING, concerns, DRIFT, DELETE, SPEC, ROLLOUT } from "./model";
import { columns, mergeMarks, paintStates, runs } from "./merge";
import { type Palette, SPRITE } from "./palette";
import type { Row } from "./rows";
import { tickLabel, ticks, toX, type View } from "./scale";

type G = CanvasRenderingContext2D;

export interface Scene {
  readonly model: Model;
  readonly view: View;
  readonly zone: Zone;
  readonly at: number;
  readonly a: number | undefined;
  readonly b: number | undefined;
  /** The instant "now"; right of it there is nothing yet. */
  readonly now: number;
  /** Up to here everything is believed in; undefined = unknown. */
  readonly known: number | undefined;
  /** From here on something was watched. */
  readonly since: number | undefined;
  readonly chosenMark: number;
  readonly chosenRow: string;
  readonly hoverRow: number;
  readonly orderOf: (row: Row) => Int32Array;
  readonly driftsOf: (row: Row) => readonly { readonly from: number; readonly to: number; readonly human: boolean }[];
}

const HEIGHT: readonly number[] = [0, 1, 1.5, 3.5, 8, 8, 12];

function bar(g: G, p: Palette, code: number, x0: number, x1: number, y: number): void {
  const h = HEIGHT[code] ?? 0, w = Math.max(x1 - x0, 1.5);
  switch (code) {
    case GONE:
      g.strokeStyle = p.css.gone;
      g.lineWidth = 1.2;
      g.setLineDash([2, 4]);
      g.lineDashOffset = x0 % 6;
      g.beginPath();
      g.moveTo(x0, y);
      g.lineTo(x1, y);
      g.stroke();
      g.setLineDash([]);
      return;
    case TERMINATING:
      g.strokeStyle = p.css.terminating;
      g.lineWidth = 1.5;
      g.strokeRect(x0 + 0.75, y - h / 2 + 0.75, Math.max(w - 1.5, 1), h - 1.5);
      return;
    case PROGRESSING:
      g.fillStyle = p.css.progressing;
      g.fillRect(x0, y - h / 2, w, h);
      g.fillStyle = p.css.sheet;
      for (let x = x0 + 4; x < x1 - 1; x += 5) g.fillRect(x, y - h / 2, 1.2, h);
      return;
    case FAILING:
      g.fillStyle = p.css.failing;
      // In the dark a long failing lane would outshine what stands on it: dimmer inside, bright at the edges.
      if (p.dark && !p.forced && w > 6) {
        g.globalAlpha = 0.78;
        g.fillRect(x0, y - h / 2, w, h);
        g.globalAlpha = 1;
        g.fillRect(x0, y - h / 2, w, 1);
        g.fillRect(x0, y + h / 2 - 1, w, 1);
        g.fillRect(x0, y - h / 2, 1.5, h);
        g.fillRect(x0 + w - 1.5, y - h / 2, 1.5, h);
      } else g.fillRect(x0, y - h / 2, w, h);
      return;
    case READY:
    case EXISTS:
      g.fillStyle = code === READY ? p.css.ready : p.css.gone;
      g.fillRect(x0, y - h / 2, w, h);
  }
}

function hatch(g: G, p: Palette, x0: number, y0: number, x1: number, y1: number): void {
  g.fillStyle = p.hatch ?? p.css.unknown;
  g.fillRect(x0, y0, x1 - x0, y1 - y0);
}

/** The rows `first … last` (not included), `height` each, the first at y = 0. */
export function drawLanes(g: G, p: Palette, scene: Scene, rows: readonly Row[], first: number, last: number, width: number, height: number, buffer: Uint8Array): void {
  const { view, model, now } = scene, x = (t: number) => toX(view, width, t);
  const tall = height * (last - first), xNow = x(now), mid = height > 40 ? height - 13 : Math.round(height / 2); // labels lie on touch lanes
  g.clearRect(0, 0, width, tall);
  g.fillStyle = p.css.sheet;
  g.fillRect(0, 0, width, tall);
  for (let n = first; n < last; n++) ground(g, p, scene, rows[n]!, n, (n - first) * height, width, height);
  if (scene.a !== undefined && scene.b !== undefined) {
    g.fillStyle = p.css.ink;
    g.globalAlpha = 0.05;
    g.fillRect(x(Math.min(scene.a, scene.b)), 0, Math.abs(x(scene.b) - x(scene.a)), tall);
    g.globalAlpha = 1;
  }
  g.fillStyle = p.css.line;
  if (p.forced) g.globalAlpha = 0.35; // forced greys can be as bright as what stands on them
  for (const t of ticks(view, width, scene.zone).at) g.fillRect(Math.round(x(t)), 0, 1, tall);
  g.globalAlpha = 1;
  for (let n = first; n < last; n++) {
    g.fillStyle = p.css.line;
    g.fillRect(0, (n - first + 1) * height - 1, width, 1);
    const row = rows[n]!, y = (n - first) * height + mid;
    if (row.type === "cluster" || row.type === "namespace") groupColumns(g, p, scene, row, (n - first + 1) * height - 3, height - 6, width);
    else if (row.lanes.length) {
      paintStates(model, row.lanes, view, width, now, buffer);
      runs(buffer, Math.ceil(width), (code, x0, x1) => bar(g, p, code, x0, x1, y));
    }
  }
  drawHatches(g, p, scene, rows, first, last, width, height);
  if (xNow < width) {
    g.fillStyle = p.css.sunken;
    g.fillRect(Math.max(0, xNow), 0, width, tall);
  }
  if (scene.chosenMark >= 0) {
    g.fillStyle = p.css.ink;
    g.globalAlpha = 0.08;
    g.fillRect(x(model.t[scene.chosenMark]!) - 7, 0, 14, tall);
    g.globalAlpha = 1;
  }
  for (let n = first; n < last; n++) {
    const row = rows[n]!;
    if (row.type !== "cluster" && row.type !== "namespace" && row.lanes.length) rowMarks(g, p, scene, row, (n - first) * height + mid, width, height);
    rail(g, p, scene, row, (n - first + 1) * height - 4, (n - first) * height + mid, width);
  }
  lines(g, p, scene, x, tall);
}

function ground(g: G, p: Palette, scene: Scene, row: Row, n: number, top: number, width: number, height: number): void {
  const colour = row.id === scene.chosenRow ? p.css.chosen : row.type === "cluster" || row.type === "namespace" ? p.css.sunken : n === scene.hoverRow ? p.css.hover : "";
  if (!colour) return;
  g.fillStyle = colour;
  g.fillRect(0, top, width, height);
}

function groupColumns(g: G, p: Palette, scene: Scene, row: Row, base: number, room: number, width: number): void {
  const { loud, all, most } = columns(scene.model, scene.orderOf(row), scene.view, width, 4);
  const scale = room / Math.sqrt(Math.max(most, 4));
  for (let c = 0; c < all.length; c++) {
    if (!all[c]) continue;
    const h = Math.max(2, Math.sqrt(all[c]!) * scale), hot = loud[c] ? Math.max(2, Math.sqrt(loud[c]!) * scale) : 0;
    g.fillStyle = p.css["ink-3"];
    g.globalAlpha = 0.6;
    g.fillRect(c * 4, base - h, 3, h - hot);
    g.globalAlpha = 1;
    if (hot) { g.fillStyle = p.css["ink-2"]; g.fillRect(c * 4, base - hot, 3, hot); }
  }
}

function drawHatches(g: G, p: Palette, scene: Scene, rows: readonly Row[], first: number, last: number, width: number, height: number): void {
  const x = (t: number) => toX(scene.view, width, t), tall = (last - first) * height;
  if (scene.since !== undefined && x(scene.since) > 0) hatch(g, p, 0, 0, Math.min(width, x(scene.since)), tall);
  if (scene.known !== undefined && scene.known < scene.now && x(scene.known) < width) hatch(g, p, Math.max(0, x(scene.known)), 0, Math.min(width, x(scene.now)), tall);
  const seen = scene.model.spans.filter(each => !each.late && each.to > scene.view.t0 && each.from < scene.view.t1);
  if (seen.length) for (let n = first; n < last; n++) for (const each of seen) {
    const { lane } = rows[n]!; // a row that stands for many is hatched only where none of them was watched
    if (lane ? !concerns(each, lane) : each.resource !== "" || each.namespace !== "") continue;
    const x0 = x(each.from), x1 = Math.max(x(each.to), x0 + 3);
    if (x1 > 0 && x0 < width) hatch(g, p, Math.max(0, x0), (n - first) * height, Math.min(width, x1), (n - first + 1) * height - 1);
  }
}

const COLOUR_OF = ["m-status", "m-metadata", "m-spec", "m-spec", "m-rollout", "m-delete", "m-drift"] as const;

function rowMarks(g: G, p: Palette, scene: Scene, row: Row, y: number, width: number, height: number): void {
  const { model, view } = scene, order = scene.orderOf(row);
  const groups = mergeMarks(model, order, 0, order.length, view, width, scene.chosenMark);
  if (model.binned) return binColumns(g, p, scene, groups, y, width, height);
  const close = (view.t1 - view.t0) / width < 250; // ms a pixel: room for words beside marks
  for (let n = 0; n < groups.length; n++) {
    const each = groups[n]!, i = each.mark, big = i === scene.chosenMark;
    if (model.error[i]! > 0) whisker(g, p, toX(view, width, model.t[i]! - model.error[i]!), each.x, y, model.cls[i]!);
    const drawn = p.sprite(model.cls[i]!, each.human, big);
    g.drawImage(drawn, Math.round((each.x - SPRITE / 2) * p.ratio) / p.ratio, y - SPRITE / 2, SPRITE, SPRITE);
    const next = groups[n + 1]?.x ?? Infinity;
    if (each.loud > 2 && next - each.x > 24) shoulder(g, p, each.loud > 999 ? "1k+" : String(each.loud), each.end + 8, y - 5);
    else if (close && each.count === 1 && model.cls[i] !== STATUS && next - each.x > 110) beside(g, p, label(model, i, view, width), each.x + 11, y, Math.min(220, next - each.x - 18));
  }
}
/** How long a lane was not as its baseline wants it: a rail below it, a mark where that began. */
function rail(g: G, p: Palette, scene: Scene, row: Row, y: number, mid: number, width: number): void {
  const { view } = scene;
  let last = -Infinity;
  for (const each of scene.driftsOf(row)) {
    const to = Math.min(each.to, scene.known ?? scene.now); // what lasts is known to last that far
    if (to < view.t0 || each.from > view.t1) continue;
    const x0 = toX(view, width, each.from), a = Math.max(0, x0), b = Math.min(width, toX(view, width, to));
    g.fillStyle = p.css["m-drift"];
    g.fillRect(a, y, Math.max(b - a, 2), 2);
    if (x0 < 0 || x0 - last < SPRITE) continue;
    last = x0;
    g.drawImage(p.sprite(DRIFT, each.human, false), Math.round((x0 - SPRITE / 2) * p.ratio) / p.ratio, mid - SPRITE / 2, SPRITE, SPRITE);
  }
}
const label = (model: Model, i: number, view: View, width: number): string =>
  (view.t1 - view.t0) / width < 0.2 ? `seq ${model.seq[i]}` : visible(model.strings[model.actor[i]!] ?? "");

function beside(g: G, p: Palette, text: string, x: number, y: number, room: number): void {
  if (!text) return;
  g.font = `11px ${p.font}`;
  g.textAlign = "left";
  g.textBaseline = "middle";
  g.fillStyle = p.css.sheet; // bars are below: words stand on ground of their own
  g.fillRect(x - 3, y - 7, Math.min(g.measureText(text).width, room) + 6, 14);
  g.fillStyle = p.css["ink-2"];
  g.fillText(text, x, y + 0.5, room);
}
function shoulder(g: G, p: Palette, text: string, x: number, y: number): void {
  g.font = `600 11px ${p.font}`;
  g.textAlign = "left";
  g.textBaseline = "middle";
  g.lineWidth = 3;
  g.strokeStyle = p.css.sheet;
  g.strokeText(text, x, y);
  g.fillStyle = p.css["ink-2"];
  g.fillText(text, x, y);
}
function whisker(g: G, p: Palette, x0: number, x1: number, y: number, cls: number): void {
  if (x1 - x0 < 8) return;
  g.strokeStyle = p.css[COLOUR_OF[cls] ?? "m-spec"];
  g.lineWidth = 1.5;
  g.beginPath();
  g.moveTo(x0, y);
  g.lineTo(x1, y);
  g.moveTo(x0, y - 4);
  g.lineTo(x0, y + 4);
  g.stroke();
}
/** Far out: counts as height, the highest class as colour. */
function binColumns(g: G, p: Palette, scene: Scene, groups: readonly { mark: number; x: number; count: number; loud: number; human: boolean }[], y: number, width: number, height: number): void {
  const wide = Math.max(2, Math.min(5, (scene.model.binWidth / (scene.view.t1 - scene.view.t0)) * width - 1));
  const room = height / 2 - 2;
  for (const each of groups) {
    const cls = scene.model.cls[each.mark]!;
    const h = Math.min(room, 2 + Math.log2(each.count + 1) * 1.2);
    g.fillStyle = p.css[COLOUR_OF[cls] ?? "m-status"];
    g.fillRect(each.x - wide / 2, y - h, wide, h * 2);
    if (each.human) g.drawImage(p.sprite(cls, true, false), each.x - SPRITE / 2, y - SPRITE / 2, SPRITE, SPRITE);
    else if (each.mark === scene.chosenMark || (cls >= ROLLOUT && groups.length < width / 20)) g.drawImage(p.sprite(cls, false, each.mark === scene.chosenMark), each.x - SPRITE / 2, y - SPRITE / 2, SPRITE, SPRITE);
  }
}

function lines(g: G, p: Palette, scene: Scene, x: (t: number) => number, tall: number): void {
  g.strokeStyle = p.css.ink;
  g.lineWidth = 1;
  g.setLineDash([3, 3]);
  for (const t of [scene.a, scene.b, scene.now]) {
    if (t === undefined) continue;
    g.beginPath();
    g.moveTo(Math.round(x(t)) + 0.5, 0);
    g.lineTo(Math.round(x(t)) + 0.5, tall);
    g.stroke();
  }
  g.setLineDash([]);
  g.fillStyle = p.css.ink;
  g.fillRect(x(scene.at) - 0.8, 0, 1.6, tall);
}

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

/** What the tooltip says of a place: one line, as the panel would. */
export function describe(scene: Scene, mark: number): string {
  const { model } = scene, cls = model.answer.classes[model.cls[mark]!] ?? "change";
  if (model.binned) return `${model.count[mark]} changes around ${moment(model.t[mark]!, scene.zone, scene.now)}`;
  const who = model.strings[model.actor[mark]!];
  const when = model.error[mark]! > 0 ? `between ${hms(model.t[mark]! - model.error[mark]!, scene.zone)} and ${hms(model.t[mark]!, scene.zone)}` : hms(model.t[mark]!, scene.zone, true);
  return `${cls}${who ? ` by ${who}` : ""} · ${when}`;
}
export const LOUD: ReadonlySet<number> = new Set([SPEC, ROLLOUT, DELETE, DRIFT]);

/** One line of life for a card: states, marks and gaps of these lanes, with the times of both ends below. */
export function drawStrip(g: G, p: Palette, model: Model, lanes: readonly number[], order: Int32Array, view: View, end: number, zone: Zone, width: number, height: number): void {
  const y = 13, buffer = new Uint8Array(Math.ceil(width)), scene = { model, view, zone, chosenMark: -1, orderOf: () => order } as unknown as Scene;
  g.clearRect(0, 0, width, height);
  paintStates(model, lanes, view, width, end, buffer);
  runs(buffer, buffer.length, (code, x0, x1) => bar(g, p, code, x0, x1, y));
  const own = model.lanes[lanes[0]!]!;
  for (const each of model.spans) if (!each.late && concerns(each, own)) hatch(g, p, toX(view, width, each.from), 1, Math.max(toX(view, width, each.to), toX(view, width, each.from) + 3), 25);
  const loud = order.filter(i => model.cls[i] !== STATUS && model.lane[i] === own.index);
  rowMarks(g, p, { ...scene, model: { ...model, error: new Float64Array(model.t.length) }, orderOf: () => loud }, { lanes } as unknown as Row, y, width, 26);
  g.font = `11px ${p.font}`;
  g.fillStyle = p.css["ink-3"];
  g.textBaseline = "bottom";
  g.textAlign = "left";
  g.fillText(moment(view.t0, zone, end).slice(-8, -3), 0, height);
  g.textAlign = "right";
  g.fillText(end >= Date.now() - 60_000 ? "now" : hms(end, zone).slice(0, 5), width, height);
}

/** A line of watching: solid, hatched where nobody was, half height where it was read late. Times in milliseconds. */
export function drawWatch(g: G, p: Palette, view: View, watched: readonly (readonly [number, number])[], gaps: readonly (readonly [number, number])[], late: readonly (readonly [number, number])[], width: number, height: number): void {
  const x = (t: number) => Math.min(width, Math.max(0, toX(view, width, t))), top = Math.round((height - 10) / 2);
  g.clearRect(0, 0, width, height);
  hatch(g, p, 0, top - 3, width, top + 13);
  for (const [from, to] of watched) {
    g.fillStyle = p.css.sheet;
    g.fillRect(x(from), 0, x(to) - x(from), height);
  }
  for (const [from, to] of watched) { g.fillStyle = p.css.edge; g.fillRect(x(from), top, Math.max(x(to) - x(from), 1), 10); }
  for (const [from, to] of late) {
    g.fillStyle = p.css.sheet;
    g.fillRect(x(from), top, Math.max(x(to) - x(from), 2), 5);
  }
  for (const [from, to] of gaps) hatch(g, p, x(from), top - 3, Math.max(x(to), x(from) + 4), top + 13);
}
/** Ticks for a column of such lines. */
export function drawAxis(g: G, p: Palette, view: View, zone: Zone, width: number): void {
  const marks = ticks(view, width, zone, 70);
  g.clearRect(0, 0, width, 16);
  g.font = `11px ${p.font}`;
  g.textBaseline = "middle";
  g.textAlign = "left";
  g.fillStyle = p.css["ink-3"];
  for (const t of marks.at) {
    const v = Math.round(toX(view, width, t));
    g.fillRect(v, 0, 1, 4);
    if (v < width - 34) g.fillText(tickLabel(t, marks.step, zone), v + 4, 9);
  }
}
