/** The table as a file: CSV for spreadsheets, JSON Lines for programs. Both say how complete they are. */
import { fieldsOf } from "../../api/changed";
import type { Change } from "../../api/types";

const COLUMNS = ["time", "error_s", "cluster", "namespace", "kind", "name", "op", "by", "operation", "path", "old", "new", "noise", "id"] as const;

/** One cell. A leading = + - @ would be run as a formula by a spreadsheet: it gets an apostrophe in front. */
export function cell(value: unknown): string {
  const text = value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One line per changed field; a change without fields is one line too. */
export function csvLines(change: Change): string[] {
  const fields = fieldsOf(change);
  const kind = change.group ? `${change.resource}.${change.group}` : change.resource;
  const head = [change.ts, change.ts_error, change.cluster, change.namespace, kind, change.name, change.op, change.actor.name, change.actor.operation];
  const tail = [change.noise, change.id];
  const listed = fields.length ? fields.map(each => [each.path, each.old, each.fresh]) : [["", "", ""]];
  return listed.map(each => [...head, ...each, ...tail].map(cell).join(","));
}
export const csvHead = (sentence: string): string => `# ${sentence.replace(/\s+/g, " ")}\r\n${COLUMNS.join(",")}`;
