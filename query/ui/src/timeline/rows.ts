/**
 * Which rows there are, from the lanes and from what is folded: cluster › namespace › object, owned objects below their
 * owner. What neither changed nor needs eyes is folded by kind; more than a few like children share a row.
 */
import { objectId } from "../ui/objectid";
import { shortKind } from "../ui/kinds";
import { FAILING, type Lane, type Model, READY } from "./model";

export interface Row {
  /** Stable over answers: it is what links and the roving focus hold on to. */
  readonly id: string;
  readonly type: "cluster" | "namespace" | "kind" | "more" | "lane";
  readonly depth: number;
  readonly label: string;
  /** Only of lanes. */
  readonly lane?: Lane;
  /** Lanes that are drawn in this row: itself, and everything folded into it. */
  readonly lanes: readonly number[];
  readonly changes: number;
  /** undefined: nothing to open. */
  readonly open?: boolean;
}

/** Like children shown one by one before the others share a row. */
const SHOWN = 6;
const FEW = 4;

export const laneId = objectId;

export interface Tree {
  readonly model: Model;
  readonly children: readonly (readonly number[])[];
  /** Worst state and newest change of a lane and everything below it. */
  readonly worst: Uint8Array;
  readonly last: Float64Array;
  readonly total: Float64Array;
  readonly groups: readonly { readonly cluster: string; readonly namespaces: readonly { readonly namespace: string; readonly roots: readonly number[] }[] }[];
}

/** Once per answer: who owns whom, what is worst below whom, and in which order. `pinned` lanes come first. */
export function plant(model: Model, pinned: ReadonlySet<string> = new Set()): Tree {
  const { lanes } = model;
  const children: number[][] = lanes.map(() => []);
  const worst = Uint8Array.from(lanes, each => each.worst), last = Float64Array.from(lanes, each => each.last), total = Float64Array.from(lanes, each => each.changes);
  const owner = lanes.map(each => (each.owner >= 0 && each.owner !== each.index && lanes[each.owner]?.namespace === each.namespace ? each.owner : -1));
  for (const each of lanes) if (owner[each.index]! >= 0) children[owner[each.index]!]!.push(each.index);
  const seen = new Uint8Array(lanes.length);
  const settle = (n: number): void => {
    seen[n] = 1;
    for (const child of children[n]!) {
      if (!seen[child]) settle(child);
      worst[n] = Math.max(worst[n]!, worst[child]!);
      last[n] = Math.max(last[n]!, last[child]!);
      total[n]! += total[child]!;
    }
  };
  const roots: number[] = [];
  for (const each of lanes) if (owner[each.index]! < 0) { roots.push(each.index); settle(each.index); }
  for (const { index } of lanes) {
    if (seen[index]) continue; // below are owners in a circle: cut it here
    children[owner[index]!] = children[owner[index]!]!.filter(each => each !== index);
    roots.push(index);
    settle(index);
  }
  const top = pinned.size ? Uint8Array.from(lanes, each => Number(pinned.has(laneId(each)))) : new Uint8Array(lanes.length);
  const order = (a: number, b: number): number =>
    top[b]! - top[a]! || Number(worst[b]! > READY ? worst[b] : 0) - Number(worst[a]! > READY ? worst[a] : 0) ||
    last[b]! - last[a]! || (lanes[a]!.resource < lanes[b]!.resource ? -1 : lanes[a]!.resource > lanes[b]!.resource ? 1 : lanes[a]!.name < lanes[b]!.name ? -1 : 1);
  for (const each of children) each.sort(order);
  return { model, children, worst, last, total, groups: group(model, roots.sort(order), total, worst) };
}

function group(model: Model, roots: readonly number[], total: Float64Array, worst: Uint8Array): Tree["groups"] {
  const clusters = new Map<string, Map<string, number[]>>();
  for (const n of roots) {
    const { cluster, namespace } = model.lanes[n]!;
    push(clusters.get(cluster) ?? clusters.set(cluster, new Map()).get(cluster)!, namespace, n);
  }
  const weight = (own: readonly number[]) => [own.some(n => worst[n] === FAILING) ? 1 : 0, own.reduce((sum, n) => sum + total[n]!, 0)] as const;
  return [...clusters].sort(([a], [b]) => (a < b ? -1 : 1)).map(([cluster, spaces]) => ({
    cluster,
    namespaces: [...spaces].map(([namespace, own]) => ({ namespace, roots: own, weight: weight(own) }))
      // cluster-wide objects last, else what fails first, then what changed most
      .sort((a, b) => Number(a.namespace === "") - Number(b.namespace === "") || b.weight[0] - a.weight[0] || b.weight[1] - a.weight[1] || (a.namespace < b.namespace ? -1 : 1)),
  }));
}
function push<K>(map: Map<K, number[]>, key: K, n: number): void {
  const list = map.get(key);
  if (list) list.push(n);
  else map.set(key, [n]);
}

