/** Answers of `/search`, and what one is asked with. Pure. */
import type { Coverage } from "../../api/types";
import type { Params } from "../../state/url";
import { shellWord } from "../../ui/kinds";

export interface Run {
  path: string;
  value: unknown;
  from: string;
  ts_error: number;
  at_or_before: boolean;
  basis: "change" | "creation" | "first-sight" | "gap";
  by: string | null;
  confidence: string;
  event: string;
  to: string | null;
  gone_by: string | null;
  gone_event: string | null;
  deleted: boolean;
}
export interface Match {
  cluster: string;
  namespace: string;
  resource: string;
  group: string;
  kind: string;
  name: string;
  uid: string;
  runs: Run[];
  more: boolean;
}
export interface Found {
  items: Match[];
  periods: { from: string; at_or_before: boolean; to: string | null; objects: number }[];
  next: string | null;
  from: string | null;
  to: string;
  coverage: Coverage;
}

/** The question of a link, as the interface takes it. `span=range` asks the range of the page, else all of history. */
export function question(params: Params): Params {
  const asked: Record<string, string> = {};
  for (const [from, to] of [["cluster", "cluster"], ["ns", "namespace"], ["kind", "kind"], ["name", "name"], ["selector", "selector"], ["path", "path"], ["by", "by"], ["value", "value"], ["image", "image"], ["exact", "exact"]] as const) if (params[from]) asked[to] = params[from]!;
  if (asked["image"]) delete asked["value"];
  if (params["span"] === "range") { asked["from"] = params["from"] || "now-4h"; asked["to"] = params["to"] || "now"; }
  return asked;
}
export const isAsked = (params: Params): boolean => Boolean(params["value"] || params["image"] || params["path"]);

export function asCommand(asked: Params): string {
  const flags: [string, string][] = [["image", "--image"], ["path", "--path"], ["by", "--by"], ["cluster", "--cluster"], ["namespace", "-n"], ["kind", "--kind"], ["name", "--name"], ["selector", "-l"], ["from", "--from"], ["to", "--to"]];
  const words = ["kubelapse search", ...(asked["value"] ? [shellWord(asked["value"])] : []), ...(asked["namespace"] ? [] : ["-A"])];
  for (const [key, flag] of flags) if (asked[key] && !(key === "to" && asked[key] === "now")) words.push(`${flag} ${shellWord(asked[key])}`);
  if (asked["exact"] === "on") words.push("--exact");
  return words.join(" ");
}

/** The window that shows all of it: from the first value on, no earlier than the range that was asked. */
export function spanOf(found: Found): readonly [number, number] {
  const end = Date.parse(found.to), starts = found.items.flatMap(each => each.runs.map(run => Date.parse(run.from)));
  const first = starts.reduce((a, b) => Math.min(a, b), end);
  return [Math.max(first, found.from ? Date.parse(found.from) : -Infinity), end];
}
/** Lives with many runs show the newest; the others are a click away. */
export const SHOWN = 5;
