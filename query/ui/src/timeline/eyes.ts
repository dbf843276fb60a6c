/** What needs eyes: read from states and marks alone, so that every sentence of it can be seen on the timeline. */
import { FAILING, type Model, PROGRESSING, READY, SPEC, stateAt, STATUS } from "./model";
import type { Tree } from "./rows";

export interface Eye {
  readonly kind: "failing" | "stuck" | "flapping" | "failed";
  /** The lane on top: a Deployment rather than its Pods. */
  readonly lane: number;
  readonly lanes: readonly number[];
  readonly from: number;
  readonly to: number;
  /** Turns, where it flaps. */
  readonly turns: number;
  /** The lane that says most: the failing Pod below. */
  readonly speaker: number;
}
/** Not ready for this long is worth a look. */
const LONG = 10 * 6e4;
/** So many turns within the range are a flap. */
const TURNS = 8;

/** Worst first, then the longest. `at`: the moment that counts as now. */
export function needs(model: Model, tree: Tree, at: number): Eye[] {
  const found: Eye[] = [];
  for (const { namespaces } of tree.groups) for (const { roots } of namespaces) for (const lane of roots) {
    const lanes = below(tree, lane), eye = trouble(model, lanes, lane, at) ?? flaps(model, lane, lanes, at);
    if (eye) found.push(eye);
  }
  const order: readonly Eye["kind"][] = ["failing", "stuck", "flapping", "failed"];
  return found.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || (a.kind === "failed" ? b.to - a.to : b.to - b.from - (a.to - a.from)));
}
const below = (tree: Tree, lane: number): number[] => [lane, ...tree.children[lane]!.flatMap(each => below(tree, each))];

function trouble(model: Model, lanes: readonly number[], lane: number, at: number): Eye | undefined {
  let now: Eye | undefined, past: Eye | undefined, stuck: Eye | undefined;
  for (const each of lanes) for (let n = model.segFrom[each]!; n < model.segFrom[each + 1]!; n++) {
    const from = model.segStart[n]!, to = Math.min(model.segEnd[n]!, at);
    if (from > at || to < from) continue;
    const holds = model.segEnd[n]! > at, eye = { lane, lanes, from, to, turns: 0, speaker: each };
    if (model.segState[n] === FAILING) {
      if (holds && (!now || from < now.from)) now = { ...eye, kind: "failing" };
      else if (!holds && (!past || to - from > past.to - past.from)) past = { ...eye, kind: "failed" };
    } else if (model.segState[n] === PROGRESSING && holds && at - from > LONG && each === lane) stuck = { ...eye, kind: "stuck" };
  }
  return now ?? stuck ?? past;
}

/** Turns: how often a state was entered that is worse than ready, or the same thing was set again and again. */
function flaps(model: Model, lane: number, lanes: readonly number[], at: number): Eye | undefined {
  let turns = 0, from = at;
  for (let n = model.segFrom[lane]! + 1; n < model.segFrom[lane + 1]!; n++) if (model.segState[n]! > READY && model.segState[n - 1]! <= READY) { turns++; from = Math.min(from, model.segStart[n]!); }
  let sets = 0, first = at;
  for (let n = model.markFrom[lane]!; n < model.markFrom[lane + 1]!; n++) if (model.cls[model.laneMarks[n]!] === SPEC) { sets += model.count[model.laneMarks[n]!]!; first = Math.min(first, model.t[model.laneMarks[n]!]!); }
  if (Math.max(turns, sets) < TURNS) return undefined;
  return { kind: "flapping", lane, lanes, from: Math.min(from, first), to: at, turns: Math.max(turns, sets), speaker: lane };
}

/** Entries that a person's tool made and that are more than status, newest first. */
export function byPeople(model: Model, most: number): number[] {
  const found: number[] = [];
  for (let i = model.t.length - 1; i >= 0 && found.length < most; i--) if (model.human[i] && model.cls[i] !== STATUS) found.push(i);
  return model.binned ? [] : found;
}
/** How many lanes are ready, or simply there, at a moment. */
export function well(model: Model, at: number): number {
  let n = 0;
  for (const lane of model.lanes) { const state = stateAt(model, lane.index, at); if (state === READY) n++; }
  return n;
}
