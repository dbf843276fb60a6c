/** Paths as events spell them (`spec.containers[name=web].image`, `data["a.b"]`), followed into a document. */

/** Undefined where the path leads nowhere. */
export function follow(root: unknown, path: string): unknown {
  let at: unknown = root;
  for (const part of split(path)) {
    if (at === null || at === undefined) return undefined;
    if (part.key !== undefined) {
      at = typeof at === "object" && !Array.isArray(at) ? (at as Record<string, unknown>)[part.key] : undefined;
    } else if (Array.isArray(at)) at = part.index !== undefined ? (at as unknown[])[part.index] : (at as unknown[]).find(each => matches(each, part.where ?? {}));
    else return undefined;
  }
  return at;
}
interface Part {
  key?: string;
  index?: number;
  where?: Record<string, string>;
}
function* split(path: string): Generator<Part> {
  for (const [, quoted, inner, plain] of path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]|([^.[\]]+)/g)) {
    if (quoted !== undefined) yield { key: JSON.parse(`"${quoted}"`) as string };
    else if (plain !== undefined) yield { key: plain };
    else if (/^\d+$/.test(inner ?? "")) yield { index: Number(inner) };
    else yield { where: Object.fromEntries((inner ?? "").split(",").map(each => { const [key, ...rest] = each.split("="); return [key ?? "", rest.join("=").replace(/^"(.*)"$/, "$1")]; })) };
  }
}
const matches = (each: unknown, where: Record<string, string>): boolean =>
  typeof each === "object" && each !== null ? Object.entries(where).every(([key, value]) => String((each as Record<string, unknown>)[key]) === value) : Object.keys(where).length === 1 && "" in where && String(each) === where[""];

export const equal = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