/** The rows, given which ones were opened or shut against their default. */
export function rowsOf(tree: Tree, turned: ReadonlySet<string>): Row[] {
  const { model, children, worst, total } = tree;
  const rows: Row[] = [];
  const isOpen = (id: string, byDefault: boolean) => turned.has(id) !== byDefault;
  const gather = (n: number, into: number[]): void => { into.push(n); for (const child of children[n]!) gather(child, into); };
  const below = (list: readonly number[]): number[] => { const all: number[] = []; for (const n of list) gather(n, all); return all; };
  const sum = (list: readonly number[]) => list.reduce((all, n) => all + total[n]!, 0);
  const quiet = (n: number) => total[n] === 0 && worst[n]! <= READY;

  const put = (n: number, depth: number): void => {
    const lane = model.lanes[n]!, id = laneId(lane), kids = children[n]!;
    if (!kids.length) { rows.push({ id, type: "lane", depth, label: lane.name, lane, lanes: [n], changes: lane.changes }); return; }
    const open = isOpen(id, kids.some(each => worst[each] === FAILING));
    rows.push({ id, type: "lane", depth, label: lane.name, lane, lanes: open ? [n] : below([n]), changes: open ? lane.changes : total[n]!, open });
    if (open) list(kids, depth + 1, id);
  };
  const list = (all: readonly number[], depth: number, parent: string): void => {
    const loud = all.filter(n => !quiet(n)), still = all.filter(quiet);
    const like = new Map<string, number[]>();
    for (const n of loud) push(like, model.lanes[n]!.resource, n);
    const left = new Map<string, number[]>();
    if (parent.startsWith("n:")) loud.forEach(n => put(n, depth));
    else for (const [resource, own] of like) {
      const most = own.length > SHOWN + 1 ? SHOWN : own.length;
      own.slice(0, most).forEach(n => put(n, depth));
      if (own.length > most) left.set(resource, own.slice(most));
    }
    for (const [resource, own] of left) bundle(own, depth, `${parent}+${resource}`, "more", `${own.length} more ${shortKind(resource)}`);
    const kinds = new Map<string, number[]>();
    for (const n of still) push(kinds, model.lanes[n]!.resource, n);
    for (const [resource, own] of [...kinds].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (own.length < FEW) own.forEach(n => put(n, depth));
      else bundle(own, depth, `${parent}-${resource}`, "kind", `${own.length} unchanged`, resource);
    }
  };
  const bundle = (own: readonly number[], depth: number, id: string, type: "more" | "kind", label: string, resource = ""): void => {
    const open = isOpen(id, false);
    rows.push({ id, type, depth, label: resource ? `${shortKind(resource)} ${label}` : label, lanes: open ? [] : below(own), changes: sum(own), open });
    if (open) own.forEach(n => put(n, depth + 1));
  };

  for (const { cluster, namespaces } of tree.groups) {
    const id = `c:${cluster}`, all = namespaces.flatMap(each => each.roots), open = isOpen(id, true);
    if (tree.groups.length > 1 || namespaces.length !== 1) rows.push({ id, type: "cluster", depth: 0, label: cluster, lanes: below(all), changes: sum(all), open });
    if (open) for (const { namespace, roots } of namespaces) {
      const nid = `n:${cluster}/${namespace}`, wide = isOpen(nid, roots.some(n => !quiet(n)) || namespaces.length === 1);
      rows.push({ id: nid, type: "namespace", depth: 1, label: namespace || "cluster-wide", lanes: below(roots), changes: sum(roots), open: wide });
      if (wide) list(roots, 2, nid);
    }
  }
  return rows;
}

/** A child's name without its owner's prefix: `…x2k4q`. */
export function shortName(row: Row, model: Model): string {
  const { lane } = row;
  if (!lane) return row.label;
  const owner = lane.owner >= 0 ? model.lanes[lane.owner] : undefined;
  const rest = owner && lane.name.startsWith(`${owner.name}-`) ? lane.name.slice(owner.name.length + 1) : "";
  return rest && !/^\d{1,4}$/.test(rest) ? `…${rest}` : lane.name; // cart-0 is a name that people say
}
