/**
 * The answer as typed arrays that drawing can walk: marks of each lane in order of time, states of each lane as spans
 * that touch. Built once per answer; nothing here knows pixels. Times are milliseconds since 1970.
 */
import type { TimelineAnswer } from "../api/timeline";
import { told } from "./told";

/** Codes of states in `segState`; the number is the rank, the worst wins. */
export const NONE = 0, GONE = 1, EXISTS = 2, READY = 3, TERMINATING = 4, PROGRESSING = 5, FAILING = 6;
export const STATE_NAMES = ["none", "gone", "exists", "ready", "terminating", "progressing", "failing"] as const;
/** Classes by rank, as in `ui/glyphs`; status is 0. */
export const STATUS = 0, METADATA = 1, CREATE = 2, SPEC = 3, ROLLOUT = 4, DELETE = 5, DRIFT = 6;

export interface Lane {
  readonly index: number;
  readonly cluster: string;
  readonly namespace: string;
  /** `deployments.apps` */
  readonly resource: string;
  readonly name: string;
  readonly owner: number;
  readonly changes: number;
  /** State codes as above. */
  readonly worst: number;
  readonly state: number;
  readonly note: string;
  readonly last: number;
}
export interface Span {
  readonly late: boolean;
  readonly from: number;
  readonly to: number;
  readonly cluster: string;
  readonly resource: string;
  readonly namespace: string;
  readonly reason: string;
}
export interface Model {
  readonly from: number;
  readonly to: number;
  readonly openEnd: boolean;
  readonly lanes: readonly Lane[];
  readonly binned: boolean;
  readonly total: number;
  /** One entry per mark, in order of time; in bins mode one per bin, dated at its middle. */
  readonly t: Float64Array;
  readonly lane: Int32Array;
  readonly cls: Uint8Array;
  readonly human: Uint8Array;
  readonly error: Float64Array;
  readonly life: Int32Array;
  readonly seq: Float64Array;
  /** Changes behind an entry: 1, or the count of the bin. */
  readonly count: Uint32Array;
  readonly actor: Int32Array;
  readonly op: Uint8Array;
  readonly epochs: ReadonlyMap<number, number>;
  /** Entries of lane n: `laneMarks[markFrom[n] … markFrom[n + 1]]`. */
  readonly markFrom: Int32Array;
  readonly laneMarks: Int32Array;
  /** Spans of state of lane n: `seg*[segFrom[n] … segFrom[n + 1]]`, each until the next or the end of the lane. */
  readonly segFrom: Int32Array;
  readonly segStart: Float64Array;
  readonly segEnd: Float64Array;
  readonly segState: Uint8Array;
  readonly segNote: Int32Array;
  readonly lives: TimelineAnswer["lives"];
  readonly spans: readonly Span[];
  readonly overview: TimelineAnswer["overview"];
  readonly strings: readonly string[];
  readonly binWidth: number;
  readonly answer: TimelineAnswer;
}

const BEFORE = -8.64e15, AFTER = 8.64e15;

/** `onto`: lanes of another model that the lives of this answer were moved to; one more lies behind them, which no row shows. */
export function decode(answer: TimelineAnswer, onto?: readonly Lane[]): Model {
  const origin = Date.parse(answer.origin);
  const states = answer.states.map(each => Math.max(EXISTS, STATE_NAMES.indexOf(each as (typeof STATE_NAMES)[number])));
  const lanes = onto ? [...onto, { index: onto.length, cluster: "", namespace: "", resource: "", name: "", owner: -1, changes: 0, worst: EXISTS, state: GONE, note: "", last: BEFORE }] : readLanes(answer, origin, states);
  const marks = answer.marks ? readMarks(answer, origin) : readBins(answer, origin);
  return {
    from: Date.parse(answer.from), to: Date.parse(answer.to), openEnd: answer.now !== null, lanes, binned: answer.mode === "bins", total: answer.total,
    ...marks, ...byLane(marks.lane, lanes.length), ...readStates(answer, origin, states, lanes.length),
    lives: answer.lives, overview: answer.overview, strings: answer.strings, binWidth: answer.bins?.width ?? 0, answer,
    spans: answer.spans.map(each => ({ ...each, late: each.class === "late", from: origin + each.from, to: origin + each.to })),
  };
}

