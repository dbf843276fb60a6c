/**
 * What the timeline page holds while it is open: window, play-head, choice, rows. It changes at the speed of the
 * pointer, so it lives in signals beside the URL; the URL follows when the hand rests, and leads on back and forward.
 */
import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { go, param, place } from "../state/url";
import { now, say, zone } from "../state/view";
import { instant } from "../ui/time";
import { epochOf, lowerBound, type Model, segAt, type Span, STATE_NAMES, stateAt, uidOf, unwatchedAt, noteAt, EXISTS } from "./model";
import { ordered } from "./merge";
import { plant, type Row, rowsOf, type Tree } from "./rows";
import { reveal, ticks, type View, zoomAt } from "./scale";
import { describe } from "./draw";
import type { Scene } from "./shapes";
import { driftsOf, results } from "./drifts";

export const model = signal<Model | undefined>(undefined);
/** Milliseconds between the server's clock and ours. */
export const skew = signal(0);
export const watched = signal<{ since: number | undefined; known: number | undefined }>({ since: undefined, known: undefined });
/** The window that is shown; undefined until something is known of the range. */
export const view = signal<View | undefined>(undefined);
/** The play-head; undefined = now. */
export const head = signal<number | undefined>(undefined);
export const chosenRow = signal("");
/** `uid:epoch:seq` of the chosen change. */
export const chosenRev = signal("");
export const hoverRow = signal(-1);
export const turned = signal<ReadonlySet<string>>(new Set());
export const pinned = signal<ReadonlySet<string>>(new Set());
export const width = signal(800);
/** The first frame with data is on its way to the screen: what can wait until then may come now. */
export const drawn = signal(false);

export const present = computed(() => now.value + skew.value);
/** Without a choice: now, but not beyond what is known. */
export const at = computed(() => head.value ?? Math.min(present.value, watched.value.known ?? Infinity, model.value && !model.value.openEnd ? model.value.to : Infinity));
export const range = computed<View>(() => {
  const m = model.value;
  const t = untracked(() => present.value);
  return m ? { t0: m.from, t1: Math.max(m.to, m.openEnd ? t : 0) } : { t0: t - 36e5, t1: t };
});
/** What the overview shows: the range, without the long time before anything was watched. */
export const overall = computed<View>(() => {
  const { t0, t1 } = range.value, { since, known } = watched.value;
  const end = known !== undefined && known > t0 && t1 - known > (t1 - t0) * 0.4 ? known + (known - Math.max(t0, since ?? t0)) * 0.08 : t1;
  if (since === undefined || since - t0 < (end - t0) * 0.15 || since >= end) return { t0, t1: end };
  return { t0: Math.max(t0, since - (end - since) * 0.08), t1: end };
});
export const tree = computed<Tree | undefined>(() => (model.value ? plant(model.value, pinned.value) : undefined));
export const rows = computed<readonly Row[]>(() => (tree.value ? rowsOf(tree.value, turned.value) : []));
export const rowIndex = computed(() => new Map(rows.value.map((each, n) => [each.id, n])));
export const chosenIndex = computed(() => rowIndex.value.get(chosenRow.value) ?? -1);
export const pinA = computed(() => timeOf("a"));
export const pinB = computed(() => timeOf("b"));
const timeOf = (key: string) => (param(key) ? instant(param(key), untracked(() => present.value), zone.value) : undefined);

/** Entries of a row in order of time; kept as long as answer and row are the same. */
const orders = new WeakMap<Row, Int32Array>();
export function orderOf(row: Row): Int32Array {
  const m = shownModel.peek()!;
  const had = orders.get(row);
  if (had && ordersOf === m) return had;
  if (ordersOf !== m) { forget(); ordersOf = m; }
  const made = ordered(m, row.lanes);
  orders.set(row, made);
  return made;
}
let ordersOf: Model | undefined;
const forget = () => { for (const row of rows.peek()) orders.delete(row); };

/** A closer look at the window, on the lanes of `model`; undefined = `model` is as close as it gets. */
export const detail = signal<Model | undefined>(undefined);
export const shownModel = computed<Model | undefined>(() => {
  const close = detail.value, v = view.value;
  return close && v && close.from <= v.t0 && close.to >= Math.min(v.t1, present.peek()) ? close : model.value;
});

