/**
 * The one filter box, as text and as parameters. Plain words search names, paths and managers (`q`); `/regex/` does the
 * same as a regular expression; `name:web*`, `by:`, `path:`, `class:` and `app=web` (a label) say exactly which.
 */
import type { Params } from "./url";

const EXACT: Params = { name: "name", by: "by", path: "path", class: "class", label: "selector" };

export function parseFilter(text: string): Params {
  const found: Record<string, string> = { q: "", name: "", by: "", path: "", class: "", selector: "" };
  const add = (key: string, value: string) => (found[key] = found[key] ? `${found[key]}${key === "q" ? " " : ","}${value}` : value);
  for (const [word] of text.matchAll(/\/(?:\\.|[^/\\])+\/i?|\S+/g)) {
    const [, key, value] = /^([a-z]+):(.+)$/.exec(word) ?? [];
    if (key && value && EXACT[key]) add(EXACT[key], value);
    else if (!word.startsWith("/") && /^[\w./-]+(=|==|!=)[\w.-]*$/.test(word)) add("selector", word);
    else add("q", word);
  }
  return found;
}

export function writeFilter(params: Params): string {
  const words = [params["q"], ...(params["selector"] ?? "").split(",").filter(Boolean).map(each => (each.includes("=") ? each : `label:${each}`))];
  for (const key of ["name", "by", "path", "class"]) if (params[key]) words.push(`${key}:${params[key]}`);
  return words.filter(Boolean).join(" ");
}
