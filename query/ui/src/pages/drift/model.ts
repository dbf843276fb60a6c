/** Drift as rows: which are worst, in which order they stand, what they amount to. Pure. */

export interface DriftSpan {
  readonly from: string | null;
  readonly to: string | null;
  readonly actual: unknown;
  readonly by: string | null;
  readonly ended_by: string | null;
}
export interface DriftItem {
  readonly cluster: string;
  readonly resource: string;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly within: string;
  readonly op: "changed" | "added" | "removed" | "missing" | "extra";
  readonly expected: unknown;
  readonly actual: unknown;
  readonly since: string | null;
  readonly after: string | null;
  readonly basis: string;
  readonly by: string | null;
  readonly event: string | null;
  readonly age: number | null;
  readonly writes: number;
  readonly flaps: number;
  readonly period: number | null;
  readonly between: readonly string[];
  /** Who may have deleted what is missing, likeliest first. */
  readonly candidates: readonly { readonly manager: string }[];
  readonly spans: readonly DriftSpan[];
  readonly lasts: boolean;
  /** peer: the other side made it differ. */
  readonly of?: string;
}

export const ORDERS = ["newest", "oldest", "worst", "actor", "flaps"] as const;
export type Order = (typeof ORDERS)[number];

/** 2: an object is missing or extra, or what it should do differs; 1: how it is labelled; 0: bookkeeping of controllers. */
export function severity(of: Pick<DriftItem, "path" | "op">): 0 | 1 | 2 {
  if (of.op === "missing" || of.op === "extra") return 2;
  if (/^metadata\.annotations\["(deployment\.kubernetes\.io\/revision|kubectl\.kubernetes\.io\/)/.test(of.path)) return 0;
  return /^metadata\b/.test(of.path) || /^status\b/.test(of.path) ? 1 : 2;
}
/** Where the onset is only known as an interval, its later end; the moment an ended drift came back where there is none. */
export const onset = (of: DriftItem): number => {
  const last = of.spans.at(-1);
  return Date.parse(of.since ?? of.after ?? last?.from ?? last?.to ?? "") || 0;
};

export function sorted(items: readonly DriftItem[], order: Order): DriftItem[] {
  const name = (of: DriftItem) => `${of.namespace}/${of.name} ${of.path}`;
  const by: Record<Order, (a: DriftItem, b: DriftItem) => number> = {
    newest: (a, b) => onset(b) - onset(a),
    oldest: (a, b) => onset(a) - onset(b),
    worst: (a, b) => severity(b) - severity(a) || onset(b) - onset(a),
    actor: (a, b) => (a.by ?? "\uffff").localeCompare(b.by ?? "\uffff") || onset(b) - onset(a),
    flaps: (a, b) => b.flaps + b.spans.length - (a.flaps + a.spans.length) || onset(b) - onset(a),
  };
  return [...items].sort((a, b) => by[order](a, b) || name(a).localeCompare(name(b)));
}

export interface Summary {
  readonly fields: number;
  readonly objects: number;
  readonly byHand: number;
  readonly people: number;
  /** Of those set by hand, or of all where nobody did: the one that lasts longest. */
  readonly oldest: DriftItem | undefined;
  readonly flapping: number;
  readonly ended: number;
}
export function summary(items: readonly DriftItem[], human: (by: string) => boolean): Summary {
  const lasting = items.filter(each => each.lasts), hands = lasting.filter(each => each.by && human(each.by));
  const known = (hands.length ? hands : lasting).filter(each => each.since);
  return {
    fields: lasting.length,
    objects: new Set(lasting.map(each => [each.cluster, each.group, each.resource, each.namespace, each.name].join("\0"))).size,
    byHand: hands.length,
    people: new Set(hands.map(each => each.by)).size,
    oldest: sorted(known, "oldest")[0],
    flapping: lasting.filter(each => each.flaps > 1).length,
    ended: items.filter(each => !each.lasts).length,
  };
}

/** The filters that are not part of the question, applied to the answer: managers (globs), paths (what they begin with), words. */
export function matching(items: readonly DriftItem[], by: string, path: string, q: string): DriftItem[] {
  const globs = by.split(",").filter(Boolean).map(each => new RegExp(`^${each.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`, "i"));
  const words = q.match(/\/(?:\\.|[^/\\])+\/i?|\S+/g) ?? [];
  const tests = words.map(word => {
    const [, body, flag] = /^\/(.+)\/(i?)$/.exec(word) ?? [];
    try { if (body) { const found = new RegExp(body, flag); return (text: string) => found.test(text); } } catch { /* not an expression: taken as text */ }
    return (text: string) => text.toLowerCase().includes(word.toLowerCase());
  });
  const paths = path.split(",").filter(Boolean);
  return items.filter(each => (!globs.length || globs.some(glob => glob.test(each.by ?? "")))
    && (!paths.length || paths.some(start => each.path.startsWith(start)))
    && tests.every(test => test(`${each.namespace}/${each.name} ${each.path} ${each.by ?? ""}`)));
}

const BASES: Readonly<Record<string, string>> = {
  creation: "came with the object", gap: "began in a gap", relist: "found on return, began in a gap", late: "read late, the time is an estimate",
  "first-sight": "was so when the record began", horizon: "older history is no longer kept", unknown: "nothing on record tells when",
};
/** What the onset rests on, where that is not a watched change. */
export const basisText = (basis: string): string => BASES[basis] ?? "";
