/** What is drawn of a row in a window: groups of marks that lie too near, and the worst state of every pixel. */
import { CREATE, lowerBound, METADATA, type Model, NONE, STATUS } from "./model";
import type { View } from "./scale";

/** Marks nearer than this merge. */
export const NEAR = 6;

/** Pixels per millisecond from which on marks of the same millisecond stand side by side, this far apart. */
export const APART = 6;
const SIDE = 13;

export interface Group {
  /** The entry that is drawn: the chosen one, else the highest class, a person's first. */
  mark: number;
  x: number;
  /** Changes that are no status. */
  loud: number;
  /** Changes in all. */
  count: number;
  human: boolean;
  /** Last pixel of the group. */
  end: number;
}

const rank = (model: Model, i: number): number => model.cls[i]! + (model.human[i] ? 10 : 0);

/**
 * Groups of the entries `order[lo …]` that lie in the window. Cost: those in the window, and log of the others.
 * `order` is in order of time.
 */
export function mergeMarks(model: Model, order: Int32Array, lo: number, hi: number, view: View, width: number, chosen = -1): Group[] {
  const apart = width / (view.t1 - view.t0) >= APART;
  const margin = ((view.t1 - view.t0) / width) * (apart ? 12 * SIDE : 9);
  const groups: Group[] = [];
  let open: Group | undefined;
  const k = width / (view.t1 - view.t0);
  for (let n = lowerBound(model.t, order, lo, hi, view.t0 - margin); n < hi; n++) {
    const i = order[n]!, t = model.t[i]!;
    if (t > view.t1 + margin) break;
    const same = apart && n > lo && model.t[order[n - 1]!] === t;
    const x = same && open ? open.x + SIDE : (t - view.t0) * k;
    const loud = model.cls[i] === STATUS ? 0 : model.count[i]!;
    if (open && !same && x - open.x <= NEAR) {
      open.end = x;
      open.count += model.count[i]!;
      open.loud += loud;
      open.human ||= model.human[i] === 1;
      if (open.mark !== chosen && (i === chosen || rank(model, i) > rank(model, open.mark))) open.mark = i;
    } else groups.push((open = { mark: i, x, loud, count: model.count[i]!, human: model.human[i] === 1, end: x }));
  }
  return groups;
}

/** The worst state of every pixel, for the lanes of a row. `out` holds one code per pixel and is cleared here. */
export function paintStates(model: Model, lanes: readonly number[], view: View, width: number, end: number, out: Uint8Array): void {
  out.fill(NONE);
  const k = width / (view.t1 - view.t0), last = Math.min(view.t1, end);
  for (const lane of lanes) {
    let n = model.segFrom[lane]!;
    const stop = model.segFrom[lane + 1]!;
    if (stop - n > 32) n = firstSeg(model, n, stop, view.t0); // many spans: skip those before the window
    for (; n < stop; n++) {
      const a = model.segStart[n]!, b = Math.min(model.segEnd[n]!, last);
      if (a > last) break;
      if (b < view.t0 || b < a) continue;
      const code = model.segState[n]!;
      const x0 = a <= view.t0 ? 0 : Math.floor((a - view.t0) * k);
      const x1 = Math.min(width, Math.max(Math.round((b - view.t0) * k), x0 + 1));
      for (let x = x0; x < x1; x++) if (out[x]! < code) out[x] = code;
    }
  }
}
function firstSeg(model: Model, lo: number, hi: number, t: number): number {
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (model.segEnd[mid]! < t) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** Runs of equal codes: calls `draw(code, x0, x1)` for each that is something. */
export function runs(codes: Uint8Array, width: number, draw: (code: number, x0: number, x1: number) => void): void {
  let from = 0;
  for (let x = 1; x <= width; x++) {
    if (x < width && codes[x] === codes[from]) continue;
    if (codes[from]! !== NONE) draw(codes[from]!, from, x);
    from = x;
  }
}

/** Counts per column of `size` pixels, for rows that stand for a group: loud ones and all. */
export function columns(model: Model, order: Int32Array, view: View, width: number, size: number): { loud: Float64Array; all: Float64Array; most: number } {
  const n = Math.max(1, Math.ceil(width / size)), loud = new Float64Array(n), all = new Float64Array(n);
  const k = width / (view.t1 - view.t0) / size;
  let most = 0;
  for (let m = lowerBound(model.t, order, 0, order.length, view.t0); m < order.length; m++) {
    const i = order[m]!, t = model.t[i]!;
    if (t >= view.t1) break;
    const c = Math.floor((t - view.t0) * k);
    all[c]! += model.count[i]!;
    if (model.cls[i]! >= CREATE && model.cls[i] !== METADATA) loud[c]! += model.count[i]!;
    if (all[c]! > most) most = all[c]!;
  }
  return { loud, all, most };
}

/** Entries of several lanes in order of time. Entries are numbered in order of time, so sorting numbers does it. */
export function ordered(model: Model, lanes: readonly number[]): Int32Array {
  if (lanes.length === 1) return model.laneMarks.subarray(model.markFrom[lanes[0]!]!, model.markFrom[lanes[0]! + 1]!);
  let size = 0;
  for (const lane of lanes) size += model.markFrom[lane + 1]! - model.markFrom[lane]!;
  const found = new Int32Array(size);
  if (size === model.t.length) {
    for (let i = 0; i < size; i++) found[i] = i;
    return found;
  }
  if (size > model.t.length / 4) {
    const wanted = new Uint8Array(model.lanes.length);
    for (const lane of lanes) wanted[lane] = 1;
    for (let i = 0, n = 0; i < model.t.length; i++) if (wanted[model.lane[i]!]) found[n++] = i;
    return found;
  }
  let at = 0;
  for (const lane of lanes) {
    const own = model.laneMarks.subarray(model.markFrom[lane]!, model.markFrom[lane + 1]!);
    found.set(own, at);
    at += own.length;
  }
  return found.sort();
}

/** The entry nearest to a pixel within reach; a chosen or higher one wins where several are as near. */
export function nearest(model: Model, order: Int32Array, view: View, width: number, x: number, reach: number): number {
  let best = -1, far = reach;
  for (const group of mergeMarks(model, order, 0, order.length, { t0: view.t0 + ((x - reach - NEAR) / width) * (view.t1 - view.t0), t1: view.t0 + ((x + reach) / width) * (view.t1 - view.t0) }, ((2 * reach + NEAR) / width) * width)) {
    const away = Math.abs(group.x - reach - NEAR); // the pixel of the pointer, in this window around it
    if (away <= far) { best = group.mark; far = away; }
  }
  return best;
}
