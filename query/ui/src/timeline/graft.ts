/** An answer about a part of the range on the lanes of the whole: what is drawn stays where it is. Pure. */
import type { TimelineAnswer } from "../api/timeline";
import type { Model } from "./model";

/** Where each lane of a model is; made once per model: names are many. */
const places = new WeakMap<Model, ReadonlyMap<string, number>>();
function placesOf(wide: Model): ReadonlyMap<string, number> {
  const had = places.get(wide);
  if (had) return had;
  const made = new Map(wide.lanes.map(each => [placeKey(each.cluster, each.namespace, each.resource, each.name), each.index]));
  places.set(wide, made);
  return made;
}
/** Names hold no NUL. */
const placeKey = (cluster: string, namespace: string, resource: string, name: string): string => `${cluster}\0${namespace}\0${resource}\0${name}`;

/** The same answer on the lanes of another: what is on no lane there goes to a lane behind the last, which no row shows. */
export function graft(answer: TimelineAnswer, wide: Model): TimelineAnswer {
  const { strings, lanes, lives } = answer, known = placesOf(wide), behind = wide.lanes.length;
  const to = lanes.name.map((name, n) => known.get(placeKey(strings[lanes.cluster[n]!]!, strings[lanes.namespace[n]!]!, strings[lanes.resource[n]!]!, strings[name]!)) ?? behind);
  const { order, moved } = byPlace(lives.lane, to, behind + 1);
  const take = <T,>(column: readonly T[]): T[] => { const found = new Array<T>(order.length); for (let n = 0; n < order.length; n++) found[n] = column[order[n]!]!; return found; };
  const onto = (life: readonly number[]): number[] => life.map(n => moved[n]!);
  return {
    ...answer,
    lives: { lane: take(lives.lane).map(n => to[n]!), uid: take(lives.uid), epoch: take(lives.epoch), said: take(lives.said), from: take(lives.from), to: take(lives.to) },
    bars: answer.bars && { ...answer.bars, life: onto(answer.bars.life) },
    marks: answer.marks && { ...answer.marks, life: onto(answer.marks.life) },
    bins: answer.bins && inOrder(answer.bins, order),
    overview: answer.overview ?? { width: 1, loud: [], quiet: [] },
    spans: answer.spans ?? [],
  };
}
/** Lives in the order of the lanes they go to, those of one lane as they were; and where each has gone. */
function byPlace(lane: readonly number[], to: readonly number[], lanes: number): { order: Int32Array; moved: Int32Array } {
  const next = new Int32Array(lanes + 1), order = new Int32Array(lane.length), moved = new Int32Array(lane.length);
  for (let n = 0; n < lane.length; n++) next[to[lane[n]!]! + 1]!++;
  for (let n = 0; n < lanes; n++) next[n + 1]! += next[n]!;
  for (let n = 0; n < lane.length; n++) { const k = next[to[lane[n]!]!]!++; order[k] = n; moved[n] = k; }
  return { order, moved };
}

/** Cells stand life by life: their lives in another order. */
function inOrder(bins: NonNullable<TimelineAnswer["bins"]>, order: Int32Array): NonNullable<TimelineAnswer["bins"]> {
  const first = [0], people = new Set(bins.human), cells: number[] = [];
  for (let n = 0, sum = 0; n < bins.cells.length; n++) first.push(sum += bins.cells[n]!);
  for (const life of order) for (let k = first[life]!; k < first[life + 1]!; k++) cells.push(k);
  const moved = (column: readonly number[]) => cells.map(k => column[k]!);
  return {
    width: bins.width, cells: Array.from(order, life => bins.cells[life]!), bin: moved(bins.bin), count: moved(bins.count), class: moved(bins.class),
    human: cells.flatMap((k, n) => (people.has(k) ? [n] : [])), worst: moved(bins.worst), final: moved(bins.final),
  };
}