/** The entry of the chosen change; -1 = none, or out of the range. */
export const chosenMark = computed(() => {
  const m = shownModel.value, rev = chosenRev.value, row = rows.value[chosenIndex.value];
  if (!m || !rev || !row || m.binned) return -1;
  const cut = rev.split(":"), seq = Number(cut.pop()), epoch = Number(cut.pop()), uid = cut.join(":");
  for (const i of orderOf(row)) if (m.seq[i] === seq && uidOf(m, i) === uid && epochOf(m, i) === epoch) return i;
  return -1;
});
export const revOf = (m: Model, mark: number): string => `${uidOf(m, mark)}:${epochOf(m, mark)}:${m.seq[mark]}`;

export function scene(): Scene | undefined {
  const m = shownModel.value, v = view.value;
  if (!m || !v) return undefined;
  void results.value;
  return {
    model: m, view: v, zone: zone.value, at: at.value, a: pinA.value, b: pinB.value, now: m.openEnd ? present.value : Math.max(m.to, present.value), known: watched.value.known, since: watched.value.since,
    chosenMark: chosenMark.value, chosenRow: chosenRow.value, hoverRow: hoverRow.value, orderOf, driftsOf: row => driftsOf(m, row),
  };
}

/** The state of a row at a moment: its own, and where it is folded the worst below it. */
export function rowState(row: Row, t: number): { state: (typeof STATE_NAMES)[number] | "unknown"; note: string } {
  const m = shownModel.value;
  if (!m || !row.lanes.length) return { state: "none", note: "" };
  if (row.lane && unwatchedAt(m, row.lane, t)) return { state: "unknown", note: "unknown" };
  let worst = 0;
  for (const lane of row.lanes) worst = Math.max(worst, stateAt(m, lane, t));
  const own = row.lane ? stateAt(m, row.lane.index, t) : 0;
  let note = row.lane ? noteAt(m, row.lane.index, t) : "";
  if (!note && row.lane && worst > own && worst > EXISTS) {
    const from = row.lanes.find(lane => stateAt(m, lane, t) === worst);
    note = from === undefined ? "" : noteAt(m, from, t);
  }
  return { state: STATE_NAMES[own === 1 ? 1 : worst] ?? "none", note };
}
export const stateSince = (row: Row, t: number): number | undefined => {
  const m = shownModel.value;
  const seg = m && row.lane ? segAt(m, row.lane.index, t) : -1;
  return m && seg >= 0 && m.segStart[seg]! > -8e15 ? m.segStart[seg] : undefined;
};
export const gapAt = (row: Row, t: number): Span | undefined => (shownModel.value && row.lane ? unwatchedAt(shownModel.value, row.lane, t) : undefined);

// --- what the hand does ---

export function choose(row: Row | undefined, mark = -1, t?: number): void {
  const m = shownModel.peek();
  batch(() => {
    chosenRow.value = row?.id ?? "";
    chosenRev.value = mark >= 0 && m && !m.binned ? revOf(m, mark) : "";
    if (mark >= 0 && m) {
      head.value = m.t[mark];
      if (view.peek()) view.value = reveal(view.peek()!, m.t[mark]!);
    } else if (t !== undefined) head.value = Math.min(t, present.peek());
  });
  if (row && m && mark >= 0) say(`${row.lane ? `${row.lane.resource} ${row.lane.name}` : row.label}: ${describe(scene()!, mark)}`);
  else if (row) { const { state, note } = rowState(row, at.peek()); say(`${row.label}, ${state} ${note}`); }
}

