/** An object as lines of YAML that know where they are: for folding, for search, and for who wrote each. Pure. */
import { follow } from "../../api/paths";
import { visible } from "../../ui/safe";

export interface Line {
  readonly text: string;
  /** Where its value is: keys and indexes, joined with NUL. */
  readonly at: string;
  readonly depth: number;
  /** Lines below it that belong to it: what folds away. 0 = a leaf. */
  readonly below: number;
  /** The key on this line, for emphasis: [from, to) in `text`. */
  readonly key: readonly [number, number];
}

const FIRST: readonly string[] = ["apiVersion", "kind", "metadata", "spec"];
const LAST: readonly string[] = ["status"];
const NAMED: readonly string[] = ["name", "namespace", "type", "key"];

/** The order of kubectl at the top, names first in lists, otherwise by name. */
function keysOf(value: Record<string, unknown>, depth: number, inList: boolean): string[] {
  const rank = (key: string) => (depth === 0 ? (FIRST.includes(key) ? FIRST.indexOf(key) - 10 : LAST.includes(key) ? 10 : 0) : inList && NAMED.includes(key) ? NAMED.indexOf(key) - 10 : 0);
  return Object.keys(value).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
}

const PLAIN = /^[A-Za-z_/][\w ./@:+=-]*$/;
const WORDS = /^(true|false|null|yes|no|on|off|y|n|~)$/i;
/** A scalar as YAML reads it back; what a double-quoted string may not hold as it is, is escaped. */
export function scalar(value: unknown): string {
  if (typeof value !== "string") return value === undefined ? "null" : JSON.stringify(value);
  const ends = value !== value.trim() || /:(\s|$)/.test(value) || /\s#/.test(value) || WORDS.test(value);
  if (PLAIN.test(value) && !ends) return value;
  return JSON.stringify(value).replace(/[\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
const isMap = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const empty = (value: unknown): string | undefined => (Array.isArray(value) ? (value.length ? undefined : "[]") : isMap(value) ? (Object.keys(value).length ? undefined : "{}") : scalar(value));

export function yamlLines(root: unknown): Line[] {
  const lines: Line[] = [];
  const put = (text: string, at: string, depth: number, key: readonly [number, number]) => lines.push({ text, at, depth, below: 0, key }) - 1;
  const close = (n: number) => { const line = lines[n]!; lines[n] = { ...line, below: lines.length - 1 - n }; };
  const value = (of: unknown, at: string, depth: number, lead: string, inList: boolean): void => {
    if (Array.isArray(of)) {
      of.forEach((each, n) => {
        const here = at ? `${at}\u0000${n}` : String(n);
        const flat = empty(each);
        if (flat !== undefined) return void put(`${"  ".repeat(depth)}- ${flat}`, here, depth, [0, 0]);
        const first = lines.length;
        value(each, here, depth + 1, `${"  ".repeat(depth)}- `, true);
        const line = lines[first]!;
        lines[first] = { ...line, depth, below: line.below || lines.length - 1 - first };
      });
      return;
    }
    keysOf(of as Record<string, unknown>, depth, inList).forEach((key, n) => {
      const child = (of as Record<string, unknown>)[key], here = at ? `${at}\u0000${key}` : key;
      const indent = n === 0 && lead ? lead : "  ".repeat(depth), name = scalar(key);
      const span = [indent.length, indent.length + name.length + 1] as const;
      if (typeof child === "string" && /\n/.test(child) && !/[\u0000-\u0008\u000b-\u001f]/.test(child)) {
        const keep = child.endsWith("\n") ? (child.endsWith("\n\n") ? "+" : "") : "-";
        const at0 = put(`${indent}${name}: |${keep}`, here, depth, span);
        for (const each of child.replace(/\n$/, "").split("\n")) put(`${"  ".repeat(depth + 1)}${each}`, here, depth + 1, [0, 0]);
        return close(at0);
      }
      const flat = empty(child);
      if (flat !== undefined) return void put(`${indent}${name}: ${flat}`, here, depth, span);
      const n0 = put(`${indent}${name}:`, here, depth, span);
      value(child, here, Array.isArray(child) ? depth : depth + 1, "", false);
      close(n0);
    });
  };
  if (isMap(root) || Array.isArray(root)) value(root, "", 0, "", false);
  return lines.map(each => ({ ...each, text: visible(each.text) }));
}
export const yamlText = (root: unknown): string => `${yamlLines(root).map(each => each.text).join("\n")}\n`;

/** Where a readable path leads in this object, as `Line.at` spells it; undefined where it leads nowhere. */
export function locate(root: unknown, path: string): string | undefined {
  const found: string[] = [];
  let at: unknown = root, walked = "";
  for (const [part, quoted, inner, plain] of path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]|([^.[\]]+)/g)) {
    const before = at;
    walked += plain !== undefined ? `${walked ? "." : ""}${plain}` : part;
    if (Array.isArray(before)) {
      at = inner?.startsWith("#") ? before[Number(inner.slice(1))] : inner?.startsWith("=") ? before.find(each => JSON.stringify(each) === inner.slice(1) || String(each) === inner.slice(1)) : follow(before, part);
      const index = before.indexOf(at);
      if (index < 0) return undefined;
      found.push(String(index));
    } else if (isMap(before)) {
      const key = quoted !== undefined ? (JSON.parse(`"${quoted}"`) as string) : (plain ?? "");
      if (!Object.hasOwn(before, key)) return undefined;
      at = before[key];
      found.push(key);
    } else return undefined;
  }
  return found.join("\u0000");
}

/** Which lines are drawn, given which heads (by `at`) are folded. */
export function unfolded(lines: readonly Line[], folded: ReadonlySet<string>): number[] {
  const shown: number[] = [];
  for (let n = 0; n < lines.length; n++) {
    shown.push(n);
    const line = lines[n]!;
    if (line.below && folded.has(line.at)) n += line.below;
  }
  return shown;
}
/** What a reader rarely came for: folded at first. */
export const usuallyFolded = (lines: readonly Line[]): Set<string> =>
  new Set(lines.filter(each => each.below > 2 && /^(metadata\u0000labels|spec\u0000selector|status\u0000conditions|status\u0000images)$|\u0000(livenessProbe|readinessProbe|startupProbe|tolerations|volumes|volumeMounts|affinity)$/.test(each.at)).map(each => each.at));