function readLanes(answer: TimelineAnswer, origin: number, states: readonly number[]): Lane[] {
  const { lanes: c, strings } = answer;
  return c.name.map((name, index) => ({
    index, cluster: strings[c.cluster[index]!]!, namespace: strings[c.namespace[index]!]!, resource: strings[c.resource[index]!]!, name: strings[name]!,
    owner: c.owner[index]!, changes: c.changes[index]!, worst: states[c.worst[index]!] ?? EXISTS, note: strings[c.note[index]!] ?? "",
    state: c.state[index]! < 0 ? GONE : (states[c.state[index]!] ?? EXISTS), last: c.last[index]! < 0 ? BEFORE : origin + c.last[index]!,
  }));
}

type Marks = Pick<Model, "t" | "lane" | "cls" | "human" | "error" | "life" | "seq" | "count" | "actor" | "op" | "epochs">;

function readMarks(answer: TimelineAnswer, origin: number): Marks {
  const m = answer.marks!, n = m.t.length;
  const t = new Float64Array(n), lane = new Int32Array(n), seq = new Float64Array(n);
  const human = new Uint8Array(n), error = new Float64Array(n);
  const lastSeq = new Float64Array(answer.lives.lane.length);
  let at = origin;
  for (let i = 0; i < n; i++) {
    const life = m.life[i]!;
    t[i] = at += m.t[i]!;
    lane[i] = answer.lives.lane[life]!;
    seq[i] = lastSeq[life] = lastSeq[life]! + m.seq[i]!;
  }
  for (const i of m.human) human[i] = 1;
  m.error.mark.forEach((i, k) => (error[i] = m.error.ms[k]!));
  return {
    t, lane, seq, human, error, cls: new Uint8Array(m.class), life: new Int32Array(m.life), count: new Uint32Array(n).fill(1),
    actor: new Int32Array(m.actor), op: new Uint8Array(m.op), epochs: new Map(m.epoch.mark.map((i, k) => [i, m.epoch.epoch[k]!])),
  };
}

/** Bins become entries at their middle, in order of time. */
function readBins(answer: TimelineAnswer, origin: number): Marks {
  const b = answer.bins ?? { width: 1, cells: [], bin: [], count: [], class: [], human: [] };
  // Counting sort by bin; a cell without a shown change (it has a state only) is no entry.
  const first = new Int32Array(Math.ceil(answer.span / b.width) + 2);
  for (let i = 0; i < b.bin.length; i++) if (b.count[i]) first[b.bin[i]! + 1]!++;
  for (let k = 1; k < first.length; k++) first[k]! += first[k - 1]!;
  const n = first[first.length - 1]!, people = new Uint8Array(b.bin.length);
  for (const i of b.human) people[i] = 1;
  const t = new Float64Array(n), lane = new Int32Array(n), cls = new Uint8Array(n), human = new Uint8Array(n), count = new Uint32Array(n);
  for (let life = 0, i = 0; life < b.cells.length; life++) for (const end = i + b.cells[life]!; i < end; i++) {
    if (!b.count[i]) continue;
    const k = first[b.bin[i]!]!++;
    t[k] = origin + (b.bin[i]! + 0.5) * b.width; lane[k] = answer.lives.lane[life]!; cls[k] = b.class[i]!; human[k] = people[i]!; count[k] = b.count[i]!;
  }
  return { t, lane, cls, human, count, error: new Float64Array(n), life: new Int32Array(n).fill(-1), seq: new Float64Array(n), actor: new Int32Array(n), op: new Uint8Array(n), epochs: new Map() };
}

/** Counting sort: entries are in order of time already, so each lane's part is too. */
function byLane(lane: Int32Array, lanes: number): Pick<Model, "markFrom" | "laneMarks"> {
  const markFrom = new Int32Array(lanes + 1), laneMarks = new Int32Array(lane.length);
  for (let i = 0; i < lane.length; i++) markFrom[lane[i]! + 1]!++;
  for (let n = 0; n < lanes; n++) markFrom[n + 1]! += markFrom[n]!;
  const next = markFrom.slice();
  for (let i = 0; i < lane.length; i++) laneMarks[next[lane[i]!]!++] = i;
  return { markFrom, laneMarks };
}