/** Next (+1) or previous (−1) change of the chosen row, from the chosen one or from the play-head. */
export function step(by: 1 | -1): void {
  const m = shownModel.peek(), row = rows.peek()[chosenIndex.peek()] ?? rows.peek().find(each => each.type === "lane" && each.changes > 0);
  if (!m || !row) return;
  const order = orderOf(row), from = chosenMark.peek();
  let n = from >= 0 ? order.indexOf(from) + by : lowerBound(m.t, order, 0, order.length, at.peek() + (by > 0 ? 1e-3 : 0)) - (by < 0 ? 1 : 0);
  // Where a person steps, what a machine reports of itself is no stop as long as there is something else.
  const stops = order.some(i => m.cls[i]! > 0);
  while (stops && n >= 0 && n < order.length && m.cls[order[n]!] === 0) n += by;
  if (n >= 0 && n < order.length) choose(row, order[n]);
  else say(by > 0 ? "No later change in this range" : "No earlier change in this range");
}
export function stepRow(by: 1 | -1): void {
  const all = rows.peek();
  const next = all[Math.min(Math.max(chosenIndex.peek() + by, 0), all.length - 1)];
  if (next) choose(next);
}
/** The play-head by one tenth of a tick. */
export function nudge(by: 1 | -1): void {
  const v = view.peek();
  if (!v) return;
  chosenRev.value = "";
  head.value = Math.min(at.peek() + (by * ticks(v, width.peek(), zone.peek()).step) / 10, present.peek());
  view.value = reveal(v, head.value);
}
export function fold(row: Row): void {
  const next = new Set(turned.peek());
  if (!next.delete(row.id)) next.add(row.id);
  turned.value = next;
}
export function pinRow(row: Row): void {
  if (row.type !== "lane") return;
  const next = new Set(pinned.peek());
  if (!next.delete(row.id)) next.add(row.id);
  pinned.value = next;
}
export const setPin = (key: "a" | "b"): void => go({ [key]: new Date(at.peek()).toISOString() }, { replace: true });

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
let moving = 0;
/** A step of the window that the eye can follow. */
export function glide(to: View): void {
  const from = view.peek();
  cancelAnimationFrame(moving);
  if (!from || still()) { view.value = to; return; }
  const began = performance.now();
  const frame = (t: number) => {
    const k = Math.min(1, (t - began) / 160), ease = 1 - (1 - k) ** 3;
    view.value = { t0: from.t0 + (to.t0 - from.t0) * ease, t1: from.t1 + (to.t1 - from.t1) * ease };
    if (k < 1) moving = requestAnimationFrame(frame);
  };
  moving = requestAnimationFrame(frame);
}
export function zoom(factor: number, around = at.peek()): void {
  const v = view.peek();
  if (v) glide(zoomAt(v, factor, around > v.t0 && around < v.t1 ? around : (v.t0 + v.t1) / 2));
}
/** The whole range, or only where something was watched when that is a small part of it. */
export function fitted(): View {
  const { t0, t1 } = range.peek(), { since, known } = watched.peek();
  const a = Math.max(t0, since ?? t0), b = Math.min(t1, known ?? t1);
  const lived = b > a && b - a < (t1 - t0) * 0.6 ? { t0: a, t1: b } : { t0, t1 };
  const margin = (lived.t1 - lived.t0) * 0.03;
  return { t0: lived.t0 - (lived.t0 > t0 ? margin : 0), t1: lived.t1 + margin };
}
export const fit = (): void => glide(fitted());

// --- the URL ---

/** Take over what the URL says, and keep it up to date. Returns what ends it. */
export function bind(): () => void {
  let written = "", timer = 0;
  const stops = [
    effect(() => {
      const { params } = place.value;
      const key = JSON.stringify([params["view"], params["at"], params["sel"], params["rev"], params["fold"], params["top"]]);
      if (key === written) return;
      written = key;
      untracked(() => batch(() => {
        const [a, b] = (params["view"] ?? "").split("~").map(each => Date.parse(each));
        view.value = a !== undefined && b !== undefined && b > a ? { t0: a, t1: b } : model.value ? fitted() : undefined;
        head.value = params["at"] ? instant(params["at"], present.value, zone.value) : undefined;
        chosenRow.value = params["sel"] ?? "";
        chosenRev.value = params["rev"] ?? "";
        turned.value = new Set((params["fold"] ?? "").split("|").filter(Boolean));
        pinned.value = new Set((params["top"] ?? "").split("|").filter(Boolean));
      }));
    }),
    effect(() => {
      const v = view.value, whole = !v || same(v, fitted());
      const change = {
        view: whole ? "" : `${new Date(v.t0).toISOString()}~${new Date(v.t1).toISOString()}`,
        at: head.value === undefined ? "" : new Date(head.value).toISOString(),
        sel: chosenRow.value, rev: chosenRev.value, fold: [...turned.value].slice(0, 40).join("|"), top: [...pinned.value].slice(0, 20).join("|"),
      };
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        const key = JSON.stringify([change.view, change.at, change.sel, change.rev, change.fold, change.top].map(each => each || undefined));
        if (key === written || place.peek().page !== "timeline") return;
        written = key;
        go(change, { replace: true });
      }, 200);
    }),
  ];
  return () => { clearTimeout(timer); for (const stop of stops) stop(); };
}
const same = (a: View, b: View) => Math.abs(a.t0 - b.t0) + Math.abs(a.t1 - b.t1) < (b.t1 - b.t0) * 0.02;
