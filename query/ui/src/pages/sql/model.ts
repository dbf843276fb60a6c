/** Statements and their answers, without a page: parameters, values, examples, what can be plotted. Pure. */
import { instant, type Zone } from "../../ui/time";

export interface Column {
  readonly name: string;
  readonly type: string;
}
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };
export type Row = readonly Value[];
export interface Wanted {
  readonly name: string;
  readonly type: string;
}

/** Literals and comments as blanks: what looks like a parameter in them is none. */
const bare = (sql: string): string => sql.replace(/'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\//g, found => " ".repeat(found.length));

/** The `{name:Type}` of a statement, each once. */
export function parameters(sql: string): Wanted[] {
  const found = new Map<string, Wanted>();
  for (const [, name, type] of bare(sql).matchAll(/\{\s*([A-Za-z_]\w*)\s*:\s*([^{}]+?)\s*\}/g)) if (name && type && !found.has(name)) found.set(name, { name, type });
  return [...found.values()];
}

/** Parameters that the scope of the page has a value for. */
export const SCOPED: Readonly<Record<string, string>> = { from: "from", to: "to", at: "at", ns: "ns", namespace: "ns", cluster: "cluster", kind: "kind", name: "name" };

/** A value as the engine takes it. Times become UTC text where the type is one; lists are written with commas. */
export function typed(text: string, type: string, now: number, zone: Zone): Value {
  if (/^Array\(/.test(type)) return text.split(",").map(each => typed(each.trim(), type.slice(6, -1), now, zone));
  const time = /DateTime(64)?/.exec(type);
  if (time) {
    const at = instant(text, now, zone);
    return at === undefined ? text : new Date(at).toISOString().slice(0, time[1] ? 23 : 19).replace("T", " ");
  }
  if (/^Bool/.test(type)) return text === "true" || text === "1";
  return /Int|Float|Decimal/.test(type) && /^-?\d+(\.\d+)?$/.test(text) && Number.isSafeInteger(Math.trunc(Number(text))) ? Number(text) : text;
}

export const isTime = (type: string): boolean => /^(Nullable\()?Date/.test(type);
export const isNumber = (type: string): boolean => /^(Nullable\(|LowCardinality\()?(U?Int|Float|Decimal)/.test(type);
/** Milliseconds since 1970. The engine writes UTC. */
export const timeOf = (value: Value): number => (typeof value === "string" ? Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(value) ? value : `${value.replace(" ", "T")}${value.length > 10 ? "Z" : "T00:00:00Z"}`) : NaN);

/** An answer as JSON; integers that a number cannot hold stay the digits that were sent, where the browser tells them. */
export function parseAnswer<T>(text: string): T {
  const keep = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source ? context.source : value;
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown) as T;
}

/** Cells in one line. */
export const shown = (value: Value): string => (value === null ? "NULL" : typeof value === "string" ? value : JSON.stringify(value));

export function sortRows(rows: readonly Row[], columns: readonly Column[], id: string, descending: boolean): readonly Row[] {
  const n = columns.findIndex((each, m) => columnId(each, m) === id);
  if (n < 0) return rows;
  const numbers = isNumber(columns[n]!.type);
  const order = (a: Value, b: Value): number => {
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (numbers) return Number(a) - Number(b);
    const x = shown(a), y = shown(b);
    return x < y ? -1 : x > y ? 1 : 0;
  };
  return [...rows].sort((a, b) => order(a[n]!, b[n]!) * (descending ? -1 : 1));
}
/** Two columns may bear one name. */
export const columnId = (of: Column, n: number): string => `${n} ${of.name}`;

export interface Point {
  readonly t: number;
  readonly v: number;
}
/** The points of a number over a time, in order of time; what is no time or no number is left out. */
export function points(rows: readonly Row[], time: number, number: number): Point[] {
  const found = rows.map(each => ({ t: timeOf(each[time]!), v: each[number] === null ? NaN : Number(each[number]) }));
  return found.filter(each => Number.isFinite(each.t) && Number.isFinite(each.v)).sort((a, b) => a.t - b.t);
}

/** Which object a row is about: undefined where the columns do not say. */
export function objectOf(row: Row, columns: readonly Column[], cluster: string): { cluster: string; namespace: string; resource: string; name: string; at: string } | undefined {
  const text = (name: string): string => { const value = row[columns.findIndex(each => each.name === name)]; return typeof value === "string" ? value : ""; };
  const where = text("cluster") || cluster, resource = text("resource"), name = text("name");
  if (!where || !resource || !name) return undefined;
  const at = timeOf(text("ts"));
  return { cluster: where, namespace: text("namespace"), resource: text("group") ? `${resource}.${text("group")}` : resource, name, at: Number.isFinite(at) ? new Date(at).toISOString() : "" };
}

export interface Example {
  readonly title: string;
  readonly sql: string;
}
/** The examples of the guide: a sentence with a colon, then a fenced statement. */
export function examples(guide: string): Example[] {
  return [...guide.matchAll(/^([^\n`#|]+):\n```sql\n([\s\S]*?)```/gm)].map(([, title, sql]) => ({ title: title!, sql: sql!.replace(/ *-- \([^\n]*\)$/gm, "").trimEnd() }));
}
