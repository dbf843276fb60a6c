/** Painting lanes. It takes a context that is scaled to CSS pixels and knows nothing of the page. */
import { visible } from "../ui/safe";
import { hms, moment } from "../ui/time";
import { concerns, DELETE, DRIFT, type Model, ROLLOUT, SPEC, STATUS } from "./model";
import { columns, mergeMarks, paintStates, runs } from "./merge";
import { type Palette, SPRITE } from "./palette";
import type { Row } from "./rows";
import { ticks, toX, type View } from "./scale";
import { bar, type G, hatch, type Scene } from "./shapes";

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

export function rowMarks(g: G, p: Palette, scene: Scene, row: Row, y: number, width: number, height: number): void {
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

/** What the tooltip says of a place: one line, as the panel would. */
export function describe(scene: Scene, mark: number): string {
  const { model } = scene, cls = model.answer.classes[model.cls[mark]!] ?? "change";
  if (model.binned) return `${model.count[mark]} changes around ${moment(model.t[mark]!, scene.zone, scene.now)}`;
  const who = model.strings[model.actor[mark]!];
  const when = model.error[mark]! > 0 ? `between ${hms(model.t[mark]! - model.error[mark]!, scene.zone)} and ${hms(model.t[mark]!, scene.zone)}` : hms(model.t[mark]!, scene.zone, true);
  return `${cls}${who ? ` by ${who}` : ""} · ${when}`;
}
export const LOUD: ReadonlySet<number> = new Set([SPEC, ROLLOUT, DELETE, DRIFT]);

