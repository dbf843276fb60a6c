/** What the SQL page asks: one statement with its values, as it stands in the link. */
import { send } from "../../api/client";
import type { Coverage } from "../../api/types";
import { go, param, place } from "../../state/url";
import { now, zone } from "../../state/view";
import { type Column, parameters, parseAnswer, type Row, SCOPED, typed, type Wanted } from "./model";

export interface Answer {
  columns: Column[];
  views: string[];
  rows: Row[];
  count: number;
  truncated: boolean;
  from: string | null;
  to: string;
  coverage: Coverage;
}
export interface Limits {
  seconds: number;
  memory: number;
  rows: number;
  bytes: number;
  queries: number;
}
export interface Schema {
  views: { name: string; arguments: string[]; comment: string; columns: { name: string; type: string; comment: string }[] }[];
  functions: string[];
  types: string[];
  limits?: Limits;
}
export const ROWS = [100, 1000, 10_000] as const;

/** The statement of the link. */
export const written = (): string => param("sql");
export const most = (): number => ROWS.find(each => String(each) === param("rows")) ?? 1000;
/** A value of its own, else what the scope bar says; "" = it has none. */
export const valueOf = (of: Wanted): string => place.value.params[`p.${of.name}`] || (SCOPED[of.name] ? param(SCOPED[of.name]!) : "") || (of.name === "at" ? "now" : "");
export const wanting = (sql: string): Wanted[] => parameters(sql).filter(each => valueOf(each) === "");

/** Changes of the link that ask this statement; values of parameters that it no longer has are dropped. */
export function asking(sql: string, values: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = new Set(parameters(sql).map(each => each.name));
  const gone = Object.keys(place.value.params).filter(each => each.startsWith("p.") && !kept.has(each.slice(2))).map(each => [each, ""]);
  return { ...Object.fromEntries(gone), ...Object.fromEntries(Object.entries(values).map(([name, value]) => [`p.${name}`, value])), sql };
}
export const put = (sql: string, values: Readonly<Record<string, string>> = {}): void => go(asking(sql, values));

const zoneHere = (): string => (zone.value === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone.value);

/** As `POST /sql` wants it; relative times are those of this moment. */
export function body(sql: string, limit?: number): Record<string, unknown> {
  const params = Object.fromEntries(parameters(sql).map(each => [each.name, typed(valueOf(each), each.type, now.peek(), zone.peek())]));
  return { query: sql, params, tz: zoneHere(), ...(limit ? { limit } : {}) };
}

export async function run(sql: string, limit: number, signal: AbortSignal): Promise<Answer & { took: number }> {
  const began = performance.now();
  const answer = await send("POST", "sql", body(sql, limit), signal, { output: "json" });
  return { ...parseAnswer<Answer>(await answer.text()), took: performance.now() - began };
}
/** All rows, as the server writes them. */
export const whole = async (sql: string, form: "csv" | "jsonl", signal?: AbortSignal): Promise<Blob> => (await send("POST", "sql", body(sql), signal, { output: form })).blob();

/** Values of its own: those of the scope bar are the reader's, and are not saved with it. */
export const ownValues = (sql: string): Record<string, string> =>
  Object.fromEntries(parameters(sql).flatMap(each => { const value = place.value.params[`p.${each.name}`]; return value ? [[each.name, value]] : []; }));
