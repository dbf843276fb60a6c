/** The shapes of `/api/v1`, as `/openapi.json` tells them. Times are RFC 3339 text, in UTC, with microseconds. */
export interface Actor {
  name: string;
  operation: string;
  subresource: string;
  time: string | null;
  source: "managedFields" | "audit" | "none";
  confidence: "high" | "medium" | "low" | "none";
}
export interface PatchStep {
  op: string;
  path: string;
  value?: unknown;
  from?: string;
}
export interface Change {
  id: string;
  cluster: string;
  cluster_uid: string;
  group: string;
  version: string;
  kind: string;
  resource: string;
  namespace: string;
  name: string;
  uid: string;
  op: "add" | "update" | "delete";
  origin: string;
  epoch: number;
  cause: string;
  seq: number;
  rv: string;
  prev_rv: string;
  observed_at: string;
  ts: string;
  /** Seconds: the change happened between `ts - ts_error` and `ts`. */
  ts_error: number;
  claimed_at: string | null;
  patch: PatchStep[];
  paths: string[];
  managers: (string | null)[];
  managed: unknown;
  actor: Actor;
  noise: string;
  hash: string;
  since: string | null;
  gap: string | null;
}
export interface WholeChange extends Change {
  object: KubeObject | null;
}
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string; namespace?: string; uid?: string; [more: string]: unknown };
  [more: string]: unknown;
}
export interface Span {
  id: string;
  from: string;
  to: string;
  cluster: string;
  resource: string;
  namespace: string;
  reason: string;
}
export interface Unwatched {
  cluster: string;
  resource: string;
  watching: string;
  reason: string;
}
export interface Coverage {
  complete: boolean;
  watched_since: string | null;
  watermark: string | null;
  confirmed: string | null;
  gaps: Span[];
  late: Span[];
  unwatched: Unwatched[];
  why: string[];
}
export interface Hidden {
  noise: number;
  first_sight: number;
}
export interface ChangePage {
  items: Change[];
  next: string | null;
  hidden: Hidden;
  from: string;
  to: string;
  coverage: Coverage;
}
export interface Life {
  uid: string;
  first_seen: string;
  created: boolean;
  last_change: string;
  deleted: boolean;
  deleted_at: string | null;
}
export interface History {
  items: Change[];
  lives: Life[];
  next: string | null;
  hidden: Hidden;
  from: string | null;
  to: string;
  coverage: Coverage;
}
export interface ObjectAt {
  object: KubeObject;
  event: Change;
  at: string;
  coverage: Coverage;
}
export interface Side {
  at: string;
  state: string;
  event: Change | null;
  deleted_at: string | null;
}
export interface FieldDiff {
  path: string;
  op: "add" | "remove" | "replace";
  old: unknown;
  new: unknown;
  comparable: boolean;
}
export interface ObjectDiff {
  result: "same" | "changed" | "added" | "removed" | "replaced" | "absent" | "not-comparable";
  from: Side;
  to: Side;
  fields: FieldDiff[];
  patch: PatchStep[];
  before: KubeObject | null;
  after: KubeObject | null;
  coverage: Coverage;
}
export interface ClusterItem {
  cluster: string;
  uids: string[];
  watched_since: string | null;
  watermark: string | null;
  objects: number;
  events: number;
}
export interface KindItem {
  cluster: string;
  resource: string;
  group: string;
  version: string;
  kind: string;
  singular: string;
  short_names: string[];
  categories: string[];
  namespaced: boolean;
  watching: string;
  reason: string;
  objects: number;
  events: number;
}
export interface NamespaceItem {
  cluster: string;
  namespace: string;
  objects: number;
  deleted: number;
  last_change: string;
}
export interface Interval {
  cluster: string;
  resource: string;
  namespace: string;
  from: string;
  to: string;
  confirmed: string | null;
  rv: string;
}
export interface CoverageReport {
  from: string | null;
  to: string;
  coverage: Coverage;
  watched: Interval[];
  gaps: Span[];
  late: Span[];
}
/** RFC 9457, with what to do next in `hint`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  hint?: string;
  state?: string;
  deleted_at?: string;
  created_at?: string;
  watched_since?: string;
  horizon?: string;
  did_you_mean?: string[];
}
