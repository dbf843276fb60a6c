/** When which lane had drifted from a stored baseline, as the server watches it: rails below lanes, marks at onsets. */
import { computed, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../api/client";
import { useTask } from "../api/use";
import { objectId } from "../ui/objectid";
import type { Model } from "./model";
import type { Row } from "./rows";

/** As `GET /baselines/{name}/results` gives it. */
export interface DriftResult {
  readonly baseline: string;
  readonly cluster: string;
  readonly resource: string;
  readonly group: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly op: string;
  readonly begun: string;
  readonly ended: string | null;
  readonly expected: unknown;
  readonly actual: unknown;
  readonly by: string | null;
  readonly flaps: number;
}
export interface Drifted {
  readonly of: DriftResult;
  readonly from: number;
  /** Infinity = it lasts. */
  readonly to: number;
  readonly human: boolean;
}
/** Baselines that are asked for: more than a hand has rails would tell nothing apart. */
const MOST = 8;
const NONE: readonly Drifted[] = [];

export const results = signal<readonly DriftResult[]>([]);

/** By lane id, oldest first. */
export function byLane(all: readonly DriftResult[], human: (name: string) => boolean): ReadonlyMap<string, readonly Drifted[]> {
  const found = new Map<string, Drifted[]>();
  for (const of of all) {
    const id = objectId({ ...of, resource: of.group ? `${of.resource}.${of.group}` : of.resource });
    const each = { of, from: Date.parse(of.begun), to: of.ended ? Date.parse(of.ended) : Infinity, human: of.by !== null && human(of.by) };
    const had = found.get(id);
    if (had) had.push(each);
    else found.set(id, [each]);
  }
  for (const own of found.values()) own.sort((a, b) => a.from - b.from);
  return found;
}
/** As `isHuman` of the shared parts, which need a page around them. */
const byHand = (name: string): boolean => name.includes("@") || /^(kubectl|k9s|lens|headlamp|openlens|oc)\b/i.test(name);
const lanes = computed(() => byLane(results.value, byHand));

const rows = new WeakMap<Row, { of: unknown; model: Model; found: readonly Drifted[] }>();
/** Of a row: of its lane and of all that is folded into it. */
export function driftsOf(model: Model, row: Row): readonly Drifted[] {
  const all = lanes.value;
  if (!all.size || row.type === "cluster" || row.type === "namespace") return NONE;
  const had = rows.get(row);
  if (had?.of === all && had.model === model) return had.found;
  const found = row.lanes.flatMap(n => { const lane = model.lanes[n]; return (lane && all.get(objectId(lane))) ?? NONE; });
  rows.set(row, { of: all, model, found });
  return found;
}
/** What had drifted at a moment. */
export const driftedAt = (found: readonly Drifted[], t: number): readonly Drifted[] => found.filter(each => each.from <= t && t < each.to);

/** Asks again with each answer of the timeline. A server without baselines costs one short question. */
export function useDrifts(again: unknown): void {
  const answer = useTask("drifts", async signal => {
    const { items } = await ask<{ items: { name: string }[] }>("baselines", {}, signal);
    const found = await Promise.all(items.slice(0, MOST).map(each => ask<{ items: DriftResult[] }>(`baselines/${encodeURIComponent(each.name)}/results`, {}, signal)));
    return found.flatMap(each => each.items);
  }, again);
  useEffect(() => { if (answer.data) results.value = answer.data; }, [answer.data]);
}
