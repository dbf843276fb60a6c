/** Where the answer came as bins, a second question for the window alone brings single marks, on the same lanes. */
import { useEffect, useState } from "preact/hooks";
import { useSignalEffect } from "@preact/signals";
import { ask } from "../api/client";
import type { TimelineAnswer } from "../api/timeline";
import { useTask } from "../api/use";
import { scopeQuery } from "../state/url";
import { decode, type Lane, type Model } from "./model";
import { laneId } from "./rows";
import * as stage from "./stage";

/** The hand rests this long before the server is asked. */
const REST = 250;

export function useDetail(): void {
  const [wanted, want] = useState("");
  useSignalEffect(() => {
    const m = stage.model.value, v = stage.view.value;
    if (!m?.binned || !v || v.t1 - v.t0 > (m.to - m.from) * 0.7) return;
    const have = stage.detail.peek();
    const span = v.t1 - v.t0;
    if (have && have.from <= v.t0 && have.to >= Math.min(v.t1, m.to) && (!have.binned || have.to - have.from < span * 4)) return;
    const timer = setTimeout(() => want(JSON.stringify({ from: new Date(Math.max(v.t0 - span / 2, m.from)).toISOString(), to: new Date(Math.min(v.t1 + span / 2, Math.max(m.to, m.from + 1))).toISOString() })), REST);
    return () => clearTimeout(timer);
  });
  const query = { ...scopeQuery(), ...(wanted ? (JSON.parse(wanted) as Record<string, string>) : {}), parts: "lanes,marks,bars" };
  const answer = useTask<TimelineAnswer>(wanted ? JSON.stringify(query) : "", signal => ask<TimelineAnswer>("timeline", query, signal));
  useEffect(() => {
    const wide = stage.model.peek();
    stage.detail.value = answer.data && wide ? decode(graft(answer.data, wide)) : undefined;
  }, [answer.data, stage.model.value]);
  useEffect(() => () => { stage.detail.value = undefined; }, []);
}

/** The same answer on the lanes of another: what is on no lane there goes to a lane behind the last, which no row shows. */
export function graft(answer: TimelineAnswer, wide: Model): TimelineAnswer {
  const { strings, lanes } = answer;
  const places = new Map(wide.lanes.map(each => [laneId(each), each.index]));
  const to = lanes.name.map((name, n) => places.get(laneId({ cluster: strings[lanes.cluster[n]!]!, namespace: strings[lanes.namespace[n]!]!, resource: strings[lanes.resource[n]!]!, name: strings[name]! })) ?? wide.lanes.length);
  const order = answer.lives.lane.map((_, n) => n).sort((a, b) => to[answer.lives.lane[a]!]! - to[answer.lives.lane[b]!]! || a - b);
  const moved = new Int32Array(order.length);
  order.forEach((old, n) => (moved[old] = n));
  const at = strings.length;
  const words: string[] = [];
  const word = (text: string) => at + words.push(text) - 1;
  const all: readonly Pick<Lane, "cluster" | "namespace" | "resource" | "name" | "owner">[] = [...wide.lanes, { cluster: "", namespace: "", resource: "", name: "", owner: -1 }];
  return {
    ...answer,
    lanes: {
      cluster: all.map(each => word(each.cluster)), namespace: all.map(each => word(each.namespace)), kind: all.map(() => 0), resource: all.map(each => word(each.resource)),
      name: all.map(each => word(each.name)), owner: all.map(each => each.owner), changes: all.map(() => 0), worst: all.map(() => 0), state: all.map(() => 0), note: all.map(() => 0), last: all.map(() => -1),
    },
    strings: [...strings, ...words],
    lives: { lane: order.map(n => to[answer.lives.lane[n]!]!), uid: order.map(n => answer.lives.uid[n]!), epoch: order.map(n => answer.lives.epoch[n]!), said: order.map(n => answer.lives.said[n]!), from: order.map(n => answer.lives.from[n]!), to: order.map(n => answer.lives.to[n]!) },
    bars: answer.bars && { ...answer.bars, life: answer.bars.life.map(n => moved[n]!) },
    marks: answer.marks && { ...answer.marks, life: answer.marks.life.map(n => moved[n]!) },
    bins: answer.bins && inOrder(answer.bins, order),
    overview: answer.overview ?? { width: 1, loud: [], quiet: [] },
    spans: answer.spans ?? [],
  };
}

/** Cells stand life by life: their lives in another order. */
function inOrder(bins: NonNullable<TimelineAnswer["bins"]>, order: readonly number[]): NonNullable<TimelineAnswer["bins"]> {
  const first = [0], people = new Set(bins.human), cells: number[] = [];
  for (const n of bins.cells) first.push(first.at(-1)! + n);
  for (const life of order) for (let k = first[life]!; k < first[life + 1]!; k++) cells.push(k);
  const moved = (column: readonly number[]) => cells.map(k => column[k]!);
  return {
    width: bins.width, cells: order.map(life => bins.cells[life]!), bin: moved(bins.bin), count: moved(bins.count), class: moved(bins.class),
    human: cells.flatMap((k, n) => (people.has(k) ? [n] : [])), worst: moved(bins.worst), final: moved(bins.final),
  };
}