/** Lives and bars as spans that touch: none before the first life that began here, gone after each end. */
function readStates(answer: TimelineAnswer, origin: number, states: readonly number[], lanes: number): Pick<Model, "segFrom" | "segStart" | "segEnd" | "segState" | "segNote"> {
  const { lives } = answer, all = told(answer), codes = answer.said.state.map(each => states[each] ?? EXISTS);
  // Each life has at most one span before what was said first, one for each of those, one after its end.
  const most = all.t.length + 2 * lives.lane.length, segFrom = new Int32Array(lanes + 1);
  const start = new Float64Array(most), end = new Float64Array(most), state = new Uint8Array(most), note = new Int32Array(most);
  let size = 0;
  const push = (a: number, b: number, code: number, text: number) => { if (b > a) { start[size] = a; end[size] = b; state[size] = code; note[size++] = text; } };
  let lane = 0;
  for (let life = 0; life < lives.lane.length; life++) {
    const own = lives.lane[life]!;
    for (; lane < own; lane++) segFrom[lane + 1] = size;
    const began = lives.from[life] == null ? BEFORE : origin + lives.from[life]!, ended = lives.to[life] == null ? AFTER : origin + lives.to[life]!;
    // How it was at the start of the window: so it had been before, as far as is known.
    let at = began, said = lives.said[life]!, code = codes[said]!, text = answer.said.note[said]!;
    for (let k = all.from[life]!; k < all.from[life + 1]!; k++) {
      const t = Math.max(origin + all.t[k]!, began);
      push(at, t, code, text);
      at = t; said = all.said[k]!; code = codes[said]!; text = answer.said.note[said]!;
    }
    push(at, ended, code, text);
    const next = lives.lane[life + 1] === own ? (lives.from[life + 1] ?? null) : null;
    if (ended < AFTER) push(ended, lives.lane[life + 1] === own && next !== null ? origin + next : AFTER, GONE, 0);
  }
  for (; lane < lanes; lane++) segFrom[lane + 1] = size;
  return { segFrom, segStart: start.subarray(0, size), segEnd: end.subarray(0, size), segState: state.subarray(0, size), segNote: note.subarray(0, size) };
}

/** First index in `order[lo … hi)` whose time is at or after `t`. */
export function lowerBound(times: Float64Array, order: Int32Array, lo: number, hi: number, t: number): number {
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (times[order[mid]!]! < t) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** The span of state of a lane that holds at `t`; -1 = not there (yet). */
export function segAt(model: Model, lane: number, t: number): number {
  let lo = model.segFrom[lane]!, hi = model.segFrom[lane + 1]!;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (model.segEnd[mid]! <= t) lo = mid + 1;
    else hi = mid;
  }
  return lo < model.segFrom[lane + 1]! && model.segStart[lo]! <= t ? lo : -1;
}
export const stateAt = (model: Model, lane: number, t: number): number => {
  const seg = segAt(model, lane, t);
  return seg < 0 ? NONE : model.segState[seg]!;
};
export const noteAt = (model: Model, lane: number, t: number): string => {
  const seg = segAt(model, lane, t);
  return seg < 0 ? "" : (model.strings[model.segNote[seg]!] ?? "");
};
/** Whether nobody was watching this lane then. */
export const unwatchedAt = (model: Model, lane: Lane, t: number): Span | undefined =>
  model.spans.find(each => !each.late && t >= each.from && t <= each.to && concerns(each, lane));
export const concerns = (span: Span, lane: Pick<Lane, "cluster" | "namespace" | "resource">): boolean =>
  (span.cluster === "" || span.cluster === lane.cluster) && (span.resource === "" || span.resource === lane.resource) && (span.namespace === "" || span.namespace === lane.namespace);

/** The epoch of an entry: its life's, but for the few that say otherwise. */
export const epochOf = (model: Model, mark: number): number => model.epochs.get(mark) ?? model.lives.epoch[model.life[mark]!] ?? 0;
export const uidOf = (model: Model, mark: number): string => model.lives.uid[model.life[mark]!] ?? "";
