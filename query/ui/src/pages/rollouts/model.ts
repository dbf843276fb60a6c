/** Rollouts as rows: what was rolled out, how it went, in words. Pure. */
import { duration } from "../../ui/time";

interface Revision {
  readonly number: number | null;
  readonly name: string;
  readonly images: readonly string[];
  readonly event: string;
}
export interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly container: string;
  readonly source: "pod-status" | "event";
  readonly count: number;
  readonly pods: readonly string[];
  readonly first: string;
  readonly last: string;
  readonly after_completion: boolean;
}
export interface Rollout {
  readonly cluster: string;
  readonly namespace: string;
  readonly resource: string;
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly from: Revision | null;
  readonly to: Revision;
  readonly fields: readonly { path: string; op: string; old: unknown; new: unknown; comparable: boolean }[];
  readonly rollback: boolean;
  readonly equals: number | null;
  readonly by: string | null;
  readonly started: string;
  readonly ts_error: number;
  readonly event: string;
  readonly result: "complete" | "incomplete" | "failed" | "superseded" | "rolled-back" | "deleted";
  readonly waiting: string;
  readonly completed_at: string | null;
  readonly ended: string | null;
  /** Seconds. */
  readonly duration: number;
  readonly replicas: number | null;
  readonly pods: { readonly created: number; readonly removed: number; readonly restarts: number };
  readonly failures: readonly Failure[];
  readonly first_seen: boolean;
  readonly under_way_before: boolean;
}

export const SORTS = ["all", "trouble", "under way"] as const;
export type Sort = (typeof SORTS)[number];

/** Failed, taken back, or with pods that failed. */
export const troubled = (of: Rollout): boolean => of.result === "failed" || of.result === "rolled-back" || of.failures.length > 0;
export const ofSort = (items: readonly Rollout[], sort: Sort): Rollout[] =>
  items.filter(each => sort === "all" || (sort === "trouble" ? troubled(each) : each.result === "incomplete"));

export interface Pushed {
  readonly container: string;
  readonly old: string | undefined;
  readonly fresh: string;
}
/** Images that are not as before; `web=registry/shop/web:1.9.0` is a container and its image. */
export function pushed(of: Rollout): Pushed[] {
  const parts = (text: string): readonly [string, string] => { const at = text.indexOf("="); return [text.slice(0, at), text.slice(at + 1)]; };
  const before = new Map(of.from?.images.map(parts));
  return of.to.images.map(parts).filter(([container, image]) => before.get(container) !== image).map(([container, fresh]) => ({ container, old: before.get(container), fresh }));
}
export const tagOf = (image: string): string => image.split("/").pop()!;

/** What it was, in a few words, where no image tells it. */
export function what(of: Rollout): string {
  if (!of.from) return of.first_seen ? "under way when the record begins" : "created";
  if (of.fields.some(each => JSON.stringify([each.path, each.new]).includes("restartedAt"))) return "restarted";
  return of.fields.length === 1 ? "1 field of the template" : `${of.fields.length} fields of the template`;
}

/** How it went, as a sentence without its subject. */
export function outcome(of: Rollout): string {
  const took = duration(of.duration * 1000), stayed = of.completed_at && of.ended ? Date.parse(of.ended) - Date.parse(of.completed_at) : 0;
  if (of.result === "complete") return `complete in ${took}`;
  if (of.result === "incomplete") return `under way for ${took}`;
  if (of.completed_at && of.ended) return `complete in ${took}, ${of.result === "rolled-back" ? "rolled back" : of.result} ${duration(stayed)} later`;
  return `${of.result === "rolled-back" ? "rolled back" : of.result} after ${took}`;
}
export const median = (numbers: readonly number[]): number | undefined => [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)];
