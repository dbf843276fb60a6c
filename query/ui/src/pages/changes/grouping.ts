/** Rows of the changes table: changes with their group heads, what is folded away, and where nobody was watching. Pure. */
import { fieldsOf, isBookkeeping, titleOf } from "../../api/changed";
import type { Change, Span } from "../../api/types";
import type { Class } from "../../ui/glyphs";
import type { Rollout } from "../rollouts/model";

export type Grouping = "moment" | "rollout" | "object" | "actor" | "flat";
export type SortKey = "time" | "object" | "by";

export interface Group {
  readonly key: string;
  readonly title: string;
  readonly at: number;
  readonly until: number;
  readonly changes: readonly Change[];
  readonly objects: number;
  /** What stands for the group: its mark. */
  readonly lead: Change;
}
export type Row =
  | { readonly type: "group"; readonly key: string; readonly group: Group; readonly open: boolean }
  | { readonly type: "change"; readonly key: string; readonly change: Change; readonly inside: boolean }
  | { readonly type: "more"; readonly key: string; readonly group: Group; readonly left: readonly Change[] }
  | { readonly type: "gap"; readonly key: string; readonly from: number; readonly to: number; readonly spans: readonly Span[] };

/** As `isHuman` of the shared parts, which need a page around them. */
const isHuman = (actor: { name: string }): boolean => actor.name.includes("@") || /^(kubectl|k9s|lens|headlamp|openlens|oc)\b/i.test(actor.name);
const ROLLING = new Set(["deployments", "statefulsets", "daemonsets", "rollouts"]);

/** The class of a change, as the timeline draws it. */
export function classOf(change: Pick<Change, "op" | "paths" | "resource">): Class {
  if (change.op === "add") return "create";
  if (change.op === "delete") return "delete";
  if (ROLLING.has(change.resource) && change.paths.some(each => each.startsWith("spec.template"))) return "rollout";
  if (change.paths.some(each => !each.startsWith("status") && !each.startsWith("metadata"))) return "spec";
  return change.paths.some(each => each.startsWith("metadata") && each !== "metadata.generation") ? "metadata" : "status";
}
const WEIGHT: Readonly<Record<Class, number>> = { status: 0, metadata: 1, create: 2, delete: 3, spec: 4, rollout: 5, drift: 6 };
/** What a reader wants to see first of many: a person's change before a controller's, a rollout before a status. */
export const weight = (change: Change): number => WEIGHT[classOf(change)] + (isHuman(change.actor) ? 10 : 0);

export const objectKey = (of: Change): string => [of.cluster, of.namespace, of.resource, of.group, of.name].join("\u0000");
export const time = (of: Change): number => Date.parse(of.ts);

/** A silence this long ends a moment. */
export const SILENCE = 8_000;
/** So many changes of a group stand there before the rest is folded. */
export const FIRST = 3;

/** What grouping needs to know of a rollout. */
export type Rolled = Pick<Rollout, "cluster" | "namespace" | "resource" | "name" | "started" | "ts_error" | "completed_at" | "ended" | "result" | "event"> & { readonly title: string };

/** The rollout that a change is part of: of the workload or of what it owns by name, while it ran; the younger one wins. */
export function rolloutOf(change: Change, rollouts: readonly Rolled[]): Rolled | undefined {
  const t = time(change);
  let best: Rolled | undefined;
  for (const each of rollouts) {
    if (each.cluster !== change.cluster || each.namespace !== change.namespace) continue;
    if (change.name === each.name ? change.resource !== each.resource : !(OWNED.has(change.resource) && change.name.startsWith(`${each.name}-`))) continue;
    const from = Date.parse(each.started) - each.ts_error * 1000, until = each.completed_at ?? each.ended;
    if (t < from || (until && t > Date.parse(until) + SILENCE)) continue;
    if (!best || each.started > best.started || (each.started === best.started && each.name.length > best.name.length)) best = each;
  }
  return best;
}
const OWNED = new Set(["replicasets", "controllerrevisions", "pods"]);

/** Newest first in, newest first out. What is part of no rollout stands in moments. */
export function groups(changes: readonly Change[], by: Exclude<Grouping, "flat">, rollouts: readonly Rolled[] = []): Group[] {
  if (by === "rollout") return byRollout(changes, rollouts);
  const found = new Map<string, Change[]>();
  const moments = by === "moment" ? momentsOf(changes) : undefined;
  changes.forEach((change, n) => {
    const key = moments ? String(moments[n]) : by === "object" ? objectKey(change) : change.actor.name;
    const had = found.get(key);
    if (had) had.push(change);
    else found.set(key, [change]);
  });
  return [...found].map(([key, listed]) => group(by === "moment" ? `moment ${listed.at(-1)!.id}` : key, listed, by));
}

function byRollout(changes: readonly Change[], rollouts: readonly Rolled[]): Group[] {
  const mine = new Map<Rolled, Change[]>(), others: Change[] = [];
  for (const change of changes) {
    const of = rolloutOf(change, rollouts);
    if (!of) others.push(change);
    else if (mine.has(of)) mine.get(of)!.push(change);
    else mine.set(of, [change]);
  }
  const rolled = [...mine].map(([of, listed]) => ({ ...group(`rollout ${of.event} ${of.name}`, listed, "rollout"), title: of.title }));
  return [...rolled, ...groups(others, "moment")].sort((a, b) => b.until - a.until);
}

/** The number of the moment of each change: one begins after a silence, and with everything that somebody decided. */
function momentsOf(changes: readonly Change[]): number[] {
  const found = new Array<number>(changes.length).fill(0);
  let moment = 0, last = -Infinity, by = "";
  for (let n = changes.length - 1; n >= 0; n--) {
    const change = changes[n]!, at = time(change), cls = classOf(change);
    const decided = isHuman(change.actor) || cls === "rollout" ? `${change.uid} ${change.actor.name}` : "";
    if (at - last > SILENCE || (decided && decided !== by)) { moment++; by = decided; }
    last = at;
    found[n] = moment;
  }
  return found;
}

