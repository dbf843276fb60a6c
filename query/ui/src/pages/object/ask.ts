/** What the object page asks beside the shared shapes. */
import type { Coverage, Life } from "../../api/types";

export interface BlamedField {
  path: string;
  value: unknown;
  since: string;
  ts_error: number;
  at_or_before: boolean;
  by: string | null;
  confidence: string;
  event: string;
  previous: unknown;
  basis: string;
}
export interface Blame { fields: BlamedField[]; coverage: Coverage }
export interface Run {
  path: string;
  value: unknown;
  from: string;
  at_or_before: boolean;
  by: string | null;
  to: string | null;
  deleted: boolean;
}
export interface FieldHistory { path: string; lives: { uid: string; runs: Run[] }[] }
export interface Said { ts: string; type: string; reason: string; message: string; count: number; component: string; kind: string; name: string }
export interface SaidAbout { items: Said[]; more: boolean }
export interface DriftItem { path: string; op: string; expected: unknown; actual: unknown; since: string | null; by: string | null; confidence: string; flaps: number; comparable: boolean }
export interface Drift { items: DriftItem[]; compared: number; hidden: number; at: string }
export interface PinList { items: { name: string; at: string; text: string }[] }
export type { Life };