function group(key: string, changes: readonly Change[], by: Grouping): Group {
  // Of equals the earliest leads: order is all that is known.
  const lead = changes.reduce((best, each) => (weight(each) >= weight(best) ? each : best));
  return {
    key, lead, changes, at: time(changes.at(-1)!), until: time(changes[0]!), objects: new Set(changes.map(objectKey)).size,
    title: by === "actor" ? lead.actor.name || "actor unknown" : by === "object" ? lead.name : momentTitle(lead),
  };
}

function momentTitle(lead: Change): string {
  const title = titleOf(lead, classOf(lead));
  if (lead.op !== "update") return `${lead.name} ${lead.op === "delete" ? "deleted" : lead.origin === "list" ? "first seen" : "created"}`;
  return title.startsWith("Rollout ") ? `Rollout of ${lead.name}, ${title.slice(8)}` : title === "Restarted" ? `${lead.name} restarted` : `${lead.name}: ${title}`;
}

/** A sorted copy; equal keys keep the order of time. */
export function sorted(changes: readonly Change[], key: SortKey, descending: boolean): Change[] {
  const turn = descending ? -1 : 1;
  const text = (of: Change) => (key === "object" ? `${of.namespace}/${of.resource}/${of.name}` : of.actor.name);
  return [...changes].sort((a, b) => turn * (key === "time" ? time(a) - time(b) : text(a).localeCompare(text(b))) || time(b) - time(a));
}

/** Gaps that share their times are one row: several kinds were lost together. */
export function gapRows(spans: readonly Span[]): Extract<Row, { type: "gap" }>[] {
  const found = new Map<string, Span[]>();
  for (const each of spans) {
    const key = `gap ${Math.round(Date.parse(each.from) / 1000)} ${Math.round(Date.parse(each.to) / 1000)}`;
    found.set(key, [...(found.get(key) ?? []), each]);
  }
  return [...found].map(([key, listed]) => ({
    type: "gap" as const, key, spans: listed,
    from: Math.min(...listed.map(each => Date.parse(each.from))), to: Math.max(...listed.map(each => Date.parse(each.to))),
  }));
}

export interface Wanted {
  readonly by: Grouping;
  readonly sort: SortKey;
  readonly descending: boolean;
  /** Group keys that are folded, and those whose rest is shown. */
  readonly folded: ReadonlySet<string>;
  readonly whole: ReadonlySet<string>;
  readonly rollouts?: readonly Rolled[] | undefined;
}

/** `changes` newest first. */
export function rows(changes: readonly Change[], gaps: readonly Span[], wanted: Wanted): Row[] {
  if (wanted.by === "flat") {
    const flat = sorted(changes, wanted.sort, wanted.descending).map((change): Row => ({ type: "change", key: change.id, change, inside: false }));
    return wanted.sort === "time" ? weave(flat, gapRows(gaps), each => (each.type === "change" ? time(each.change) : 0), wanted.descending) : flat;
  }
  const found = groups(changes, wanted.by, wanted.rollouts);
  if (!wanted.descending) found.reverse();
  const heads = found.map((each): Row => ({ type: "group", key: each.key, group: each, open: !wanted.folded.has(each.key) }));
  const woven = wanted.by === "moment" || wanted.by === "rollout" ? weave(heads, gapRows(gaps), each => (each.type === "group" ? each.group.at : 0), wanted.descending) : heads;
  return woven.flatMap(each => (each.type === "group" && each.open ? [each, ...inside(each.group, wanted)] : [each]));
}

function inside(of: Group, wanted: Wanted): Row[] {
  const all = wanted.whole.has(of.key) || of.changes.length <= FIRST + 1;
  const first = all ? of.changes : [...of.changes].sort((a, b) => weight(b) - weight(a) || time(a) - time(b)).slice(0, FIRST);
  const shown = new Set(first);
  const listed = of.changes.filter(each => shown.has(each));
  if (!wanted.descending) listed.reverse();
  const found = listed.map((change): Row => ({ type: "change", key: change.id, change, inside: true }));
  const left = of.changes.filter(each => !shown.has(each));
  return left.length ? [...found, { type: "more", key: `${of.key} more`, group: of, left }] : found;
}

function weave(listed: readonly Row[], gaps: readonly Row[], at: (row: Row) => number, descending: boolean): Row[] {
  const place = (row: Row) => (row.type === "gap" ? row.from : at(row));
  return [...listed, ...gaps].sort((a, b) => (descending ? place(b) - place(a) : place(a) - place(b)));
}

/** What a row shows of a change: its fields without the counters that follow from every change. */
export function telling(change: Change, most = 2): { fields: ReturnType<typeof fieldsOf>; more: number } {
  const all = fieldsOf(change);
  const useful = all.filter(each => !isBookkeeping(each.path));
  const listed = (useful.length ? useful : all).sort((a, b) => rank(a.path) - rank(b.path));
  return { fields: listed.slice(0, most), more: Math.max(0, listed.length - most) };
}
/** The cause before its stamps: spec, then data, then the rest; times and messages last. */
const rank = (path: string): number =>
  /(Time|Timestamp|message|observedGeneration)$/.test(path) ? 6 : /\.image$/.test(path) ? 0 : /^(spec|data|stringData|rules|webhooks)/.test(path) ? 1 : path.startsWith("metadata") ? 3 : /\.(state|phase|status)\b/.test(path) ? 2 : 4;
